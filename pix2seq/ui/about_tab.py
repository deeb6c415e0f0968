"""The *About the model* tab: what the checkpoints in the menu are, and what the app does with
data."""

from __future__ import annotations

import gradio as gr

from pix2seq.checkpoints import CHECKPOINTS
from pix2seq.ui.context import AppContext

_TEXT = """
### A detector that writes
Pix2Seq (Chen, Saxena, Li, Fleet, Hinton: *Pix2seq: A Language Modeling Framework for Object
Detection*, ICLR 2022, [arXiv 2109.10852](https://arxiv.org/abs/2109.10852)) reads an image and
writes one sentence about it: four numbers and a word per object, then "end". No anchors, no boxes
to regress, no suppression of duplicates: a sequence model and a vocabulary. This app shows the
sentence while it is being written, and lets you question it.

### Your pictures
Everything runs on the computer that serves this page. A picture is kept in memory until newer ones
push it out, is reachable only from the tab that sent it, and goes nowhere else. The page itself
loads nothing from other servers.
"""


def build_about_tab(context: AppContext) -> None:
    """Text and the table of checkpoints."""
    with gr.Column(elem_classes="p2s-prose"):
        gr.Markdown(_TEXT)
        gr.Dataframe(
            value=[_row(name) for _, name in context.choices],
            headers=["checkpoint", "what it is", "AP", "measured on", "MB", "licence"],
            interactive=False,
            wrap=True,
            elem_id="checkpoints-table",
        )


def _row(name: str) -> list:
    info = CHECKPOINTS.get(name)
    if info is None:
        return [name, "a local folder", "", "", "", ""]
    ap = "" if info.ap is None else f"{100 * info.ap:.1f}"
    size = "" if info.size_mb is None else f"{info.size_mb:.0f}"
    return [name, info.title, ap, info.ap_note, size, info.licence]
