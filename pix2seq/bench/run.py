"""All rows, in the order of the table."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from pix2seq.bench.decoding import batch_rows, reference_rows, single_rows
from pix2seq.bench.page import app_rows
from pix2seq.bench.row import Row
from pix2seq.bench.subject import official_size, subject_of
from pix2seq.bench.whole import command_rows, evaluation_rows, many_rows, training_rows
from pix2seq.predictor import Predictor, load


def all_rows(checkpoint: str, quick: bool, photos: str | None = None) -> Iterator[Row]:
    """Measure everything that can be measured here.

    Args:
        checkpoint: the small one; ``mini`` in the goals.
        quick: under a minute on a quiet machine: fewer repeats, smaller evaluation.
        photos: a folder for the row of many pictures; scenes are drawn for it otherwise.
    """
    predictor = load(checkpoint, "cpu")
    repeats = 2 if quick else 5
    yield from _network_rows(predictor, repeats)
    yield from evaluation_rows(predictor, 12 if quick else 60)
    yield from many_rows(predictor, 20 if quick else 60, photos)
    yield from training_rows(predictor, 1 if quick else 3)
    yield from command_rows(1 if quick else 3)
    yield from app_rows(checkpoint, predictor, quick)
    yield from _gpu_rows(checkpoint, repeats)


def _network_rows(predictor: Predictor, repeats: int) -> Iterator[Row]:
    mini, official = subject_of(predictor), official_size(predictor.device)
    pixels = torch.rand(1, 3, *predictor.preprocess.image_size, device=predictor.device)
    yield from single_rows(mini, official, repeats)
    yield from batch_rows(mini, official, repeats)
    yield from reference_rows(mini, official, pixels, min(repeats, 3))


def _gpu_rows(checkpoint: str, repeats: int) -> Iterator[Row]:
    """The network's rows once more, on the GPU."""
    if not torch.cuda.is_available():
        yield Row("gpu", "the rows of the network on a GPU", None, "x", 1, note="no GPU here")
        return
    for row in _network_rows(load(checkpoint, "cuda"), repeats):
        what = f"GPU: {row.what}"
        yield Row(f"gpu/{row.key}", what, row.figure, row.unit, row.goal, row.higher, row.note)
