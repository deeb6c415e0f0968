"""Steps in bursts: whoever sends them on pays for a message, not for a token.

A small model writes thousands of tokens per second, and what carries them to a visitor takes longer
for each message than the model for the token. Nobody sees the difference of a twentieth of a
second.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

FLUSH_SECONDS = 0.055
"""What is written waits so long at most."""

Step = TypeVar("Step")


def in_bursts(
    steps: Iterable[Step], clock: Callable[[], float] = time.monotonic
) -> Iterator[list[Step]]:
    """The steps, those together that come within ``FLUSH_SECONDS``; the first one alone."""
    burst: list[Step] = []
    flushed = -FLUSH_SECONDS
    for step in steps:
        burst.append(step)
        if clock() - flushed >= FLUSH_SECONDS:
            yield burst
            burst, flushed = [], clock()
    if burst:
        yield burst
