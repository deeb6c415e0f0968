"""Every question that the page can ask, put to the bundled checkpoint and not to a stand-in."""

from __future__ import annotations

import pytest

import pix2seq
from pix2seq.ui.visit.context import AppContext
from pix2seq.ui.visit.examples import open_example
from pix2seq.ui.visit.runs import Run
from pix2seq.ui.visit.shelf import ModelShelf
from pix2seq.ui.visit.writer import write
from pix2seq.ui.write.answers import Answers
from pix2seq.ui.write.edits import edited_prompt

pytestmark = pytest.mark.slow

QUESTIONS = [
    *(("look_around", {"x": x, "y": y}) for x, y in ((5, 5), (300, 200), (599, 399))),
    ("look_around", {"x": 300, "y": 200, "layer": 0, "head": 0}),
    *(("attention", {"index": i}) for i in (0, 4, 7)),
    *(("explain", {"index": i}) for i in (0, 4)),
    ("snippets", {}),
    ("reread", {}),
    *(("export", {"kind": kind}) for kind in ("png", "svg", "gif", "json", "coco")),
]


@pytest.fixture(scope="module")
def asked():
    """Answers, a run of three objects, and one that begins with a drawn box."""
    predictor = pix2seq.load("mini", "cpu")
    context = AppContext(ModelShelf(lambda name: predictor), "mini", [("mini", "mini")])
    context.shelf.get("mini")
    options = predictor.resolve(pix2seq.SamplingOptions(max_objects=3, seed=1))
    run = context.runs.add(Run(open_example("coffee"), predictor, options))
    list(write(run))
    prompt = edited_prompt(
        run, run.token_ids, {"box": {"ymin": 17, "xmin": 172, "ymax": 308, "xmax": 400}}
    )
    drawn = Run(
        run.picture,
        predictor,
        options,
        prompt=prompt.ids,
        forced=prompt.forced,
        behind=prompt.behind,
    )
    list(write(context.runs.add(drawn)))
    return Answers(context), run, drawn


@pytest.mark.parametrize(("name", "question"), QUESTIONS, ids=str)
def test_it_is_answered(asked, name, question):
    answers, run, _ = asked
    answer = getattr(answers, name)({"run": run.id, **question})
    assert "error" not in answer, answer.get("error")
    if name == "look_around":
        assert answer["peak"] > 2 / (answer["rows"] * answer["columns"]), "the map is not flat"


def test_a_place_is_named_first_and_called_written_behind_its_own_sentence(asked):
    answers, _, drawn = asked
    answer = answers.asked({"run": drawn.id})
    assert answer["first"]["classes"][0]["name"] == "cup" and not answer["first"]["isNoise"]
    assert answer["behind"]["isNoise"]


def test_a_sentence_without_a_drawn_box_has_no_such_answer(asked):
    answers, run, _ = asked
    assert "does not begin with a whole box" in answers.asked({"run": run.id})["error"]
