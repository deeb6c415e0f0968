"""Evaluation: COCO's numbers with confidence intervals, quality of the shown boxes, sweeps.

The only user of pycocotools. ``evaluate`` is the front door; ``encode_samples`` and
``evaluate_encoded`` are its halves, for trying many settings on the same images.
"""

from pix2seq.evaluate.ablations import Trial, as_csv, run_trials, standard_trials
from pix2seq.evaluate.coco import CocoScores, Truth, score
from pix2seq.evaluate.repetition import Repetition, measure_repetition
from pix2seq.evaluate.report import as_table
from pix2seq.evaluate.result import EvalResult
from pix2seq.evaluate.run import (
    EncodedSamples,
    encode_samples,
    evaluate,
    evaluate_detections,
    evaluate_encoded,
    match_labels,
)

__all__ = [
    "CocoScores",
    "EncodedSamples",
    "EvalResult",
    "Repetition",
    "Trial",
    "Truth",
    "as_csv",
    "as_table",
    "encode_samples",
    "evaluate",
    "evaluate_detections",
    "evaluate_encoded",
    "match_labels",
    "measure_repetition",
    "run_trials",
    "score",
    "standard_trials",
]
