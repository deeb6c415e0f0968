"""The address is the scene: it follows what is on view, and a page opened by it shows the same."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlparse

import pytest

from tests.browser import browser_page, open_tab
from tests.story import OBJECT, STORY, tokens

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


def query(page) -> dict[str, str]:
    return {key: values[0] for key, values in parse_qs(urlparse(page.url).query).items()}


def follow(page, **wanted):
    """Wait until the address says this."""
    for _ in range(100):
        said = query(page)
        if all(said.get(key) == value for key, value in wanted.items()):
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"the address says {query(page)}, not {wanted}")


def test_the_address_follows_picture_token_panel_tab_and_lesson(chromium, replay):
    with browser_page(chromium, replay) as page:
        page.wait_for_function("P2S.stage().record.state === 'done'")
        follow(page, ex=STORY, token=None, tab=None)
        page.evaluate("P2S.stage().select(6)")
        follow(page, token="7")
        page.click("[data-fork-tab=way]")
        follow(page, panel="way")
        open_tab(page, "Learn")
        page.click("[data-lesson=objective]")
        follow(page, tab="learn", lesson="objective", token="7")
        open_tab(page, "Compare")
        follow(page, tab="compare", lesson=None)
        assert page.evaluate("history.length") <= 2, "scenes are no steps of the Back button"


def test_a_page_opened_by_its_own_address_shows_the_same(chromium, replay):
    link = f"{replay}?ex=coffee&token=5&panel=way&tab=write"
    with browser_page(chromium, link) as page:
        page.wait_for_function("P2S.stage().selected === 4")
        assert page.evaluate("P2S.stage().record.image.example") == "coffee"
        assert page.evaluate("P2S.stage().record.recorded")
        page.wait_for_function("P2S.dock().shown?.name === 'way'")


@pytest.mark.parametrize(
    ("link", "shown"),
    [
        ("?tab=learn&lesson=infer", "[data-lesson=infer][aria-selected=true]"),
        ("?tab=lab&sweep=num_bins", "[data-lab]:has-text('How fine must coordinates be')"),
        ("?tab=compare&pair=bins", "#tab-compare [data-recorded=bins]"),
        ("?tab=compare&pair=nobody", "#tab-compare [data-recorded=argmax]"),
        ("?tab=about", "#tab-about"),
        ("?lesson=objective", "[data-lesson=objective][aria-selected=true]"),
        ("?pair=eos", "#tab-compare [data-recorded=eos]"),
    ],
)
def test_every_room_can_be_linked_to(chromium, replay, link, shown):
    with browser_page(chromium, replay + link) as page:
        page.locator(shown).first.wait_for(state="visible")


@pytest.mark.parametrize(
    "link",
    [
        "?tab=%3Cimg%20src%3Dx%3E&token=-1&panel=x%22%5D",
        "?token=99999999&lesson=nobody&pair=1&sweep=2",
    ],
)
def test_what_a_link_cannot_have_is_left_out(chromium, replay, link):
    with browser_page(chromium, replay + link) as page:
        page.wait_for_function("P2S.stage().record.state === 'done'")
        assert page.evaluate("P2S.stage().selected") is None
        follow(page, token=None)  # and the address says so at once
        assert query(page).get("lesson") != "nobody"


def test_the_first_object_is_written_at_reading_speed_and_the_rest_fast(chromium, replay):
    with browser_page(chromium, replay) as page:
        caption = page.locator("[data-caption]")
        for words in ("top edge", "left edge", "name"):
            page.wait_for_function(
                "words => document.querySelector('[data-caption]').textContent.includes(words)",
                arg=words,
            )
            assert page.evaluate("P2S.stage().shown") <= 5
        page.wait_for_function(
            "count => P2S.stage().shown === count && !P2S.stage().playing", arg=len(tokens())
        )
        assert caption.is_hidden()
        page.evaluate("P2S.stage().togglePlay()")
        page.wait_for_timeout(300)
        assert caption.is_hidden(), "a replay is nobody's first minute"


PAINTED = """() => {
    window.painted = [];
    const look = () => {
        const count = document.querySelectorAll("[data-token]:not([hidden])").length;
        if (count !== painted.at(-1)?.[1]) painted.push([performance.now(), count]);
        requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
}"""
"""Notes when how many tokens are in the sentence on view."""


def test_in_a_room_eight_tokens_come_a_second_by_the_clock(chromium, replay):
    with browser_page(chromium, f"{replay}?ex={STORY}&present=1") as page:
        page.wait_for_function("P2S.stage().record.state === 'done'")
        page.keyboard.press("Home")
        page.wait_for_function("P2S.stage().shown === 0 && !P2S.stage().playing")
        page.evaluate(PAINTED)
        page.keyboard.press("Space")
        page.wait_for_function("P2S.stage().shown > 18")  # objects: noise is folded
        painted = [(at, count) for at, count in page.evaluate("painted") if 1 <= count <= 18]
        (start, first), (end, last) = painted[0], painted[-1]
        assert last >= 10
        took = (end - start) / 1000
        assert took == pytest.approx((last - first) / 8, abs=1.0), painted


def test_whoever_touches_the_sentence_ends_the_reading(chromium, replay):
    with browser_page(chromium, replay) as page:
        page.locator("[data-caption]").wait_for(state="visible")
        page.evaluate("P2S.stage().select(6)")
        assert page.locator("[data-caption]").is_hidden()
        assert page.evaluate("P2S.stage().playing") is False


def test_a_finding_is_copied_with_its_picture_settings_sentence_and_link(chromium, replay):
    with browser_page(chromium, f"{replay}?ex={STORY}&token=7") as page:
        page.wait_for_function("P2S.stage().selected === 6")
        page.evaluate("document.querySelector('.p2s-share').open = true")
        page.evaluate("document.querySelector('[data-copy=finding]').click()")
        page.wait_for_function("document.querySelector('.p2s-code').value.includes('Link:')")
        text = page.input_value(".p2s-code")
        told = tokens()
        assert f"Picture: example:{STORY}" in text and "top_p=0.4" in text
        assert f"1  {' '.join(token.text for token in told[:OBJECT])}" in text
        probability = dict(told[6].likeliest)[told[6].text]
        said = re.search(rf"token 7: xmin {told[6].text}, probability ([\d.]+)", text)
        assert float(said[1]) == pytest.approx(probability, abs=2e-4)
        assert f"ex={STORY}" in text and "token=7" in text
