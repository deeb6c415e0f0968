"""A page that can be projected: the photo is the largest thing on it, settings push nothing, and
type has four sizes, on every page."""

from __future__ import annotations

import pytest

from tests.browser import browser_page, open_tab, running_app, write_sentence
from tests.test_write_browser import SMALL

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

WINDOWS = [(1440, 900), (1280, 800), (1024, 768), (1024, 900), (390, 844)]
SIZES = (13, 15, 18, 24)

AREAS = """() => {
  const area = (node) => {
    const at = node.getBoundingClientRect();
    return node.checkVisibility() ? Math.round(at.width * at.height) : 0;
  };
  const parts = ".p2s-photo-image, .p2s-sentence, .p2s-inspector, .p2s-timeline, .p2s-fork, "
    + "#controls, #settings";
  const found = {};
  for (const node of document.querySelectorAll(parts)) {
    if (!node.closest("#tab-write")) continue;
    found[node.id || node.classList[0]] = area(node);
  }
  return found;
}"""

OTHER_SIZES = """sizes => {
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const other = {};
  while (walk.nextNode()) {
    const { parentElement: node, textContent } = walk.currentNode;
    const hidden = node.closest(".p2s-visually-hidden, .p2s-skip, .sr-only, style");
    if (!textContent.trim() || hidden) continue;
    if (!node.checkVisibility({ visibilityProperty: true, opacityProperty: true })) continue;
    const size = parseFloat(getComputedStyle(node).fontSize);
    const { a, b } = node.getScreenCTM?.() ?? { a: 1, b: 0 };
    const onScreen = size * Math.hypot(a, b);  // a drawing may be stretched, and undo it or not
    const known = sizes.some((one) => one === size || Math.abs(one - onScreen) < 0.1);
    if (!known) (other[size] ??= []).push(textContent.trim().slice(0, 40));
  }
  return other;
}"""


@pytest.fixture(scope="module")
def page(chromium):
    with running_app() as url, browser_page(chromium, url) as opened:
        write_sentence(opened)
        opened.wait_for_function("P2S.stage().shown === P2S.stage().record.tokens.length")
        yield opened


def resize(page, width: int, height: int) -> None:
    page.set_viewport_size({"width": width, "height": height})
    page.wait_for_timeout(900)  # the photo and Gradio's tabs follow


@pytest.mark.parametrize(("width", "height"), WINDOWS)
def test_the_photo_is_the_largest_thing_on_the_page(page, width, height):
    open_tab(page, "Write")
    resize(page, width, height)
    areas = page.evaluate(AREAS)
    photo = areas.pop("p2s-photo-image")
    assert len(areas) == 6
    assert max(areas.values()) < photo, areas


@pytest.mark.parametrize("height", [768, 900])
def test_settings_that_open_push_nothing_and_all_fit(page, height):
    open_tab(page, "Write")
    resize(page, 1024, height)
    before = page.locator(".p2s-photo").bounding_box()
    page.click("#sheet")
    page.wait_for_selector("#settings >> visible=true")
    assert page.locator(".p2s-photo").bounding_box() == before
    panel = page.locator("#settings").bounding_box()
    assert panel["x"] > before["x"] + before["width"] / 2, "beside most of the photo"
    assert panel["y"] + panel["height"] <= page.locator("#fork").bounding_box()["y"]
    hidden = page.locator("#settings").evaluate("(node) => node.scrollHeight - node.clientHeight")
    assert hidden <= (0 if height == 900 else 150)
    page.click("#sheet")
    page.wait_for_selector("#settings", state="hidden")


def test_every_page_has_four_sizes_of_type(page):
    resize(page, 1440, 900)
    found = {}

    def look(where: str) -> None:
        page.wait_for_timeout(700)
        assert page.evaluate(SMALL, 12) == [], where
        if other := page.evaluate(OTHER_SIZES, list(SIZES)):
            found[where] = other

    open_tab(page, "Write")
    page.evaluate("P2S.stage().select(1)")
    page.wait_for_selector("[data-pipeline] tbody tr")
    look("a token")
    page.click("[data-panel-tab=change]")
    look("its alternatives")
    panels = page.locator("[data-fork-tab]").evaluate_all(
        "all => all.map((n) => n.dataset.forkTab)"
    )
    for panel in panels:
        page.click(f"[data-fork-tab={panel}]")
        look(panel)
    page.click(f"[data-fork-tab={panels[-1]}]")  # closes the dock
    for name in ("Two settings", "Many samples"):
        open_tab(page, "Compare")
        page.get_by_role("tab", name=name).click()
        look(name)
    for name in ("Experiments", "About the model", "Learn"):
        open_tab(page, name)
        look(name)
    lessons = page.locator("[data-lesson]").evaluate_all("all => all.map((n) => n.dataset.lesson)")
    for lesson in dict.fromkeys(lessons):
        page.locator(f"[data-lesson={lesson}]").first.click()
        look(lesson)
    assert len(panels) == 5 and len(set(lessons)) >= 6
    assert found == {}
