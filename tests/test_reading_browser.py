"""What a visitor sees of the one reading: their own words stay, untouched objects stay as they
were, noise is called noise, and a place is answered in words."""

from __future__ import annotations

import pytest

from tests.browser import (
    browser_page,
    choose_speed,
    finished,
    running_app,
    set_number,
    write_sentence,
)

pytestmark = pytest.mark.browser

OBJECTS = """[...P2S.stage().allObjects()].map((found) =>
  [found.object, found.label, found.score, found.edges, found.state])"""


@pytest.fixture(scope="module")
def url():
    with running_app() as address:
        yield address


@pytest.fixture(scope="module", params=["1440", "390"])
def page(request, chromium, url):
    phone = {"width": 390, "height": 844, "color_scheme": "dark"}
    with browser_page(chromium, url, **(phone if request.param == "390" else {})) as opened:
        opened.wait_for_function("window.P2S?.stage?.()")
        choose_speed(opened, "as fast as it samples") if request.param == "1440" else None
        yield opened


def write_all(page) -> None:
    """Eight objects, five of them noise; boxes below a half are hidden."""
    if page.locator("#eos input[value=delay]").is_visible():  # on a phone they are in a sheet
        page.check("#eos input[value=delay]")
        set_number(page, "score-threshold", "0.5")
    write_sentence(page)


def go_on(page, edit: str) -> None:
    before = page.evaluate("P2S.stage().record.run")
    page.evaluate(f"P2S.stage().writeOn({edit})")
    finished(page, before)


def test_a_word_of_ones_own_stays_and_is_marked(page):
    write_all(page)
    before = page.evaluate(OBJECTS)
    go_on(page, "{ index: 9, label: 2 }")
    after = page.evaluate(OBJECTS)
    assert after[0] == before[0], "the object before the edit"
    box = page.locator("[data-box='1']")
    assert box.get_attribute("data-label") == "car"
    assert float(box.get_attribute("data-score")) < 0.5, "its true score, below the threshold"
    assert "yours" in page.locator("[data-box-name='1']").text_content()
    assert "yours" in page.locator("[data-line='1'] .p2s-note").text_content()
    assert page.locator("[data-line='0'] .p2s-note").text_content() == "", "nothing changed there"
    assert "yours" in page.locator("[data-row='1'] th").text_content()
    heading = page.locator("[data-inspector-title]").text_content()
    assert heading.startswith("Token 10 · class"), "tokens are counted from 1, like objects"


def test_shown_noise_only_adds(page):
    write_all(page)
    shown = set(page.evaluate("P2S.stage().visibleObjects().map((found) => found.object)"))
    if not page.locator("#noise input[value=show]").is_visible():
        pytest.skip("the controls are in a sheet here")
    page.check("#noise input[value=show]")
    page.wait_for_function("document.querySelectorAll('[data-state=noise]').length === 5")
    assert shown < set(page.evaluate("P2S.stage().visibleObjects().map((found) => found.object)"))
    noise = page.locator("[data-state=noise]").first
    assert noise.get_attribute("data-label") == "noise"
    name = page.locator(f"[data-box-name='{noise.get_attribute('data-box')}']")
    assert "noise" in name.text_content()
    line = noise.locator(".p2s-box-line")
    assert line.evaluate("(node) => getComputedStyle(node).strokeDasharray") != "none"
    page.check("#noise input[value=paper]")
    page.wait_for_function("document.querySelectorAll('[data-state=noise]').length === 0")


def test_a_place_is_answered_in_words(page):
    write_all(page)
    go_on(page, "{ box: { ymin: 60, xmin: 60, ymax: 300, xmax: 300 } }")
    forced = page.evaluate("P2S.stage().record.tokens.map((token) => token.forced)")
    assert forced[:6] == [True] * 4 + [False] * 2, "a sentence of its own begins with the box"
    page.wait_for_selector("[data-reply]:not([hidden])")
    said = page.inner_text("[data-reply]")
    assert said.startswith("You asked: dog, 0.") and "Behind the sentence on view" in said
