"""Which code this is: the package's version, and the commit that it was made from."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

import pix2seq

COMMIT_FILE = "COMMIT"
"""Written into the package where it leaves its checkout: a Space, an image, a wheel."""

_PACKAGE = Path(__file__).resolve().parent


@cache
def commit() -> str | None:
    """The short hash, with a ``+`` where files have been changed since; ``None`` if unknown."""
    kept = _PACKAGE / COMMIT_FILE
    if kept.is_file():
        return kept.read_text().strip() or None
    top = _PACKAGE.parent
    if not (top / ".git").exists():  # else git would look further up, and find somebody else's
        return None
    try:
        asked = ["git", "-C", str(top), "describe", "--always", "--dirty=+", "--exclude=*"]
        done = subprocess.run(asked, capture_output=True, text=True, timeout=5)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None


def version_text() -> str:
    """Version and commit, for people: ``0.1.0 (044b2cd)``."""
    known = commit()
    return pix2seq.__version__ + (f" ({known})" if known else "")
