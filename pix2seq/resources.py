"""Where the files beside the code are: bundled pictures, scene objects, checkpoints, recipes.

A checkout keeps ``assets/`` and ``checkpoints/`` at its top, where people look for them. A wheel
carries both inside the package, under ``bundled/`` (see ``setup.py``). Only this module knows.
"""

from __future__ import annotations

from importlib.metadata import distribution
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
_BUNDLED = PACKAGE / "bundled"
_INSTALLED = _BUNDLED.is_dir()
_TOP = _BUNDLED if _INSTALLED else PACKAGE.parent
_NAME = "pix2seq-explorer"

ASSETS = _TOP / "assets"
CHECKPOINTS_FOLDER = _TOP / "checkpoints"
RECIPES = PACKAGE / "configs"


def requirements() -> list[str]:
    """What running needs, one requirement each: from ``requirements.txt``, or the wheel's copy."""
    if _INSTALLED:
        required = distribution(_NAME).requires or []
        return [line.partition(";")[0].strip() for line in required if "extra ==" not in line]
    lines = (PACKAGE.parent / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [text for line in lines if (text := line.partition("#")[0].strip())]


def licence_text() -> str:
    """The licence of the code."""
    if _INSTALLED:
        return distribution(_NAME).read_text("licenses/LICENSE") or ""
    return (PACKAGE.parent / "LICENSE").read_text(encoding="utf-8")
