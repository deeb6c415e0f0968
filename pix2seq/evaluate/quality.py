"""What average precision does not say: duplicates, calibration, grammar, the shown boxes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from pix2seq.boxes import box_iou
from pix2seq.detections import Detections
from pix2seq.evaluate.coco import CocoScores
from pix2seq.reading import DOUBLE_IOU
from pix2seq.sampling import SamplingStep
from pix2seq.tokenizer import Tokenizer


@dataclass(frozen=True)
class ReliabilityBin:
    """Detections of similar score: does the score say how often they are right?

    Attributes:
        low, high: range of the score, ``low`` included (the last bin includes 1).
        count: detections in it.
        mean_score: what the model says.
        precision: what is true, at IoU 0.5; crowds left out.
    """

    low: float
    high: float
    count: int
    mean_score: float
    precision: float


def count_duplicates(detections: Detections, iou: float = DOUBLE_IOU) -> int:
    """Objects that cover one of their own class with a higher score (ties: the earlier) by more
    than ``iou``."""
    order = detections.scores.argsort(descending=True, stable=True)
    ranked = detections[order]
    same = ranked.labels[:, None] == ranked.labels[None]
    covers = (box_iou(ranked.boxes, ranked.boxes) > iou) & same
    return int(covers.tril(diagonal=-1).any(dim=1).sum())


def judged(scores: CocoScores) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All detections that count (none inside crowds): their scores, whether each is right at IoU
    0.5, and which of the given detections it is, counted through all images."""
    tables = [scores.table(label) for label in scores.labels]
    kept = [~table.ignored[0] for table in tables]
    pairs = list(zip(tables, kept, strict=True))
    return (
        np.concatenate([np.zeros(0), *(table.scores[keep] for table, keep in pairs)]),
        np.concatenate([np.zeros(0, bool), *(table.hit[0][keep] for table, keep in pairs)]),
        np.concatenate([np.zeros(0, int), *(table.given[keep] for table, keep in pairs)]),
    )


def reliability(scores: CocoScores, bins: int = 10) -> list[ReliabilityBin]:
    """Mean score against precision at IoU 0.5, by score; empty bins are left out."""
    said, true, _ = judged(scores)
    return reliability_of(said, true, bins)


def reliability_of(said: np.ndarray, true: np.ndarray, bins: int = 10) -> list[ReliabilityBin]:
    """The same of any detections: their scores (D,) and whether each is right (D,)."""
    place = np.minimum((said * bins).astype(int), bins - 1)
    found = []
    for i in range(bins):
        inside = place == i
        if inside.any():
            found.append(
                ReliabilityBin(
                    low=i / bins,
                    high=(i + 1) / bins,
                    count=int(inside.sum()),
                    mean_score=float(said[inside].mean()),
                    precision=float(true[inside].mean()),
                )
            )
    return found


def calibration_error(bins: Sequence[ReliabilityBin]) -> float:
    """Expected calibration error: mean gap between score and precision, weighted by count."""
    total = sum(b.count for b in bins)
    gaps = sum(b.count * abs(b.mean_score - b.precision) for b in bins)
    return gaps / total if total else float("nan")


def wilson(count: int, total: int) -> tuple[float, float]:
    """95 % interval of a share, NaN of nothing."""
    if not total:
        return float("nan"), float("nan")
    z, p = 1.96, count / total
    middle = (p + z * z / (2 * total)) / (1 + z * z / total)
    half = z * math.sqrt(p * (1 - p) / total + (z / (2 * total)) ** 2) / (1 + z * z / total)
    return max(middle - half, 0.0), min(middle + half, 1.0)


def precision_recall_at(scores: CocoScores, threshold: float) -> tuple[float, float]:
    """Precision and recall at IoU 0.5 of all boxes that score at least ``threshold``, whatever
    their class."""
    right = shown = objects = 0
    for label in scores.labels:
        table = scores.table(label)
        kept = (table.scores >= np.float32(threshold)) & ~table.ignored[0]  # as scores are
        right += int((table.hit[0] & kept).sum())
        shown += int(kept.sum())
        objects += int(table.objects.sum())
    nan = float("nan")
    return right / shown if shown else nan, right / objects if objects else nan


def count_violations(steps: Sequence[SamplingStep], tokenizer: Tokenizer) -> int:
    """How many tokens of a sentence the grammar would not have let through."""
    return sum(not tokenizer.allowed(step.index)[step.token_id] for step in steps)


def objects_per_image(detections: Sequence[Detections]) -> float:
    """Mean number of objects."""
    return float(torch.tensor([len(one) for one in detections]).float().mean())
