"""What ``train`` and ``distill`` share: recipes by name, and settings replaced on the way."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pix2seq.config import ConfigError
from pix2seq.resources import RECIPES


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """The run's folder, going on, and settings to replace."""
    parser.add_argument("--out", required=True, metavar="DIR", help="the run's folder")
    parser.add_argument("--resume", action="store_true", help="go on where it stopped")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="replace a setting, e.g. --set steps=500 (JSON values)",
    )


def recipe_names(folder: Path = RECIPES) -> str:
    """The bundled recipes of a folder, for help texts."""
    return ", ".join(sorted(path.stem for path in folder.glob("*.json")))


def recipe_file(name: str, folder: Path = RECIPES) -> Path:
    """A bundled recipe's file, or the file that has that path."""
    bundled = folder / f"{name}.json"
    return bundled if bundled.is_file() else Path(name)


def read_changes(assignments: Sequence[str]) -> dict[str, Any]:
    """``["steps=500"]`` to ``{"steps": 500}``; a value that is no JSON is a text."""
    changes = {}
    for assignment in assignments:
        name, separator, text = assignment.partition("=")
        if not separator or not name:
            raise ConfigError(f"--set {assignment!r} is not NAME=VALUE")
        try:
            changes[name] = json.loads(text)
        except json.JSONDecodeError:
            changes[name] = text
    return changes
