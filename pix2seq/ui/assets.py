"""Static files of the page: style sheets and scripts, joined at start-up without a build step.

Scripts share one namespace object, ``window.P2S``; each file adds to it, so their order matters
only for names used while loading. They are inlined into the page's head: no extra request, and the
app works behind any proxy path.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pix2seq.examples import FOLDER

STATIC = Path(__file__).parent / "static"
EXAMPLES = FOLDER

_FIRST = ("shared.js",)
_LAST = ("main.js",)


@cache
def read_static(name: str) -> str:
    """The text of one static file."""
    return (STATIC / name).read_text(encoding="utf-8")


def style() -> str:
    """All style sheets: the shared design tokens first, the rules for small screens last."""
    names = sorted(path.name for path in STATIC.glob("*.css"))
    names.sort(key=lambda name: (name != "theme.css", name == "responsive.css"))
    return "\n".join(read_static(name) for name in names)


def scripts() -> str:
    """All scripts in load order: shared ones first, the one that mounts the page last."""
    names = {path.name for path in STATIC.glob("*.js")}
    middle = sorted(names - {*_FIRST, *_LAST})
    order = [name for name in (*_FIRST, *middle, *_LAST) if name in names]
    return "\n".join(f"// ---- {name}\n{read_static(name)}" for name in order)


def head() -> str:
    """What goes into the page's ``<head>``.

    The style is here and is also given to ``launch(css=...)``: Gradio repeats that copy under a
    longer selector, which lets it win over Gradio's own rules, but breaks selectors inside media
    queries that reach above the page's content (``body.p2s-sheet``); this copy serves those. Gradio
    also inserts the head a second time, hence the guard around the scripts.
    """
    return (
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>\n{style()}\n</style>\n"
        f"<script>\nif (!window.P2S) {{\n{scripts()}\n}}\n</script>"
    )
