"""axe-core over every page, lesson and panel of the dock, light and dark, over real weights."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from tests.axe import serious_problems
from tests.browser import browser_page, open_tab

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

PANELS = ("tree", "memory", "bet", "way", "dialects")
LESSONS = ("quantize", "sentence", "augment", "objective", "infer", "training")


def places(page: Page) -> Iterator[str]:
    """Every place of the app, one after another, by name."""
    page.wait_for_function("P2S.stage().record.state === 'done' && !P2S.stage().playing")
    yield "Write"
    for panel in PANELS:
        page.click(f"[data-fork-tab={panel}]")
        page.wait_for_timeout(1200)  # its answer arrives
        yield panel
    page.keyboard.press("Escape")
    open_tab(page, "Compare")
    page.click("#compare-run")
    page.wait_for_selector("[data-compare][data-verdict='true']:not([data-recorded])")
    yield "Compare"
    page.get_by_role("tab", name="Many samples").click()
    page.click("#samples-run")
    page.wait_for_selector("[data-samples][data-state='done']:not([data-recorded])")
    yield "Many samples"
    open_tab(page, "Experiments")
    page.wait_for_selector("[data-doubles=photos]")
    page.wait_for_selector("#lab-curves .js-plotly-plot")
    yield "Experiments"
    open_tab(page, "Learn")
    page.wait_for_function("P2S.lesson && P2S.lesson.state.picture")
    for lesson in LESSONS:
        page.click(f"[data-lesson={lesson}]")
        page.wait_for_timeout(1200)
        yield lesson
    open_tab(page, "About the model")
    page.wait_for_selector("[data-checkpoint]")
    yield "About the model"


@pytest.mark.parametrize("width", [1440, 1024, 390])
def test_axe_finds_nothing_serious_anywhere(chromium, mini_app, width):
    found = {}
    with browser_page(chromium, mini_app, width, 900) as page:
        for place in places(page):
            page.mouse.move(0, 0)
            for dark in (True, False) if width != 1024 else (True,):
                page.evaluate("(dark) => document.body.classList.toggle('dark', dark)", dark)
                page.wait_for_timeout(600)  # colours fade
                if problems := serious_problems(page):
                    found[place, "dark" if dark else "light"] = problems
    assert found == {}
