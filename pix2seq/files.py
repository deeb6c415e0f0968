"""Files that exist whole or not at all, whatever happens while they are written.

Content goes to a hidden neighbour, reaches the disk, and takes the old file's place in one step: a
full disk, a kill or a power cut leaves what was there before. And why a path is no file.
"""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pix2seq.config import ConfigError

_REMEDIES = {
    errno.ENOSPC: "; free some room or choose another disk",
    errno.EDQUOT: "; free some room or choose another disk",
    errno.EFBIG: "; free some room or choose another disk",
    errno.EROFS: "; choose a folder that may be written",
    errno.EACCES: "; choose a folder that may be written",
    errno.ENOENT: "; make its folder first",
    errno.ENOTDIR: "; choose a folder instead of that file",
}


@contextmanager
def replacing(*paths: str | Path) -> Iterator[tuple[Path, ...]]:
    """Write files that belong together: the body fills the given neighbours, then all move.

    A path that is no ordinary file (a pipe, ``/dev/null``) is written directly.

    Yields:
        A path to write to for each of ``paths``.

    Raises:
        ConfigError: naming the file and why it cannot be written; nothing has changed then.
    """
    targets = [Path(os.path.realpath(path)) for path in paths]
    parts = [_neighbour(path) if _is_ordinary(path) else path for path in targets]
    fresh = [(part, path) for part, path in zip(parts, targets, strict=True) if part != path]
    try:
        yield tuple(parts)
        for part, path in fresh:
            _settle(part)
            if os.path.isfile(path):
                shutil.copymode(path, part)
        for part, path in fresh:
            part.replace(path)
            _settle(path.parent)
    except OSError as error:
        raise cannot_write(paths[0], error) from None
    finally:
        for part, _ in fresh:
            _discard(part)


def move_in(part: Path, path: Path) -> None:
    """Give a finished folder its name: whatever had it is gone only when the new one is there.

    Args:
        part: a folder beside ``path``, complete.

    Raises:
        OSError: the disk does not take it.
    """
    for file in part.rglob("*"):
        _settle(file)
    before = _neighbour(path)
    if path.exists():
        path.rename(before)
    part.rename(path)
    _settle(path.parent)
    _discard(before)


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write a file. Raises ``ConfigError`` naming it when that is impossible."""
    with replacing(path) as (part,):
        part.write_bytes(content)


def write_text(path: str | Path, text: str) -> None:
    """Write text as UTF-8; what is no Unicode (an odd file name, say) is spelled out."""
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


def cannot_write(path: str | Path, error: OSError) -> ConfigError:
    """The one line that says which file could not be written, why, and what to do."""
    remedy = _REMEDIES.get(error.errno or 0, "")
    return ConfigError(f"cannot write {path}: {error.strerror or error}{remedy}")


def _is_ordinary(path: Path) -> bool:
    return os.path.isfile(path) or not os.path.exists(path)


def _neighbour(path: Path) -> Path:
    return path.with_name(f".{path.name[:80]}.{uuid.uuid4().hex[:12]}.part")


def _settle(path: Path) -> None:
    """Ask the system to put a file, or a folder's list of names, on the disk now."""
    if path.is_dir():
        with suppress(OSError):  # Windows, and some network disks, have no such request
            _sync(path, os.O_RDONLY)
    else:
        _sync(path, os.O_RDWR)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _discard(path: Path) -> None:
    if os.path.isdir(path):
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):  # most often it is simply not there
            path.unlink()


def no_file(path: str | Path) -> str:
    """Why a path is no file, and what to do: the second half of a sentence about it."""
    try:
        os.stat(path)
    except PermissionError:
        return "lies in a folder that may not be read; check its permissions"
    except (OSError, ValueError):  # not there, or no path
        pass
    return "is not a file; check the path"
