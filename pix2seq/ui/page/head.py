"""The page's ``<head>``, which carries all styles and scripts: nothing of ours is a request of its
own, whatever proxy path or frame the page is served in."""

from __future__ import annotations

import json
from urllib.parse import quote

from pix2seq.ui.page.assets import FAVICON, texts
from pix2seq.ui.page.scripts import LOADER, linked_modules, modules
from pix2seq.ui.page.styles import later_style, opening_style


def head() -> str:
    """Icon, style and scripts.

    The icon is data: Gradio's own address for it is the server's root, which under a proxy path is
    somebody else's.
    """
    opening, later = map(linked_modules, modules())
    icon = quote(FAVICON.read_text(encoding="utf-8"))
    return (
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<link rel="icon" href="data:image/svg+xml,{icon}">\n'
        f"<style>\n{opening_style()}\n</style>\n"
        f"{_carried('p2s-opening', opening)}\n{_carried('p2s-later', later, later_style())}\n"
        f"<script>\n{texts('js')[LOADER]}</script>"
    )


def _carried(name: str, modules: list[tuple[str, str]], style: str = "") -> str:
    """An element that does nothing by itself, with what ``loader.js`` reads when it is needed."""
    told = json.dumps([modules, style], separators=(",", ":"), ensure_ascii=False)
    told = told.replace("<", "\\u003c")  # an end tag or a comment would be read as one
    return f'<script type="application/json" id="{name}">{told}</script>'
