"""How long a test waits, and how it tells slow code from a slow machine.

What must come is waited for as long as only a hang takes; how fast something is, is counted in
seconds of the processor and held against the pace that the machine has today.
"""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import psutil
from gradio_client import Client

PATIENCE = 240.0
"""Seconds for what must come, on a machine that does much else."""


def until(condition: Callable[[], object], what: str = "it", seconds: float = PATIENCE) -> None:
    """Wait for a condition, looked at a hundred times a second; ``AssertionError`` if it does not
    come within so many seconds."""
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, f"{what} did not come within {seconds:g} s"
        time.sleep(0.01)


def allowed(seconds: float, work: float) -> float:
    """Seconds of the processor that something may take: ``seconds``, and on a machine that is slow
    today as long as ``work`` times what it needs for a piece of work that does not change."""
    return max(seconds, work * _piece_of_work())


def end(process: subprocess.Popen) -> tuple[int, str, float]:
    """Send SIGTERM to a program whose standard error is a pipe, and wait for its end, 20 s of the
    clock at the machine's pace: ``TimeoutExpired`` where it takes longer.

    Returns:
        The exit code, what it said, and the seconds of the processor that it still took.
    """
    told = psutil.Process(process.pid).cpu_times()
    before = of_children()
    process.send_signal(signal.SIGTERM)
    try:
        _, said = process.communicate(timeout=allowed(20, work=300))
    finally:
        process.kill()
    seconds = of_children() - before - sum(told[:4])
    return process.returncode, said if isinstance(said, str) else said.decode(), seconds


@contextmanager
def program(url: str) -> Iterator[Client]:
    """An app's client for programs; by itself Gradio's gives an upload 5 s."""
    with closing(Client(url, verbose=False, httpx_kwargs={"timeout": PATIENCE})) as client:
        yield client


def of_children() -> float:
    """Seconds of the processor of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _piece_of_work() -> float:
    """Seconds of the processor that 100,000 small objects of JSON take, at best of three: 0.04 on
    a quiet core, 0.13 on a host at a third of its pace."""
    text = json.dumps([{"id": number, "bbox": [1, 2, 5, 6]} for number in range(100_000)])
    taken = []
    for _ in range(3):
        started = time.process_time()
        json.loads(text)
        taken.append(time.process_time() - started)
    return min(taken)
