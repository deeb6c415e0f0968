"""The inspector's further reaches in a real browser: the end of a sentence, undo and redo by keys,
and a page whose server has no model."""

from __future__ import annotations

import json

import pytest

from pix2seq.config import ConfigError
from tests.browser import (
    browser_page,
    choose_speed,
    finished,
    offer_alternatives,
    running_app,
    visit,
    write_sentence,
)

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def page(chromium):
    with running_app() as url, browser_page(chromium, url) as opened:
        yield opened


def write(page):
    """A whole sentence with the controls as they are."""
    choose_speed(page, "as fast as it samples")
    write_sentence(page)


def open_by_keys(page, token):
    """A fresh sentence with one of its tokens opened by Enter; returns the run's name."""
    write(page)
    page.focus(f"[data-token='{token}']")
    page.keyboard.press("Enter")
    return page.evaluate("P2S.stage().record.run")


def test_eos_can_be_opened_and_the_model_goes_on_past_it(page):
    write(page)
    last = page.evaluate("P2S.stage().record.tokens.length - 1")
    written = page.evaluate("P2S.stage().record.tokens.map(token => token.id)")
    assert page.get_attribute(f"[data-token='{last}']", "data-slot") == "eos"
    page.click(f"[data-token='{last}']")
    page.wait_for_selector(f"[data-token='{last}'][data-inspect]")
    page.wait_for_selector("[data-pipeline] tbody tr")
    assert "EOS" in page.inner_text("[data-inspector-title]")
    before = page.evaluate("P2S.stage().record.run")
    page.locator("details:has([data-eos-lens]) > summary").click()
    page.click("[data-keep-going]")
    finished(page, before)
    longer = page.evaluate("P2S.stage().record.tokens.map(token => token.id)")
    assert longer[:last] == written[:last], "what stood before EOS stays"
    assert len(longer) > len(written)
    page.wait_for_function("document.querySelector('#eos input[value=delay]').checked")
    page.locator("#eos input[value=model]").check(force=True)


def test_keys_undo_an_intervention_and_redo_it(page):
    parent = open_by_keys(page, 0)
    offer_alternatives(page)
    page.locator("[data-alternative]:not([aria-current])").first.focus()
    page.keyboard.press("Enter")
    finished(page, parent)
    child = page.evaluate("P2S.stage().record.run")
    page.keyboard.press("Control+z")
    page.wait_for_selector(f"[data-stage][data-run='{parent}']")
    page.keyboard.press("Control+y")
    page.wait_for_selector(f"[data-stage][data-run='{child}']")


def test_any_class_can_be_chosen_by_keyboard_alone(page):
    parent = open_by_keys(page, 4)
    offer_alternatives(page)
    page.focus("[data-class-choice]")
    page.keyboard.type("zebra")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    finished(page, parent)
    assert page.evaluate("P2S.stage().record.header.parent") == parent
    assert page.evaluate("P2S.stage().record.header.fork") == 4
    assert "zebra" in page.inner_text("[data-token='4']")


def test_a_place_can_be_asked_about_by_keyboard_alone(page):
    write(page)
    parent = page.evaluate("P2S.stage().record.run")
    page.focus("[data-prompt]")
    page.keyboard.press("Enter")
    page.wait_for_function("P2S.stage().prompt.active")
    for key in ("ArrowDown", "ArrowRight", "Shift+ArrowLeft"):
        page.keyboard.press(key)
    page.wait_for_function("P2S.stage().prompt.box")
    page.keyboard.press("Enter")
    finished(page, parent)
    assert page.evaluate("P2S.stage().record.header.parent") == parent
    assert page.evaluate("P2S.stage().prompt.active") is False


def test_without_a_model_recordings_and_saved_records_still_play(page, tmp_path):
    write(page)
    written = page.evaluate("P2S.stage().record.tokens.map(token => token.id)")
    page.click(".p2s-share summary")
    with page.expect_download() as download:
        page.click('[data-export="json"]')
    saved = tmp_path / "run.json"
    download.value.save_as(saved)
    assert len(json.loads(saved.read_text())["tokens"]) == len(written)

    def nothing(name):
        raise ConfigError(f"checkpoint {name!r} is not on this machine; download it first")

    played = """P2S.stage().record.tokens.length > 0 &&
      P2S.stage().shown === P2S.stage().record.tokens.length"""
    with running_app(nothing) as url:
        visit(page, url)
        page.wait_for_function(f"window.P2S?.stage?.() && {played}")  # it opens with an example
        said = page.locator("[data-device]")
        assert said.inner_text() == "no model"
        assert said.get_attribute("title") == "no model here: recorded examples only"
        shown = page.evaluate("P2S.stage().record.tokens.length")
        page.click("#run")
        page.get_by_text("is not on this machine").first.wait_for()
        page.wait_for_function(f"P2S.stage().record.tokens.length === {shown}")
        page.click(".p2s-share summary")
        page.set_input_files("[data-open-record]", str(saved))
        page.wait_for_function(f"{played} && P2S.stage().record.tokens.length === {len(written)}")
        assert page.evaluate("P2S.stage().record.tokens.map(token => token.id)") == written
        page.evaluate("P2S.stage().seek(3)")
        page.wait_for_function("document.querySelectorAll('.p2s-edge.on').length === 3")
