"""Who asks, and how a mistake is told to them."""

from __future__ import annotations

import html
import json

import gradio as gr

from pix2seq.config import ConfigError, short


def session_of(request: gr.Request | None) -> str:
    """The browser tab that a request comes from."""
    return str(getattr(request, "session_hash", None) or "")


def said(data: object) -> dict:
    """What the page says with an event: an object, or its JSON.

    Raises:
        gr.Error: it is something else, which no page of ours sends.
    """
    if isinstance(data, str):
        try:
            data = json.loads(data)
        except (ValueError, RecursionError):
            pass
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise gr.Error(
            f"the page sent {html.escape(short(data))} in place of an object; load it again",
            print_exception=False,
        )
    return data


def toast(error: ConfigError) -> None:
    """Show a user's mistake where they look, without stopping anything."""
    # Gradio shows toasts as HTML; a link's or file's text must stay text.
    gr.Warning(html.escape(str(error), quote=False), title="That does not work", duration=10)


def remark(words: str) -> None:
    """Tell what was done differently from what was asked for."""
    gr.Info(html.escape(words, quote=False), duration=10)
