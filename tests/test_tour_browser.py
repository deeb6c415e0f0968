"""The tour, followed to its last step in a real browser: every step shows
what its text says, held against the recording that it tells."""

from __future__ import annotations

import json
import math
import re

import pytest

from pix2seq.ui.write.recordings import load_recording
from tests import fakes
from tests.axe import serious_problems
from tests.browser import browser_page, running_app, visit
from tests.story import STORY, Told, fork, tokens

# A machine that trains at the same time takes its time.
pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

STEPS = [
    "idea",
    "object",
    "hesitation",
    "bell",
    "fork",
    "paths",
    "name",
    "eos",
    "noise",
    "argument",
    "way",
    "compare",
    "learn",
    "photo",
]

CARD_IS_INSIDE = """() => {
    const at = document.querySelector(".tour-card").getBoundingClientRect();
    const { innerWidth, innerHeight } = window;
    return at.left >= 0 && at.top >= 0 && at.right <= innerWidth && at.bottom <= innerHeight;
}"""


@pytest.fixture(scope="module")
def url():
    """Without any checkpoint: the tour tells a recording."""
    with running_app(fakes.no_model, "mini") as address:
        yield address


@pytest.fixture(scope="module")
def told() -> list[Told]:
    """The recorded tokens."""
    return tokens()


def at_step(page, step):
    page.wait_for_selector(f'[data-tour-step="{step}"][data-ready="true"]')
    page.wait_for_selector('[data-tour-step][data-found="true"]')


def act(page, step):
    page.click("[data-tour-act]")
    page.wait_for_selector(f'[data-acted="{step}"]')


def check_claim(page, step: str, told: list[Told]) -> None:
    """What the card says is what the recording holds and the page shows."""
    said = page.inner_text("#tour-text")
    names = [token.text for token in told[4::5]]
    objects = sum(name != "noise" for name in names)
    match step:
        case "object":
            assert " ".join(token.text for token in told[:5]) in said
            assert page.evaluate("P2S.stage().shown") == 5
        case "hesitation":
            assert f"{told[0].surprise:.2f} nats" in said
            assert f"ln {objects} = {math.log(objects):.2f}" in said
        case "bell":
            likely = told[1].likeliest[:3]
            assert all(f"{text} has {p:.2f}" in said for text, p in likely)
            bins = sorted(int(text) for text, _ in likely)
            assert bins == list(range(bins[0], bins[0] + 3)), "neighbours"
        case "fork":
            assert f"top edge {told[fork()[1] - 1].text}" in said
            tree, at, _ = fork()
            ways = tree.path(0)[at].alternatives
            assert len(ways) >= 1 and all(f"{way.text} ·" in said for way in ways)
            assert page.locator(".fork-way").count() >= 2
        case "paths":
            sets = set(page.locator("[data-set]").all_inner_texts())
            assert sets == {"A"}, "all of these paths name one set"
        case "name":
            assert f"“{told[9].text}”" in said and f"{told[9].kept} word" in said
        case "eos":
            next_word = told[5 * objects]
            assert next_word.eos > 0.5
            assert f"{round(100 * next_word.eos)}\u00a0%" in said
            assert f"After {objects} objects" in said
        case "noise":
            assert all(name == "noise" for name in names[objects:])
            assert f"{len(names) - objects} boxes more" in said
        case "argument":
            shown = page.inner_text(".p2s-conclusion")
            assert shown and shown in said
        case "way":
            assert page.locator("[data-way]").count() == 6
        case "photo":
            spot = page.locator(".tour-spot").bounding_box()
            place = page.locator("[data-use-photo]:visible, #image:visible").first.bounding_box()
            assert abs(spot["x"] + 6 - place["x"]) < 2, "where a photo can be dropped"


@pytest.mark.parametrize("width", [1440, 390])
def test_every_step_shows_what_its_text_says(chromium, url, told, width):
    with browser_page(chromium, url, width=width) as page:
        page.wait_for_function("P2S.stage().record.state === 'done'")
        page.click("[data-tour]")
        for step in STEPS:
            at_step(page, step)
            page.wait_for_function(CARD_IS_INSIDE)
            check_claim(page, step, told)
            if step != "photo" and page.locator("[data-tour-act]").is_visible():
                act(page, step)
            if step == "paths":
                boxes = sorted(page.locator(".fork-box-label text").all_text_contents())
                names = sorted(token.text for token in told[4::5] if token.text != "noise")
                assert [re.sub(r"^\d+\s+", "", box) for box in boxes] == names
            page.click("[data-tour-next]")
        assert page.locator(".tour-card").count() == 0
        assert page.locator(".tour-spot").count() == 0
        page.click("[data-tour]")
        at_step(page, STEPS[0])  # seen to its end, it begins anew


def test_keys_turn_its_pages_and_it_resumes_where_it_was_left(chromium, url):
    with browser_page(chromium, url) as page:
        page.wait_for_function("P2S.stage().record.state === 'done'")
        page.locator("[data-tour]").focus()
        page.keyboard.press("Enter")
        at_step(page, "idea")
        assert [line for line in serious_problems(page) if "tour" in line] == []
        page.keyboard.press("ArrowRight")
        at_step(page, "object")
        page.keyboard.press("ArrowRight")
        at_step(page, "hesitation")
        page.keyboard.press("ArrowLeft")
        at_step(page, "object")
        page.keyboard.press("Escape")
        assert page.locator(".tour-card").count() == 0
        assert page.evaluate("document.activeElement.hasAttribute('data-tour')")
        visit(page, page.url)
        page.wait_for_function("window.P2S && P2S.stage && P2S.stage()")
        page.click("[data-tour]")
        at_step(page, "object")


def test_from_another_picture_it_goes_to_its_own(chromium, url):
    with browser_page(chromium, f"{url}?ex=coffee") as page:
        page.wait_for_function("P2S.stage().record.image?.example === 'coffee'")
        page.click("[data-tour]")
        page.wait_for_url(f"**ex={STORY}**")
        at_step(page, "idea")
        assert page.evaluate("P2S.stage().record.image.example") == STORY


def test_the_story_is_the_recording_that_the_page_opens_with():
    from pix2seq.ui.write.recordings import OPENING

    assert OPENING == STORY
    assert json.dumps(load_recording(OPENING))
