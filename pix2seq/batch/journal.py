"""The journal of a run: one JSON line per finished picture, appended and flushed as they come.

It is the one truth about what is done. A line is written when everything else about its picture is,
in one ``write``; a run that was killed left whole lines and perhaps the beginning of one, which the
next run cuts off. COCO results and Parquet files are made from it, so they cannot disagree.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from pix2seq.batch.lines import to_json
from pix2seq.config import ConfigError
from pix2seq.processes import Processes

try:
    import fcntl
except ImportError:  # Windows: two runs on one file are not noticed there
    fcntl = None


class SharedLines:
    """A JSONL file to which one process appends, or several.

    Process 0 writes the file itself, the others one each beside it (``.rank1`` and so on), which
    process 0 adds to its own in the end, or when a later run goes on. Iterating reads all whole
    lines of the file itself.

    Args:
        path: created if needed.
        processes: who writes.
        resume: go on with what is there; otherwise the files must be empty.

    Raises:
        ConfigError: it cannot be written, another run writes it, or it holds results and ``resume``
            was not asked for.
    """

    def __init__(self, path: Path, processes: Processes, resume: bool) -> None:
        self.path, self.processes = path, processes
        self._file: Lines | None = None
        if processes.first:
            if not resume:
                refuse_results(path)
            self._file = Lines(path)
            self._take_over()
        processes.wait()
        if not processes.first:
            self._file = Lines(rank_file(path, processes.rank))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return read_lines(self.path) if self.path.is_file() else iter(())  # a device has no end

    def append(self, content: bytes) -> None:
        """Add whole lines; when this returns they survive the process."""
        self._file.append(content)

    def collect(self) -> None:
        """Bring all processes' lines into the one file; every process calls this."""
        if not self.processes.first:
            self.close()
        self.processes.wait()
        if self.processes.first:
            self._take_over()
        self.processes.wait()

    def close(self) -> None:
        self._file.close()

    def _take_over(self) -> None:
        """Add what the other processes wrote, each picture once, and remove their files."""
        others = rank_files(self.path)
        known = {line["name"] for line in self} if others else set()
        for other in others:
            for line in read_lines(other):
                if line["name"] not in known:
                    known.add(line["name"])
                    self.append(to_json(line))
            other.unlink()


class Lines:
    """A file that only grows, by whole lines; an unfinished last one is cut off first."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = open(path, "ab+", buffering=0)
            self._lock()
            if path.is_file():
                cut_unfinished_line(self._file)
        except OSError as error:
            raise _cannot_write(path, error) from None

    def append(self, content: bytes) -> None:
        try:
            while content:
                content = content[self._file.write(content) :]
        except OSError as error:
            raise _cannot_write(self.path, error) from None

    def close(self) -> None:
        self._file.close()

    def _lock(self) -> None:
        if fcntl is None:
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(f"{self.path} is being written by another run; wait for it") from None
        except OSError:  # a file system without locks
            pass


def refuse_results(path: Path) -> None:
    """Raises ``ConfigError`` if a run has written to ``path`` already."""
    for old in (path, *rank_files(path)):
        if old.is_file() and old.stat().st_size:
            raise ConfigError(f"{old} holds results already; go on with --resume, or remove it")


def rank_file(path: Path, rank: int) -> Path:
    """Where process ``rank`` above 0 writes what belongs to ``path``."""
    return path.with_name(f"{path.name}.rank{rank}")


def rank_files(path: Path) -> list[Path]:
    """All that are there."""
    prefix = f"{path.name}.rank"
    if not path.parent.is_dir():
        return []
    found = [p for p in path.parent.iterdir() if p.name.startswith(prefix)]
    return sorted(p for p in found if p.name.removeprefix(prefix).isdecimal())


def read_lines(path: str | Path) -> Iterator[dict[str, Any]]:
    """The whole lines of a journal; an unfinished last one is left out.

    Raises:
        ConfigError: a line is not a result.
    """
    with open(path, "rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return
            try:
                content = json.loads(line)
                content["name"]
            except (ValueError, TypeError, KeyError):
                raise ConfigError(
                    f"{path}: line {number} is not a result of detect; mend or remove it"
                ) from None
            yield content


def cut_unfinished_line(file: IO[bytes]) -> None:
    """Shorten a file to its last newline."""
    end = file.seek(0, os.SEEK_END)
    while end:
        start = max(0, end - 2**16)
        file.seek(start)
        at = file.read(end - start).rfind(b"\n")
        if at >= 0:
            file.truncate(start + at + 1)
            return
        end = start
    file.truncate(0)


def _cannot_write(path: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"cannot write {path}: {error.strerror or error}; make room or choose another place, then "
        "go on with --resume"
    )
