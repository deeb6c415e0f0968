"""Recorded runs of the examples: what the page plays the moment it opens, without any model.

A recording is a run's record minus its first line, which is written anew for each visitor. When a
checkpoint of that name is loaded, the run can also be inspected and edited: its tokens are written
again from the same seed, once, when somebody asks.

``python -m pix2seq.ui.write.recordings`` makes them, again whenever the bundled checkpoint changes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pix2seq
from pix2seq import files
from pix2seq.config import ConfigError, SamplingOptions
from pix2seq.examples import FOLDER as EXAMPLES
from pix2seq.examples import PHOTOS, scene_name
from pix2seq.predictor import Predictor
from pix2seq.ui.visit import record
from pix2seq.ui.visit.examples import open_example
from pix2seq.ui.visit.maker import maker_arguments
from pix2seq.ui.visit.runs import Picture, Run
from pix2seq.ui.visit.writer import write

FOLDER = EXAMPLES / "records"
OPENING = scene_name(275)
"""The example that the page opens with: four objects, a sentence that shows the idea."""

RECORDED = (OPENING, *(photo.name for photo in PHOTOS))
"""Examples that are recorded."""


def recording_path(example: str, folder: Path | None = None) -> Path:
    return (folder or FOLDER) / f"{example}.json"


def make_recording(predictor: Predictor, example: str, options: SamplingOptions) -> dict:
    """Run an example and keep what the stage needs to play it."""
    run = Run(open_example(example), predictor, predictor.resolve(options))
    for _ in write(run):
        pass
    return {
        "checkpoint": predictor.name,
        "vocab": record.vocabulary(predictor),
        "options": run.options.to_dict(),
        "ids": run.token_ids,
        "lines": run.lines[1:],
    }


def recorded_text(picture: Picture, run_id: str | None, folder: Path | None = None) -> str | None:
    """The record that plays ``picture``'s recording, or ``None`` if there is no usable one."""
    recording = load_recording(picture.example, folder)
    if recording is None:
        return None
    head = record.replay_line(picture, run_id, recording, recording["options"])
    return head + "".join(recording["lines"])


def load_recording(example: str | None, folder: Path | None = None) -> dict | None:
    """Read a recording; a missing or damaged one plays nothing."""
    if example is None or not recording_path(example, folder).is_file():
        return None
    try:
        recording = json.loads(recording_path(example, folder).read_text(encoding="utf-8"))
        if set(recording) == {"checkpoint", "vocab", "options", "ids", "lines"}:
            return recording
    except (OSError, ValueError):
        pass
    return None


def recorded_run(picture: Picture, predictor: Predictor, folder: Path | None = None) -> Run | None:
    """The recording as a run that can be looked into; its tokens are written when first needed."""
    recording = load_recording(picture.example, folder)
    if recording is None or recording["checkpoint"] != predictor.name:
        return None
    try:
        options = predictor.resolve(SamplingOptions.recorded(recording["options"]))
    except (ConfigError, TypeError):
        return None
    return Run(picture, predictor, options, recorded_ids=tuple(recording["ids"]))


def main(argv: Sequence[str] | None = None) -> int:
    """Record every example with one checkpoint."""
    what = "Record the runs that the app opens with."
    arguments = maker_arguments(argv, what, FOLDER, "seed", 0)
    predictor = pix2seq.load(arguments.checkpoint)
    # What the controls say when the page opens, so that Run writes the same sentence again.
    options = SamplingOptions(seed=arguments.seed)
    for example in RECORDED:
        recording = make_recording(predictor, example, options)
        path = recording_path(example, arguments.out)
        files.write_text(path, json.dumps(recording, separators=(",", ":")) + "\n")
        print(f"{path}: {len(recording['ids'])} tokens")
    return 0


if __name__ == "__main__":
    sys.exit(main())
