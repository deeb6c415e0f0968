"""The page's style sheets, joined in an order that rooms can lean on.

All but the design tokens stand under ``:root``, written three times: it says nothing but that they
win over the rules of Gradio's own components.
"""

from __future__ import annotations

from pix2seq.ui.page.assets import texts
from pix2seq.ui.page.scripts import LATER, imported

TOKENS = "page/tokens.css"  # also names of animations, which cannot stand under a selector


def sheets() -> tuple[list[str], list[str]]:
    """Names of the sheets that the page opens with, and of those that come with the scripts of the
    rooms that it does not open with. The kit's first, then room by room (a sheet called as its room
    before those of its parts), the page's own, and the rules for small screens last."""
    names = sorted((name for name in texts("css") if name != TOKENS), key=_order)
    rooms = {name.split("/")[0] for name in imported(texts("js")[LATER])}
    later = [name for name in names if name.split("/")[0] in rooms]
    return [name for name in names if name not in later], later


def opening_style() -> str:
    return texts("css")[TOKENS] + _raised(sheets()[0])


def later_style() -> str:
    return _raised(sheets()[1])


def _order(name: str) -> tuple[int, str, bool, str]:
    room, _, sheet = name.partition("/")
    rows = {"page/theme.css": 0, "kit": 1, "page": 3, "page/responsive.css": 4}
    return rows.get(name, rows.get(room, 2)), room, sheet != f"{room}.css", sheet


def _raised(names: list[str]) -> str:
    joined = "\n".join(texts("css")[name] for name in names)
    return f":root:root:root {{\n{joined}\n}}\n"
