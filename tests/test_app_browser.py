"""The page in a real browser: watch, stop, inspect, intervene, share; nothing evil gets through."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from urllib.parse import quote

import pytest

from tests import fakes
from tests.browser import (
    PATIENCE,
    WATCH_SHIFTS,
    browser_page,
    choose_speed,
    offer_alternatives,
    set_number,
    visit,
    write_sentence,
)
from tests.served import SENTENCE, served_app

pytestmark = pytest.mark.browser

EVIL = "${Object.assign(window,{pwned:1})}<img src=x onerror='window.pwned=1'>"
COUNT_TOKENS = "document.querySelectorAll('[data-token]:not([hidden])').length"


@pytest.fixture(scope="module")
def url():
    with served_app() as address:
        yield address


@pytest.fixture(scope="module")
def browser_tab(chromium, url):
    with browser_page(chromium, url) as page:
        foreign: list[str] = []
        page.on("request", lambda request: foreign.append(request.url))
        yield page
        local = re.compile(r"^(data:|blob:|https?://(127\.0\.0\.1|localhost)[:/])")
        assert [address for address in foreign if not local.match(address)] == []


@pytest.fixture
def page(browser_tab, url):
    """The same tab, loaded afresh, with the opening example on the stage."""
    browser_tab.set_viewport_size({"width": 1440, "height": 900})
    visit(browser_tab, url)
    browser_tab.wait_for_function("window.P2S && P2S.stage && P2S.stage()?.record.image")
    browser_tab.wait_for_selector("#image img")  # the arrival has been served
    yield browser_tab
    # A run that goes on in the server would slow the next test down.
    if browser_tab.evaluate("P2S.stage().busy()"):
        browser_tab.click("#stop")
    browser_tab.wait_for_function("!P2S.stage().busy()")


@pytest.fixture
def photo(tmp_path):
    def save(name: str = "holiday.png", size: tuple[int, int] = (120, 90)) -> str:
        path = tmp_path / name
        fakes.draw_picture(*size).save(path)
        return str(path)

    return save


def upload(page, path):
    if page.locator("#image button[aria-label='Remove Image']").count():
        page.click("#image button[aria-label='Remove Image']")
        page.wait_for_function("P2S.stage().record.image === null")
    page.set_input_files("#image input[type=file]", path)
    page.wait_for_function("P2S.stage().record.image?.w === 120")
    # Nobody has pressed Run: a picture of one's own is written about at once.
    page.wait_for_function("P2S.stage().record.run && P2S.stage().record.state === 'done'")


def wait_for_state(page, state):
    page.wait_for_selector(f'[data-stage][data-state="{state}"]', timeout=PATIENCE)


def run_to_the_end(page):
    choose_speed(page, "as fast as it samples")
    write_sentence(page)
    page.wait_for_function(f"{COUNT_TOKENS} === {len(SENTENCE)}")


def wait_for_branch(page):
    page.wait_for_function(
        "P2S.stage().record.header.parent && P2S.stage().record.state === 'done'"
    )


def test_upload_run_stop_and_run_again(page, photo):
    upload(page, photo())
    choose_speed(page, "2 tokens / s")
    page.evaluate("() => { window.seen = []; P2S.on('drawn', (stage) => seen.push(stage.shown)); }")
    before = page.evaluate("P2S.stage().record.run")
    page.click("#run")
    page.wait_for_function(
        "before => P2S.stage().record.run !== before && P2S.stage().shown >= 5", arg=before
    )
    steps = [n for n in dict.fromkeys(page.evaluate("seen")) if n <= 5]
    assert len(steps) >= 4, f"the tokens came at once, not one after another: {steps}"
    page.click("#stop")
    wait_for_state(page, "stopped")
    stopped = page.evaluate(COUNT_TOKENS)
    assert 5 <= stopped < len(SENTENCE)
    page.wait_for_timeout(600)
    assert page.evaluate(COUNT_TOKENS) == stopped
    run_to_the_end(page)
    ids = page.eval_on_selector_all("[data-token]", "nodes => nodes.map(n => Number(n.dataset.id))")
    assert ids == SENTENCE
    slots = page.eval_on_selector_all("[data-token]", "nodes => nodes.map(n => n.dataset.slot)")
    assert slots == ["ymin", "xmin", "ymax", "xmax", "class"] * 3 + ["eos"]
    labels = page.eval_on_selector_all("[data-box]", "nodes => nodes.map(n => n.dataset.label)")
    assert labels == ["person", "cat", "dog"]


def test_removing_the_picture_empties_the_stage(page):
    page.click("#image button[aria-label='Remove Image']")
    page.wait_for_function("P2S.stage().record.image === null")
    assert "No picture yet" in page.inner_text(".p2s-photo-message")
    page.click("#run")
    page.get_by_text("there is no picture yet").first.wait_for()


def test_the_box_grows_with_every_token(page):
    choose_speed(page, "as fast as it samples")
    run_to_the_end(page)
    sides = "document.querySelectorAll('.p2s-edge.on').length"
    for shown, expected in [(0, 0), (1, 1), (2, 2), (3, 3), (4, 4), (5, 0), (6, 1)]:
        page.evaluate(f"P2S.stage().seek({shown})")
        page.wait_for_function(f"{sides} === {expected}")
    assert page.locator("[data-box]").count() == 1


def announced(page):
    return page.locator("[data-live] p").all_inner_texts()


def test_each_finished_object_is_announced_once(page):
    assert announced(page) == [], "the opening example plays unasked and says nothing"
    run_to_the_end(page)
    page.wait_for_function("document.querySelector('[data-live]').innerText.includes('done')")
    said = [re.sub(r"[>\d.]+$", "", line) for line in announced(page)]
    assert said == [
        "object 1: person ",
        "object 2: cat ",
        "object 3: dog ",
        "done: 3 objects",
    ]
    set_number(page, "score-threshold", "1")
    page.wait_for_function("document.querySelectorAll('[data-live] p').length === 5")
    assert announced(page)[-1] == "0 objects · 3 below the score"
    set_number(page, "score-threshold", "0")
    page.wait_for_function("document.querySelectorAll('[data-box]').length === 3")
    lines = len(announced(page))
    page.click("[data-replay]")  # asked for: it is told again
    page.wait_for_function("document.querySelector('[data-live]').lastChild.textContent[0] === 'd'")
    page.wait_for_function(
        "n => document.querySelectorAll('[data-live] p').length === n + 4", arg=lines
    )


def test_a_recorded_run_does_not_tell_the_times_of_another_machine(page):
    page.wait_for_function("!P2S.stage().playing")
    assert page.evaluate("P2S.stage().record.header.replay")
    assert page.inner_text(".p2s-status").startswith("a recorded run · ")


def test_step_writes_one_token_and_write_on_the_rest(page):
    choose_speed(page, "as fast as it samples")
    page.click("#step")
    page.wait_for_function(f"P2S.stage().record.tokens.length === 1 && {COUNT_TOKENS} === 1")
    page.click("#step")
    page.wait_for_function(f"{COUNT_TOKENS} === 2")
    wait_for_state(page, "stopped")
    page.click("[data-write-on]")
    page.wait_for_function(f"{COUNT_TOKENS} === {len(SENTENCE)}")


def test_the_keyboard_walks_the_sentence_and_opens_tokens(page):
    run_to_the_end(page)
    page.focus('[data-token="0"]')
    page.keyboard.press("Enter")
    page.wait_for_selector('[data-token="0"][data-inspect]')
    page.keyboard.press("ArrowRight")
    page.wait_for_selector('[data-token="1"][data-inspect]')
    page.keyboard.press("ArrowDown")
    page.wait_for_selector('[data-token="6"][data-inspect]')
    page.wait_for_function(
        "document.querySelector('[data-inspector-title]').textContent.includes('xmin')"
    )
    offer_alternatives(page)
    page.keyboard.press("Escape")
    page.wait_for_selector("[data-inspect]", state="detached")


def test_moving_a_slider_recomputes_the_shown_token(page):
    run_to_the_end(page)
    page.click('[data-token="2"]')
    page.wait_for_selector("[data-pipeline] tbody tr")
    set_number(page, "temperature", "0")
    page.wait_for_function(
        "document.querySelector('[data-what-if]').textContent.includes('What if')"
    )
    left = page.eval_on_selector_all(
        "[data-pipeline] tbody tr", "rows => rows.map(row => row.cells[2].textContent)"
    )
    assert left[-1] == "1"


def test_another_token_branches_and_undo_goes_back(page):
    run_to_the_end(page)
    parent = page.get_attribute("[data-stage]", "data-run")
    branches = page.evaluate("P2S.stage().branches.family().length")
    page.click('[data-token="4"]')
    offer_alternatives(page)
    page.click("[data-alternative]:not([aria-current]) >> nth=0")
    page.wait_for_function(
        f"P2S.stage().record.run !== '{parent}' && P2S.stage().record.state === 'done'"
    )
    assert page.locator("[data-branch]").count() == branches + 1
    assert page.locator('[data-token="4"]').get_attribute("data-id") != str(SENTENCE[4])
    assert page.locator("[data-ghost]").count() == 3
    page.click("[data-undo]")
    page.wait_for_selector(f'[data-stage][data-run="{parent}"]')
    assert page.locator('[data-token="4"]').get_attribute("data-id") == str(SENTENCE[4])


def test_run_goes_on_after_a_class_was_forbidden(page):
    run_to_the_end(page)
    page.click('[data-token="4"]')
    offer_alternatives(page)
    page.click("[data-forbid]:not([hidden]) >> nth=0")
    wait_for_branch(page)
    write_sentence(page)
    forbidden = page.evaluate("P2S.stage().record.header.options.forbidden_labels")
    assert len(forbidden) == 1
    assert page.evaluate("P2S.stage().record.tokens.length") > 1


def test_dragging_an_edge_chooses_another_bin(page):
    run_to_the_end(page)
    page.click('[data-token="0"]')
    page.wait_for_selector("[data-box].focus")
    box = page.locator("[data-box].focus .p2s-box-line").bounding_box()
    middle = box["x"] + box["width"] / 2
    page.mouse.move(middle, box["y"])
    page.mouse.down()
    page.mouse.move(middle, box["y"] + 40, steps=4)
    tag = page.locator(".p2s-layer-prompt .p2s-tag")
    assert tag.is_visible(), "the bin is named while the edge moves"
    named = tag.text_content()
    page.mouse.up()
    page.wait_for_function(
        "P2S.stage().record.header.parent && P2S.stage().record.state === 'done'"
    )
    assert tag.is_hidden()
    assert page.evaluate("P2S.stage().record.text_of(P2S.stage().record.tokens[0].id)") == named
    moved = int(page.locator('[data-token="0"]').get_attribute("data-id"))
    assert moved > SENTENCE[0]
    assert "given" in page.locator('[data-token="0"]').get_attribute("class")


def test_a_drawn_box_is_a_prompt(page):
    run_to_the_end(page)
    page.click("[data-prompt]")
    image = page.locator(".p2s-photo-image").bounding_box()
    page.mouse.move(image["x"] + 0.2 * image["width"], image["y"] + 0.2 * image["height"])
    page.mouse.down()
    page.mouse.move(image["x"] + 0.8 * image["width"], image["y"] + 0.9 * image["height"], steps=4)
    page.mouse.up()
    page.wait_for_function(
        "P2S.stage().record.header.parent && P2S.stage().record.tokens.length > 5"
    )
    forced = page.evaluate("P2S.stage().record.tokens.map((token) => token.forced)")
    assert forced[:6] == [True] * 4 + [False] * 2, "a sentence of its own begins with it"
    page.wait_for_selector("[data-reply]:not([hidden])")
    said = page.inner_text("[data-reply]")
    assert said.startswith("You asked: person") and "Behind the sentence on view" in said


def test_the_score_threshold_hides_boxes_at_once(page):
    run_to_the_end(page)
    assert page.locator("[data-box]").count() == 3
    set_number(page, "score-threshold", "1")
    page.wait_for_function("document.querySelectorAll('[data-box]').length === 0")
    assert "3 below the score" in page.text_content(".p2s-objects-note")
    note = page.locator(".p2s-sentence .p2s-note[role=gridcell]").first
    assert note.inner_text().startswith("score >0.99"), "how far below"
    assert "edges were" in note.get_attribute("title")
    assert "3 objects hidden" in page.inner_text(".p2s-status")
    page.click("[data-advice]")  # it says what to do, and does it
    page.wait_for_function("document.querySelectorAll('[data-box]').length > 0")
    set_number(page, "score-threshold", "0")
    page.wait_for_function("document.querySelectorAll('[data-box]').length === 3")
    assert "hidden" not in page.inner_text(".p2s-status")


def test_the_score_can_count_the_edges_in_at_once(page):
    run_to_the_end(page)
    scores = "P2S.stage().visibleObjects().map((found) => found.score)"
    by_class = page.evaluate(scores)
    edges = page.evaluate("P2S.stage().visibleObjects().map((found) => found.edges)")
    assert len(by_class) == 3 and all(0 < edge <= 1 for edge in edges)
    page.check("#score input[value=box]")
    page.wait_for_function(
        f"JSON.stringify({scores}) !== '{json.dumps(by_class, separators=(',', ':'))}'"
    )
    expected = [a * b for a, b in zip(by_class, edges, strict=True)]
    assert page.evaluate(scores) == pytest.approx(expected, abs=2e-4)
    page.check("#score input[value=class]")
    page.wait_for_function(
        f"JSON.stringify({scores}) === '{json.dumps(by_class, separators=(',', ':'))}'"
    )


def test_a_model_that_sees_nothing_says_so(page):
    page.click("#checkpoint input")
    page.get_by_role("option", name="blind").click()
    page.wait_for_timeout(500)
    choose_speed(page, "as fast as it samples")
    page.click("#run")
    page.wait_for_function("P2S.stage().record.tokens.length === 1")
    page.wait_for_function(f"P2S.stage().record.state === 'done' && {COUNT_TOKENS} === 1")
    assert "EOS at once" in page.inner_text(".p2s-photo-message")


def test_a_missing_checkpoint_is_a_toast_and_the_old_one_stays(page):
    page.click("#checkpoint input")
    page.get_by_role("option", name="missing").click()
    page.get_by_text("is not on this machine").first.wait_for()
    page.wait_for_function("document.querySelector('#checkpoint input').value === 'scripted'")
    run_to_the_end(page)


def test_a_file_that_is_no_image_is_a_toast_and_the_server_goes_on(page, tmp_path, photo):
    path = tmp_path / f"{EVIL.replace('/', '')[:60]}.png"
    path.write_bytes(b"this is text")
    page.click("#image button[aria-label='Remove Image']")
    page.set_input_files("#image input[type=file]", str(path))
    page.get_by_text("is not an image that can be read").first.wait_for()
    upload(page, photo())
    run_to_the_end(page)
    assert page.evaluate("window.pwned") is None


def test_text_from_a_record_is_never_evaluated(page):
    header = {
        "run": "evil",
        "image": {"id": EVIL, "w": 10, "h": 10, "example": EVIL},
        "checkpoint": EVIL,
        "vocab": {
            "bins": 10, "coord": 0, "cls": 10, "eos": 99, "noise": 98, "size": 100,
            "slots": ["ymin", "xmin", "ymax", "xmax", "class"], "classes": [EVIL],
        },
        "options": {"seed": EVIL},
    }  # fmt: skip
    lines = [
        "R" + json.dumps(header),
        'Swriting {"seconds":0,"grid":[1,1],"frame":[0,0,10,10]}',
        *(f"T{i} {i} {i} -0.1 9000 0.5 3 9000 9999 1 0 {i}:9000:9000" for i in range(4)),
        f"T4 10 4 -0.1 9000 0.5 3 9000 9999 1 0 10:9000:9000 {EVIL}:1:1",
        f"B0 0 1 2 3 0 9000 10 8000 {EVIL}",
        "B0 0 1 8 9 0 9000 10 8000 ok",
        "Eerror " + json.dumps({"message": EVIL}),
    ]
    page.evaluate("(text) => P2S.stage().receive(text)", "\n".join(lines) + "\n")
    page.wait_for_function("document.querySelectorAll('[data-box]').length === 1")
    page.evaluate("P2S.stage().select(4)")
    page.wait_for_timeout(400)
    assert page.evaluate("window.pwned") is None
    assert page.locator("[data-stage] img[src=x]").count() == 0
    assert page.get_attribute("[data-box]", "data-label") == EVIL


def test_a_link_opens_with_settings_and_runs(page, url):
    visit(page, f"{url}/?ex=chelsea&seed=11&t=0.5&n=2")
    page.wait_for_function("window.P2S?.stage?.()?.record.state === 'done'")
    options = page.evaluate("P2S.stage().record.header.options")
    assert (options["seed"], options["temperature"], options["max_objects"]) == (11, 0.5, 2)
    assert page.evaluate("P2S.stage().record.image.example") == "chelsea"
    page.click(".p2s-share summary")
    page.click('[data-copy="link"]')
    page.wait_for_function("document.querySelector('.p2s-code').value.includes('seed=11')")
    page.evaluate("P2S.stage().writeOn({ index: 4, label: 2 })")
    wait_for_branch(page)
    page.click('[data-copy="link"]')
    page.get_by_text("an edited sentence is copied as Python").wait_for()
    assert not page.locator(".p2s-code").is_visible(), "the link of before is no answer"


@pytest.mark.parametrize("query", ["ex={}", "ex=astronaut&ckpt={}", "ex=astronaut&seed={}"])
def test_a_hostile_link_is_told_as_text(page, url, query):
    """Gradio shows a toast as HTML: what a link said once became elements of the page."""
    visit(page, f"{url}/?{query.format(quote(EVIL))}")
    page.get_by_text("window").first.wait_for()
    page.wait_for_function("window.P2S?.stage?.()?.record.image")
    assert page.evaluate("window.pwned") is None
    assert page.locator("img[src=x]").count() == 0


def test_a_run_can_be_saved(page, tmp_path):
    run_to_the_end(page)
    page.click(".p2s-share summary")
    with page.expect_download() as download:
        page.click('[data-export="json"]')
    path = tmp_path / "record.json"
    download.value.save_as(path)
    assert json.loads(path.read_text())["checkpoint"] == "scripted"


def test_a_hidden_tab_loses_nothing(page):
    page.evaluate("Object.defineProperty(document, 'visibilityState', {get: () => 'hidden'})")
    run_to_the_end(page)


@pytest.mark.parametrize("width", [1280, 390])
def test_small_screens_do_not_scroll_sideways(page, width):
    page.set_viewport_size({"width": width, "height": 844})
    run_to_the_end(page) if width > 760 else page.click("#run")
    page.wait_for_function(f"{COUNT_TOKENS} === {len(SENTENCE)}")
    page.wait_for_timeout(300)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("#run").is_visible()


@pytest.mark.parametrize("width", [1440, 720, 390])
def test_streaming_does_not_move_the_page(page, width):
    choose_speed(page, "8 tokens / s")
    page.set_viewport_size({"width": width, "height": 844})
    page.wait_for_timeout(800)  # tabs that no longer fit move into a menu
    page.evaluate(WATCH_SHIFTS)
    before = page.evaluate("P2S.stage().record.run")
    page.click("#run")
    page.wait_for_function(
        "before => P2S.stage().record.run !== before && P2S.stage().record.state === 'done'",
        arg=before,
    )
    page.wait_for_timeout(300)
    assert page.locator("[data-box]").count() == 3
    assert page.evaluate("shifts") == []


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_axe_finds_no_serious_problem(page, colours):
    run_to_the_end(page)
    page.click('[data-token="2"]')
    page.wait_for_selector("[data-pipeline] tbody tr")
    page.evaluate("(dark) => document.body.classList.toggle('dark', dark)", colours == "dark")
    page.mouse.move(0, 0)
    page.wait_for_timeout(800)  # colours fade
    axe = Path(__file__).parent / "vendor" / "axe.min.js.gz"
    page.evaluate(gzip.decompress(axe.read_bytes()).decode("utf-8"))
    found = page.evaluate("() => axe.run().then((result) => result.violations)")
    serious = [
        f"{problem['id']}: {node['html'][:160]}"
        for problem in found
        if problem["impact"] in ("serious", "critical")
        for node in problem["nodes"]
    ]
    assert not serious, "\n".join(serious)


def test_the_pages_text_is_served_from_this_machine_only():
    rooms = Path(__file__).parents[1] / "pix2seq" / "ui"
    for path in [*rooms.glob("*/*.js"), *rooms.glob("*/*.css"), *rooms.glob("*/*.svg")]:
        for address in re.findall(r"https?://[^\s\"'`)]+", path.read_text(encoding="utf-8")):
            assert address.startswith("http://www.w3.org/"), f"{path.name} names {address}"
