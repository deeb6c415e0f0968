"""The tour, followed to its last step in a real browser: it finds what it talks about and acts."""

from __future__ import annotations

import pytest

import pix2seq
from tests.axe import serious_problems
from tests.browser import browser_page, running_app

# A machine that trains at the same time takes its time.
pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

STEPS = [
    "idea",
    "run",
    "sentence",
    "timeline",
    "token",
    "inspector",
    "top-p",
    "intervene",
    "branches",
    "eos",
    "noise",
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
    with running_app() as address:
        yield address


def at_step(page, step):
    page.wait_for_selector(f'[data-tour-step="{step}"][data-ready="true"]')
    page.wait_for_selector('[data-tour-step][data-found="true"]')


def act(page, step):
    page.click("[data-tour-act]")
    page.wait_for_selector(f'[data-acted="{step}"]')


def tokens(page):
    return page.evaluate("P2S.stage().record.tokens.length")


def check_after_acting(page, step):
    """What each action must have changed on the real page."""
    stage = "[data-stage]"
    match step:
        case "run" | "eos":
            assert page.get_attribute(stage, "data-state") == "done"
            assert tokens(page) == (16 if step == "run" else 40)
        case "token":
            assert page.get_attribute("[data-inspect]", "data-slot") == "xmin"
        case "top-p":
            assert page.input_value("#top-p input[type=number]") == "0.1"
        case "intervene":
            names = page.locator("[data-branch]").all_inner_texts()
            assert len(names) == 2, names
            assert page.evaluate("P2S.stage().record.header.parent") is not None
        case "noise":
            page.wait_for_selector('[data-box][data-state="noise"]')


@pytest.mark.parametrize("width", [1440, 390])
def test_the_tour_reaches_its_last_step_and_acts_on_the_real_page(chromium, url, width):
    with browser_page(chromium, url, width=width) as page:
        page.click("[data-tour]")
        for step in STEPS:
            at_step(page, step)
            page.wait_for_function(CARD_IS_INSIDE)
            if step != "photo" and page.locator("[data-tour-act]").is_visible():
                act(page, step)
                check_after_acting(page, step)
            page.click("[data-tour-next]")
        assert page.locator(".tour-card").count() == 0
        assert page.locator(".tour-spot").count() == 0
        page.click("[data-tour]")
        at_step(page, STEPS[0])  # seen to its end, it begins anew


def test_keys_turn_its_pages_and_it_resumes_where_it_was_left(chromium, url):
    with browser_page(chromium, url) as page:
        page.locator("[data-tour]").focus()
        page.keyboard.press("Enter")
        at_step(page, "idea")
        assert [line for line in serious_problems(page) if "tour" in line] == []
        page.keyboard.press("ArrowRight")
        at_step(page, "run")
        page.keyboard.press("ArrowRight")
        at_step(page, "sentence")
        page.keyboard.press("ArrowLeft")
        at_step(page, "run")
        page.keyboard.press("Escape")
        assert page.locator(".tour-card").count() == 0
        assert page.evaluate("document.activeElement.hasAttribute('data-tour')")
        page.reload()
        page.wait_for_function("window.P2S && P2S.stage && P2S.stage()")
        page.click("[data-tour]")
        at_step(page, "run")


@pytest.mark.slow
def test_the_tour_also_works_with_the_bundled_checkpoint(chromium):
    def load(_):
        return pix2seq.load("mini", "cpu")

    with running_app(load) as address, browser_page(chromium, address) as page:
        page.set_default_timeout(180_000)
        page.click("[data-tour]")
        for step in STEPS:
            at_step(page, step)
            if step != "photo" and page.locator("[data-tour-act]").is_visible():
                act(page, step)
                assert page.get_attribute("[data-stage]", "data-state") == "done"
            page.click("[data-tour-next]")
        assert page.locator(".tour-card").count() == 0
