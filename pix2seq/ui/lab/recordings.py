"""Recorded sweeps: what the lab shows on opening, before anybody has pressed a button.

A recording belongs to the very weights that it was made with: their checksum is kept, and other
weights do not show it. ``python -m pix2seq.ui.lab.recordings`` makes it (again, whenever the
bundled checkpoint changes).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import pix2seq
from pix2seq import files
from pix2seq.checkpoints import weights_checksum
from pix2seq.config import ConfigError, SamplingOptions
from pix2seq.data.scenes import Scenes
from pix2seq.examples import FOLDER as EXAMPLES
from pix2seq.predictor import Predictor
from pix2seq.sweep import KNOBS, Bench, Curve, Outcome, Setting, plan_sweep, run_sweep
from pix2seq.ui.visit.maker import maker_arguments

LAB_SEED = 73_110
"""Of the lab's scenes; no training recipe here uses it."""

FOLDER = EXAMPLES.parent / "lab"
_METRICS = ("AP", "AP50", "AR100")
_DIGITS = 4


def recording_path(name: str, folder: Path | None = None) -> Path:
    return (folder or FOLDER) / f"{Path(name).name}.json"


def make_recording(predictor: Predictor, checksum: str, images: int) -> dict:
    """Run every sweep that the checkpoint allows, with the settings that it recommends."""
    bench = Bench(predictor, Scenes(LAB_SEED, images))
    base = predictor.resolve()
    plans = {}
    for knob in KNOBS:
        try:
            plans[knob] = plan_sweep(knob, base, predictor.tokenizer.config)
        except ConfigError:
            continue  # nothing to see with this checkpoint
    # All at once: sentences that several sweeps ask for are written once.
    events = run_sweep(bench, [setting for plan in plans.values() for setting in plan])
    outcomes = (
        _to_plain(event, base.score_threshold) for event in events if isinstance(event, Outcome)
    )
    sweeps = {knob: [next(outcomes) for _ in plan] for knob, plan in plans.items()}
    return {
        "checkpoint": predictor.name,
        "weights": checksum,
        "images": images,
        "objects": sum(len(truth.boxes) for truth in bench.truths),
        "base": base.to_dict(),
        "sweeps": sweeps,
    }


def load_recording(name: str, folder: Path | None = None) -> dict | None:
    """The recording of a checkpoint; ``None`` if there is none for its present weights."""
    path = recording_path(name, folder)
    if not path.is_file():
        return None
    try:
        recording = json.loads(path.read_text(encoding="utf-8"))
        fits = recording["weights"] == weights_checksum(name) != ""
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return recording if fits else None


def recorded_outcomes(recording: dict, knob: str) -> list[Outcome]:
    """One sweep of a recording; empty if it was not recorded."""
    return [_from_plain(data) for data in recording["sweeps"].get(knob, ())]


def _to_plain(outcome: Outcome, threshold: float) -> dict:
    curve = outcome.curve.thinned(keep=threshold)
    columns = (curve.scores, curve.precision, curve.recall)
    return {
        "name": outcome.setting.name,
        "options": outcome.setting.options.to_dict(),
        "noise_blind": outcome.setting.noise_blind,
        "metrics": {name: round(float(outcome.metrics[name]), _DIGITS) for name in _METRICS},
        "curve": [[round(float(value), _DIGITS) for value in column] for column in columns],
        "objects_per_image": round(outcome.objects_per_image, _DIGITS),
        "seconds": round(outcome.seconds, 1),
    }


def _from_plain(data: dict) -> Outcome:
    options = SamplingOptions.from_dict(data["options"])
    return Outcome(
        setting=Setting(data["name"], options, data["noise_blind"]),
        metrics=data["metrics"],
        curve=Curve(*(np.array(column) for column in data["curve"])),
        objects_per_image=data["objects_per_image"],
        seconds=data["seconds"],
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Record every sweep with one checkpoint."""
    what = "Record the sweeps that the lab opens with."
    arguments = maker_arguments(argv, what, FOLDER, "images", 48)
    predictor = pix2seq.load(arguments.checkpoint)
    checksum = weights_checksum(arguments.checkpoint)
    recording = make_recording(predictor, checksum, arguments.images)
    path = recording_path(arguments.checkpoint, arguments.out)
    text = json.dumps(recording, separators=(",", ":"), allow_nan=False)
    files.write_text(path, text + "\n")
    print(f"{path}: {', '.join(recording['sweeps'])}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
