"""The classes of a COCO file."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pix2seq.categories import Categories
from pix2seq.config import ConfigError, short
from pix2seq.data.values import id_of, require_object

_UNSHOWN = ("Cc", "Cs")  # Unicode's control characters, which steer a terminal; half surrogates


@dataclass(frozen=True)
class ClassEntry:
    """One class of a file; ``group`` is its ``supercategory``, whatever that is."""

    id: int
    name: str
    group: Any


def read_classes(path: str, entries: list) -> list[ClassEntry]:
    """A file's classes in id order. Raises ``ConfigError`` where two have an id or a name."""
    found: dict[int, ClassEntry] = {}
    by_name: dict[str, int] = {}
    for number, entry in enumerate(entries):
        where = f"{path}: category {number}"
        require_object(where, entry)
        identity = id_of(where, entry, "id")
        name = _class_name(where, entry, identity)
        if identity in found:
            raise ConfigError(
                f"{where} ({name!r}) has id {identity}, which {found[identity].name!r} has "
                "already; ids must be unique"
            )
        if name in by_name:
            raise ConfigError(
                f"{where}: the name {name!r} occurs twice (ids {by_name[name]} and {identity}); "
                "merge the two, or rename one"
            )
        by_name[name] = identity
        found[identity] = ClassEntry(identity, name, entry.get("supercategory"))
    return [found[identity] for identity in sorted(found)]


def _class_name(where: str, entry: dict, identity: int) -> str:
    name = entry.get("name", f"class {identity}")
    if isinstance(name, int | float) and not isinstance(name, bool):
        name = str(name)
    if not isinstance(name, str) or not name.strip():
        raise ConfigError(f"{where} has the name {short(name)}; give it a text that is not empty")
    name = " ".join(name.split())  # one line: names stand in tables, on boxes, in lists
    if any(unicodedata.category(letter) in _UNSHOWN for letter in name):
        raise ConfigError(
            f"{where} has the name {short(name)}, part of which nothing can show; rename it"
        )
    return name


def without_groups(classes: Sequence[ClassEntry], used: set[int]) -> Categories:
    """The classes there are to find: one that others name as their group, and that no box has, is
    none (Roboflow's exports begin with the project)."""
    groups = {one.group for one in classes if isinstance(one.group, str) and one.group != one.name}
    kept = [one for one in classes if one.id in used or one.name not in groups]
    return Categories(tuple(one.name for one in kept), tuple(one.id for one in kept))
