"""Who asks, and how a mistake is told to them."""

from __future__ import annotations

import html

import gradio as gr

from pix2seq.config import ConfigError


def session_of(request: gr.Request | None) -> str:
    """The browser tab that a request comes from."""
    return str(getattr(request, "session_hash", None) or "")


def toast(error: ConfigError) -> None:
    """Show a user's mistake where they look, without stopping anything."""
    # Gradio shows toasts as HTML; a link's or file's text must stay text.
    gr.Warning(html.escape(str(error), quote=False), title="That does not work", duration=10)
