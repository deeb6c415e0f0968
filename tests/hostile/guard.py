"""What a hostile case may do: succeed, or refuse in one line. Nothing else.

``attempt`` runs one case. Python's audit events tell whether it started a program, opened a
connection, ran a pickle or wrote a file elsewhere; a traceback that would go to a server's log is
heard; a limit on the address space turns an attack on memory into a ``MemoryError`` before the
machine suffers.
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import gradio as gr
from hypothesis import HealthCheck, Phase, seed, settings

from pix2seq.config import ConfigError
from pix2seq.sampling.picking import compile_ahead
from tests.patience import allowed

SEED = int(os.environ.get("PIX2SEQ_FUZZ_SEED", "14"))
"""Same seed, same cases."""

TIMES = float(os.environ.get("PIX2SEQ_FUZZ_TIMES", "1"))
"""How many times the usual number of cases; for a night."""

MOST_SECONDS = 8.0
"""Of the processor, for one case: 5 on a quiet core, and half as many again for one that shares its
caches with other work (the largest pictures take 3 and 5)."""

MOST_WORK = 120
"""On a slower machine, as ``tests.patience`` measures it: where a piece of work takes 0.13 s, the
largest cases take 8 to 10."""

MOST_MEMORY = 2 << 30
"""Bytes that one case may ask for."""

LONGEST_MESSAGE = 600

DECLARED: dict[str, int] = {}
"""Cases by test, as ``hostile`` was told."""

COUNTED = {"cases": 0, "slowest": 0.0}
"""What really ran in this process."""

_PROGRAMS = ("subprocess.", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "pty.")
_NETWORK = ("socket.connect", "socket.sendto", "socket.getaddrinfo", "urllib.Request", "smtplib.")
_CHANGES = ("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.chmod")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def hostile(cases: int) -> Callable:
    """Settings of a hostile test: so many cases, always the same ones."""

    def decorate(test: Callable) -> Callable:
        DECLARED[test.__qualname__] = cases
        bounded = settings(
            max_examples=max(int(cases * TIMES), 1),
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=(Phase.generate, Phase.shrink),
        )
        return seed(SEED)(bounded(test))

    return decorate


@dataclass
class Watch:
    """What was seen while a case ran.

    Attributes:
        folders: where files may be written.
        ports: of this machine, that may be talked to.
    """

    folders: tuple[str, ...]
    ports: frozenset[int] = frozenset()
    seen: list[str] = field(default_factory=list)

    def hears(self, event: str, arguments: tuple) -> None:
        if event.startswith(_PROGRAMS):
            self.seen.append(f"started a program: {event} {arguments!r:.200}")
        elif event.startswith(_NETWORK):
            self._connects(event, arguments)
        elif event == "pickle.find_class" and arguments[0] not in ("collections", "torch._utils"):
            self.seen.append(f"ran a pickle: {arguments!r:.200}")
        elif event == "open":
            path, _, flags = arguments
            if isinstance(flags, int) and flags & _WRITING:
                self._writes(event, path)
        elif event.startswith(_CHANGES):
            self._writes(event, arguments[0])

    def is_told(self, *_: Any, **__: Any) -> None:
        """In place of ``traceback.print_exc``, by which Gradio tells an operator what it tripped
        over."""
        self.seen.append(f"printed a traceback: {traceback.format_exc()[-400:]}")

    def _connects(self, event: str, arguments: tuple) -> None:
        address = arguments[-1] if event == "socket.connect" else arguments[:2]
        if isinstance(address, tuple) and len(address) >= 2 and address[1] in self.ports:
            return
        if isinstance(address, str | bytes) and event == "socket.connect":
            return  # a Unix socket: asyncio's own
        self.seen.append(f"asked the network: {event} {address!r:.200}")

    def _writes(self, event: str, path: Any) -> None:
        if not isinstance(path, str | bytes | os.PathLike):
            return  # a descriptor that is open already
        where = os.path.realpath(os.fsdecode(path))
        if not where.startswith((*self.folders, "/dev/")) and "__pycache__" not in where:
            self.seen.append(f"wrote elsewhere: {event} {where}")


_watch: Watch | None = None
_hooked = False


def _hear(event: str, arguments: tuple) -> None:
    if _watch is not None:
        _watch.hears(event, arguments)


@contextmanager
def watched(*folders: Path | str, ports: tuple[int, ...] = ()) -> Iterator[Watch]:
    """Watch the whole process; what it must not do fails the test at the end."""
    global _watch, _hooked
    if not _hooked:
        import_module("matplotlib.pyplot")  # this and Numba read caches of their own, once
        compile_ahead()
        sys.addaudithook(_hear)  # for good: hooks cannot be taken off
        _hooked = True
    watch = Watch(tuple(os.path.realpath(one) for one in folders), frozenset(ports))
    _watch = watch
    print_exc = traceback.print_exc
    traceback.print_exc = watch.is_told
    try:
        yield watch
    finally:
        _watch = None
        traceback.print_exc = print_exc
    assert not watch.seen, "; ".join(watch.seen[:5])


@contextmanager
def memory_limit(more: int = MOST_MEMORY) -> Iterator[None]:
    """No more than so many bytes on top of what the process has."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (_address_space() + more, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def attempt(action: Callable[[], Any], *folders: Path | str) -> Any:
    """Run one case.

    Args:
        folders: where it may write, besides nowhere.

    Returns:
        What it gives, or the error that refuses it.

    Raises:
        AssertionError: it did anything else.
    """
    COUNTED["cases"] += 1
    started = time.process_time()
    with watched(*folders), memory_limit():
        try:
            outcome = action()
        except (ConfigError, gr.Error) as refusal:
            outcome = refusal
    seconds = time.process_time() - started
    COUNTED["slowest"] = max(COUNTED["slowest"], seconds)
    if seconds >= MOST_SECONDS:  # the machine's pace is asked for only then
        most = allowed(MOST_SECONDS, MOST_WORK)
        assert seconds < most, f"took {seconds:.1f} s, {most:.1f} s are allowed"
    if isinstance(outcome, ConfigError | gr.Error):
        one_line(str(outcome))
    return outcome


def one_line(message: str) -> None:
    """A refusal that people can read: one line, not a page, no traceback, no server's folder."""
    assert message.strip(), "an empty message"
    assert "\n" not in message.strip(), f"several lines: {message!r:.400}"
    assert len(message) <= LONGEST_MESSAGE, f"{len(message)} characters: {message!r:.300}"
    assert "Traceback" not in message and 'File "' not in message, message


def scratch() -> str:
    """The system's folder for temporary files, where uploads go."""
    return os.path.realpath(tempfile.gettempdir())


def _address_space() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[0]) * resource.getpagesize()
