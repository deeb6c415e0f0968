"""Continuous batching: rows join, write and leave, and none notices the others."""

from __future__ import annotations

import random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pix2seq.config import ConfigError, SamplingOptions
from pix2seq.data import make_scene
from pix2seq.model import Pix2Seq
from pix2seq.predictor import load
from pix2seq.sampling import Batch, Job, sample_stream, write_many
from pix2seq.sampling.batch import Writer
from pix2seq.sampling.stopping import Stoppable
from tests.fakes import ScriptedModel, script, tiny_model, tiny_tokenizer
from tests.test_sampling import any_options, few, ids, write

TOKENIZER = tiny_tokenizer()
MODEL = tiny_model(spread=4.0)
MEMORY = torch.randn(12, 16, 32, generator=torch.Generator().manual_seed(0))


def alone(job: Job) -> list[int]:
    return ids(sample_stream(MODEL, job.memory, TOKENIZER, job.options, job.prefix))


def job(number: int, options: SamplingOptions, prefix=()) -> Job:
    memory = MEMORY[number % len(MEMORY)][None]
    return Job(memory, options.replace(seed=number), prefix, key=number)


@pytest.mark.parametrize("model", [Pix2Seq, Stoppable, ScriptedModel])
def test_a_model_and_what_wraps_one_has_all_that_sampling_asks_for(model):
    asked = {name for name in vars(Writer) if not name.startswith("_")}
    assert asked == {"new_cache", "reference_cache", "decode"}
    assert asked <= set(dir(model))


@few
@given(st.lists(any_options, min_size=1, max_size=12), st.integers(1, 5))
def test_every_row_writes_what_it_writes_alone(options, max_rows):
    """Each with its own image, options and seed; they end at different places."""
    jobs = [job(number, one) for number, one in enumerate(options)]
    rows = list(write_many(MODEL, TOKENIZER, jobs, max_rows))
    assert sorted(row.job.key for row in rows) == list(range(len(jobs)))
    for row in rows:
        assert ids(row.steps) == alone(row.job)


@pytest.mark.parametrize("seed", range(4))
def test_rows_may_come_and_go_between_any_two_tokens(seed):
    chance = random.Random(seed)
    batch, rows, numbers = Batch(MODEL, TOKENIZER), [], iter(range(12))
    taken_out = []
    while len(rows) < 12 or len(batch):
        if len(rows) < 12 and (chance.random() < 0.3 or not len(batch)):
            number = next(numbers)
            options = SamplingOptions(eos="delay" if number % 2 else "model")
            prefix = alone(job(number, options))[: chance.choice([0, 0, 3, 7])]
            rows.append(batch.join(job(number, options, prefix)))
        batch.step()
        writing = [row for row in rows if not row.finished and row not in taken_out]
        if writing and chance.random() < 0.05:
            taken_out.append(chance.choice(writing))
            batch.leave(taken_out[-1])
    for row in rows:
        expected = alone(row.job)
        if row in taken_out:
            assert ids(row.steps) == expected[: len(row.steps)]
        else:
            assert ids(row.steps) == expected
        assert all(step.drawn == (step.index >= len(row.prefix)) for step in row.steps)


def test_a_row_in_a_batch_tells_the_same_numbers():
    options = SamplingOptions(top_p=0.4, num_bins=8)
    rows = {
        row.job.key: row
        for row in write_many(MODEL, TOKENIZER, [job(i, options) for i in range(4)])
    }
    for number, row in rows.items():
        single = write(MODEL, row.job.memory, options.replace(seed=number))
        for a, b in zip(row.steps, single, strict=True):
            assert (a.index, a.slot, a.kept) == (b.index, b.slot, b.kept)
            assert a.logprob == pytest.approx(b.logprob, abs=1e-5)
            assert a.candidates[0].token_id == b.candidates[0].token_id


def test_jobs_are_taken_only_when_there_is_room():
    """An endless stream of images needs memory for the rows in flight, and for no more."""
    taken = 0

    def endless():
        nonlocal taken
        while True:
            taken += 1
            yield job(taken, SamplingOptions(max_objects=1, eos="delay"))

    finished = 0
    for _ in write_many(MODEL, TOKENIZER, endless(), max_rows=3):
        finished += 1
        assert taken <= finished + 3
        if finished == 10:
            break


def test_a_row_that_ends_makes_room_at_once():
    """Two short sentences take the time of one long one, not two rounds of batches."""
    long, short = [TOKENIZER.coord_ids[0]] * 10, [TOKENIZER.eos_id]
    tables = [
        script(one + short * (10 - len(one)), TOKENIZER.vocab_size, 40.0) for one in (long, short)
    ]
    model = ScriptedModel(torch.stack(tables))
    options = SamplingOptions(max_objects=2, grammar=False)
    jobs = [Job(torch.full((1, 16, 8), float(i > 0)), options, key=i) for i in range(11)]
    order = [row.job.key for row in write_many(model, TOKENIZER, jobs, max_rows=2)]
    assert order == [*range(1, 10), 0, 10] or order == [*range(1, 11), 0]
    assert model.forwards == 10


def test_jobs_about_one_image_share_what_is_computed_from_it():
    memory = MEMORY[:1]
    batch = Batch(MODEL, TOKENIZER)
    rows = [batch.join(Job(memory, SamplingOptions(seed=seed))) for seed in range(3)]
    assert all(row.image is rows[0].image for row in rows)


def test_a_row_may_leave_before_the_newest_has_begun():
    batch = Batch(MODEL, TOKENIZER)
    first, second = (batch.join(job(i, SamplingOptions())) for i in (1, 2))
    batch.step()
    third = batch.join(job(3, SamplingOptions()))
    batch.leave(first)
    while len(batch):
        batch.step()
    for row in (second, third):
        assert ids(row.steps) == alone(row.job)


def test_a_finished_row_lets_go_of_its_cache():
    row = next(write_many(MODEL, TOKENIZER, [job(0, SamplingOptions(max_objects=1))]))
    assert row.image == [] and row.own_cache is None


def test_no_job_is_no_row_and_no_room_is_refused():
    assert list(write_many(MODEL, TOKENIZER, [])) == []
    with pytest.raises(ConfigError, match="max_rows is 0"):
        list(write_many(MODEL, TOKENIZER, [], max_rows=0))
    with pytest.raises(ConfigError, match="num_bins is 99"):
        list(write_many(MODEL, TOKENIZER, [job(0, SamplingOptions(num_bins=99))]))


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_ten_thousand_tokens_of_mini_are_the_same_alone_and_among_others():
    """Different images: rows join and leave. One image, eight seeds: their queries are one matrix,
    which rounds otherwise; no token may change by it."""
    predictor = load("mini", "cpu")
    encodings = [predictor.encode(make_scene(seed=seed).image) for seed in range(8)]
    changes = [{"top_p": 1.0}, {"num_bins": 32}, {"eos": "model"}]
    jobs = [
        (encoding, SamplingOptions(**changes[seed % 3], seed=seed))
        for encoding in encodings
        for seed in range(24)
    ]
    single = [ids(predictor.stream(encoding, options)) for encoding, options in jobs]
    assert sum(map(len, single)) >= 10_000

    def written(order):
        encodings = [jobs[i][0] for i in order]
        for one in predictor.write_many(encodings, lambda place: jobs[order[place]][1]):
            yield order[one.index], ids(one.steps)

    by_image = list(range(len(jobs)))
    for order in (by_image, sorted(by_image, key=lambda i: i % 24)):
        for place, tokens in written(order):
            assert tokens == single[place]
