"""Following the encoder's drafts in a real browser: on and off, what the inspector says, and a
checkpoint without drafts, where there is nothing to follow."""

from __future__ import annotations

import re

import pytest

import pix2seq
from pix2seq.ui import build_demo, launch_options
from tests.browser import browser_page, choose_speed, finished, storyteller, write_sentence

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

NAMES = ("mini", "storyteller")
SWITCH = "#follow-drafts input[type=checkbox]"
PULLED = "P2S.stage().record.tokens.findIndex((token) => token.pull)"
SAID = re.compile(
    r"Pulled to draft \d+ \((<0\.01|0\.\d\d|>0\.99)\): (ymin|xmin|ymax|xmax) \d+ ± \d+ bins?\. "
    r"Raw numbers are after the pull\."
)


def load(name: str):
    return pix2seq.load(name, "cpu") if name == "mini" else storyteller()


@pytest.fixture(scope="module")
def url():
    demo = build_demo("mini", load=load, names=NAMES)
    _, address, _ = demo.launch(
        server_name="127.0.0.1", prevent_thread_lock=True, quiet=True, **launch_options()
    )
    yield address
    demo.close()


@pytest.fixture(scope="module")
def page(chromium, url):
    with browser_page(chromium, f"{url}?ex=coffee&ckpt=mini&drafts=1&eos=delay&n=6&seed=1") as tab:
        finished(tab, None)
        choose_speed(tab, "as fast as it samples")
        tab.get_by_text("More", exact=True).first.click()
        tab.wait_for_selector(SWITCH)
        yield tab


def test_on_the_inspector_names_the_draft_and_marks_where_it_pulled(page):
    page.locator(SWITCH).check()
    write_sentence(page)
    token = page.evaluate(PULLED)
    assert token >= 5, "the first object is the decoder's own"
    page.evaluate("token => P2S.stage().select(token)", token)
    page.wait_for_selector("[data-pull]:not(:empty)")
    said = page.inner_text("[data-pull]")
    assert SAID.fullmatch(said), said
    pull = page.evaluate(f"P2S.stage().record.tokens[{token}].pull")
    assert f"draft {pull['draft'] + 1} (" in said
    mark = page.locator("[data-distribution] .pull").bounding_box()
    plot = page.locator("[data-distribution]").bounding_box()
    vocab = page.evaluate("P2S.stage().record.vocab")
    share = (pull["centre"] - vocab["coord"] + 0.5) / vocab["bins"]
    middle = mark["x"] + mark["width"] / 2
    assert middle == pytest.approx(plot["x"] + share * plot["width"], abs=1.5)
    page.evaluate("P2S.stage().select(0)")
    page.wait_for_selector("[data-pull]:empty", state="attached")
    assert page.locator("[data-distribution] .pull").count() == 0


def test_off_nothing_pulls_and_nothing_is_said(page):
    page.locator(SWITCH).uncheck()
    write_sentence(page)
    assert page.evaluate("P2S.stage().record.header.options.follow_drafts") is False
    assert page.evaluate(PULLED) == -1
    page.evaluate("P2S.stage().select(6)")
    page.wait_for_selector("[data-pipeline] tbody tr")
    assert page.inner_text("[data-pull]") == ""


def test_a_checkpoint_without_drafts_has_no_switch_and_writes(page):
    page.locator(SWITCH).check()
    _choose(page, "storyteller")
    page.wait_for_selector(SWITCH, state="hidden")
    write_sentence(page)
    assert page.evaluate("P2S.stage().record.header.checkpoint") == "storyteller"
    assert page.evaluate("P2S.stage().record.header.options.follow_drafts") is False
    _choose(page, "mini")
    page.wait_for_selector(SWITCH)
    write_sentence(page)
    recommended = load("mini").resolve().follow_drafts
    assert page.locator(SWITCH).is_checked() is recommended
    assert page.evaluate("P2S.stage().record.header.options.follow_drafts") is recommended


def _choose(page, name: str) -> None:
    page.click("#checkpoint input")
    page.get_by_role("option", name=name).click()
    page.wait_for_timeout(500)  # its limits and defaults follow
