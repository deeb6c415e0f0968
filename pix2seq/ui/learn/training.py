"""Lesson 6, architecture and training: what the network is made of, and how its loss fell.

The curve is that of the runs that made the bundled checkpoint; other checkpoints have none here.
``python -m pix2seq.ui.learn.training RUN.jsonl ...`` records it from their ``metrics.jsonl``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from pix2seq import files
from pix2seq.checkpoints import weights_checksum
from pix2seq.predictor import ImageEncoding, Predictor
from pix2seq.ui.visit.evidence import load_recording, recording_path

_KIND = "training"
_LOSSES = {"coord_loss", "class_loss"}
_POINTS = 40  # of each run's curve


def architecture(predictor: Predictor, encoding: ImageEncoding) -> dict:
    """The network in numbers: what is seen, remembered and written, and where the weights are."""
    model, config = predictor.model, predictor.tokenizer.config
    height, width = predictor.preprocess.image_size
    rows, columns = encoding.grid
    parts = {name: _weights(getattr(model, name, None)) for name in ("encoder", "decoder")}
    stack = getattr(getattr(model, "config", None), "decoder", None)
    return {
        "input": [width, height],
        "grid": [rows, columns],
        "cells": rows * columns,
        "drafts": model.drafts,
        "dim": encoding.memory.shape[2],
        "vocabulary": config.vocab_size,
        "longest": predictor.tokenizer.sequence_length(config.max_objects),
        "objects": config.max_objects,
        "weights": _weights(model),
        "parts": parts,
        "layers": None if stack is None else stack.layers,
        "heads": None if stack is None else stack.heads,
    }


def _weights(module: torch.nn.Module | None) -> int | None:
    return None if module is None else sum(p.numel() for p in module.parameters())


def load_training(name: str, folder: Path | None = None) -> list[dict] | None:
    """The runs that made a checkpoint, first to last, if recorded for its present weights:
    ``name`` and ``curve``, rows of (step counted from the first run's start, coordinate loss, class
    loss) in nats per token."""
    recording = load_recording(name, folder, _KIND)
    return None if recording is None else recording["runs"]


def training_record(checksum: str, runs: Sequence[tuple[str, Sequence[dict]]]) -> dict:
    """A recording of runs, each a name and the rows of its ``metrics.jsonl``. Steps that taught no
    sentences, such as those of an encoder alone, have no place on its curve."""
    start, told = 0, []
    for name, rows in runs:
        last = {row["step"]: row for row in rows if _LOSSES <= row.keys()}
        if not last:
            continue
        ordered = [row for _, row in sorted(last.items())]
        size = -(-len(ordered) // _POINTS)
        groups = [ordered[i : i + size] for i in range(0, len(ordered), size)]
        told.append({"name": name, "curve": [_point(group, start) for group in groups]})
        start += ordered[-1]["step"]
    return {"weights": checksum, "runs": told}


def _point(rows: Sequence[dict], start: int) -> list[float]:
    def mean(key: str) -> float:
        return round(sum(row[key] for row in rows) / len(rows), 4)

    return [start + rows[-1]["step"], mean("coord_loss"), mean("class_loss")]


def main(paths: Sequence[str]) -> int:
    """Record how the bundled checkpoint was trained."""
    runs = [
        (Path(path).stem, [json.loads(line) for line in Path(path).read_text().splitlines()])
        for path in paths
    ]
    text = json.dumps(training_record(weights_checksum("mini"), runs), separators=(",", ":"))
    files.write_text(recording_path("mini", kind=_KIND), text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
