"""What the page opens with, and what comes when another page of it is opened (`page/loader.js`)."""

from __future__ import annotations

import pytest

from tests.browser import browser_page, open_tab, running_app

pytest.importorskip("gradio")

LATER = """[...document.querySelectorAll("head style")]
    .filter((one) => one.textContent.includes(".p2s-compare")).length"""
NEVER_IDLE = f"""
    window.requestIdleCallback = () => 0;
    window.styled = {{}};
    const look = () => {{
      for (const tab of document.querySelectorAll("#tabs > .tabitem"))
        if (tab.getClientRects().length) window.styled[tab.id] ??= {LATER};
      requestAnimationFrame(look);
    }};
    requestAnimationFrame(look);
"""
"""Notes of each tab whether the other pages' style was there in the first frame that showed it."""


@pytest.fixture(scope="module")
def app():
    with running_app() as url:
        yield url


@pytest.mark.parametrize("name", ["Compare", "Experiments", "Learn", "About the model"])
def test_a_page_is_styled_in_the_first_frame_that_shows_it(chromium, app, name):
    with browser_page(chromium, app, prepare=lambda page: page.add_init_script(NEVER_IDLE)) as page:
        page.wait_for_selector("[data-token]")
        assert page.evaluate(LATER) == 0, "the opening does without"
        open_tab(page, name)
        page.wait_for_function("Object.keys(styled).length === 2")
        assert page.evaluate("Object.values(styled)") == [0, 1]


def test_a_link_to_another_page_opens_it_styled(chromium, app):
    link = f"{app}?tab=learn"
    with browser_page(
        chromium, link, prepare=lambda page: page.add_init_script(NEVER_IDLE)
    ) as page:
        page.wait_for_function("styled['tab-learn'] !== undefined")
        assert page.evaluate("styled['tab-learn']") == 1


@pytest.mark.parametrize("width", [1200, 1440])
def test_what_is_said_of_the_model_ends_before_the_tabs(chromium, replay, width):
    with browser_page(chromium, replay, width) as page:
        said = page.locator("#device [data-device]")
        assert said.inner_text() == "no model" and "recorded" in said.get_attribute("title")
        at, tab = said.bounding_box(), page.locator("#tab-write-button").bounding_box()
        assert at["x"] + at["width"] <= tab["x"]


def test_the_rest_comes_by_itself_once_the_stage_has_drawn(chromium, app):
    with browser_page(chromium, app) as page:
        page.wait_for_function(f"{LATER} === 1")
        assert page.evaluate("typeof P2S.machine") == "function", "and its scripts"
