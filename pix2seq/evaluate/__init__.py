"""Evaluation: COCO's numbers with confidence intervals, quality of the shown boxes.

The only user of pycocotools. ``evaluate`` is the front door; ``sweep`` tries many settings on the
same images.
"""

from pix2seq.evaluate.coco import CocoScores, Truth, score
from pix2seq.evaluate.repetition import Repetition, measure_repetition
from pix2seq.evaluate.report import as_table
from pix2seq.evaluate.result import Effort, EvalResult
from pix2seq.evaluate.run import evaluate, evaluate_detections, match_labels

__all__ = [
    "CocoScores",
    "Effort",
    "EvalResult",
    "Repetition",
    "Truth",
    "as_table",
    "evaluate",
    "evaluate_detections",
    "match_labels",
    "measure_repetition",
    "score",
]
