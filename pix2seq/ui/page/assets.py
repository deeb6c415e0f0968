"""Static files of the page: style sheets and scripts, put together at start-up; no build step.

Scripts are ES modules that name each other as ``#room/file.js``, as they do for Node and the type
checker. They travel in the page's head: no request of their own, whatever proxy path or frame the
page is served in (``loader.js`` says how they start, ``README.md`` beside the rooms what it costs).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from urllib.parse import quote

from pix2seq.examples import FOLDER

ROOMS = Path(__file__).parents[1]
FAVICON = Path(__file__).with_name("favicon.svg")
EXAMPLES = FOLDER

_LOADER = "page/loader.js"
_ENTRIES = "page/hooks.js", "page/later.js"  # what the opening page needs, and the rest
_IMPORT = re.compile(r'^(?:import|export|\}) .*?from "#([^"]+)";$', re.MULTILINE)


@cache
def _files(kind: str) -> dict[str, str]:
    """Texts of all files of one kind by ``room/name``, in the order of their own names."""
    paths = sorted(ROOMS.glob(f"*/*.{kind}"), key=lambda path: path.name)
    return {f"{path.parent.name}/{path.name}": path.read_text(encoding="utf-8") for path in paths}


def _sheet_order(name: str) -> tuple[int, str, bool, str]:
    room, _, sheet = name.partition("/")
    rows = {"page/theme.css": 0, "kit": 1, "page": 3, "page/responsive.css": 4}
    return rows.get(name, rows.get(room, 2)), room, sheet != f"{room}.css", sheet


def style() -> str:
    """All style sheets: design tokens, the kit's, then room by room (a sheet called as its room
    before those of its parts), the page's own, and the rules for small screens last."""
    names = sorted(_files("css"), key=_sheet_order)
    return "\n".join(_files("css")[name] for name in names)


def imported_scripts(source: str) -> list[str]:
    """The modules that a script imports, as ``room/name``."""
    return _IMPORT.findall(source)


def _with_imports(names: Iterable[str], texts: dict[str, str]) -> set[str]:
    found: set[str] = set()
    queue = [*names]
    while queue:
        if (name := queue.pop()) not in found:
            found.add(name)
            queue += imported_scripts(texts[name])
    return found


def modules() -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """(name, text) of the modules that the opening page needs, and of the others: each behind those
    that it imports, the one that offers the hooks last.

    Raises:
        CycleError: scripts import one another in a circle.
    """
    texts = {name: text for name, text in _files("js").items() if name != _LOADER}
    order = TopologicalSorter({name: imported_scripts(text) for name, text in texts.items()})
    names = [name for name in order.static_order() if name not in _ENTRIES]
    opening = _with_imports(_ENTRIES[:1], texts)
    first = [name for name in names if name in opening]
    later = [name for name in names if name not in opening]
    return tuple(
        [(name, texts[name]) for name in [*part, entry]]
        for part, entry in zip((first, later), _ENTRIES, strict=True)
    )


def scripts() -> str:
    """The script that starts the modules, which it carries."""
    # Inside a script element only its end tag and comments can be misread.
    carried = json.dumps(modules(), separators=(",", ":"), ensure_ascii=False).replace(
        "<", "\\u003c"
    )
    return _files("js")[_LOADER].replace("MODULES", carried)


def head() -> str:
    """What goes into the page's ``<head>``.

    The style is here and is also given to ``launch(css=...)``: Gradio repeats that copy under a
    longer selector, which lets it win over Gradio's own rules, but breaks selectors inside media
    queries that reach above the page's content (``body.p2s-sheet``), and drops container queries;
    this copy serves those.

    The icon is data: Gradio's own address for it is the server's root, which under a proxy path is
    somebody else's.
    """
    icon = quote(FAVICON.read_text(encoding="utf-8"))
    return (
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<link rel="icon" href="data:image/svg+xml,{icon}">\n'
        f"<style>\n{style()}\n</style>\n<script>\n{scripts()}\n</script>"
    )
