"""JSON that breaks in every way: odd values in the place of good ones, anywhere in a document."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st

NASTY_TEXTS = (
    "",
    " ",
    "\0",
    "nan",
    "../../../etc/passwd",
    "/etc/passwd",
    "<img src=x onerror=alert(1)>",
    "${alert(1)}",
    "{{7*7}}",
    "'; DROP TABLE runs; --",
    "%s%s%n",
    "line\nbreak",
    "\u202egnp.exe",
    "\ud800",
    "http://127.0.0.1:9/x.png",
    "file:///etc/passwd",
    "data:image/png;base64,AAAA",
    "A" * 5000,
)

NASTY_NUMBERS = (
    0,
    -1,
    1,
    0.5,
    -0.0,
    1e308,
    -1e308,
    1e-308,
    float("nan"),
    float("inf"),
    float("-inf"),
    2**31,
    2**53 + 1,
    2**63,
    2**64,
    -(2**63) - 1,
    10**400,
)


def nested(depth: int) -> list:
    """Brackets in brackets."""
    value: list = []
    for _ in range(depth):
        value = [value]
    return value


NASTY_OTHERS = (
    *(None, True, False, [], {}, [[]], [None], {"a": 1}, {"": {}}),
    nested(90),
    list("x" * 999),
)

nasty = st.one_of(
    st.sampled_from(NASTY_NUMBERS),
    st.sampled_from(NASTY_TEXTS),
    st.sampled_from(NASTY_OTHERS).map(copy.deepcopy),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.lists(st.one_of(st.integers(), st.floats(), st.none(), st.text(max_size=5)), max_size=6),
)
"""A value where another one belongs."""


def places(document: Any, path: tuple = ()) -> list[tuple]:
    """Every place in a document, as the keys that lead there."""
    found = [path]
    if isinstance(document, dict):
        for key, value in document.items():
            found += places(value, (*path, key))
    elif isinstance(document, list):
        for index, value in enumerate(document[:6]):
            found += places(value, (*path, index))
    return found


@st.composite
def broken(draw: st.DrawFn, document: Any, most: int = 3) -> Any:
    """The document with up to ``most`` places changed, taken out, doubled, or with unknown keys."""
    document = copy.deepcopy(document)
    for _ in range(draw(st.integers(1, most))):
        path = draw(st.sampled_from(places(document)))
        if not path:
            if draw(st.integers(0, 9)) == 0:
                return draw(nasty)
            if isinstance(document, dict):
                document[draw(st.text(max_size=8))] = draw(nasty)
            continue
        holder = document
        for key in path[:-1]:
            holder = holder[key]
        change = draw(st.sampled_from(("put", "put", "put", "put", "drop", "more")))
        if change == "put":
            holder[path[-1]] = draw(nasty)
        elif change == "drop":
            del holder[path[-1]]
        elif isinstance(holder, list):
            holder.append(copy.deepcopy(holder[path[-1]]))
        else:
            holder[draw(st.text(max_size=8))] = draw(nasty)
    return document
