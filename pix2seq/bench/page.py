"""Rows about the page and the server. They need a browser and a running app.

The goals stand here, so that the table is whole; each row says why it has no figure until what
measures it is there (``MEASURES``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from shutil import which

from pix2seq.bench.row import Row

_GOALS: tuple[tuple[str, str, str, float, bool], ...] = (
    ("page/painted", "tokens/s painted against the headless stream", "x", 0.80, True),
    ("page/first", "navigation to the first painted token, warm server", "s", 0.8, False),
    ("server/detect-4", "/detect, 4 callers at once, runs/s against one", "x", 2.5, True),
    ("server/detect-8", "/detect, 8 callers at once, runs/s against one", "x", 2.5, True),
    ("server/stream", "/detect_stream against /detect, one caller", "x", 1.15, False),
    ("server/start", "server memory at the start", "GB", 0.9, False),
    ("server/after", "server memory after 100 runs by many callers", "GB", 1.2, False),
)

MEASURES: dict[str, Callable[[], tuple[float, str]]] = {}
"""By a row's key, what measures it: returns the figure and a note."""


def page_rows() -> Iterator[Row]:
    """Every row of the page: measured where that is possible."""
    browser = any(map(which, ("chromium", "chromium-browser", "google-chrome")))
    for key, what, unit, goal, higher in _GOALS:
        if key.startswith("page/") and not browser:
            figure, note = None, "no Chromium here"
        elif key in MEASURES:
            figure, note = MEASURES[key]()
        else:
            figure, note = None, "not measured by this command yet"
        yield Row(key, what, figure, unit, goal, higher, note)
