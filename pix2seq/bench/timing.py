"""Timing on machines that others use, too.

A ratio is measured side by side: both sides take turns in one run. Of every step's times the
shortest counts, because whatever else runs can only make a step longer. With one thread on a CPU
the processor's time is taken instead of the clock's: what others use of it is then left out.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterator, Sequence

import torch

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


def seconds_now() -> float:
    """The time that durations are taken from."""
    alone = torch.get_num_threads() == 1 and not torch.cuda.is_available()
    return time.thread_time() if alone else time.perf_counter()


def seconds_of_children() -> float:
    """Processor time of all processes that were started from here and have ended."""
    times = os.times()
    return times.children_user + times.children_system


def shortest(
    run: Callable[[], object], repeats: int, now: Callable[[], float] = seconds_now
) -> float:
    """Seconds of a whole run, the shortest of ``repeats`` times."""
    best = float("inf")
    for _ in range(repeats):
        start = now()
        run()
        best = min(best, now() - start)
    return best


def wall_seconds(run: Callable[[], object]) -> float:
    """Seconds on the clock, whatever ran meanwhile."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def taking_turns(runs: Sequence[Steps], piece: int) -> list[list[float]]:
    """Seconds on the clock that runs take, piece by piece of so many steps, to the end of all.

    Each works on in its threads and processes, if it does, while it is another's turn: as far
    ahead as it ever gets.
    """
    going = [run() for run in runs]
    seconds: list[list[float]] = [[] for _ in runs]
    left = set(range(len(runs)))
    while left:
        for place in sorted(left):
            start = time.perf_counter()
            taken = sum(1 for _ in itertools.islice(going[place], piece))
            if taken:
                seconds[place].append(time.perf_counter() - start)
            if taken < piece:
                left.remove(place)
    return seconds


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _steps(steps: Iterator[object]) -> Iterator[float]:
    while True:
        start = seconds_now()
        try:
            next(steps)
        except StopIteration:
            return
        yield seconds_now() - start
