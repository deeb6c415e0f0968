"""The widget for a picture of one's own: the file is handed over unopened, to be judged by us."""

from __future__ import annotations

from abc import ABCMeta

import gradio as gr
from gradio.data_classes import FileData


def _path(_widget: gr.Image, payload: FileData | None) -> str | None:
    return None if payload is None else payload.path


# Gradio makes a widget anew, from its class and arguments, for every visitor whose event has
# updated it: what is set on one widget alone is lost then. Its metaclass, left out, would write
# a stub file beside this one; `is_template` keeps the front end's image widget.
_PhotoInput = ABCMeta.__new__(
    type(gr.Image),
    "PhotoInput",
    (gr.Image,),
    {"__module__": __name__, "is_template": True, "preprocess": _path},
)


def photo_input(**settings) -> gr.Image:
    """An image widget that gives the file's path: Gradio opens it with whatever Pillow knows, where
    ``load_image`` takes the formats that are meant, with messages that people can act on."""
    return _PhotoInput(type="filepath", **settings)
