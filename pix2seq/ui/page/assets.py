"""Files that the page is made of, as they stand in the rooms; no build step."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from pix2seq.examples import FOLDER

ROOMS = Path(__file__).parents[1]
FAVICON = Path(__file__).with_name("favicon.svg")
EXAMPLES = FOLDER


@cache
def texts(kind: str) -> dict[str, str]:
    """Texts of all files of one kind by ``room/name``, in the order of their own names."""
    paths = sorted(ROOMS.glob(f"*/*.{kind}"), key=lambda path: path.name)
    return {f"{path.parent.name}/{path.name}": path.read_text(encoding="utf-8") for path in paths}
