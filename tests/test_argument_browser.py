"""The argument page in a browser: a score moves every number, a count shows its boxes, a box its
sentence."""

from __future__ import annotations

import json

import pytest

from pix2seq.argument import Pair, as_record, measure, set_record, tell
from pix2seq.data.scenes import HARD, Scenes
from pix2seq.ui.lab import argument
from tests.browser import browser_page, open_tab, running_app, storyteller


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    pair = Pair.of(storyteller(), storyteller())
    scenes = Scenes(5, 4, size=64, kind=HARD)
    told = tell(pair, scenes)
    compared = measure(told, pair.control.categories, draws=20)
    one = set_record("hard scenes", pair, scenes, told, compared, pictures=2)
    path = tmp_path_factory.mktemp("lab") / "argument.json"
    path.write_text(json.dumps(as_record(pair, ("a", "b"), [one])))
    return path


@pytest.fixture(scope="module")
def url(recorded):
    usual, argument.RECORDED = argument.RECORDED, recorded
    with running_app() as address:
        yield address
    argument.RECORDED = usual


def counts(page) -> list[int]:
    return [
        int(text) for text in page.locator("[data-step=noise] .p2s-tally strong").all_inner_texts()
    ]


def test_a_score_moves_dots_and_counts(chromium, url):
    with browser_page(chromium, url) as page:
        open_tab(page, "Experiments")
        page.wait_for_selector("[data-step=noise]")
        slider = page.locator("[data-argument-score]")
        slider.fill("0")
        before, dot = counts(page), page.locator(".dot[data-side=noise] circle").get_attribute("cx")
        objects = before[0] + before[3]
        slider.fill("100")
        assert sum(counts(page)[:3]) < sum(before[:3])
        assert counts(page)[0] + counts(page)[3] == objects
        assert page.locator(".dot[data-side=noise] circle").get_attribute("cx") != dot or (
            counts(page)[0] == before[0]
        )
        slider.focus()
        page.keyboard.press("ArrowLeft")
        assert page.evaluate("document.activeElement.hasAttribute('data-argument-score')")


def test_a_count_shows_its_boxes_and_a_box_its_sentence(chromium, url):
    with browser_page(chromium, url) as page:
        open_tab(page, "Experiments")
        page.wait_for_selector("[data-step=noise]")
        page.locator("[data-argument-score]").fill("0")
        page.click("[data-count=on-wrong]")
        assert "wrong boxes in the first 2 pictures" in page.inner_text(".p2s-gallery h3")
        page.locator(".p2s-crop").first.click()
        row = page.locator(".p2s-crop-detail tr[data-focus=true]")
        assert row.get_attribute("data-verdict") == "wrong"
        assert page.locator(".p2s-crop-detail .p2s-judged[data-focus=true]").count() == 1
        page.click("[data-count=noise-missed]")
        assert page.locator(".p2s-crop").count() > 0


def test_another_file_is_shown_or_refused_in_words(chromium, url, recorded, tmp_path):
    other = tmp_path / "other.json"
    other.write_text(recorded.read_text().replace("hard scenes", "my photos"))
    wrong = tmp_path / "wrong.json"
    wrong.write_text("[]")
    with browser_page(chromium, url) as page:
        open_tab(page, "Experiments")
        page.wait_for_selector("[data-step=noise]")
        page.set_input_files("[data-open-argument]", wrong)
        page.wait_for_function(
            "document.querySelector('#argument').innerText.includes('not written by')"
        )
        page.set_input_files("[data-open-argument]", other)
        page.wait_for_function(
            "document.querySelector('#argument').innerText.includes('4 my photos')"
        )


def test_tables_and_axes_fit_a_phone(chromium, replay):
    with browser_page(chromium, replay, 390, 844) as page:
        open_tab(page, "Experiments")
        page.wait_for_selector("#lab-sheet [data-lab-row]")
        page.wait_for_selector("[data-doubles] td")
        cells = page.evaluate(
            """() => [...document.querySelectorAll(".p2s-lab-table :is(th, td)")]
              .filter((cell) => !cell.closest("thead"))
              .map((cell) => [cell.textContent, cell.getBoundingClientRect(), cell.scrollWidth])
              .map(([text, at, wide]) => [text, at.left, at.right, wide - Math.ceil(at.width)])"""
        )
        assert len(cells) > 30
        assert [one for one in cells if one[1] < 0 or one[2] > 390 or one[3] > 1] == []
        name = page.locator("#lab-sheet td").first.evaluate(
            "(cell) => getComputedStyle(cell, '::before').content"
        )
        assert name == '"AP"'
        crossed = page.evaluate(
            """() => [...document.querySelectorAll(".p2s-chart")].flatMap((chart) => {
              const texts = [...chart.querySelectorAll("text")];
              const at = texts.map((text) => text.getBoundingClientRect());
              return texts.flatMap((text, i) => texts.slice(i + 1).filter((_, j) => {
                const [a, b] = [at[i], at[i + 1 + j]];
                return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
              }).map((other) => `${text.textContent} over ${other.textContent}`));
            })"""
        )
        assert crossed == []
