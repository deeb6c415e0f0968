"""Reading the recorded comparisons (``recordings.py`` makes them).

A pair's recording is its text (``runs.py``) minus the first line and the records' headers, which
are written anew for each visitor.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

from pix2seq.config import SamplingOptions
from pix2seq.resources import ASSETS
from pix2seq.ui.compare.runs import first_line
from pix2seq.ui.compare.sides import PRESETS
from pix2seq.ui.visit import record
from pix2seq.ui.visit.runs import Picture

FOLDER = ASSETS / "compare"

_PAIR = {"checkpoint", "vocab", "example", "options", "ids", "lines"}
_SAMPLES = {"checkpoint", "example", "options", "wanted", "summary"}


def recording_path(name: str, folder: Path | None = None) -> Path:
    return (folder or FOLDER) / f"{name}.json"


def thumbnail_path(preset: str, folder: Path | None = None) -> Path:
    return (folder or FOLDER) / f"{preset}.jpg"


def load_pair(preset: object, folder: Path | None = None) -> dict | None:
    """Read a pair's recording; a missing or damaged one shows nothing."""
    if not isinstance(preset, str) or preset not in PRESETS:
        return None
    return _load(preset, _PAIR, folder)


def load_samples(folder: Path | None = None) -> dict | None:
    """Read the recorded samples."""
    return _load("samples", _SAMPLES, folder)


def thumbnails(folder: Path | None = None) -> dict[str, str]:
    """The pairs' thumbnails by name, as data URLs; a missing one is left out."""
    found = {}
    for preset in PRESETS:
        try:
            content = thumbnail_path(preset, folder).read_bytes()
        except OSError:
            continue
        found[preset] = "data:image/jpeg;base64," + base64.b64encode(content).decode("ascii")
    return found


def _load(name: str, keys: set[str], folder: Path | None) -> dict | None:
    try:
        recording = json.loads(recording_path(name, folder).read_text(encoding="utf-8"))
        return recording if set(recording) == keys else None
    except (OSError, ValueError, TypeError):
        return None


def recorded_options(recording: dict) -> tuple[SamplingOptions, SamplingOptions]:
    """What both sides were written with; raises ``ConfigError``."""
    left, right = (SamplingOptions.recorded(recording["options"][side]) for side in "ab")
    return left, right


def recorded_text(preset: str, recording: dict, picture: Picture) -> str:
    """The comparison's text that shows a pair's recording; its first line says what that is."""
    said = {name: recording[name] for name in ("checkpoint", "example")} | {"preset": preset}
    heads = [
        side
        + record.replay_line(
            picture, f"{record.RECORDED}{preset}-{side}", recording, recording["options"][side]
        )
        for side in "ab"
    ]
    first = first_line(*recorded_options(recording), recorded=said)
    return first + "".join(heads + recording["lines"])
