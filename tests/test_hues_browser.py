"""One colour per class on every page, seen in a real browser over the bundled checkpoint."""

from __future__ import annotations

import pytest

from pix2seq.render.palette import class_color, rgb
from tests.browser import browser_page, open_tab

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

LINES = ".p2s-box-line, .p2s-echo-mean, .learn-box-line, .fork-box, .p2s-verdict-box"
GROUNDS = ".p2s-box-label rect, .p2s-echo-label rect, .learn-tag rect, .fork-box-label rect"

SEEN = """([lines, grounds]) => {
  const seen = (node) => node.checkVisibility() && node.getClientRects().length > 0;
  const marked = (selector) => [...document.querySelectorAll(selector)].filter(seen).map((node) => {
    const { stroke, fill, strokeDasharray } = getComputedStyle(node);
    const of = node.closest("[data-class]");
    return { name: of ? of.dataset.class : null, stroke, fill, dash: strokeDasharray };
  });
  const chips = [...document.querySelectorAll("[data-slot='class'].p2s-chip")].filter(seen).map(
    (node) => ({ name: node.dataset.class ?? null, text: node.textContent })
  );
  return { lines: marked(lines), grounds: marked(grounds), chips };
}"""


def css(name: str) -> str:
    return "rgb({}, {}, {})".format(*rgb(class_color(name)))


def is_grey(color: str) -> bool:
    red, green, blue = (int(part) for part in color.removeprefix("rgb(").rstrip(")").split(","))
    return red == green == blue


@pytest.fixture(scope="module")
def page(chromium, mini_app):
    with browser_page(chromium, mini_app) as opened:
        opened.wait_for_function("P2S.stage().record.state === 'done' && !P2S.stage().playing")
        yield opened


def check(page, place: str) -> set[str]:
    """Every box, label and class chip on view is in its class's colour; names of the boxes."""
    seen = page.evaluate(SEEN, [LINES, GROUNDS])
    assert seen["lines"], f"{place}: no box is on view"
    for line in seen["lines"]:
        if line["name"] is None:
            assert is_grey(line["stroke"]) and line["dash"] != "none", (place, line)
        else:
            assert line["stroke"] == css(line["name"]), (place, line)
    for ground in seen["grounds"]:
        if ground["name"] is None:
            assert is_grey(ground["fill"]), (place, ground)
        else:
            assert ground["fill"] == css(ground["name"]), (place, ground)
    for chip in seen["chips"]:
        assert chip["name"] is None or chip["name"] in chip["text"], (place, chip)
    return {line["name"] for line in seen["lines"] if line["name"]}


def test_a_class_keeps_its_colour_from_page_to_page(page):
    page.check("#noise input[value=show]", force=True)
    page.wait_for_selector(".p2s-box.noise, .p2s-box[data-state=ok]")
    written = check(page, "Write")
    assert len(written) >= 4
    for panel in ("tree", "memory"):
        page.click(f"[data-fork-tab={panel}]")
        if panel == "tree":
            page.click("[data-path='1']")  # the fork may stand in the first object
        page.wait_for_selector(".fork-box")
        check(page, panel)
        page.keyboard.press("Escape")
    open_tab(page, "Experiments")
    page.wait_for_selector(".p2s-crop")
    check(page, "the gallery")
    page.click(".p2s-crop")
    page.wait_for_selector(".p2s-crop-sentence tr")
    check(page, "a picture of the gallery")
    open_tab(page, "Compare")
    page.click("#compare-run")
    page.wait_for_selector("[data-compare][data-verdict='true']:not([data-recorded])")
    assert check(page, "Compare") & written
    page.get_by_role("tab", name="Many samples").click()
    page.click("#samples-run")
    page.wait_for_selector("[data-samples][data-state='done']:not([data-recorded])")
    assert check(page, "Many samples") & written


def test_the_lessons_keep_it_and_noise_is_grey_and_dashed_in_them(page):
    page.evaluate("P2S.tourTools.tab('learn')")
    page.wait_for_function("P2S.lesson && P2S.lesson.state.boxes.length")
    names = set(page.evaluate("P2S.lesson.state.boxes.map((box) => box.name)"))
    for lesson in ("quantize", "sentence", "augment", "objective"):
        page.click(f"[data-lesson={lesson}]")
        page.wait_for_function("document.querySelectorAll('.learn-box').length > 0")
        page.wait_for_timeout(600)  # its answer arrives
        assert check(page, lesson) == names
    assert page.locator(".learn-box.noise").count() > 0
