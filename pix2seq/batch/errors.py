"""``errors.jsonl``: one line for every picture that could not be used, and why.

It speaks of the last run alone: a picture that failed is tried again by the next one.
"""

from __future__ import annotations

import json
from pathlib import Path

from pix2seq.batch.journal import rank_file, rank_files
from pix2seq.config import ConfigError
from pix2seq.many import Failure
from pix2seq.processes import Processes


class Errors:
    """The file, which exists only when there is something in it.

    Args:
        path: an older one is removed.
        processes: who writes.
    """

    def __init__(self, path: Path, processes: Processes) -> None:
        self.path, self.processes = path, processes
        if processes.first:
            try:
                for old in (path, *rank_files(path)):
                    old.unlink(missing_ok=True)
            except OSError as error:
                raise self._cannot_write(error) from None
        processes.wait()

    def add(self, name: str, failure: Failure) -> None:
        """Append a line."""
        rank = self.processes.rank
        path = rank_file(self.path, rank) if rank else self.path
        line = json.dumps({"file": name, "reason": failure.reason})
        try:
            with path.open("a", encoding="ascii") as file:
                file.write(line + "\n")
        except OSError as error:
            raise self._cannot_write(error) from None

    def collect(self) -> None:
        """Bring all processes' lines into the one file; every process calls this."""
        self.processes.wait()
        if not self.processes.first:
            return
        try:
            for other in rank_files(self.path):
                with self.path.open("ab") as file:
                    file.write(other.read_bytes())
                other.unlink()
        except OSError as error:
            raise self._cannot_write(error) from None

    def _cannot_write(self, error: OSError) -> ConfigError:
        return ConfigError(
            f"cannot write {self.path}: {error.strerror or error}; make room or name another place "
            "by --errors, then go on with --resume"
        )
