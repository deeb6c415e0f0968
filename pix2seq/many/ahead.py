"""``read_ahead``: results that threads work out before somebody asks for them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

_AHEAD = 4  # results that wait per thread
_Item = TypeVar("_Item")
_Read = TypeVar("_Read")


def read_ahead(
    items: Iterable[_Item], read: Callable[[_Item], _Read], threads: int, ordered: bool = False
) -> Iterator[tuple[_Item, _Read]]:
    """``(item, read(item))`` of every item, a few of them read before they are asked for.

    Args:
        read: called in threads.
        ordered: keep the items' order; otherwise they come as they are done.
    """
    if threads < 1:
        for item in items:
            yield item, read(item)
        return
    pool = ThreadPoolExecutor(threads, thread_name_prefix="read")
    ending = sys.is_finalizing  # somebody may leave Python with a generator that is not done
    waiting: dict[Future, _Item] = {}  # in the order of the items
    try:
        for item in items:
            waiting[pool.submit(read, item)] = item
            if len(waiting) >= threads * _AHEAD:
                yield from _done(waiting, ordered)
        while waiting:
            yield from _done(waiting, ordered)
    finally:
        if not ending():
            pool.shutdown(wait=False, cancel_futures=True)


def _done(waiting: dict[Future, _Item], ordered: bool) -> Iterator[tuple[_Item, _Read]]:
    """At least one result, taken out of ``waiting``."""
    first = next(iter(waiting))
    if ordered:
        first.exception()  # waits
        done = [first]
    else:
        ready = wait(waiting, return_when=FIRST_COMPLETED).done
        done = [future for future in waiting if future in ready]
    for future in done:
        yield waiting.pop(future), future.result()
