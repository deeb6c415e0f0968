"""Where an image file is, and where it probably is when it is not there.

File names in annotations come from other machines: with backslashes, with the label tool's own
folders, relative to a folder above or below the one that was given.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path, PureWindowsPath

from pix2seq.config import ConfigError
from pix2seq.images import SUFFIXES

_MOST_FOLDERS = 2000  # looked into before giving up


def find_file(folder: Path, name: str) -> Path:
    """The file that a ``file_name`` means, existing or not.

    A name with backslashes is read as Windows reads it, unless a file has them in its name.
    """
    path = folder / _native(name)
    if "\\" in name and not os.path.isfile(path):
        return folder.joinpath(*_parts(name))
    return path


def where_else(folder: Path, name: str) -> str:
    """A sentence about a file that is not there, with the remedy where one can be found."""
    meant = find_file(folder, name)
    said = f"file_name is {name!r}, but {str(meant)!r} is "
    said += "a folder" if os.path.isdir(meant) else "not there"
    parts = _parts(name)
    if parts and ".." not in parts:
        above = folder.absolute().parent
        for place in (above, *_folders_in(folder)):
            if os.path.isfile(place.joinpath(*parts)):
                return f"{said}; it is under {place}: give that with --images"
    if len(parts) > 1 and os.path.isfile(folder / parts[-1]):
        return (
            f"{said}; {folder / parts[-1]} is: keep only the last part of the file names, or give "
            "the folder that they are relative to"
        )
    return f"{said}; check the path, or give the folder that the names are relative to"


def pictures_in(folder: str | Path) -> list[Path]:
    """The pictures in a folder, by their endings. Raises ``ConfigError`` if there is none."""
    if not Path(folder).is_dir():
        raise ConfigError(f"{folder} is not a folder; give one with photos")
    found = sorted(path for path in Path(folder).iterdir() if path.suffix.lower() in SUFFIXES)
    if not found:
        raise ConfigError(f"{folder} has no photos in it ({', '.join(SUFFIXES)}); give another")
    return found


def _folders_in(folder: Path) -> Iterator[Path]:
    """The folders below, the first few thousand."""
    for root, _, _ in islice(os.walk(folder), _MOST_FOLDERS):
        yield Path(root)


def _parts(name: str) -> list[str]:
    """Folders and file of a name from any system, without drive and root."""
    path = PureWindowsPath(name)
    return [_native(part) for part in path.parts if part != path.anchor]


def _native(name: str) -> str:
    """The name as this system's file functions take it: UTF-8, whatever the locale says."""
    return os.fsdecode(name.encode("utf-8", "surrogateescape"))
