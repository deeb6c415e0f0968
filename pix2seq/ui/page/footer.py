"""The page's foot: which code serves it, for whoever reports a mistake."""

from __future__ import annotations

import html

import gradio as gr

from pix2seq.version import version_text


def build_footer(title: str) -> None:
    """Place the line below the tabs."""
    text = html.escape(f"{title} {version_text()}")
    gr.HTML(
        f'<p class="p2s p2s-small p2s-soft p2s-footer" data-version>{text}</p>',
        apply_default_css=False,
        js_on_load=None,
        elem_id="footer",
        padding=False,
    )
