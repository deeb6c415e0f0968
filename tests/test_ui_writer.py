"""The generator behind Run, Step and Stop."""

from __future__ import annotations

from itertools import pairwise

from pix2seq.config import ConfigError, SamplingOptions
from pix2seq.ui.visit.runs import Picture, Run
from pix2seq.ui.visit.writer import FLUSH_SECONDS, write
from tests import fakes
from tests.served import SENTENCE, scripted_predictor


class Clock:
    """A clock that moves on by a fixed time whenever it is read."""

    def __init__(self, step: float) -> None:
        self.now, self.step = 0.0, step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


def new_run(**options) -> Run:
    predictor = scripted_predictor()
    options = predictor.resolve(SamplingOptions(**options))
    return Run(Picture(fakes.draw_picture()), predictor, options)


def test_the_record_only_grows():
    values = list(write(new_run()))
    assert all(later.startswith(earlier) for earlier, later in pairwise(values))
    assert values[-1].splitlines()[-1].startswith("Eeos")


def test_the_stage_hears_something_before_the_picture_is_encoded():
    run = new_run()
    first = next(write(run))
    assert first.endswith("Sencoding\n")
    assert run.predictor.model.images_encoded == 0


def test_fast_tokens_are_sent_in_bunches():
    slow = list(write(new_run(), clock=Clock(FLUSH_SECONDS)))
    fast = list(write(new_run(), clock=Clock(FLUSH_SECONDS / 100)))
    assert len(slow) >= len(SENTENCE)
    assert len(fast) < 6


def test_stop_ends_after_the_token_it_is_at():
    run = new_run()
    for text in write(run, delay=lambda: 1e-4):
        if text.count("\nT") == 7:
            run.cancelled.set()
    assert len(run.steps) == 7
    assert run.lines[-1].startswith("Estopped")
    assert not run.ended


def test_a_closed_generator_leaves_no_half_line():
    run = new_run()
    stream = write(run, delay=lambda: 1e-4)
    for _ in range(5):
        next(stream)
    stream.close()
    assert run.text.endswith("\n")


def test_step_writes_one_token_and_the_rest_follows_unchanged():
    run = new_run(seed=3)
    for expected in (1, 2, 3):
        list(write(run, limit=1))
        assert len(run.steps) == expected
    list(write(run))
    assert run.token_ids == SENTENCE
    assert run.ended
    assert not any(step.forced for step in run.steps)


def test_a_prompt_is_written_down_as_given():
    run = new_run()
    run.prompt, run.forced = tuple(SENTENCE[:3]), frozenset({2})
    list(write(run))
    assert [step.drawn for step in run.steps[:4]] == [False, False, False, True]
    assert [step.forced for step in run.steps[:4]] == [False, False, True, False]


def test_an_error_ends_the_record_with_its_message(monkeypatch):
    run = new_run()

    def fail(*_, **__):
        raise ConfigError("the weights are gone; load them again")

    monkeypatch.setattr(run.predictor, "stream", fail)
    text = list(write(run))[-1]
    assert text.splitlines()[-1].startswith("Eerror")
    assert "the weights are gone" in text


def test_a_picture_is_encoded_once_for_many_runs():
    run = new_run()
    list(write(run))
    again = Run(run.picture, run.predictor, run.options)
    list(write(again))
    assert run.predictor.model.images_encoded == 1
