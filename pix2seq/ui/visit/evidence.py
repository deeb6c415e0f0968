"""What was measured with a checkpoint before anybody came: its recorded sweeps, and its doubles.

A recording belongs to the very weights that it was made with: their checksum is kept, and other
weights do not show it. ``pix2seq/ui/lab/recordings.py`` makes it.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np

from pix2seq.checkpoints import weights_checksum
from pix2seq.config import SamplingOptions
from pix2seq.evaluate.quality import ReliabilityBin
from pix2seq.examples import FOLDER as EXAMPLES
from pix2seq.sweep import Curve, Outcome, Setting, Trust

FOLDER = EXAMPLES.parent / "lab"
_METRICS = ("AP", "AP50", "AR100")
_DRAWN = (*_METRICS, "precision", "recall")
_DIGITS = 4
_SCALE = 10**_DIGITS


def recording_path(name: str, folder: Path | None = None, kind: str = "") -> Path:
    """Where what was measured with a checkpoint is kept; ``kind`` names what is no sweep."""
    return (folder or FOLDER) / f"{Path(name).name}{kind and f'-{kind}'}.json"


def load_recording(name: str, folder: Path | None = None, kind: str = "") -> dict | None:
    """The recording of a checkpoint; ``None`` if there is none for its present weights."""
    path = recording_path(name, folder, kind)
    if not path.is_file():
        return None
    try:
        recording = json.loads(path.read_text(encoding="utf-8"))
        fits = recording["weights"] == weights_checksum(name) != ""
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return recording if fits else None


def load_doubles(name: str, folder: Path | None = None) -> dict | None:
    """How often a checkpoint shows an object twice, by kind of picture (``photos``, ``scenes``), as
    ``benchmarks/mini/repetition.py`` measured it; ``None`` if nobody did with its present weights.
    """
    found = load_recording(name, folder, "doubles")
    return None if found is None else {kind: found[kind] for kind in ("photos", "scenes")}


def recorded_outcomes(recording: dict, knob: str) -> list[Outcome]:
    """One sweep of a recording; empty if it was not recorded."""
    threshold = SamplingOptions.from_dict(recording["base"]).score_threshold
    return [_from_plain(data, threshold) for data in recording["sweeps"].get(knob, ())]


def plain_outcome(outcome: Outcome) -> dict:
    """An outcome as a recording keeps it."""
    curve = outcome.curve.thinned(keep=outcome.threshold)
    columns = (curve.scores, curve.precision, curve.recall)
    return {
        "name": outcome.setting.name,
        "options": outcome.setting.options.to_dict(),
        "noise_blind": outcome.setting.noise_blind,
        "metrics": {name: round(float(outcome.metrics[name]), _DIGITS) for name in _METRICS},
        "curve": [[round(float(value), _DIGITS) for value in column] for column in columns],
        "objects_per_image": round(outcome.objects_per_image, _DIGITS),
        "seconds": round(outcome.seconds, 1),
        "draws": {
            name: [None if math.isnan(v) else round(v * _SCALE) for v in outcome.draws[name]]
            for name in _DRAWN
        },
        "trust": [plain_trust(group) for group in outcome.trust],
    }


def plain_trust(group: Trust) -> dict:
    """One group of a calibration, as recordings keep it and as the page draws it."""
    numbers = {name: getattr(group, name) for name in ("said", "right", "low", "high")}
    return {
        "group": group.group,
        "shown": group.shown,
        **{name: _rounded(value) for name, value in numbers.items()},
        "bins": [
            [one.low, one.high, one.count, _rounded(one.mean_score), _rounded(one.precision)]
            for one in group.bins
        ],
    }


def _from_plain(data: dict, threshold: float) -> Outcome:
    options = SamplingOptions.recorded(data["options"])
    return Outcome(
        setting=Setting(data["name"], options, data["noise_blind"]),
        metrics=data["metrics"],
        curve=Curve(*(np.array(column) for column in data["curve"])),
        objects_per_image=data["objects_per_image"],
        seconds=data["seconds"],
        threshold=threshold,
        draws={
            name: np.array([math.nan if v is None else v / _SCALE for v in values])
            for name, values in data["draws"].items()
        },
        trust=tuple(map(_trust, data["trust"])),
    )


def _trust(data: dict) -> Trust:
    numbers = (data[name] for name in ("said", "right", "low", "high"))
    return Trust(
        data["group"],
        tuple(ReliabilityBin(*row) for row in data["bins"]),
        data["shown"],
        *(math.nan if value is None else value for value in numbers),
    )


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(float(value), _DIGITS)
