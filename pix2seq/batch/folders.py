"""Folders of results: where the file of each picture lies in one, and making them."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path, PurePosixPath

from pix2seq.config import ConfigError

_MOST_BYTES = 250  # of a name; most file systems take 255
_KEPT_BYTES = 100  # of one that is longer
_ABOVE = "_up_"  # stands for the folder above


def inside(name: str, ending: str) -> PurePosixPath:
    """Where a picture's file lies in a folder of results: the same folders as its own, below it
    whatever its name begins with; the folder above is one called ``_up_``."""
    parts = [part for part in name.replace("://", "/").split("/") if part not in ("", ".")]
    *folders, file = parts or ["picture"]
    return PurePosixPath(*map(_part, folders), _part(file, ending))


def _part(part: str, ending: str = "") -> str:
    """A part of a path that file systems take: a longer one is cut, and its digest tells it from
    others that begin so, or from what stands for the folder above."""
    if part == "..":
        return _ABOVE + ending
    content = os.fsencode(part)
    if part == _ABOVE or len(content + os.fsencode(ending)) > _MOST_BYTES:
        digest = hashlib.sha256(content).hexdigest()[:16]
        part = f"{content[:_KEPT_BYTES].decode('utf-8', 'ignore')}-{digest}"
    return part + ending


def file_in(folder: str, name: str, ending: str) -> Path:
    """One picture's file in a folder of results; the folders above it are made."""
    path = Path(folder) / inside(name, ending)
    make_folder(path.parent)
    return path


def make_folder(path: str | Path) -> None:
    """Make a folder, and those above it, if needed. Raises ``ConfigError`` if it cannot be."""
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        file = next(one for one in (Path(path), *Path(path).parents) if os.path.lexists(one))
        raise ConfigError(f"{file} is no folder; name another place") from None
    except OSError as error:
        raise ConfigError(
            f"cannot make the folder {path}: {error.strerror or error}; choose another place"
        ) from None
