"""Where a run's results go, and what of them is there already."""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pix2seq.batch.coco_files import write_dataset, write_results
from pix2seq.batch.errors import Errors
from pix2seq.batch.folders import make_folder
from pix2seq.batch.journal import SharedLines, refuse_results
from pix2seq.batch.lines import to_json
from pix2seq.batch.parquet import ParquetParts
from pix2seq.categories import Categories
from pix2seq.config import ConfigError
from pix2seq.many import Failure
from pix2seq.processes import Processes


@dataclass(frozen=True)
class Wanted:
    """What a command line asked for; ``None`` is not wanted, ``-`` is standard output.

    Attributes:
        jsonl, coco, coco_dataset, errors: files.
        parquet: a folder or URL.
        save, record: folders with one file per picture.
        named_by_coco: names are those of a COCO file.
        tokens: tell every token in JSONL and Parquet.
        resume: go on with what is there.
    """

    jsonl: str | None = None
    coco: str | None = None
    coco_dataset: str | None = None
    parquet: str | None = None
    save: str | None = None
    record: str | None = None
    errors: str | None = None
    named_by_coco: bool = False
    tokens: bool = False
    resume: bool = False

    @property
    def journal(self) -> str | None:
        """The JSONL file itself, or one beside the first output."""
        if self.jsonl is not None:
            return None if self.jsonl == "-" else self.jsonl
        outputs = (self.coco, self.coco_dataset, self.parquet, self.save, self.record)
        for path in outputs:
            if path not in (None, "-") and "://" not in path:
                return f"{path.rstrip('/')}.journal.jsonl"
        return None

    def check(self) -> None:
        """Before a model is loaded. Raises ``ConfigError`` if a run could not go on, or would
        write over another."""
        if self.resume and self.journal is None:
            raise ConfigError("--resume goes on with files; name one, for example --jsonl FILE")
        if self.journal is not None and not self.resume:
            refuse_results(Path(self.journal))

    @property
    def on_stdout(self) -> bool:
        return "-" in (self.jsonl, self.coco, self.coco_dataset)


class Outputs:
    """The open files of a run in one process.

    Args:
        wanted: what to write.
        categories: of the checkpoint.
        run: what tells this run's settings from another's; see ``fingerprint``.
        processes: who else writes.

    Attributes:
        failures: pictures of this process that could not be used.

    Raises:
        ConfigError: something cannot be written, or holds results of another run.
    """

    def __init__(
        self, wanted: Wanted, categories: Categories, run: str, processes: Processes | None = None
    ) -> None:
        self.wanted, self.categories, self.run = wanted, categories, run
        self.processes = processes or Processes()
        self.failures = 0
        place = self._place_of_journal()
        self._journal = None
        self._done: set[int] = set()  # hashes of names: a million of them are to fit
        if place is not None:
            self._journal = SharedLines(place, self.processes, wanted.resume)
            self._done = {hash(line["name"]) for line in self._checked()}
        self.already = len(self._done)
        for folder in (wanted.save, wanted.record):
            if folder is not None:
                make_folder(folder)
        self.errors = Errors(self._place_of_errors(), self.processes)
        self._parts = None
        if wanted.parquet is not None:
            self._parts = ParquetParts(wanted.parquet, wanted.resume, self.processes.first)
            if self._journal is not None and self.processes.first:
                self._parts.add_missing(self._journal)
            self.processes.wait()

    def done(self, name: str) -> bool:
        """Whether a picture's result is in the files already."""
        return hash(name) in self._done

    def add(self, line: dict[str, Any]) -> bool:
        """Write one picture's result; says whether it was new."""
        if self.done(line["name"]):
            return False
        line = {**line, "run": self.run}
        content = to_json(line)
        if self._journal is not None:
            self._journal.append(content)
        if self.wanted.jsonl == "-":
            sys.stdout.write(content.decode("ascii"))
            sys.stdout.flush()
        if self._parts is not None:
            self._parts.add(line)
        self._done.add(hash(line["name"]))
        return True

    def fail(self, name: str, failure: Failure) -> None:
        """Write one picture's failure to ``errors.jsonl``."""
        self.failures += 1
        self.errors.add(name, failure)

    def finish(self) -> int:
        """Bring all files to their end; returns the failures of all processes."""
        if self._parts is not None:
            self._parts.flush()
        failures = self.processes.agree(sum(self.processes.gather(self.failures)))
        self.errors.collect()
        if self._journal is not None:
            self._journal.collect()
            if self.processes.first and self.wanted.coco:
                write_results(self.wanted.coco, self._journal)
            if self.processes.first and self.wanted.coco_dataset:
                path, whole = self.wanted.coco_dataset, self.wanted.named_by_coco
                write_dataset(path, self._journal, self.categories, whole)
        self.close()
        return failures

    def close(self) -> None:
        """Let go of the files; a later run goes on from here."""
        if self._journal is not None:
            self._journal.close()
        if self._temporary is not None:
            self._temporary.cleanup()

    # ---- inside -----------------------------------------------------------------------------

    def _place_of_journal(self) -> Path | None:
        wanted, place = self.wanted, self.wanted.journal
        self._temporary = None
        wanted.check()
        if self.processes.count > 1 and (place is None or wanted.on_stdout):
            raise ConfigError(
                f"{self.processes.count} processes cannot share standard output; name a file, for "
                "example --jsonl FILE"
            )
        if place is None and (wanted.coco or wanted.coco_dataset):
            self._temporary = tempfile.TemporaryDirectory(prefix="pix2seq-")
            return Path(self._temporary.name) / "journal.jsonl"
        return None if place is None else Path(place)

    def _place_of_errors(self) -> Path:
        if self.wanted.errors:
            return Path(self.wanted.errors)
        return Path(self.wanted.journal or "").parent / "errors.jsonl"

    def _checked(self) -> Iterator[dict[str, Any]]:
        for line in self._journal:
            if line.get("run") != self.run:
                raise ConfigError(
                    f"{self.wanted.journal} was written with other settings (run "
                    f"{line.get('run')}, now {self.run}); use the same checkpoint and options, or "
                    "another file"
                )
            yield line


def fingerprint(settings: dict[str, Any]) -> str:
    """Eight digits that differ when any setting does."""
    text = json.dumps(settings, sort_keys=True, default=list)
    return hashlib.sha256(text.encode()).hexdigest()[:8]
