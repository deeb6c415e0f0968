"""The record: what the stage receives, line by line."""

from __future__ import annotations

import json
import math

import pytest

from pix2seq.config import SamplingOptions
from pix2seq.ui.visit import record
from pix2seq.ui.visit.runs import Picture, Run
from pix2seq.ui.visit.writer import write
from tests import fakes
from tests.served import OBJECTS, SENTENCE, scripted_predictor


def written(predictor=None, **options) -> Run:
    predictor = predictor or scripted_predictor()
    run = Run(
        Picture(fakes.draw_picture()), predictor, predictor.resolve(SamplingOptions(**options))
    )
    for _ in write(run):
        pass
    return run


def lines_of(run: Run, kind: str) -> list[list[str]]:
    return [line[1:].split() for line in run.text.splitlines() if line[0] == kind]


def test_a_stage_without_picture_says_so():
    header = json.loads(record.picture_line(None, "why")[1:])
    assert header["image"] is None and header["run"] is None and header["message"] == "why"


def test_the_header_names_run_picture_vocabulary_and_options():
    run = written()
    header = json.loads(run.lines[0][1:])
    assert run.lines[0][0] == "R"
    assert header["run"] == run.id
    assert header["image"] == {"id": run.picture.id, "w": 120, "h": 90, "example": None}
    assert header["vocab"]["bins"] == 32
    assert header["vocab"]["classes"][0] == "person"
    assert header["options"]["top_p"] == 0.9


def test_every_token_has_a_line_in_order_with_its_numbers():
    run = written()
    tokens = lines_of(run, "T")
    assert [int(fields[1]) for fields in tokens] == SENTENCE
    assert [int(fields[0]) for fields in tokens] == list(range(len(SENTENCE)))
    assert "".join(fields[2] for fields in tokens) == "01234" * 3 + "5"
    assert all(0 <= int(fields[4]) <= 10_000 for fields in tokens)


@pytest.mark.parametrize("peak", [3.0, 4.3, 5.7, 7.9])
def test_a_tokens_probability_is_the_one_that_its_candidates_tell(peak):
    """The chip works it out from the surprise; 0.9849 was 0.99 there and 0.98 in the inspector."""
    told = []
    for fields in lines_of(written(scripted_predictor(peak=peak)), "T"):
        candidates = dict(field.split(":")[:2] for field in fields[11:])
        if fields[1] in candidates:
            told.append((math.exp(float(fields[3])), int(candidates[fields[1]]) / 10_000))
    assert len(told) >= 3
    assert all(abs(chip - candidate) < 6e-5 for chip, candidate in told), told


def test_a_token_takes_few_bytes():
    run = written()
    size = sum(len(line) for line in run.lines if line[0] == "T")
    assert size / len(SENTENCE) < 130


def test_objects_come_with_pixels_of_the_original_picture():
    objects = lines_of(written(), "B")
    assert [int(fields[5]) for fields in objects] == [label for _, label in OBJECTS]
    # The picture is 120 x 90 in a square input: its 120 px fill the width.
    x0 = float(objects[0][1])
    assert x0 == pytest.approx(0.1 * 120, abs=120 / 31)
    assert all(float(fields[4]) <= 90 for fields in objects)


@pytest.mark.parametrize(
    ("options", "state"),
    [
        ({"noise": "paper"}, "ok"),
        ({"noise": "show"}, "noise"),
        ({"noise": "drop"}, "dropped"),
        ({"noise": "paper", "score_threshold": 0.9}, "below"),
    ],
)
def test_each_object_says_what_became_of_it(options, state):
    objects = lines_of(written(scripted_predictor(noise=1), **options), "B")
    assert [fields[9] for fields in objects] == ["ok", state, "ok"]


def test_each_object_says_how_sure_its_edges_were():
    run = written()
    found = run.predictor.read(run.picture.encoded_by(run.predictor), run.steps, run.options)
    told = [int(fields[8]) for fields in lines_of(run, "B")]
    assert told == [round(10_000 * value) for value in found.edge_scores.tolist()]
    assert all(0 < value <= 10_000 for value in told)


def test_a_box_without_area_is_listed_as_flat():
    predictor = scripted_predictor(objects=[((0.5, 0.2, 0.5, 0.9), 0)])
    assert lines_of(written(predictor), "B")[0][9] == "flat"


def test_the_end_says_why():
    assert written().lines[-1].startswith("Eeos ")
    assert written(max_objects=2).lines[-1].startswith("Efull ")


def test_names_cannot_break_a_line():
    picture = Picture(fakes.draw_picture(), example='x"\n${alert(1)}<img src=x onerror=alert(1)>')
    text = record.picture_line(picture)
    assert text.count("\n") == 1
    assert json.loads(text[1:])["image"]["example"] == picture.example
