"""Doubles, in numbers: how many are shown, does a blanked object come back, is a written one
written again?

    PYTHONPATH=. python benchmarks/mini/repetition.py CHECKPOINT ANNOTATIONS IMAGES OUT.json ...

on 100 labelled photos and 100 generated scenes of an unseen seed. ``before the end`` is what the
model says before it would have stopped; ``late`` is what it says when EOS is forbidden.
The lab shows the result where it lies as ``assets/lab/mini-doubles.json``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pix2seq
from pix2seq.checkpoints import weights_checksum
from pix2seq.data import CocoDetection, Scenes
from pix2seq.evaluate import measure_repetition
from pix2seq.sweep import Bench, count_doubles, doubles_table

_IMAGES = 100
_SEED = 4321


def main(checkpoint: str, annotations: str, images: str, *outs: str) -> None:
    predictor = pix2seq.load(checkpoint, device="cpu")
    sources = {
        "photos": CocoDetection(annotations, images),
        "scenes": Scenes(_SEED, _IMAGES, size=512),
    }
    result: dict = {"weights": weights_checksum(checkpoint)}
    for name, samples in sources.items():
        shown = doubles_table(list(count_doubles(Bench(predictor, samples, _IMAGES))))
        trials = measure_repetition(predictor, samples, _IMAGES).to_dict()
        result[name] = {"shown": shown, **trials}
    for out in outs:
        Path(out).write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
