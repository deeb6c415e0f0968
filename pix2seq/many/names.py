"""What a picture is called decides its seed and, where no file says otherwise, its COCO id."""

from __future__ import annotations

import hashlib
import os


def printable(path: str) -> str:
    """A path as text that JSON, Parquet and a terminal can hold: bytes that are no UTF-8 become
    ``\\xNN``."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def seed_of(name: str, seed: int) -> int:
    """The seed of one picture of a run, in [0, 2^32): the same wherever and beside whatever it is
    written."""
    return _digest(f"{seed}\0{name}") >> 32


def image_id_of(name: str) -> int:
    """An id in [1, 2^52] for a picture that no COCO file numbers; a double holds it exactly."""
    return (_digest(name) >> 12) + 1


def _digest(text: str) -> int:
    """64 bits."""
    content = text.encode("utf-8", "surrogateescape")
    return int.from_bytes(hashlib.sha256(content).digest()[:8], "big")
