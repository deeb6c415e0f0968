"""The widget for a picture of one's own: the file is handed over unopened, to be judged by us."""

from __future__ import annotations

import gradio as gr
from gradio.data_classes import FileData

from pix2seq.ui.kit.widget import widget_like


def _path(_widget: gr.Image, payload: FileData | None) -> str | None:
    return None if payload is None else payload.path


_PhotoInput = widget_like(gr.Image, "PhotoInput", __name__, preprocess=_path)


def photo_input(**settings) -> gr.Image:
    """An image widget that gives the file's path: Gradio opens it with whatever Pillow knows, where
    ``load_image`` takes the formats that are meant, with messages that people can act on."""
    return _PhotoInput(type="filepath", **settings)
