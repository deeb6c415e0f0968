"""The page's foot: which code serves it, and on a Space a way to one of one's own."""

from __future__ import annotations

import html
import os

import gradio as gr

from pix2seq.ui.visit.context import SPACE_VARIABLE
from pix2seq.version import version_text


def build_footer(title: str) -> None:
    """Place the row below the tabs. *Duplicate* stands here, since the header is full at every
    width, and on a Space Hugging Face lays its own frame over the header's end."""
    text = html.escape(f"{title} {version_text()}")
    with gr.Row(elem_classes="p2s-footer", elem_id="footer"):
        gr.HTML(
            f'<span class="p2s p2s-small p2s-soft" data-version>{text}</span>',
            apply_default_css=False,
            js_on_load=None,
            padding=False,
        )
        if os.environ.get(SPACE_VARIABLE):
            gr.DuplicateButton(
                "Duplicate", size="sm", min_width=96, elem_id="duplicate", elem_classes="p2s-button"
            )
