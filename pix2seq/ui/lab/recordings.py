"""Making the recorded sweeps that the lab shows on opening, before anybody has pressed a button.

``python -m pix2seq.ui.lab.recordings`` makes them (again, whenever the bundled checkpoint changes);
``pix2seq/ui/visit/evidence.py`` reads them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

import pix2seq
from pix2seq import files
from pix2seq.checkpoints import weights_checksum
from pix2seq.config import ConfigError
from pix2seq.data.scenes import Scenes
from pix2seq.predictor import Predictor
from pix2seq.sweep import KNOBS, Bench, Outcome, plan_sweep, run_sweep
from pix2seq.ui.visit.evidence import FOLDER, plain_outcome, recording_path
from pix2seq.ui.visit.maker import maker_arguments

LAB_SEED = 73_110
"""Of the lab's scenes; no training recipe here uses it."""


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
    settings = [setting for plan in plans.values() for setting in plan]
    events = run_sweep(bench, settings, threshold=base.score_threshold)
    outcomes = (plain_outcome(event) for event in events if isinstance(event, Outcome))
    sweeps = {knob: [next(outcomes) for _ in plan] for knob, plan in plans.items()}
    return {
        "checkpoint": predictor.name,
        "weights": checksum,
        "images": images,
        "objects": sum(len(truth.boxes) for truth in bench.truths),
        "base": base.to_dict(),
        "sweeps": sweeps,
    }


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
