"""Write as a page for a room and for a phone: legible, nothing covered, nothing sideways; and what
it says about what has been changed, forbidden, written and not yet written."""

from __future__ import annotations

import pytest

from pix2seq.examples import PHOTOS
from tests.axe import serious_problems
from tests.browser import (
    browser_page,
    choose_speed,
    finished,
    offer_alternatives,
    running_app,
    set_number,
    visit,
    write_sentence,
)

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

WINDOWS = {1440: 900, 1280: 800, 1024: 768, 390: 844}

SMALL = """least => {
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const small = [];
  while (walk.nextNode()) {
    const { parentElement, textContent } = walk.currentNode;
    const seen = parentElement.checkVisibility({ visibilityProperty: true, opacityProperty: true });
    const { a, b } = parentElement.getScreenCTM?.() ?? { a: 1, b: 0 };
    const scale = Math.hypot(a, b);  // of a drawing that is stretched
    const size = parseFloat(getComputedStyle(parentElement).fontSize) * scale;
    const hidden = parentElement.closest(".p2s-visually-hidden, .p2s-skip, .sr-only, style");
    const text = textContent.trim();
    if (text && seen && !hidden && size < least - 0.1) small.push([text, size]);
  }
  return small;
}"""

COVERED = """() => {
  const wanted = "button, input, select, summary, [role=tab]";
  const parts = document.querySelectorAll("#header, #controls, #stage, #fork");
  const found = [];
  for (const node of [...parts].flatMap((part) => [...part.querySelectorAll(wanted)])) {
    if (node.closest(".p2s-visually-hidden") || node.matches("[type=file], [type=radio]")) continue;
    if (!node.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
    node.scrollIntoView({ block: "center", inline: "center" });
    const at = node.getBoundingClientRect();
    if (!at.width || !at.height) continue;
    const top = document.elementFromPoint(at.left + at.width / 2, at.top + at.height / 2);
    const nested = top && (node.contains(top) || top.contains(node));
    if (!nested && !node.labels?.[0]?.contains(top)) {
      found.push(`${node.outerHTML.slice(0, 90)} under ${top?.outerHTML.slice(0, 90)}`);
    }
  }
  scrollTo(0, 0);
  return found;
}"""

SIDEWAYS = """() => {
  const wide = document.documentElement.scrollWidth - innerWidth;
  const out = [...document.querySelectorAll("#stage *, #controls *, #header *")].filter((node) => {
    const at = node.getBoundingClientRect();
    const scrolled = node.closest(".p2s-branch-list, .p2s-table-scroll, .p2s-attention, svg");
    return at.width && !scrolled && (at.right > innerWidth + 1 || at.left < -1)
      && node.checkVisibility({ visibilityProperty: true });
  });
  const parts = out.map((node) => node.outerHTML.slice(0, 120));
  return wide > 0 ? [`the page is ${wide} px too wide`, ...parts] : parts;
}"""


@pytest.fixture(scope="module")
def url():
    with running_app() as address:
        yield address


@pytest.fixture(scope="module")
def tab(chromium, url):
    with browser_page(chromium, url) as opened:
        yield opened


@pytest.fixture
def page(tab, url):
    tab.set_viewport_size({"width": 1440, "height": 900})
    visit(tab, url)
    tab.wait_for_function("window.P2S && P2S.stage && P2S.stage()?.record.image")
    tab.wait_for_selector("#image img", state="attached")
    choose_speed(tab, "as fast as it samples")
    write_sentence(tab)
    tab.wait_for_function("P2S.stage().shown === P2S.stage().record.tokens.length")
    yield tab
    if tab.evaluate("P2S.stage().presenter.on"):
        tab.keyboard.press("Escape")


def fits(page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": WINDOWS[width]})
    page.wait_for_timeout(700)  # the photo and Gradio's tabs follow


@pytest.mark.parametrize("inspecting", [False, True])
@pytest.mark.parametrize("width", WINDOWS)
def test_it_is_legible_and_nothing_is_covered_or_sideways(page, width, inspecting):
    fits(page, width)
    if inspecting:
        page.evaluate("P2S.stage().select(1)")
        page.wait_for_selector("[data-pipeline] tbody tr")
        page.wait_for_timeout(300)
    assert page.evaluate(SMALL, 12) == []
    assert page.evaluate(SIDEWAYS) == []
    assert page.evaluate(COVERED) == []


@pytest.mark.parametrize("width", [1440, 1280, 1024])
def test_the_photo_fills_its_frame_and_all_of_it_fits_the_window(page, width):
    fits(page, width)
    filled = page.evaluate(
        """() => {
          const { rect, node } = P2S.stage().photo;
          return (rect.w * rect.h) / (node.clientWidth * node.clientHeight);
        }"""
    )
    assert filled > 0.7, "rulers take the rest"
    heights = page.evaluate(
        """() => ["#stage", "#controls", "#fork"].map((part) =>
          document.querySelector(part).getBoundingClientRect().bottom)"""
    )
    assert max(heights) <= WINDOWS[width] + 8
    frame = page.locator(".p2s-photo").bounding_box()
    sentence = page.locator(".p2s-sentence").bounding_box()
    assert sentence["x"] >= frame["x"] + frame["width"], "beside the photo"


@pytest.mark.parametrize(("width", "height"), [(1240, 1000), (1440, 1100)])
def test_every_number_of_a_sentence_is_whole_and_every_note_has_room(page, replay, width, height):
    """Three digits a coordinate, beside a photo that takes all the room it may."""
    page.set_viewport_size({"width": width, "height": height})
    visit(page, replay)
    page.wait_for_function("window.P2S?.stage?.()?.record.state === 'done'")
    page.evaluate("P2S.stage().seek(99)")
    page.wait_for_function("document.querySelectorAll('[data-token]').length > 20")
    page.wait_for_timeout(700)
    assert page.evaluate("document.querySelector('.p2s-sentence').clientWidth") < 400
    cut = page.evaluate(
        """() => [...document.querySelectorAll(".p2s-line [data-token], .p2s-line .p2s-note")]
          .map((one) => [one, one.querySelector(".p2s-chip-text") ?? one])
          .filter(([one, text]) => one.dataset.slot !== "class"
            && text.scrollWidth > text.clientWidth + 1)
          .map(([, text]) => text.textContent)"""
    )
    assert cut == []


def test_on_a_phone_the_photo_is_wide_and_learn_is_one_tap_away(page):
    fits(page, 390)
    assert page.locator(".p2s-photo").bounding_box()["width"] > 350
    page.wait_for_timeout(500)
    assert page.get_by_role("tab", name="Learn", exact=True).locator("visible=true").count() == 1
    page.locator("[data-token='6']").scroll_into_view_if_needed()
    page.click("[data-token='6']")
    page.wait_for_selector("[data-token='6'][data-inspect]")
    page.wait_for_timeout(300)
    photo = page.locator(".p2s-photo").bounding_box()
    chip = page.locator("[data-token='6']").bounding_box()
    assert photo["y"] >= -1 and photo["y"] + photo["height"] <= 844, "the photo stays on view"
    assert 0 <= chip["y"] <= 844 - 60, "with the token"


def test_presenter_mode_is_stage_and_sentence_token_by_token(page):
    page.mouse.click(5, 895)
    page.keyboard.press("p")
    page.wait_for_selector("[data-stage][data-present]")
    assert "present=1" in page.url
    page.wait_for_timeout(400)
    assert page.evaluate(SMALL, 20) == []
    size = "it => parseFloat(getComputedStyle(it).fontSize)"
    assert page.eval_on_selector(".p2s-caption", size) >= 20, "when the opening speaks"
    for part in ("#header", "#controls", ".p2s-tools", ".p2s-inspector", "#fork"):
        assert not page.locator(part).is_visible(), part
    page.keyboard.press("Home")
    for shown in (1, 2, 3):
        page.keyboard.press("ArrowRight")
        page.wait_for_function("n => P2S.stage().shown === n", arg=shown)
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("P2S.stage().shown === 2")
    assert page.evaluate("P2S.stage().pace") == 8
    for width in (1440, 1024):
        fits(page, width)
        assert page.evaluate(SIDEWAYS) == []
    page.keyboard.press("Escape")
    page.wait_for_selector("[data-stage]:not([data-present])")
    assert "present" not in page.url


def test_a_link_opens_in_presenter_mode_and_a_run_is_shown_slowly(page, url):
    visit(page, f"{url}?present=1")
    page.wait_for_selector("[data-stage][data-present]")
    page.wait_for_function("P2S.stage().record.tokens.length > 0")
    before = page.evaluate("P2S.stage().record.run")
    page.keyboard.press("r")
    at_its_end = page.wait_for_function(
        """before => {
          const { record, shown } = P2S.stage();
          const written = record.run !== before && record.state === "done";
          return written && [shown, record.tokens.length];
        }""",
        arg=before,
    )
    shown, written = at_its_end.json_value()
    assert shown < written
    page.keyboard.press("ArrowRight")  # a token at a time on request
    page.wait_for_function("!P2S.stage().playing")


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_axe_finds_nothing_serious_with_a_token_open_in_either_tab(page, colours):
    page.evaluate("(dark) => document.body.classList.toggle('dark', dark)", colours == "dark")
    page.click("[data-token='4']")
    page.wait_for_selector("[data-pipeline] tbody tr")
    page.mouse.move(0, 0)
    page.wait_for_timeout(800)  # colours fade
    assert serious_problems(page) == []
    offer_alternatives(page)
    assert serious_problems(page) == []


def test_a_changed_setting_says_that_run_writes_with_it(page):
    set_number(page, "temperature", "1.8")
    page.wait_for_function(
        "document.querySelector('.p2s-status').textContent.includes('Temperature changed: Run')"
    )
    set_number(page, "score-threshold", "0.2")  # read anew at once: no run is needed for it
    set_number(page, "temperature", "1")
    page.wait_for_function("!document.querySelector('.p2s-status').textContent.includes('changed')")


def test_step_behind_the_end_asks_first(page):
    before = page.evaluate("[P2S.stage().record.run, P2S.stage().shown]")
    page.click("#step")
    page.get_by_text("This sentence is complete").first.wait_for()
    page.wait_for_timeout(500)
    assert page.evaluate("[P2S.stage().record.run, P2S.stage().shown]") == before
    page.click("#step")
    page.wait_for_function("P2S.stage().record.tokens.length === 1")


def test_a_forbidden_class_stands_above_the_photo_with_a_way_out(page):
    page.click("[data-token='4']")
    offer_alternatives(page)
    before = page.evaluate("P2S.stage().record.run")
    page.locator("[data-forbid]").first.click()
    finished(page, before)
    name = page.inner_text("[data-allow]").removesuffix(" ×")
    assert f"never {name}" in page.locator("[data-branch][aria-current]").inner_text()
    page.click("[data-allow]")
    page.wait_for_selector("[data-allow]", state="detached")
    page.wait_for_function("P2S.stage().values.forbid.length === 0")


def test_an_edit_stays_in_view(page):
    page.check("#eos input[value=delay]", force=True)
    write_sentence(page)
    before = page.evaluate("P2S.stage().record.run")
    page.evaluate("P2S.stage().writeOn({ index: 9, label: 2 })")
    finished(page, before)
    page.wait_for_timeout(400)
    inside = page.evaluate(
        """() => {
          const at = document.querySelector("[data-token='9']").getBoundingClientRect();
          const lines = document.querySelector(".p2s-lines").getBoundingClientRect();
          return at.top >= lines.top - 1 && at.bottom <= lines.bottom + 1;
        }"""
    )
    assert inside


def test_noise_is_folded_behind_the_objects_and_unfolds(page):
    page.check("#eos input[value=delay]", force=True)
    write_sentence(page)
    set_number(page, "score-threshold", "0.5")
    fold = page.locator("[data-fold]")
    assert fold.inner_text() == "5 more, called noise"
    assert not page.locator("[data-line='4']").is_visible()
    fold.click()
    page.wait_for_selector("[data-line='4']")
    fold.click()
    page.evaluate("P2S.stage().select(22)")
    page.wait_for_selector("[data-line='4']")  # a token that is looked at is on view


def test_one_switch_writes_bins_or_pixels_on_every_axis(page):
    page.click("[data-token='1']")
    page.wait_for_selector("[data-pipeline] tbody tr")
    page.locator(".p2s-objects summary").click()

    def axes():
        return (
            page.locator(".p2s-unit").text_content(),
            page.locator(".p2s-distribution text").all_text_contents()[-2],
            page.inner_text("[data-inspector-title]"),
            page.text_content(".p2s-objects-note"),
        )

    bins = axes()
    assert bins[0] == "bin" and bins[1] == "xmin, bin"
    assert "· bin " in bins[2] and "in bins" in bins[3]
    page.click("[data-units]")
    page.wait_for_function("document.querySelector('.p2s-unit').textContent === 'px'")
    page.click("[data-token='2']")
    page.wait_for_function(
        "document.querySelector('.p2s-distribution').textContent.includes('ymax, px')"
    )
    pixels = axes()
    assert pixels[2].endswith(" px") and "pixels of the original" in pixels[3]


def test_the_models_view_shows_the_padding(page):
    page.locator("#examples .thumbnail-item").nth(1).click()
    page.wait_for_function(
        "(name) => P2S.stage().record.header?.image?.example === name", arg=PHOTOS[1].name
    )
    write_sentence(page)
    page.click("[data-whole]")
    page.wait_for_selector(".p2s-padding")
    shape = page.evaluate(
        """() => {
          const { x, y, width, height } = document.querySelector(".p2s-padding").getBBox();
          return [width / height, P2S.stage().photo.rect.h / height];
        }"""
    )
    assert shape[0] == pytest.approx(1, abs=0.02), "the model's input is a square"
    assert shape[1] < 0.8, "and the photo does not fill it"
    bare = page.evaluate(
        """() => {
          const { rect } = P2S.stage().photo;
          const middle = new DOMPoint(rect.x + rect.w / 2, rect.y + rect.h / 2);
          return !document.querySelector(".p2s-padding").isPointInFill(middle);
        }"""
    )
    assert bare, "the photo itself stays to be seen"


def test_a_row_and_the_sentence_say_how_improbable_they_are(page):
    tokens = page.evaluate("P2S.stage().record.tokens.map((t) => [t.object, -t.logprob])")
    row = sum(nats for number, nats in tokens if number == 0)
    said = page.locator("[data-line='0'] .p2s-nats").text_content()
    assert float(said) == pytest.approx(row, abs=0.006)
    whole = page.text_content("[data-sentence-nats]")
    assert f"{sum(nats for _, nats in tokens):.2f} nats" in whole


def test_keys_need_one_stop_per_group_and_menus_close(page):
    assert page.evaluate("document.body.firstElementChild.matches('[data-skip]')")
    page.focus("[data-skip]")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.dataset.token") == "0"
    page.focus("#noise input[value=paper]")
    page.keyboard.press("Tab")
    assert page.evaluate("!document.activeElement.closest('#noise')")
    page.focus("#noise input[value=paper]")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.value") == "drop"
    page.focus("#examples .thumbnail-item")
    label = page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert label == f"Example: {PHOTOS[0].title}"
    page.focus("#speed input")
    page.keyboard.press("ArrowDown")
    page.wait_for_selector("[role=listbox]")
    page.keyboard.press("Tab")
    page.wait_for_selector("[role=listbox]", state="detached")
    page.check("#noise input[value=paper]", force=True)


def test_attention_goes_when_something_else_is_asked(page):
    page.click("[data-token='4']")
    page.wait_for_selector("[data-pipeline] tbody tr")
    on = "P2S.stage().inspector.attention.on"
    page.evaluate(f"{on} = true")
    page.click("[data-prompt]")
    assert page.evaluate(on) is False
    page.keyboard.press("Escape")
    page.evaluate(f"{on} = true")
    page.locator("#examples .thumbnail-item").nth(2).click()
    page.wait_for_function(f"{on} === false")


def test_a_refused_file_is_told_once_and_leaves_no_broken_picture(page, tmp_path):
    path = tmp_path / "page.jpg"
    path.write_text("<html>not a picture</html>")
    page.click("#image button[aria-label='Remove Image']")
    page.set_input_files("#image input[type=file]", str(path))
    page.get_by_text("is not an image that can be read").first.wait_for()
    page.wait_for_timeout(800)
    assert page.get_by_text("is not an image that can be read").locator("visible=true").count() == 1
    page.wait_for_selector("#image img", state="detached")


def test_the_tips_stand_beside_their_controls_one_at_a_time(page):
    page.focus("#seed input")
    page.hover("#top-p")
    page.wait_for_timeout(600)
    tips = page.locator("#controls .info-text").locator("visible=true")
    assert tips.count() == 1
    tip, column = tips.bounding_box(), page.locator("#controls").bounding_box()
    assert tip["x"] >= column["x"] + column["width"] - 1, "beside the column, not on a control"
