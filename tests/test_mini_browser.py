"""The page's features on the bundled checkpoint in a real browser, one walk through all of them."""

from __future__ import annotations

import json

import pytest

from tests.browser import (
    browser_page,
    choose_speed,
    finished,
    offer_alternatives,
    open_tab,
    set_number,
    write_sentence,
)
from tests.walkthrough import LESSONS

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def page(chromium, mini_app):
    with browser_page(chromium, mini_app) as opened:
        choose_speed(opened, "as fast as it samples")
        write_sentence(opened)
        yield opened


def test_a_token_tells_its_distribution_and_follows_the_sliders(page):
    page.click("[data-token='4']")
    page.wait_for_selector("[data-token='4'][data-inspect]")
    page.wait_for_selector("[data-pipeline] tbody tr")
    answers = page.locator("[data-alternative]").all_text_contents()
    assert any("noise" in answer for answer in answers), "the noise class is always listed"
    page.click("[data-token='3']")
    page.wait_for_selector("[data-token='3'][data-inspect]")
    set_number(page, "temperature", "0")
    page.wait_for_function(
        "document.querySelector('[data-what-if]').textContent.includes('What if')"
    )
    set_number(page, "temperature", "1")


def test_the_lens_counts_what_keeping_on_added(page):
    page.click("[data-token='0']")
    lens = page.locator("details:has([data-eos-lens])")
    if lens.get_attribute("open") is None:
        lens.locator("summary").first.click()
    page.wait_for_function(
        "document.querySelector('[data-eos-lens]').textContent.includes('Going on added')"
    )


def test_another_class_is_written_on_and_undone(page):
    parent = page.evaluate("P2S.stage().record.run")
    page.click("[data-token='4']")
    offer_alternatives(page)
    page.click("[data-alternative]:not([aria-current]) >> nth=0")
    finished(page, parent)
    assert page.locator("[data-ghost]").count() > 0
    page.click("[data-undo]")
    page.wait_for_selector(f"[data-stage][data-run='{parent}']")


def test_two_settings_are_compared_and_samples_agree(page):
    open_tab(page, "Compare")
    page.wait_for_selector("[data-compare] .p2s-photo-image[src^='data:image/']")
    page.click("#compare-run")
    page.wait_for_selector("[data-compare][data-verdict='true']:not([data-recorded])")
    assert page.inner_text(".p2s-verdict-title")
    page.get_by_role("tab", name="Many samples").click()
    page.wait_for_selector("[data-samples] .p2s-photo-image[src^='data:image/']")
    page.click("#samples-run")
    page.wait_for_selector("[data-samples][data-state='done']:not([data-recorded])")
    assert page.locator("[data-clusters] tbody tr").count() > 3


def test_the_lab_opens_with_its_recorded_sweep(page):
    open_tab(page, "Experiments")
    page.get_by_text("true objects), at the settings that it recommends").first.wait_for()
    page.get_by_text("keep going, as in the paper").first.wait_for()


def test_every_lesson_speaks_about_the_picture(page):
    page.evaluate("P2S.tourTools.tab('learn')")
    page.wait_for_function("P2S.lesson && P2S.lesson.state.picture")
    for lesson in LESSONS:
        page.click(f"[data-lesson={lesson}]")
        page.wait_for_selector(f"[data-lesson={lesson}][aria-selected=true]")
    page.wait_for_function("P2S.lesson.state.boxes.length > 0")


def test_the_run_can_be_taken_away(page, tmp_path):
    open_tab(page, "Write")
    if page.locator(".p2s-share[open]").count() == 0:
        page.click(".p2s-share summary")
    for kind, start in (("json", b"{"), ("png", b"\x89PNG"), ("gif", b"GIF8"), ("svg", b"<")):
        with page.expect_download() as download:
            page.click(f'[data-export="{kind}"]')
        path = tmp_path / f"run.{kind}"
        download.value.save_as(path)
        assert path.read_bytes().startswith(start), kind
    assert json.loads((tmp_path / "run.json").read_text())["checkpoint"] == "mini"
