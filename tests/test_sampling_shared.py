"""Sentences of many threads in one batch: each is what it is alone, and none waits for a reader."""

from __future__ import annotations

import os
import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from pix2seq.config import ConfigError, SamplingOptions
from pix2seq.predictor import Predictor
from pix2seq.sampling import Job, SharedBatch, write_many
from tests.fakes import TINY_PREPROCESS, ScriptedModel, draw_picture, script
from tests.test_sampling import ids
from tests.test_sampling_batch import MODEL, TOKENIZER, alone, job

LONG = SamplingOptions(eos="delay", max_objects=8)


def test_threads_that_read_at_once_get_what_each_gets_alone():
    shared = SharedBatch(MODEL, TOKENIZER, max_rows=5)
    chance = random.Random(0)
    jobs = []
    for number in range(24):
        options = SamplingOptions(eos=chance.choice(["delay", "model"]), top_p=0.6)
        prefix = alone(job(number, options))[: chance.choice([0, 0, 4])]
        jobs.append(job(number, options, prefix))
    with ThreadPoolExecutor(8) as pool:
        written = list(pool.map(lambda one: ids(shared.stream(one)), jobs))
    assert written == [alone(one) for one in jobs]


def test_readers_share_the_forward_passes():
    ended = [TOKENIZER.coord_ids[0]] * 40
    model = ScriptedModel(script(ended, TOKENIZER.vocab_size, 40.0))
    shared = SharedBatch(model, TOKENIZER)
    options = SamplingOptions(grammar=False, max_objects=8)
    barrier = threading.Barrier(6)

    def read(_: int) -> int:
        stream = shared.stream(Job(torch.zeros(1, 16, 8), options))
        next(stream)
        barrier.wait()  # all are there before anybody goes on
        return 1 + sum(1 for _ in stream)

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(read, range(6))) == [40] * 6
    assert model.forwards <= 40 + 6  # the first ones came one by one


def test_a_lone_sentence_is_not_written_ahead_of_its_reader():
    model = ScriptedModel(script([TOKENIZER.coord_ids[0]] * 40, TOKENIZER.vocab_size, 40.0))
    stream = SharedBatch(model, TOKENIZER).stream(Job(torch.zeros(1, 16, 8), LONG))
    assert model.forwards == 0
    for count in range(1, 6):
        next(stream)
        assert model.forwards == count


def test_a_reader_who_pauses_holds_nobody_up():
    shared = SharedBatch(MODEL, TOKENIZER, max_rows=2)
    paused = shared.stream(job(0, LONG))
    begun = [next(paused) for _ in range(3)]
    for number in (1, 2, 3):
        assert ids(shared.stream(job(number, LONG))) == alone(job(number, LONG))
    assert ids([*begun, *paused]) == alone(job(0, LONG))


def test_a_stream_that_is_closed_leaves_the_batch():
    shared = SharedBatch(MODEL, TOKENIZER)
    closed, other = shared.stream(job(0, LONG)), shared.stream(job(1, LONG))
    next(closed), next(other)
    assert len(shared._batch) == 2
    closed.close()
    assert len(shared._batch) == 1
    assert [step.index for step in other] == list(range(1, 40))
    assert len(shared._batch) == 0


def test_what_cannot_be_written_is_said_before_the_first_step():
    shared = SharedBatch(MODEL, TOKENIZER)
    with pytest.raises(ConfigError, match="999"):
        shared.stream(job(0, SamplingOptions(max_objects=999)))
    with pytest.raises(ConfigError, match="vocabulary"):
        shared.stream(job(0, LONG, prefix=[10_000]))


def test_broken_weights_are_told_to_everybody_and_the_next_sentence_is_fresh():
    good = script([TOKENIZER.coord_ids[0]] * 40, TOKENIZER.vocab_size, 40.0)
    model = ScriptedModel(torch.stack([good, good]))
    shared = SharedBatch(model, TOKENIZER)
    first, second = (shared.stream(Job(torch.full((1, 16, 8), float(i)), LONG)) for i in (0, 1))
    next(first), next(second)
    model.table.fill_(float("nan"))
    for stream in (first, second):
        with pytest.raises(ConfigError, match="not numbers"):
            list(stream)
    model.table.copy_(torch.stack([good, good]))
    assert len(ids(shared.stream(Job(torch.zeros(1, 16, 8), LONG)))) == 40


def test_a_model_that_fails_at_one_sentence_fails_for_that_one_only():
    class Picky(ScriptedModel):
        def new_cache(self, memory, batch_size=None):
            if memory.max() > 5:
                raise ValueError("not about this image")
            return super().new_cache(memory, batch_size)

    model = Picky(script([TOKENIZER.coord_ids[0]] * 40, TOKENIZER.vocab_size, 40.0))
    shared = SharedBatch(model, TOKENIZER)
    good, bad = (shared.stream(Job(torch.full((1, 16, 8), x), LONG)) for x in (0.0, 9.0))
    next(good)
    with pytest.raises(ValueError, match="not about this"):
        next(bad)
    assert len(list(good)) == 39


def test_a_predictors_streams_are_written_together():
    model = ScriptedModel(script([TOKENIZER.coord_ids[0]] * 40, TOKENIZER.vocab_size, 40.0))
    predictor = Predictor(model, TOKENIZER, TINY_PREPROCESS)
    encoding = predictor.encode(draw_picture())
    one, two = predictor.stream(encoding, LONG), predictor.stream(encoding, LONG.replace(seed=3))
    for _ in zip(one, two, strict=False):
        pass
    assert model.forwards <= 42


def test_many_and_stream_write_the_same():
    options = SamplingOptions(top_p=0.5)
    shared = SharedBatch(MODEL, TOKENIZER)
    for row in write_many(MODEL, TOKENIZER, [job(i, options) for i in range(4)]):
        assert ids(row.steps) == ids(shared.stream(row.job))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_forked_process_begins_anew():
    """A Space's GPU is lent to a fork, which has none of the threads that were writing here."""
    shared = SharedBatch(MODEL, TOKENIZER)
    reading = shared.stream(job(0, LONG))
    next(reading)
    shared._busy = True  # another thread is at the batch while the process forks
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        torch.set_num_threads(1)
        written = ids(shared.stream(job(1, SamplingOptions(max_objects=2, eos="delay"))))
        os.write(writer, bytes([len(written)]))
        os._exit(0)
    os.waitpid(child, 0)
    shared._busy = False
    assert os.read(reader, 1) == bytes([10])
    assert len(list(reading)) == 39
