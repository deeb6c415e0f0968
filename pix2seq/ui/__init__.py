"""The Gradio app: the only package that imports gradio.

``build_demo`` makes the page, ``launch_options`` what ``launch`` needs beside it (theme, style,
scripts: Gradio 6 takes those there). Handlers read widgets into ``SamplingOptions``, iterate the
predictor's stream and write a text record; the browser draws it. Nothing here computes a box.
"""

from pix2seq.ui.demo import build_demo, launch_options

__all__ = ["build_demo", "launch_options"]
