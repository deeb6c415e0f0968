"""The lesson plan: every link opens what its row speaks of, its numbers are the recordings', and
the sheet is printed from its questions."""

from __future__ import annotations

import json
import math
import re
from urllib.parse import parse_qs, urlparse

import pytest

from pix2seq.render.handout import draw_handout, main, questions_of
from pix2seq.ui.lab.argument import RECORDED
from pix2seq.ui.write.recordings import load_recording
from tests.browser import browser_page
from tests.test_architecture import ROOT

PLAN = ROOT / "docs" / "lesson-plan.md"
TEXT = PLAN.read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:7860/"
LINKS = sorted(set(re.findall(rf"\({re.escape(ADDRESS)}(\?[^)]+)\)", TEXT)))


def test_the_plan_has_links_and_all_of_them_are_scenes():
    assert len(LINKS) > 12
    assert TEXT.count(ADDRESS) >= len(LINKS)


@pytest.mark.browser
@pytest.mark.timeout(600)
def test_every_link_of_the_plan_opens_what_it_names(chromium, replay):
    with browser_page(chromium, replay) as page:
        for link in LINKS:
            asked = {key: values[0] for key, values in parse_qs(urlparse(link).query).items()}
            page.goto(replay + link)
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
    lines = [line[1:].split() for line in load_recording("scene-26")["lines"] if line[0] == "T"]
    first, bell, end = lines[0], lines[1], lines[30]
    assert f"cost {-float(first[3]):.2f} nats" in TEXT
    assert f"ln 6 = {math.log(6):.2f}" in TEXT
    likely = [int(one.split(":")[1]) / 1e4 for one in bell[11:13]]
    assert f"18 with {likely[0]:.2f}" in TEXT and f"{likely[1]:.2f}: neighbours" in TEXT
    assert f"EOS, with {round(int(end[9]) / 100)} %" in TEXT


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
