"""Progress of a long run: a bar on a terminal, now and then a line elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

_SECONDS_BETWEEN_LINES = 10.0


class Meter:
    """Counts pictures.

    Args:
        total: how many there are; ``None`` if nobody knows.
        shown: whether this process shows anything.
    """

    def __init__(self, total: int | None, shown: bool = True) -> None:
        from tqdm import tqdm

        self.total = total
        self.count = self.failed = 0
        self._lines = shown and not sys.stderr.isatty()
        self._bar = tqdm(
            total=total,
            unit="image",
            file=sys.stderr,
            disable=not shown or self._lines,
            dynamic_ncols=True,
        )
        self._start = self._told = time.perf_counter()

    def add(self, failed: bool) -> None:
        """One more picture."""
        self.count += 1
        self.failed += failed
        self._bar.update()
        if failed:
            self._bar.set_postfix(failed=self.failed, refresh=False)
        now = time.perf_counter()
        if self._lines and now - self._told >= _SECONDS_BETWEEN_LINES and self.count != self.total:
            self._told = now
            print(self._line(now), file=sys.stderr, flush=True)

    def say(self, text: str) -> None:
        """A line that the bar makes room for."""
        self._bar.write(text, file=sys.stderr)

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self._start

    def _line(self, now: float) -> str:
        rate = self.count / (now - self._start)
        failed = f", {self.failed} failed" if self.failed else ""
        if self.total is None:
            return f"{self.count} images, {rate:.2f} images/s{failed}"
        left = (self.total - self.count) / rate
        return (
            f"{self.count} of {self.total} images, {rate:.2f} images/s, {left:.0f} s left{failed}"
        )


@contextmanager
def meter(total: int | None, shown: bool = True) -> Iterator[Meter]:
    """A ``Meter`` whose bar is put away at the end."""
    one = Meter(total, shown)
    try:
        yield one
    finally:
        one._bar.close()
