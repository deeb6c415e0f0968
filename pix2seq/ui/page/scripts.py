"""The page's scripts: ES modules that name each other as ``#room/file.js``, as Node reads them.

On the page each is the body of a function that gets what it imports and returns what it exports. A
module of the browser's own has an address, which costs milliseconds apiece even where it is a blob
(``README.md`` beside the rooms has the figures). So a script keeps to the forms of ``import`` and
``export`` that ``linked`` knows, and what it exports never changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from graphlib import TopologicalSorter

from pix2seq.ui.page.assets import texts

LOADER = "page/loader.js"
OPENING, LATER = "page/hooks.js", "page/later.js"  # what the page opens with, and the rest

_IMPORT = re.compile(r'^import (\* as \w+|\{[^}]*\}) from "#([^"]+)";$', re.MULTILINE)
_DECLARED = re.compile(r"^export (?=(?:async )?(?:function|class|const) (\w+))", re.MULTILINE)
_LISTED = re.compile(r"^export \{\s*(\w+(?:,\s*\w+)*),?\s*\};$", re.MULTILINE)


def imported(source: str) -> list[str]:
    """The modules that a script imports, as ``room/name``."""
    return [name for _, name in _IMPORT.findall(source)]


def linked(name: str, source: str) -> str:
    """The body of the function ``(_from) => exports`` that does what the module does, line by line;
    ``_from(name)`` gives the exports of another.

    Raises:
        ValueError: a form of import or export that is not known here.
    """
    exports = _DECLARED.findall(source)
    for listed in _LISTED.findall(source):
        exports += re.findall(r"\w+", listed)

    def bound(match: re.Match[str]) -> str:
        names, other = match.groups()
        names = names.removeprefix("* as ").replace(" as ", ": ")
        return f'const {names} = _from("{other}");'

    body = _LISTED.sub("", _DECLARED.sub("", _IMPORT.sub(bound, source)))
    if unknown := re.search(r"^(?:import|export)\b.*$", body, re.MULTILINE):
        raise ValueError(f"{name}: the page cannot link {unknown[0]!r}")
    return f"{body}\nreturn {{ {', '.join(exports)} }};"


def _with_imports(names: Iterable[str], sources: dict[str, str]) -> set[str]:
    found: set[str] = set()
    queue = [*names]
    while queue:
        if (name := queue.pop()) not in found:
            found.add(name)
            queue += imported(sources[name])
    return found


def modules() -> tuple[list[str], list[str]]:
    """Names of the modules that the page opens with, and of the others: each behind those that it
    imports, the one that offers the hooks last.

    Raises:
        CycleError: scripts import one another in a circle.
    """
    sources = {name: text for name, text in texts("js").items() if name != LOADER}
    order = TopologicalSorter({name: imported(text) for name, text in sources.items()})
    names = [name for name in order.static_order() if name not in (OPENING, LATER)]
    opening = _with_imports([OPENING], sources)
    first = [name for name in names if name in opening]
    return [*first, OPENING], [*(name for name in names if name not in opening), LATER]


def linked_modules(names: Iterable[str]) -> list[tuple[str, str]]:
    """(name, body of its function) of each, as ``loader.js`` reads them."""
    return [(name, linked(name, texts("js")[name])) for name in names]
