"""``Looks``: pictures stand in line before the network, which looks at one at a time.

The network uses all cores for one picture, and the memory of a thread that has looked at one stays
with that thread: so there is one thread. Whoever stands in line is told how many are before them,
and may leave it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import Event, Lock

EVERY_SECONDS = 0.5


class Looks:
    """One line."""

    def __init__(self) -> None:
        self._eyes = ThreadPoolExecutor(1, thread_name_prefix="look")
        self._line: list[Future] = []
        self._lock = Lock()

    def __len__(self) -> int:
        """How many stand in line, the one that is looked at among them."""
        with self._lock:
            self._line = [turn for turn in self._line if not turn.done()]
            return len(self._line)

    def now(self, look: Callable[[], None]) -> None:
        """Stand in line until ``look`` has been called; raises what it raises."""
        self._join(look).result()

    def approach(self, look: Callable[[], None], cancelled: Event) -> Iterator[int]:
        """The same, but yield now and then how many are before; once ``cancelled``, stand there
        no longer (a look that has begun is not waited for)."""
        turn = self._join(look)
        try:
            if before := self._before(turn):
                yield before
            while not cancelled.is_set():
                if wait([turn], EVERY_SECONDS).done:
                    turn.result()
                    return
                yield self._before(turn)
        finally:
            turn.cancel()

    def _join(self, look: Callable[[], None]) -> Future:
        with self._lock:
            turn = self._eyes.submit(look)
            self._line.append(turn)
            return turn

    def _before(self, turn: Future) -> int:
        with self._lock:
            self._line = [one for one in self._line if not one.done()]
            return self._line.index(turn) if turn in self._line else 0
