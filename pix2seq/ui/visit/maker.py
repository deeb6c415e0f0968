"""The command line of what makes recordings: which checkpoint, where to, and one number."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path


def maker_arguments(
    argv: Sequence[str] | None, what: str, folder: Path, number: str, usual: int
) -> argparse.Namespace:
    """Read it.

    Args:
        what: what is made, for ``--help``.
        folder: where recordings go unless ``--out`` says otherwise.
        number: the name of the maker's own option, a whole number, ``usual`` by default.
    """
    parser = argparse.ArgumentParser(description=what)
    parser.add_argument("--checkpoint", default="mini")
    parser.add_argument(f"--{number}", type=int, default=usual)
    parser.add_argument("--out", type=Path, default=folder)
    arguments = parser.parse_args(argv)
    arguments.out.mkdir(parents=True, exist_ok=True)
    return arguments
