"""Where the files beside the code are: bundled pictures, scene objects, checkpoints, recipes.

A checkout keeps ``assets/`` and ``checkpoints/`` at its top, where people look for them. A wheel
carries both inside the package, under ``bundled/`` (see ``setup.py``). Only this module knows.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_BUNDLED = _PACKAGE / "bundled"
_TOP = _BUNDLED if _BUNDLED.is_dir() else _PACKAGE.parent

ASSETS = _TOP / "assets"
CHECKPOINTS_FOLDER = _TOP / "checkpoints"
RECIPES = _PACKAGE / "configs"
