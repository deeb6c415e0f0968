"""Static files of the page: style sheets and scripts, joined at start-up without a build step.

Scripts share one namespace object, ``window.P2S``; each file adds to it, so their order matters
only for names used while loading. They are inlined into the page's head: no extra request, and the
app works behind any proxy path.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pix2seq.examples import FOLDER

ROOMS = Path(__file__).parents[1]
FAVICON = Path(__file__).with_name("favicon.svg")
EXAMPLES = FOLDER

_FIRST = ("kit/elements.js", "kit/photo.js", "learn/widgets.js", "learn/board.js")
_LAST = ("page/main.js",)


@cache
def _files(kind: str) -> dict[str, Path]:
    """Files of one kind by ``room/name``, in the order of their own names."""
    paths = sorted(ROOMS.glob(f"*/*.{kind}"), key=lambda path: path.name)
    return {f"{path.parent.name}/{path.name}": path for path in paths}


def style() -> str:
    """All style sheets: the shared design tokens first, the rules for small screens last."""
    names = sorted(
        _files("css"), key=lambda name: (name != "page/theme.css", name == "page/responsive.css")
    )
    return "\n".join(_files("css")[name].read_text(encoding="utf-8") for name in names)


def scripts() -> str:
    """All scripts in load order: shared ones first, the one that mounts the page last."""
    files = _files("js")
    middle = [name for name in files if name not in (*_FIRST, *_LAST)]
    return "\n".join(
        f"// ---- {name}\n{files[name].read_text(encoding='utf-8')}"
        for name in (*_FIRST, *middle, *_LAST)
    )


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
