"""The lesson plan: every link opens what its row speaks of, its numbers are the recordings', and
the sheet is printed from its questions."""

from __future__ import annotations

import json
import math
import re
from urllib.parse import parse_qs, urlparse

import pytest

from pix2seq.render.handout import TOP_EDGE, draw_handout, main, questions_of
from pix2seq.ui.lab.argument import RECORDED
from pix2seq.ui.visit.examples import open_example
from pix2seq.ui.write.recordings import load_recording
from tests.browser import browser_page, visit
from tests.story import OBJECT, STORY, fork, names, tokens
from tests.test_architecture import ROOT

PLAN = ROOT / "docs" / "lesson-plan.md"
TEXT = PLAN.read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:7860/"
LINKS = sorted(set(re.findall(rf"\({re.escape(ADDRESS)}(\?[^)]+)\)", TEXT)))


def test_the_plan_has_links_and_all_of_them_are_scenes():
    assert len(LINKS) > 12
    assert TEXT.count(ADDRESS) >= len(LINKS)


@pytest.mark.browser
def test_every_link_of_the_plan_opens_what_it_names(chromium, replay):
    with browser_page(chromium, replay) as page:
        for link in LINKS:
            asked = {key: values[0] for key, values in parse_qs(urlparse(link).query).items()}
            visit(page, replay + link)
            page.wait_for_function("window.P2S?.stage?.()?.record.image")
            page.locator(f"#tab-{asked.get('tab', 'write')}").wait_for(state="visible")
            if "ex" in asked:
                page.wait_for_function(
                    "name => P2S.stage().record.image.example === name", arg=asked["ex"]
                )
            if "token" in asked:
                page.wait_for_function(
                    "token => P2S.stage().selected === token - 1", arg=int(asked["token"])
                )
            if "panel" in asked:
                page.wait_for_function(
                    "name => P2S.dock().shown?.name === name", arg=asked["panel"]
                )
            if "lesson" in asked:
                page.wait_for_selector(f"[data-lesson={asked['lesson']}][aria-selected=true]")
            if "sweep" in asked:
                page.wait_for_selector("[data-lab]:has-text('How fine must coordinates be')")
            if "set" in asked:
                page.wait_for_selector(f"[data-argument-set='{asked['set']}'][aria-pressed=true]")
                assert page.inner_text(".p2s-argument-score output") == asked["above"]
            assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def test_the_plans_numbers_are_those_of_the_recordings():
    told, said = tokens(), names()
    objects = said.index("noise")
    assert set(said[objects:]) == {"noise"}
    first, bell, end = told[0], told[1], told[OBJECT * objects]
    here, likely = bell.text, dict(bell.likeliest)[bell.text]
    beside, less = next(one for one in bell.likeliest if one[0] != here)
    assert abs(int(here) - int(beside)) == 1
    tree, at, ends = fork()
    one, other = (way.text for way in tree.path(0)[at].alternatives[:2])
    edge, after = tree.path(0)[at - 1].text, f"token={OBJECT * objects + 1})"
    vectors = sum(expected_memory())
    width = open_example(STORY).image.width
    for sentence in (
        f"cost {first.surprise:.2f} nats",
        f"costs {first.surprise:.2f} nats",
        f"ln {objects} = {math.log(objects):.2f}",
        f"xmin was {here} with {likely:.2f}. What has {beside}?",
        f"{less:.2f}: neighbours",
        f"Bin {beside} in place of {here}, bin 20 in place of {here}:",
        f"with 256 bins over {width} pixels {width / 255 / 2:.1f} pixel",
        f"After top edge {edge}:",
        f"at {other}, where the {ends[1]} begins, beside {one} for the {ends[0]}",
        f"press the ghost at {other}",
        f"What is lost if the {ends[1]} comes first?",
        f"nothing: the {ends[0]} follows",
        after,
        f"EOS, with {round(100 * end.eos)} %",
        f"{number_word(len(said) - objects)} more boxes follow, all called noise",
        f"{vectors:,} vectors",
        f"The top edge is {edge}.",
        f"the sentence about the {ends[0]}",
    ):
        assert sentence in TEXT
    assert TOP_EDGE == int(edge), "the sheet's picture shows this line"


def expected_memory() -> tuple[int, int]:
    """Cells and drafts' vectors of the memory that the opening was written from."""
    (seen,) = (line for line in load_recording(STORY)["lines"] if "grid" in line)
    encoder = json.loads(seen.removeprefix("Swriting "))
    rows, columns = encoder["grid"]
    return rows * columns, OBJECT * encoder.get("drafts", 0)


def number_word(number: int) -> str:
    """Up to twenty in words, as a sentence begins."""
    few = "No One Two Three Four Five Six Seven Eight Nine Ten Eleven Twelve Thirteen Fourteen"
    return [*few.split(), "Fifteen", "Sixteen"][number]


def test_the_plans_answer_about_noise_is_what_the_experiment_found():
    record = json.loads(RECORDED.read_text(encoding="utf-8"))
    photos = next(one for one in record["sets"] if one["title"] == "labelled photos")
    at = record["thresholds"].index(0.5)

    def change(later: str, earlier: str, what: str) -> float:
        return 100 * (photos["sides"][later][what][0][at] - photos["sides"][earlier][what][0][at])

    assert f"{change('on', 'stop', 'recall'):+.1f} points of recall" in TEXT
    assert f"{-change('on', 'stop', 'precision'):.1f} points of precision" in TEXT
    low, high = (ends[at] for ends in photos["differences"]["noise-stop"]["precision"])
    assert low < 0 < high, "back within what can be measured"


def test_the_sheet_is_a_pdf_of_two_pages_with_the_plans_questions(tmp_path, capsys):
    out = tmp_path / "sheet.pdf"
    assert main([str(PLAN), str(out)]) == 0
    assert out.read_bytes().startswith(b"%PDF") and "2 pages" in capsys.readouterr().out
    drawn = " ".join(
        text.get_text() for page in draw_handout(questions_of(TEXT)) for text in page.texts
    )
    for question in questions_of(TEXT):
        assert question.split(".")[0].split(",")[0][:30] in drawn.replace("\n", " ")


def test_a_plan_without_questions_is_refused_in_words(tmp_path, capsys):
    plan = tmp_path / "plan.md"
    plan.write_text("# A plan\n")
    assert main([str(plan), str(tmp_path / "x.pdf")]) == 2
    assert "no numbered questions" in capsys.readouterr().err
    assert not (tmp_path / "x.pdf").exists()
