"""The Gradio app: the only package that imports gradio.

``build_demo`` makes the page, ``launch_options`` what ``launch`` needs beside it (theme, style,
scripts: Gradio 6 takes those there). Handlers read widgets into ``SamplingOptions``, iterate the
predictor's stream and write a text record; the browser draws it. Nothing here computes a box.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_PLACES = {
    "add_health": "health",
    "build_demo": "demo",
    "keep_house": "upkeep",
    "launch_options": "demo",
}

__all__ = [*_PLACES]


def __getattr__(name: str) -> Any:
    # Imported on first use: the makers of recordings need no page.
    if name not in __all__:
        raise AttributeError(f"module 'pix2seq.ui' has no attribute {name!r}")
    return getattr(import_module(f"pix2seq.ui.page.{_PLACES[name]}"), name)
