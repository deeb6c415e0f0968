"""Rows about writing: one sentence, a batch, and the loops that it is compared with."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType

import torch

from pix2seq.bench.row import Row
from pix2seq.bench.subject import Subject
from pix2seq.bench.timing import Steps, mean, shortest, step_times
from pix2seq.device import one_thread

ROOT = Path(__file__).parents[2]
_ROUNDS = 4
"""Times that single sentences are written for every repeat: they take a fraction of a second, and
what else uses the caches of a shared machine comes and goes within seconds."""
_NAIVE_TOKENS = 100
_OFFICIAL_TOKENS = 200


def single_rows(mini: Subject, official: Subject, repeats: int) -> Iterator[Row]:
    """One sentence at a time."""
    for subject in (mini, official):
        key = subject.name.replace(" ", "-")
        runs = [subject.stream, subject.looked_at, subject.bare, subject.read]
        full, told, bare, read = _turns(subject, runs, _ROUNDS * repeats)
        note = f"{1000 * mean(full):.2f} ms against {1000 * mean(bare):.2f}, {len(full)} tokens"
        ratio = mean(full) / mean(bare)
        what = f"a stream against a bare argmax loop, {subject.name}"
        yield Row(f"stream/{key}", what, ratio, "x", 1.10, note=note)
        what = f"the same, every number of every step looked at, {subject.name}"
        yield Row(f"stream-told/{key}", what, mean(told) / mean(bare), "x", 1.25)
        if subject is mini:
            what = "one token, mini, sampled and yielded"
            yield Row("token/mini", what, 1000 * mean(full), "ms", 1.2)
            continue
        size, floor = subject.bytes_per_token(), mean(read)
        note = f"{size / 1e6:.0f} MB a token at {size / floor / 1e9:.0f} GB/s, as one thread reads "
        note += f"a set of that size again and again, take {1000 * floor:.2f} ms"
        what = "one token against reading its weights and caches, official size"
        yield Row("token/floor", what, mean(bare) / floor, "x", 1.5, note=note)
        what = "token 500 against token 5, official size"
        yield Row("token/late", what, mean(bare[-10:]) / mean(bare[1:11]), "x", 1.2)


def _turns(subject: Subject, runs: Sequence[Steps], repeats: int) -> list[list[float]]:
    """``step_times`` of a subject's runs, in one thread if its decoder takes no more."""
    alone = subject.model.writes_on_one_core
    with one_thread() if alone else contextlib.nullcontext():
        return step_times(runs, repeats)


def batch_rows(mini: Subject, official: Subject, repeats: int) -> Iterator[Row]:
    """Sentences side by side."""
    for subject, goal in ((official, 4.0), (mini, 4.0)):
        key = subject.name.replace(" ", "-")
        one = sum(step_times([subject.stream], repeats)[0])
        eight = shortest(lambda subject=subject: subject.batch(8), repeats)
        note = f"{1000 * one / subject.length:.2f} ms a token alone, "
        note += f"{1000 * eight / subject.length / 8:.2f} in the batch"
        what = f"tokens/s of 8 sentences against one, {subject.name}"
        yield Row(f"batch-of-8/{key}", what, 8 * one / eight, "x", goal, higher=True, note=note)


def reference_rows(
    mini: Subject, official: Subject, pixels: torch.Tensor, repeats: int
) -> Iterator[Row]:
    """Against other people's loops, rebuilt in ``benchmarks/references.py``."""
    naive = "against encoding and re-reading everything for each token, mini, 100 tokens"
    theirs = "against the official loop's work per token, official size"
    references = _references()
    if references is None:
        note = "not measured: benchmarks/references.py comes with the repository only"
        yield Row("against/naive", naive, None, "x", 40, higher=True, note=note)
        yield Row("against/official", theirs, None, "x", 10, higher=True, note=note)
        return
    length = mini.model.config.max_tokens
    count = min(_NAIVE_TOKENS, length)
    ids = torch.randint(0, mini.tokenizer.vocab_size, (1, count), device=mini.device)
    every = 20  # the prefix grows evenly, so some lengths stand for all
    slow = step_times([lambda: references.naive_steps(mini.model, pixels, ids, every)], repeats)[0]

    def ours() -> Iterator[object]:
        with torch.inference_mode():
            memory = mini.model.encode_image(pixels)
            cache = mini.model.new_cache(memory)
        yield
        for place in range(count):
            with torch.inference_mode():
                mini.model.decode(ids[:, place : place + 1], cache=cache)
            yield

    fast = sum(step_times([ours], repeats)[0])
    yield Row("against/naive", naive, count * mean(slow) / fast, "x", 40, higher=True)

    count = min(_OFFICIAL_TOKENS, official.length)

    def official_loop() -> Iterator[object]:
        return references.official_steps(official.model.decoder, official.memory, count)

    slow, fast = step_times([official_loop, official.bare], max(1, repeats - 1))
    note = f"{1000 * mean(slow):.2f} ms against {1000 * mean(fast[:count]):.2f}, {count} tokens"
    figure = mean(slow) / mean(fast[:count])
    yield Row("against/official", theirs, figure, "x", 10, higher=True, note=note)


def _references() -> ModuleType | None:
    path = ROOT / "benchmarks" / "references.py"
    if not path.is_file():
        return None
    spec = importlib.util.spec_from_file_location("pix2seq_benchmark_references", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
