"""The Gradio app: the only package that imports gradio.

``build_demo`` makes the page, ``launch_options`` what ``launch`` needs beside it (theme, style,
scripts: Gradio 6 takes those there). Handlers read widgets into ``SamplingOptions``, iterate the
predictor's stream and write a text record; the browser draws it. Nothing here computes a box.
"""

from __future__ import annotations

from typing import Any

__all__ = ["add_health", "build_demo", "launch_options"]


def __getattr__(name: str) -> Any:
    # Imported on first use: the makers of recordings need no page.
    if name not in __all__:
        raise AttributeError(f"module 'pix2seq.ui' has no attribute {name!r}")
    from pix2seq.ui.page import demo, health

    return getattr(health if name == "add_health" else demo, name)
