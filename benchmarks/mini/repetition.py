"""Memory on trial, in numbers: does a blanked object come back, is a written one written again?

    PYTHONPATH=. python benchmarks/mini/repetition.py CHECKPOINT ANNOTATIONS IMAGES OUT.json

on 100 labelled photos and 100 generated scenes of an unseen seed. ``before the end`` is what the
model says before it would have stopped; ``late`` is what it says when EOS is forbidden.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pix2seq
from pix2seq.data import CocoDetection, Scenes
from pix2seq.evaluate import measure_repetition

_IMAGES = 100
_SEED = 4321


def main(checkpoint: str, annotations: str, images: str, out: str) -> None:
    predictor = pix2seq.load(checkpoint, device="cpu")
    sources = {
        "photos": CocoDetection(annotations, images),
        "scenes": Scenes(_SEED, _IMAGES, size=512),
    }
    result = {
        name: measure_repetition(predictor, samples, _IMAGES).to_dict()
        for name, samples in sources.items()
    }
    Path(out).write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
