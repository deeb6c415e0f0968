"""Timing on machines that others use, too.

A ratio is measured side by side: both sides take turns in one run. Of every step's times the
shortest counts, because whatever else runs can only make a step longer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

Steps = Callable[[], Iterator[object]]
"""Starts a run; each ``next`` on what it returns is one step."""


def step_times(runs: Sequence[Steps], repeats: int) -> list[list[float]]:
    """Seconds of every step of every run, the shortest of ``repeats`` times; runs take turns."""
    best: list[list[float]] = [[] for _ in runs]
    for _ in range(repeats):
        for shortest, run in zip(best, runs, strict=True):
            for place, seconds in enumerate(_steps(run())):
                if place == len(shortest):
                    shortest.append(seconds)
                shortest[place] = min(shortest[place], seconds)
    return best


def shortest(run: Callable[[], object], repeats: int) -> float:
    """Seconds of a whole run, the shortest of ``repeats`` times."""
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
    return best


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _steps(steps: Iterator[object]) -> Iterator[float]:
    while True:
        start = time.perf_counter()
        try:
            next(steps)
        except StopIteration:
            return
        yield time.perf_counter() - start
