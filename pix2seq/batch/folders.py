"""Folders of results: where the file of each picture lies in one, and making them."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path, PurePosixPath

from pix2seq.config import ConfigError


def inside(name: str, ending: str) -> PurePosixPath:
    """Where a picture's file lies in a folder of results: the same folders as its own, below it
    whatever its name begins with."""
    parts = [part for part in name.replace("://", "/").split("/") if part not in ("", ".")]
    parts = ["up" if part == ".." else part for part in parts] or ["picture"]
    if len(os.fsencode(parts[-1] + ending)) > 250:
        parts[-1] = parts[-1][:100] + "-" + hashlib.sha256(os.fsencode(name)).hexdigest()[:16]
    return PurePosixPath(*parts[:-1], parts[-1] + ending)


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
