"""Recording comparisons: what *Compare* shows before anybody has pressed a button, without a model.

Each ready-made pair of settings is written about one picture on which it shows what it is for, and
a thumbnail is drawn of both sides. Many samples of one setting are written, too, about a picture on
which they do not all agree. (``recorded.py`` reads all that.)

``python -m pix2seq.ui.compare.recordings`` makes them (again, whenever the bundled checkpoint
changes).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pix2seq
from pix2seq import files
from pix2seq.config import SamplingOptions
from pix2seq.predictor import Predictor
from pix2seq.ui.compare.recorded import FOLDER, recording_path, thumbnail_path
from pix2seq.ui.compare.runs import write_both
from pix2seq.ui.compare.samples import summaries
from pix2seq.ui.compare.sides import PRESETS, preset_options
from pix2seq.ui.compare.thumbnail import draw_pair
from pix2seq.ui.visit import record
from pix2seq.ui.visit.examples import open_example
from pix2seq.ui.visit.maker import maker_arguments
from pix2seq.ui.visit.runs import Run

PICTURES = {
    "argmax": "scene-4",
    "eos": "scene-16",
    "noise": "scene-26",
    "bins": "scene-9",
    "temperature": "scene-10",
    "write": "chelsea",
}
"""Each pair's picture. Both sides show the same only in the last pair, whose point that is."""

SAMPLED = "taxis"
SAMPLES = 8
"""The picture of *Many samples*, and how many: what its slider says when the page opens."""


def record_pair(predictor: Predictor, preset: str, seed: int) -> tuple[dict, tuple[Run, Run]]:
    """Write a pair as the page does when nothing but the pair has been chosen."""
    example = PICTURES[preset]
    picture = open_example(example)
    config = predictor.tokenizer.config
    sides = preset_options(preset, predictor.resolve(SamplingOptions(seed=seed)), config)
    a, b = (Run(picture, predictor, options) for options in sides)
    *_, text = write_both(a, b)
    return {
        "checkpoint": predictor.name,
        "vocab": record.vocabulary(predictor),
        "example": example,
        "options": {"a": a.options.to_dict(), "b": b.options.to_dict()},
        "ids": {"a": a.token_ids, "b": b.token_ids},
        "lines": [
            line
            for line in text.splitlines(keepends=True)
            if not line.startswith(("C", "aR", "bR"))
        ],
    }, (a, b)


def record_samples(predictor: Predictor, seed: int) -> dict:
    """Write samples as the page does with untouched controls."""
    picture = open_example(SAMPLED)
    options = predictor.resolve(SamplingOptions(seed=seed))
    seeds = list(range(seed, seed + SAMPLES))
    *_, summary = summaries(predictor, picture, options, seeds)
    return {
        "checkpoint": predictor.name,
        "example": SAMPLED,
        "options": options.to_dict(),
        "wanted": len(seeds),
        "summary": summary,
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Record every pair and the samples with one checkpoint."""
    what = "Record the comparisons that the page shows without a model."
    arguments = maker_arguments(argv, what, FOLDER, "seed", 0)
    predictor = pix2seq.load(arguments.checkpoint)
    for preset in PRESETS:
        recording, runs = record_pair(predictor, preset, arguments.seed)
        _write(recording_path(preset, arguments.out), recording)
        path = thumbnail_path(preset, arguments.out)
        draw_pair(*runs).save(path, quality=80, optimize=True)
        print(f"{path}: {', '.join(str(len(run.token_ids)) for run in runs)} tokens")
    path = recording_path("samples", arguments.out)
    _write(path, record_samples(predictor, arguments.seed))
    print(f"{path}: {SAMPLES} samples")
    return 0


def _write(path: Path, recording: dict) -> None:
    files.write_text(path, json.dumps(recording, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    sys.exit(main())
