"""Edits: what people do on the stage, as token ids."""

from __future__ import annotations

import pytest

from pix2seq.config import ConfigError, SamplingOptions
from pix2seq.ui.visit.runs import Picture, Run
from pix2seq.ui.write.edits import edited_prompt
from tests import fakes
from tests.served import SENTENCE, scripted_predictor


@pytest.fixture
def run() -> Run:
    predictor = scripted_predictor()
    return Run(
        Picture(fakes.draw_picture(120, 120)), predictor, predictor.resolve(SamplingOptions())
    )


def test_no_edit_keeps_what_is_on_view(run):
    assert edited_prompt(run, SENTENCE[:7], {}).ids == tuple(SENTENCE[:7])


def test_another_token_drops_what_came_behind_it(run):
    assert edited_prompt(run, SENTENCE, {"index": 2, "token": 20}).ids == (*SENTENCE[:2], 20)


def test_writing_again_from_a_place_keeps_only_what_is_before(run):
    assert edited_prompt(run, SENTENCE, {"index": 5}).ids == tuple(SENTENCE[:5])


def test_a_dragged_edge_becomes_the_bin_under_it(run):
    first = run.predictor.tokenizer.coord_ids.start
    prompt = edited_prompt(run, SENTENCE, {"index": 1, "pixel": 60.0}).ids
    assert prompt[-1] - first in (15, 16)  # the middle of 32 bins
    assert edited_prompt(run, SENTENCE, {"index": 0, "pixel": -50}).ids[-1] == first
    assert edited_prompt(run, SENTENCE, {"index": 0, "pixel": 999}).ids[-1] == first + 31


def test_another_class_becomes_its_token(run):
    prompt = edited_prompt(run, SENTENCE, {"index": 4, "label": 16}).ids
    assert run.predictor.tokenizer.describe(prompt[-1]).text == "dog"


@pytest.mark.parametrize(("given", "count"), [(1, 1), (2, 2), (3, 3), (4, 4)])
def test_a_drawn_prompt_gives_the_coordinates_that_were_drawn(run, given, count):
    box = dict(list({"ymin": 10, "xmin": 20, "ymax": 60, "xmax": 90}.items())[:given])
    prompt = edited_prompt(run, [], {"box": box}).ids
    assert len(prompt) == count
    bins = [run.predictor.tokenizer.describe(i).value for i in prompt]
    assert bins == [round(v / 120 * 31) for v in box.values()]


def test_a_drawn_prompt_begins_a_sentence_of_its_own(run):
    """Behind a finished sentence a trained model answers every box with noise."""
    prompt = edited_prompt(run, SENTENCE, {"box": {"ymin": 10, "xmin": 20}})
    assert len(prompt.ids) == 2 and prompt.forced == {0, 1}
    assert prompt.behind == tuple(SENTENCE[:15])  # EOS is gone
    prompt = edited_prompt(run, SENTENCE[:8], {"box": {"ymin": 10}})
    assert prompt.behind == tuple(SENTENCE[:5])


def test_only_what_a_person_gave_is_forced_now_and_in_later_edits(run):
    first = edited_prompt(run, SENTENCE, {"index": 7, "token": 20})
    assert first.forced == {7}
    run.forced = first.forced
    later = edited_prompt(run, [*first.ids, *SENTENCE[8:]], {"index": 11, "token": 20})
    assert later.forced == {7, 11}
    assert edited_prompt(run, SENTENCE, {"index": 3}).forced == frozenset()
    assert edited_prompt(run, SENTENCE[:9], {}).forced == {7}


@pytest.mark.parametrize(
    "edit",
    [
        {"index": 99, "token": 5},
        {"index": -1, "token": 5},
        {"index": 1.5, "token": 5},
        {"index": True, "token": 5},
        {"index": "x", "token": 5},
        {"index": 0, "token": 10**9},
        {"index": 0, "token": None},
        {"index": 4, "label": 80},
        {"index": 4, "label": -1},
        {"index": 4, "pixel": 10},
        {"index": 0, "pixel": float("nan")},
        {"index": 0, "pixel": "10"},
        {"box": {}},
        {"box": "everything"},
        {"box": {"ymin": "10"}},
    ],
)
def test_an_edit_that_makes_no_sense_is_named(run, edit):
    with pytest.raises(ConfigError):
        edited_prompt(run, SENTENCE, edit)


def test_another_path_is_the_models_but_for_the_token_where_it_parts(run):
    other = [*SENTENCE[:6], SENTENCE[6] + 1, *SENTENCE[7:]]  # EOS at its end is not given
    prompt = edited_prompt(run, SENTENCE, {"ids": other})
    assert prompt.ids == tuple(other[:-1])
    assert prompt.forced == {6}
    assert edited_prompt(run, SENTENCE, {"ids": SENTENCE}).forced == frozenset()


@pytest.mark.parametrize("ids", [[], "12", [10**6], [1.5], [None]])
def test_a_path_of_no_tokens_is_refused(run, ids):
    with pytest.raises(ConfigError):
        edited_prompt(run, SENTENCE, {"ids": ids})
