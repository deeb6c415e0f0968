"""Compare, the experiments and About in a real browser, over a scripted model."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import expect

from pix2seq.categories import Categories
from pix2seq.sweep import Outcome, run_sweep
from pix2seq.tokenizer import Tokenizer
from pix2seq.ui.compare.recordings import PICTURES
from pix2seq.ui.compare.sides import PRESETS
from pix2seq.ui.lab import tab
from tests.axe import serious_problems
from tests.browser import WATCH_SHIFTS, browser_page, open_tab, running_app, storyteller

pytestmark = pytest.mark.browser

HOSTILE = "${window.pwned = 1}<img src=x onerror='window.pwned = 1'>{{pwned}}"


@pytest.fixture(scope="module")
def page(chromium):
    """One page for all tests here: opening it is most of their time."""
    with running_app() as url, browser_page(chromium, url) as opened:
        yield opened


def sideways(page) -> int:
    """Pixels that the page is wider than the window."""
    return page.evaluate("document.documentElement.scrollWidth - window.innerWidth")


def open_settings(page):
    """Open those of both sides."""
    for title in ("Settings of A, left", "Settings of B, right"):
        settings = page.get_by_role("button", name=title)
        if "open" not in settings.get_attribute("class"):
            settings.click()


def choose_pair(page, preset):
    """Choose what to compare, and wait for its recording."""
    page.check(f"#compare-preset input[value='{preset}']")
    page.wait_for_selector(f"[data-compare][data-recorded='{preset}'][data-verdict='true']")


def compare(page, preset="argmax", until="true"):
    """Write both sides of a pair, anew, and wait for the verdict; its settings have arrived when
    ``until`` (JS) holds."""
    open_tab(page, "Compare")
    page.get_by_role("tab", name="Two settings").click()
    page.wait_for_selector("[data-compare] .p2s-photo-image[src^='data:image/']")
    open_settings(page)
    if not page.is_checked(f"#compare-preset input[value='{preset}']"):
        choose_pair(page, preset)
    page.wait_for_function(until)
    before = page.get_attribute("[data-compare]", "data-runs")
    page.click("#compare-run")
    page.wait_for_function(
        """before => {
          const { runs, verdict, recorded } = document.querySelector("[data-compare]").dataset;
          return verdict === "true" && runs !== before && !recorded;
        }""",
        arg=before,
    )


def test_no_page_of_compare_opens_empty_even_without_a_model(chromium, replay):
    with browser_page(chromium, replay) as page:
        open_tab(page, "Compare")
        page.wait_for_selector("[data-compare][data-recorded='argmax'][data-verdict='true']")
        assert page.locator("#compare-preset label img").count() == len(PRESETS)
        open_settings(page)
        widgets = {"bins": ("#b-num-bins", "16"), "temperature": ("#b-temperature", "1.5")}
        for preset in PRESETS:
            choose_pair(page, preset)
            for side in "ab":
                assert page.locator(f"[data-side='{side}'] [data-box]").count() > 0, preset
            if preset in widgets:
                control, value = widgets[preset]
                expect(page.locator(f"{control} input[type=number]")).to_have_value(value)
            expect(page.locator("[data-compare] .p2s-recorded")).to_have_attribute(
                "data-moved", "false"
            )
        said = page.inner_text("[data-compare] .p2s-recorded")
        assert said.startswith(f"Recorded with mini on {PICTURES[preset]}, seed 0.")
        page.get_by_role("tab", name="Many samples").click()
        page.wait_for_selector("[data-samples][data-recorded][data-state='done']")
        assert page.locator("[data-cluster]").count() > 0
        assert page.locator(".p2s-curve-line.found").count() == 1


def test_a_recorded_pair_says_when_the_controls_have_left_it_and_plays_again(chromium, replay):
    with browser_page(chromium, replay) as page:
        open_tab(page, "Compare")
        page.wait_for_selector("[data-compare][data-recorded='argmax'][data-verdict='true']")
        page.click("[data-recorded-play]")
        page.wait_for_selector("[data-compare][data-verdict='false'][data-state='writing']")
        page.wait_for_selector("[data-compare][data-verdict='true'][data-state='done']")
        page.fill("#compare-seed input", "7")
        page.keyboard.press("Tab")
        expect(page.locator("[data-compare] .p2s-recorded")).to_contain_text("differ from it")
        page.fill("#compare-seed input", "0")
        page.keyboard.press("Tab")
        expect(page.locator("[data-compare] .p2s-recorded")).not_to_contain_text("differ from it")


def test_the_settings_of_both_sides_leave_no_gap_above_the_photos(page):
    """Write's own rules for what stands at its side once gave them a window's height."""
    open_tab(page, "Compare")
    page.get_by_role("tab", name="Two settings").click()
    settings = page.locator(".p2s-pair-side button").first.bounding_box()
    photos = page.locator("[data-compare]").bounding_box()
    if "open" not in page.locator(".p2s-pair-side button").first.get_attribute("class"):
        assert photos["y"] - settings["y"] < 80


def test_two_sentences_stand_beside_each_other_and_the_divergence_is_explained(page):
    compare(page)
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


def test_a_line_wipes_from_one_side_to_the_other_over_one_photo(page):
    compare(page)
    places = """[...document.querySelectorAll(".p2s-compare-side .p2s-photo")]
        .map((one) => one.getBoundingClientRect().x)"""
    apart = page.evaluate(places)
    page.click("[data-wipe-switch]")
    page.wait_for_timeout(100)
    left, right = page.evaluate(places)
    assert left == right and apart[0] != apart[1]
    page.locator("[data-wipe]").fill("20")
    line = page.locator(".p2s-wipe-line").bounding_box()
    photos = page.locator(".p2s-compare-photos").bounding_box()
    assert abs((line["x"] - photos["x"]) / photos["width"] - 0.2) < 0.01
    assert serious_problems(page) == []
    page.click("[data-wipe-switch]")
    assert page.evaluate(places) == apart


def test_pointing_at_an_object_lights_it_on_both_sides(page):
    compare(page)
    page.locator("[data-aligned='0'] .p2s-line-number").hover()
    for side in "ab":
        page.wait_for_selector(f"[data-side='{side}'] [data-box='0'].focus")
    page.wait_for_selector("[data-aligned='0'].focus")
    assert page.locator("[data-compare] [data-box].dim").count() > 0
    page.mouse.move(0, 0)
    page.wait_for_function("!document.querySelector('[data-compare] .focus, [data-compare] .dim')")


@pytest.mark.parametrize("width", [1440, 720])
def test_writing_both_sides_moves_nothing(page, width):
    open_tab(page, "Write")
    page.click("#speed input")
    page.get_by_role("option", name="8 tokens / s").click()
    page.set_viewport_size({"width": width, "height": 900})
    page.evaluate(WATCH_SHIFTS)
    compare(page)
    page.wait_for_timeout(300)
    moved = page.evaluate("shifts.filter(([, names]) => names.includes('p2s-'))")
    page.set_viewport_size({"width": 1440, "height": 900})
    open_tab(page, "Write")
    page.click("#speed input")
    page.get_by_role("option", name="as fast as it samples").click()
    assert page.locator(".p2s-cdf-part.chosen").count() == 2, "the explanation has come"
    assert moved == []


def test_a_new_picture_replaces_the_comparison_when_the_panel_is_next_looked_at(page):
    compare(page)
    page.get_by_role("tab", name="Many samples").click()
    page.click("#samples-run")
    page.wait_for_selector("[data-samples][data-state='done']:not([data-recorded])")
    shown = "document.querySelector('[data-compare] [data-side=a] img').src"
    before = page.evaluate(shown)
    open_tab(page, "Write")
    open_tab(page, "Compare")
    page.get_by_role("tab", name="Two settings").click()
    page.wait_for_timeout(500)
    assert page.get_attribute("[data-compare]", "data-verdict") == "true", "the same picture: kept"
    open_tab(page, "Write")
    old = page.evaluate("P2S.stage().record.image.id")
    page.click("#scene")
    page.wait_for_function("old => P2S.stage().record.image.id !== old", arg=old)
    open_tab(page, "Compare")
    page.wait_for_selector("[data-compare][data-recorded='argmax']")
    page.wait_for_function(f"before => {shown} !== before", arg=before)
    assert "Write both writes about" in page.inner_text("[data-compare] .p2s-recorded")
    page.get_by_role("tab", name="Many samples").click()
    page.wait_for_selector("[data-samples][data-recorded]")


def test_the_same_settings_are_said_to_be_the_same(page):
    same = """["temperature", "top-p"].every(name =>
      document.querySelector(`#a-${name} input`)?.value ===
      document.querySelector(`#b-${name} input`)?.value)"""
    compare(page, "write", until=same)
    assert page.inner_text(".p2s-verdict-title") == "Both wrote the same sentence, token by token"
    assert page.locator("[data-relation='first']").count() == 0
    assert page.locator("[data-relation='different']").count() == 0


def test_the_noise_preset_shows_that_only_the_reading_differs(page):
    shown = "document.querySelector('#b-noise input[value=show]')?.checked"
    compare(page, "noise", until=shown)
    assert "same sentence" in page.inner_text(".p2s-verdict-title")
    assert page.locator("[data-side='b'] [data-box][data-state='noise']").count() > 0
    assert page.locator("[data-side='a'] [data-state='noise']").count() == 0


def test_many_samples_agree_and_the_slider_asks_how_many(page):
    open_tab(page, "Compare")
    page.get_by_role("tab", name="Many samples").click()
    page.wait_for_selector("[data-samples] .p2s-photo-image[src^='data:image/']")
    page.click("#samples-run")
    page.wait_for_selector("[data-samples][data-state='done']:not([data-recorded])")
    page.wait_for_selector("[data-clusters] tbody tr")
    rows = page.locator("[data-clusters] tbody tr").count()
    assert rows == page.locator("[data-cluster]").count() > 3
    least = page.locator("[data-least]")
    least.focus()
    page.keyboard.press("End")
    expect(page.locator(".p2s-least span")).to_have_text("in at least 8 of 8")
    page.wait_for_function("n => document.querySelectorAll('[data-cluster]').length < n", arg=rows)
    counts = page.locator("[data-cluster]").evaluate_all("all => all.map(n => n.dataset.count)")
    assert set(counts) == {"8"}
    page.locator("[data-clusters] tbody tr").first.hover()
    page.wait_for_selector(".p2s-echo.focus")
    assert page.locator(".p2s-curve-line.found").count() == 1


def test_a_sweep_fills_table_and_plots_and_can_be_saved(page):
    requests = []
    page.on("request", lambda request: requests.append(request.url))
    open_tab(page, "Experiments")
    page.fill("#lab-images input[type=number]", "4")
    page.keyboard.press("Tab")
    page.click("#lab-run")
    page.wait_for_selector("[data-lab][data-state='done']")
    names = page.locator("[data-lab-row]").evaluate_all("all => all.map(n => n.dataset.labRow)")
    assert names[0] == "stop at EOS"
    assert len(names) == 4
    page.wait_for_selector("#lab-curves .js-plotly-plot .scatterlayer .trace", state="attached")
    expect(page.locator("#lab-averages .js-plotly-plot .scatterlayer .trace")).to_have_count(3)
    with page.expect_download() as saved:
        page.click("[data-lab-csv]")
    lines = saved.value.path().read_text().splitlines()
    assert lines[0].startswith("setting,AP,AP50")
    assert [line.split('"')[1] for line in lines[1:]] == names
    home = (page.evaluate("location.origin"), "data:", "blob:")
    strangers = [one for one in requests if not one.startswith(home)]
    assert strangers == []


def test_stopping_a_sweep_keeps_its_rows(page, monkeypatch):
    def patient(bench, settings, stopped, threshold):
        for event in run_sweep(bench, settings, stopped, threshold):
            yield event
            until = time.monotonic() + 60
            while isinstance(event, Outcome) and not stopped() and time.monotonic() < until:
                time.sleep(0.01)  # else it may have ended before somebody can stop it

    monkeypatch.setattr(tab, "run_sweep", patient)
    open_tab(page, "Experiments")
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


def test_about_names_the_loaded_checkpoint_and_draws_its_vocabulary(page):
    open_tab(page, "About the model")
    page.wait_for_selector("[data-checkpoint='storyteller'].focus")
    assert page.locator(".p2s-ribbon-part").count() == 6
    assert "32 coordinate bins" in page.inner_text(".p2s-ribbon-legend")
    assert "goes nowhere else" in page.inner_text("body")


def test_hostile_class_names_are_only_text(page):
    def evil(_):
        predictor = storyteller()
        names = tuple(f"{HOSTILE} {number}" for number in range(80))
        categories = Categories.contiguous(names)
        predictor.tokenizer = Tokenizer(predictor.tokenizer.config, categories)
        return predictor

    with running_app(evil) as url:
        victim = page.context.browser.new_page()
        victim.goto(url)
        victim.wait_for_function("window.P2S && P2S.stage && P2S.stage()")
        compare(victim)
        assert HOSTILE in victim.inner_text("[data-compare]")
        victim.get_by_role("tab", name="Many samples").click()
        victim.click("#samples-run")
        victim.wait_for_selector("[data-samples][data-state='done']:not([data-recorded])")
        victim.wait_for_selector("[data-clusters] tbody tr")
        assert HOSTILE in victim.inner_text("[data-clusters]")
        open_tab(victim, "About the model")
        victim.wait_for_selector("[data-checkpoint]")
        assert victim.evaluate("window.pwned") is None
        victim.close()


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_axe_finds_no_serious_problem(page, colours):
    dark = colours == "dark"
    page.evaluate("(dark) => document.body.classList.toggle('dark', dark)", dark)
    compare(page)
    problems = {}
    for name in ("Two settings", "Many samples"):
        page.get_by_role("tab", name=name).click()
        page.mouse.move(0, 0)
        page.wait_for_timeout(800)  # colours fade
        problems[name] = serious_problems(page)
    for name, part in (
        ("Experiments", "#lab-curves .js-plotly-plot"),
        ("About the model", "#about"),
    ):
        open_tab(page, name)
        page.wait_for_selector(part)
        page.wait_for_timeout(800)
        problems[name] = serious_problems(page)
    page.evaluate("document.body.classList.remove('dark')")
    assert {name: found for name, found in problems.items() if found} == {}


@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_sticks_out_sideways(page, width):
    page.set_viewport_size({"width": width, "height": 844})
    page.wait_for_timeout(2500)  # tabs that no longer fit move into a menu
    for name, part in (
        ("Compare", "#compare-tabs"),
        ("Experiments", "#lab-curves .js-plotly-plot"),
        ("About the model", "[data-checkpoint]"),
    ):
        open_tab(page, name)
        page.wait_for_selector(part)
        assert sideways(page) <= 0, name
    page.set_viewport_size({"width": 1440, "height": 900})
