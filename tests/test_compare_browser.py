"""Compare, the P-R lab and About in a real browser, over a scripted model."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser import browser_page, running_app

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def url():
    with running_app() as address:
        yield address


def open_tab(page, name):
    tab = page.get_by_role("tab", name=name, exact=True)
    if not tab.is_visible():  # on a phone, the last tabs are in a menu
        page.locator("#tabs > .tab-wrapper .overflow-menu > button").click()
        tab = page.locator("#tabs .overflow-dropdown button", has_text=name)
    tab.click()


def sideways(page) -> int:
    """Pixels that the page is wider than the window."""
    return page.evaluate("document.documentElement.scrollWidth - window.innerWidth")


def write_both(page):
    open_tab(page, "Compare")
    page.wait_for_selector("[data-compare] img[src^='data:image/']")  # the picture, unasked
    page.click("#compare-run")
    page.wait_for_selector("[data-compare][data-state='done']")


def test_two_sentences_stand_beside_each_other_and_the_divergence_is_explained(chromium, url):
    with browser_page(chromium, url) as page:
        write_both(page)
        parted = int(page.get_attribute("[data-compare]", "data-parted"))
        first = page.locator("[data-relation='first']")
        assert first.count() == 2
        assert first.first.get_attribute("data-side-token") == f"a{parted}"
        texts = [text.strip() for text in first.all_inner_texts()]
        assert texts[0] != texts[1]
        before = page.locator("[data-relation='same']")
        assert before.count() >= 2 * parted
        title = page.inner_text(".p2s-verdict-title")
        assert title.startswith(f"The sentences part at token {parted + 1}:")
        assert page.locator(".p2s-cdf-part.chosen").count() == 2
        for side, words in (("a", "argmax"), ("b", "temperature 1")):
            assert words in page.inner_text(f"[data-side='{side}'] figcaption")
            boxes = page.locator(f"[data-side='{side}'] [data-box]").count()
            assert boxes > 0
        assert page.locator("[data-token]:visible").count() == 0, "handles of Write are Write's"


def test_the_same_settings_are_said_to_be_the_same(chromium, url):
    with browser_page(chromium, url) as page:
        open_tab(page, "Compare")
        page.get_by_text("Settings of B, right").click()
        page.fill("#b-temperature input[type=number]", "0")
        page.keyboard.press("Tab")
        page.click("#compare-run")
        page.wait_for_selector("[data-compare][data-state='done']")
        expect(page.locator(".p2s-verdict-title")).to_have_text(
            "Both wrote the same sentence, token by token"
        )
        assert page.locator("[data-relation='first']").count() == 0
        assert page.locator("[data-relation='different']").count() == 0


def test_the_noise_preset_shows_that_only_the_reading_differs(chromium, url):
    with browser_page(chromium, url) as page:
        open_tab(page, "Compare")
        page.click("#compare-preset input")
        page.get_by_role("option", name="noise hidden / noise shown").click()
        page.get_by_text("Settings of B, right").click()
        expect(page.locator("#b-noise input[value='show']")).to_be_checked()
        page.click("#compare-run")
        page.wait_for_selector("[data-compare][data-state='done']")
        assert "same sentence" in page.inner_text(".p2s-verdict-title")
        hatched = page.locator("[data-side='b'] [data-box][data-state='noise']").count()
        assert hatched > 0
        assert page.locator("[data-side='a'] [data-state='noise']").count() == 0


def test_many_samples_agree_and_the_slider_asks_how_many(chromium, url):
    with browser_page(chromium, url) as page:
        open_tab(page, "Compare")
        page.get_by_role("tab", name="Many samples").click()
        page.wait_for_selector("[data-samples] img[src^='data:image/']")
        page.click("#samples-run")
        page.wait_for_selector("[data-samples][data-state='done']")
        page.wait_for_selector("[data-clusters] tbody tr")
        rows = page.locator("[data-clusters] tbody tr").count()
        assert rows == page.locator("[data-cluster]").count() > 3
        least = page.locator("[data-least]")
        least.focus()
        page.keyboard.press("End")
        expect(page.locator(".p2s-least span")).to_have_text("in at least 8 of 8")
        page.wait_for_function(
            "n => document.querySelectorAll('[data-cluster]').length < n", arg=rows
        )
        counts = page.locator("[data-cluster]").evaluate_all("all => all.map(n => n.dataset.count)")
        assert set(counts) == {"8"}
        page.locator("[data-clusters] tbody tr").first.hover()
        page.wait_for_selector(".p2s-echo.focus")
        assert page.locator(".p2s-curve-line.found").count() == 1


def test_a_sweep_fills_table_and_plots_and_can_be_saved(chromium, url):
    with browser_page(chromium, url) as page:
        requests = []
        page.on("request", lambda request: requests.append(request.url))
        open_tab(page, "P-R lab")
        page.fill("#lab-images input[type=number]", "4")
        page.keyboard.press("Tab")
        page.click("#lab-run")
        page.wait_for_selector("[data-lab][data-state='done']")
        names = page.locator("[data-lab-row]").evaluate_all("all => all.map(n => n.dataset.labRow)")
        assert names[0] == "stop at EOS"
        assert len(names) == 4
        page.wait_for_selector("#lab-curves .js-plotly-plot .scatterlayer .trace")
        expect(page.locator("#lab-averages .js-plotly-plot .scatterlayer .trace")).to_have_count(3)
        with page.expect_download() as saved:
            page.click("[data-lab-csv]")
        lines = saved.value.path().read_text().splitlines()
        assert lines[0].startswith("setting,AP,AP50")
        assert [line.split('"')[1] for line in lines[1:]] == names
        strangers = [one for one in requests if not one.startswith((url, "data:", "blob:"))]
        assert strangers == []


def test_stopping_a_sweep_keeps_its_rows(chromium, url):
    with browser_page(chromium, url) as page:
        open_tab(page, "P-R lab")
        page.click("#lab-knob input")
        page.get_by_role("option", name="Top-p (nucleus)").click()
        expect(page.locator(".p2s-lab-question")).to_contain_text("How much of the distribution")
        page.fill("#lab-images input[type=number]", "64")
        page.keyboard.press("Tab")
        page.click("#lab-run")
        page.wait_for_selector("[data-lab-row]")
        page.click("#lab-stop")
        page.wait_for_selector("[data-lab][data-state='stopped']")
        rows = page.locator("[data-lab-row]").count()
        expect(page.locator(".p2s-lab-status")).to_have_text(
            re.compile(rf"Stopped after {rows} of 7 settings")
        )


def test_about_names_the_loaded_checkpoint_and_draws_its_vocabulary(chromium, url):
    with browser_page(chromium, url) as page:
        open_tab(page, "About the model")
        page.wait_for_selector("[data-checkpoint='storyteller'].focus")
        assert page.locator(".p2s-ribbon-part").count() == 6
        assert "32 coordinate bins" in page.inner_text(".p2s-ribbon-legend")
        assert "goes nowhere else" in page.inner_text("body")


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_sticks_out_sideways(chromium, url, width):
    with browser_page(chromium, url, width=width, height=844) as page:
        write_both(page)
        page.wait_for_selector(".p2s-cdf-part.chosen")
        assert sideways(page) <= 0
        assert page.locator("[data-aligned]").count() >= 3
        page.get_by_role("tab", name="Many samples").click()
        page.click("#samples-run")
        page.wait_for_selector("[data-samples][data-state='done']")
        assert sideways(page) <= 0
        open_tab(page, "P-R lab")
        page.wait_for_selector("#lab-curves .js-plotly-plot")
        assert sideways(page) <= 0
        open_tab(page, "About the model")
        page.wait_for_selector("[data-checkpoint]")
        assert sideways(page) <= 0
