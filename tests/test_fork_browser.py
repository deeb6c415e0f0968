"""The dock of *Write* in a real browser: its panels are played as a visitor would."""

from __future__ import annotations

import pytest

from tests.axe import serious_problems
from tests.browser import browser_page
from tests.story import STORY, fork, names, tokens

# A machine that trains at the same time takes its time.
pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


PANELS = ("tree", "memory", "bet", "way", "dialects")

GLYPHS = """least => [...document.querySelectorAll("#fork, .fork-layer")].flatMap((part) => {
  const walk = document.createTreeWalker(part, NodeFilter.SHOW_TEXT);
  const small = [];
  while (walk.nextNode()) {
    const { parentElement: node, textContent } = walk.currentNode;
    const seen = node.checkVisibility({ visibilityProperty: true, opacityProperty: true });
    const unseen = node.closest("title, option, .p2s-visually-hidden");
    if (!textContent.trim() || !seen || unseen) continue;
    const drawn = node.ownerSVGElement; // scaled by its view box, and by the page's zoom
    const scale = drawn
      ? node.getBoundingClientRect().height / node.getBBox().height
      : node.currentCSSZoom;
    const size = parseFloat(getComputedStyle(node).fontSize) * scale;
    if (size < least - 0.05) small.push([textContent.trim(), size]);
  }
  return small;
})"""
"""Texts of the dock and of what it draws on the photo that are smaller than so many px."""

PLACES = """() => {
  const at = (part) => document.querySelector(part).getBoundingClientRect();
  const [photo, side, dock] = [".p2s-photo", ".p2s-side", "#fork"].map(at);
  return {
    photo: photo.height,
    overlap: Math.max(photo.bottom, side.bottom) - dock.top,
    below: dock.bottom - innerHeight,
    sideways: document.documentElement.scrollWidth - innerWidth,
  };
}"""


def open_panel(page, name):
    page.wait_for_function("P2S.stage().record.state === 'done'")
    page.click(f"[data-fork-tab={name}]")


def drawn(page):
    """Names of the boxes that a panel has drawn on the photo."""
    return sorted(page.locator(".fork-box-label text").all_text_contents())


def follow(page, path):
    """Names of the boxes of a path once it has been drawn to its end."""
    page.click(f"[data-path='{path}']")
    page.wait_for_function(WHOLE, arg=objects_of(path))
    return drawn(page)


WHOLE = "count => document.querySelectorAll('.fork-box').length === count"


def objects_of(path):
    """How many boxes a path draws, those called noise among them."""
    return sum(token.slot == "class" for token in fork()[0].path(path))


def test_two_branches_of_the_opening_scene_lead_to_the_same_set_without_a_model(chromium, replay):
    with browser_page(chromium, replay) as page:
        open_panel(page, "tree")
        tree, at, destinations = fork()
        count = len(tree.branches)
        page.wait_for_selector(f"[data-fork-headline]:has-text('{count} paths, one set')")
        ways = page.locator(".fork-way text").all_text_contents()
        assert [way.split(" → ")[1] for way in ways] == destinations
        masses = [float(way.split(" → ")[0].split(" · ")[1]) for way in ways]
        told = tree.path(0)[at].alternatives
        assert masses == pytest.approx([way.mass for way in told[: len(ways)]], abs=0.006)
        assert sum(masses) <= 1.01
        said = sorted(thing.name for thing in tree.branches[0].objects)
        for path in (0, count - 1):
            assert [name for name in follow(page, path) if name != "noise"] == said
        sets = page.locator("[data-set]").all_inner_texts()
        assert sets == ["A"] * count
        assert serious_problems(page) == []


def test_a_ghost_on_the_photo_and_the_keys_lead_along_the_tree(chromium, replay):
    with browser_page(chromium, replay) as page:
        open_panel(page, "tree")
        page.wait_for_selector(".fork-way")
        page.locator(".fork-way text").nth(1).click()
        page.wait_for_function("P2S.dock().shown.chosen !== 0")
        other = page.evaluate("P2S.dock().shown.chosen")
        page.wait_for_function(WHOLE, arg=objects_of(other))
        page.locator(f"[data-path='{other}']").focus()
        page.keyboard.press("ArrowUp")
        assert page.evaluate("P2S.dock().shown.chosen") != other
        page.keyboard.press("ArrowRight")
        page.wait_for_selector("[data-fork-readout]:has-text('leads to')")
        page.keyboard.press("Escape")
        assert page.locator(".fork-body").is_hidden()
        assert page.locator(".fork-layer > * > *").count() == 0
        assert page.evaluate("document.activeElement.dataset.forkTab") == "tree"


@pytest.mark.slow
def test_an_object_is_dragged_through_its_sentence_and_returns_when_it_is_blanked(
    chromium, mini_app
):
    with browser_page(chromium, mini_app) as page:
        open_panel(page, "memory")
        told = names()
        name = told[1]
        page.evaluate("P2S.stage().select(9)")  # its name: as a click on its box does
        page.wait_for_selector(f"[data-memory-headline]:has-text('{name}: 0.')")
        page.wait_for_selector(".fork-said .asked + .fork-word:has-text('1 ')")
        requests = []
        page.on("request", lambda request: requests.append(request.url))
        place = page.locator("[data-memory-place]")
        place.focus()
        for _ in told:
            page.keyboard.press("ArrowRight")
        page.wait_for_selector(".fork-said .fork-word.asked:last-child")
        assert any(name.startswith("noise") for name in drawn(page))
        assert requests == [], "dragging asks nothing"
        page.click("[data-memory-blank]")
        page.wait_for_selector(f"[data-memory-readout]:has-text('the {name} returns')")
        assert f"{name}, again" in drawn(page)
        assert page.locator(".fork-word.blanked").inner_text().endswith(name)
        page.wait_for_selector(".fork-figure:has-text('blanked, it returns')")
        page.evaluate("P2S.stage().select(null)")
        assert serious_problems(page) == []


@pytest.mark.slow
def test_one_round_of_the_bet_by_pointer_and_one_by_keyboard(chromium, mini_app):
    with browser_page(chromium, mini_app) as page:
        open_panel(page, "bet")
        page.fill("[data-bet-seed]", "2")  # whose second round is the first object's name
        page.press("[data-bet-seed]", "Enter")
        page.wait_for_selector("[data-bet-headline]:has-text('Round 1 of 5: token 1 is ymin')")
        assert page.evaluate("P2S.stage().shown") == 0, "what is bet on is not on view"
        requests = []
        page.on("request", lambda request: requests.append(request.url))
        photo = page.locator(".p2s-photo-image").bounding_box()
        x, y = photo["x"] + photo["width"] / 2, photo["y"]
        page.mouse.move(x, y + photo["height"] / 2)
        page.mouse.down()
        edge = int(tokens()[0].text)
        page.mouse.move(x - 40, y + photo["height"] * edge / 255, steps=8)
        page.mouse.up()
        place, width = page.evaluate("[P2S.dock().shown.bell.place, P2S.dock().shown.bell.width]")
        assert abs(place - edge) <= 2 and width < 12
        assert requests == [], "dragging asks nothing"
        page.click("[data-bet-go]")
        page.wait_for_selector("[data-bet-headline]:has-text('You paid')")
        row = page.locator(".fork-scores tbody tr").first.locator("td")
        you, model, uniform = (float(text) for text in row.all_inner_texts()[1:4])
        assert you < uniform and model < uniform
        assert uniform == pytest.approx(5.55, abs=0.01)
        page.keyboard.press("Enter")  # the button has the focus: next round
        page.wait_for_selector("[data-bet-headline]:has-text('Round 2')")
        assert page.locator("[data-chip-search]").is_visible()
        name = names()[0]
        page.fill("[data-chip-search]", name)
        page.keyboard.press("Tab")
        for _ in range(3):
            page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        page.wait_for_selector(f".fork-pile:has-text('{name} 3')")
        page.click("[data-pile$='−']")
        page.wait_for_selector(f".fork-pile:has-text('{name} 2')")
        page.click("[data-bet-go]")
        page.wait_for_selector(f".fork-outcome li.written:has-text('{name}')")
        assert page.evaluate(GLYPHS, 12) == [], "what came is read as easily as what was bet"
        page.keyboard.press("Escape")
        page.wait_for_function("P2S.stage().shown === P2S.stage().record.tokens.length")


@pytest.mark.slow
def test_a_link_to_a_game_opens_it(chromium, mini_app):
    with browser_page(chromium, f"{mini_app}?ex={STORY}&seed=0&n=8&bet=12") as page:
        page.wait_for_selector("[data-bet-headline]:has-text('Round 1 of 5')")
        assert page.input_value("[data-bet-seed]") == "12"
        assert serious_problems(page) == []


def test_another_models_output_is_drawn_and_checked_in_words(chromium, replay):
    with browser_page(chromium, replay) as page:
        open_panel(page, "dialects")
        page.wait_for_selector("[data-dialect=florence-2]")
        assert page.locator("[data-dialect]").count() == 6
        page.click("[data-read-back=kosmos-2]")
        shown = page.evaluate("P2S.stage().visibleObjects().length")
        page.wait_for_selector(
            f"[data-paste-verdict]:has-text('Kosmos-2: {shown} objects, no fault.')"
        )
        assert page.locator(".fork-box.pasted").count() == shown
        page.fill("[data-paste]", "<loc0178><loc0601><loc0741><loc9999> donut")
        page.wait_for_selector("[data-paste-verdict]:has-text('PaliGemma')")
        page.wait_for_selector(".fork-faults li")
        page.fill("[data-paste]", "a donut at the right")
        page.wait_for_selector("[data-paste][aria-invalid=true]")
        assert serious_problems(page) == []


@pytest.mark.slow
@pytest.mark.parametrize("width", [1440, 1280, 390])
def test_no_panel_has_a_text_below_12_px_or_more_width_than_the_window(chromium, mini_app, width):
    with browser_page(chromium, f"{mini_app}?ex={STORY}", width, 844) as page:
        for name in PANELS:
            open_panel(page, name)
            page.wait_for_timeout(1500)  # what it asks for has come
            assert page.evaluate(GLYPHS, 12) == [], name
            assert page.evaluate(PLACES)["sideways"] <= 0, name
            assert page.locator(".fork-body .fork-card summary").is_visible(), "its words"


@pytest.mark.slow
@pytest.mark.parametrize("window", [(1440, 900), (1920, 1080)])
def test_on_a_beamer_every_panel_is_read_beside_the_stage_and_keys_go_where_the_focus_is(
    chromium, mini_app, window
):
    with browser_page(chromium, f"{mini_app}?ex={STORY}&present=1", *window) as page:
        page.wait_for_function("P2S.stage().record.state === 'done'")
        for number, name in enumerate(PANELS, start=1):
            page.keyboard.press(str(number))
            page.wait_for_function("name => P2S.dock().shown?.name === name", arg=name)
            assert page.evaluate("document.activeElement.dataset.forkTab") == name
            page.wait_for_timeout(1500)
            assert page.evaluate(GLYPHS, 18) == [], name
            places = page.evaluate(PLACES)
            assert places["photo"] > 250, "the stage is still there"
            assert places["overlap"] <= 1 and places["below"] <= 1 and places["sideways"] <= 0
        page.keyboard.press("2")
        page.wait_for_selector(".fork-curve")
        shown = page.evaluate("P2S.stage().shown")
        page.locator("[data-memory-place]").focus()
        page.keyboard.press("ArrowRight")
        assert page.evaluate("P2S.dock().shown.place") == 1, "a slider keeps its arrows"
        page.locator("[data-memory-blank]").focus()
        page.keyboard.press("Space")
        page.wait_for_selector("[data-memory-readout]:has-text('Blanked out')")
        assert not page.evaluate("P2S.stage().playing"), "a button keeps Space"
        assert page.evaluate("P2S.stage().shown") == shown
        page.keyboard.press("Escape")
        page.wait_for_function("!P2S.dock().shown && P2S.stage().presenter.on")
        page.keyboard.press("ArrowLeft")
        page.wait_for_function("n => P2S.stage().shown === n", arg=shown - 1)
        page.keyboard.press("Escape")
        page.wait_for_function("!P2S.stage().presenter.on")


def test_a_long_name_is_whole_on_the_way_of_a_token(chromium, replay):
    with browser_page(chromium, f"{replay}?ex=coffee&present=1&panel=way", 1024, 768) as page:
        page.wait_for_function("P2S.stage().record.state === 'done'")
        page.keyboard.press("End")
        page.wait_for_selector("[data-way=token] .way-chip:has-text('dining table')")
        chip = page.locator("[data-way=token] .way-chip").bounding_box()
        part = page.locator("[data-way=token]").bounding_box()
        assert chip["x"] + chip["width"] <= part["x"] + part["width"]
        name = page.locator(".way-bar text.written").bounding_box()
        bar = page.locator(".way-bar").bounding_box()
        assert name["x"] + name["width"] <= bar["x"] + bar["width"] + 1


def test_escape_closes_the_panel_and_once_more_leaves_presenter_mode(chromium, replay):
    with browser_page(chromium, f"{replay}?ex={STORY}&present=1") as page:
        page.wait_for_function("P2S.stage().record.state === 'done'")
        page.keyboard.press("1")
        page.wait_for_function("P2S.dock().shown")
        page.evaluate(  # as fast as keys can come: before the closed dock has lost the focus
            """() => [1, 2].forEach(() => document.activeElement.dispatchEvent(
              new KeyboardEvent("keydown", { key: "Escape", bubbles: true, cancelable: true })))"""
        )
        page.wait_for_function("!P2S.dock().shown && !P2S.stage().presenter.on")


@pytest.mark.parametrize("query", ["", "&present=1"])
def test_the_order_of_every_path_can_be_read(chromium, replay, query):
    with browser_page(chromium, f"{replay}?ex={STORY}&panel=tree{query}") as page:
        page.wait_for_selector(".fork-names")
        page.wait_for_timeout(500)
        cut = page.locator(".fork-names").evaluate_all(
            "all => all.filter((one) => one.scrollWidth > one.clientWidth).length"
        )
        assert cut == 0
        assert page.locator(".fork-chart").bounding_box()["width"] > 200
        last = page.locator("[data-path]").last
        last.click()
        names = last.locator(".fork-names").inner_text()
        page.wait_for_selector(f"[data-fork-readout]:has-text('{names}: ')")
