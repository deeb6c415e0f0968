"""Results as a folder of Parquet files, here or wherever fsspec reaches.

A part holds some hundred pictures and appears whole: its name changes when it is complete. Which
pictures the parts hold is read off them, so a run that goes on adds what is missing and no more.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable
from typing import Any

from pix2seq.batch.folders import make_folder
from pix2seq.batch.lines import table_schema
from pix2seq.config import ConfigError
from pix2seq.urls import is_url

_ROWS = 512
_UNFINISHED = "_unfinished-"  # Parquet readers pass over names that begin so


class ParquetParts:
    """A folder that grows by parts.

    Args:
        folder: a path or URL; made if needed.
        resume: go on with what is there; otherwise it must hold no Parquet file.
        first: look at what is there; one process does so for all.

    Raises:
        ConfigError: pyarrow is not installed, or the folder cannot be used.
    """

    def __init__(self, folder: str, resume: bool, first: bool = True) -> None:
        try:
            import pyarrow  # noqa: F401 - asked for before a model is loaded
            from pyarrow import fs
        except ImportError:
            raise ConfigError(
                "--parquet needs pyarrow; pip install 'pix2seq-explorer[parquet]'"
            ) from None
        self.folder = folder
        self._remote = is_url(folder)
        self._rows: list[dict[str, Any]] = []
        try:
            if self._remote:
                import fsspec

                store, self._path = fsspec.core.url_to_fs(folder)
                self._files = fs.PyFileSystem(fs.FSSpecHandler(store))
            else:
                make_folder(folder)
                self._files, self._path = fs.LocalFileSystem(), os.path.abspath(folder)
            self._files.create_dir(self._path, recursive=True)
            self._known = self._names(resume) if first else set()
        except ConfigError:
            raise
        except Exception as error:  # each store, and pyarrow, has errors of its own
            raise self._unusable(error) from None

    def add_missing(self, lines: Iterable[dict[str, Any]]) -> None:
        """Add the lines that no part holds yet; once, before others are added."""
        for line in lines:
            if line["name"] not in self._known:
                self.add(line)
        self._known = set()

    def add(self, line: dict[str, Any]) -> None:
        """Keep a line for the next part."""
        self._rows.append(line)
        if len(self._rows) == _ROWS:
            self.flush()

    def flush(self) -> None:
        """Write what is kept as a part."""
        if not self._rows:
            return
        import pyarrow as pa
        from pyarrow import parquet

        table = pa.Table.from_pylist(self._rows, schema=table_schema())
        name = f"part-{uuid.uuid4().hex}.parquet"
        place = f"{self._path}/{name}"
        # A store makes an object appear when it is closed; a file is renamed.
        first = place if self._remote else f"{self._path}/{_UNFINISHED}{name}"
        try:
            with self._files.open_output_stream(first) as file:
                parquet.write_table(table, file)
            if first != place:
                self._files.move(first, place)
        except Exception as error:
            raise self._unusable(error) from None
        self._rows = []

    def _names(self, resume: bool) -> set[str]:
        """The pictures that the parts hold; unfinished parts are removed."""
        from pyarrow import fs, parquet

        known: set[str] = set()
        for info in self._files.get_file_info(fs.FileSelector(self._path)):
            if info.base_name.startswith(_UNFINISHED):
                self._files.delete_file(info.path)
            elif info.base_name.endswith(".parquet"):
                if not resume:
                    raise ConfigError(
                        f"{self.folder} holds results already; go on with --resume, or remove them"
                    )
                with self._files.open_input_file(info.path) as file:
                    known.update(parquet.read_table(file, columns=["name"])["name"].to_pylist())
        return known

    def _unusable(self, error: Exception) -> ConfigError:
        reason = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, OSError) and error.errno:
            reason = os.strerror(error.errno)  # pyarrow tells it in three sentences
        return ConfigError(
            f"cannot write Parquet files to {self.folder}: {reason}; make room or choose another "
            "place, then go on with --resume"
        )
