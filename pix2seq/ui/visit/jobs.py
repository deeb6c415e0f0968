"""``Jobs``: long work that a browser tab can cancel, at most one of a kind per tab."""

from __future__ import annotations

from collections import OrderedDict
from threading import Event, Lock


class Jobs:
    """Cancellation by session.

    Args:
        capacity: sessions remembered; the oldest is forgotten (its job goes on).
    """

    def __init__(self, capacity: int = 256) -> None:
        self._running: OrderedDict[str, Event] = OrderedDict()
        self._capacity = capacity
        self._lock = Lock()

    def begin(self, session: str) -> Event:
        """Start a job: the session's earlier one is cancelled. The event says "stop"."""
        cancelled = Event()
        with self._lock:
            before = self._running.pop(session, None)
            self._running[session] = cancelled
            while len(self._running) > self._capacity:
                self._running.popitem(last=False)
        if before is not None:
            before.set()
        return cancelled

    def stop(self, session: str) -> None:
        """Cancel the session's job, if there is one."""
        running = self._running.get(session)
        if running is not None:
            running.set()
