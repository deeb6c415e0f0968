"""Confidence intervals: how much would the numbers move with other photos of the same kind?

The images are drawn anew with replacement, again and again, and every draw is averaged from the
matches that exist. Drawing an image twice is a weight of two on its detections and objects, so
nothing has to be sorted or matched again, and all draws are averaged at once.

Two settings that wrote about the same images are compared draw by draw: what one image more or
less does to both of them cancels in the difference.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from pix2seq.evaluate.coco import RECALL_THRESHOLDS, CocoScores, MatchTable

_AP50, _AP75 = 0, 5  # positions among the IoU thresholds
_AT_ONCE = 2_000_000  # numbers in one array of draws x thresholds x detections


def resample(images: int, draws: int, seed: int = 0) -> np.ndarray:
    """(draws, images): how often each image is drawn; the same for the same arguments."""
    rng = np.random.default_rng(seed)
    picked = (rng.integers(0, images, images) for _ in range(draws))
    return np.stack([np.bincount(one, minlength=images) for one in picked])


def precision_and_recall(
    table: MatchTable, weights: np.ndarray, ious: slice = slice(None)
) -> tuple[np.ndarray, np.ndarray]:
    """Average precision and final recall of one class over weighted sets of images.

    Args:
        table: the class's matches.
        weights: (B, I) how often each image counts, per set.
        ious: which of the IoU thresholds.

    Returns:
        AP (B, T) over 101 recall thresholds, and recall (B, T); NaN where no object counts.
    """
    hit, ignored = table.hit[ious], table.ignored[ious]  # (T, D)
    detections = max(hit.size, 1)
    parts = np.array_split(weights, max(1, len(weights) * detections // _AT_ONCE))
    pairs = [_precision_and_recall(hit, ignored, table, part) for part in parts]
    return np.concatenate([ap for ap, _ in pairs]), np.concatenate([ar for _, ar in pairs])


def _precision_and_recall(
    hit: np.ndarray, ignored: np.ndarray, table: MatchTable, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    objects = (weights @ table.objects).astype(float)[:, None]  # (B, 1)
    none = np.where(objects > 0, 0.0, np.nan) * np.ones(len(hit))  # (B, T)
    if not hit.shape[1]:
        return none, none
    counts = weights[:, None, table.image]  # (B, 1, D)
    hits = np.cumsum((hit & ~ignored) * counts, axis=2)  # (B, T, D)
    misses = np.cumsum((~hit & ~ignored) * counts, axis=2)
    recall = hits / np.maximum(objects, 1)[..., None]
    precision = hits / np.maximum(hits + misses, np.spacing(1))
    # Best precision at this recall or any higher one.
    envelope = np.maximum.accumulate(precision[..., ::-1], axis=2)[..., ::-1]
    # A detection answers for the recall thresholds that are reached with it and not before it.
    reached = np.searchsorted(RECALL_THRESHOLDS, recall, side="right")
    new = np.diff(reached, axis=2, prepend=0)
    average = (envelope * new).sum(axis=2) / len(RECALL_THRESHOLDS)
    return none + average, none + recall[..., -1]


def bootstrap(
    scores: CocoScores,
    draws: int,
    seed: int = 0,
    level: float = 0.95,
    watched: dict[str, int] | None = None,
) -> dict[str, tuple[float, float]]:
    """Percentile intervals of AP, AP50, AP75, AR100 and AP50l.

    Args:
        draws: resamples of the images.
        seed: of the resampling.
        level: coverage of the intervals.
        watched: labels whose own AP50 is wanted too, by the name that it gets.

    Returns:
        (low, high) by name.
    """
    weights = resample(scores.images, draws, seed)
    drawn = averages(scores, weights)
    large = [scores.table(label, "large") for label in scores.labels]
    pairs = [precision_and_recall(table, weights, slice(0, 1)) for table in large]
    drawn["AP50l"] = _mean(draws, [ap[:, 0] for ap, _ in pairs])
    for name, label in (watched or {}).items():
        if label in scores.labels:
            ap, _ = precision_and_recall(scores.table(label), weights, slice(0, 1))
            drawn[name] = ap[:, 0]
    return {name: interval(values, level) for name, values in drawn.items()}


def averages(scores: CocoScores, weights: np.ndarray) -> dict[str, np.ndarray]:
    """AP, AP50, AP75 and AR100 of every set of images that ``weights`` (B, I) describes, (B,)."""
    pairs = [precision_and_recall(scores.table(label), weights) for label in scores.labels]
    return {
        "AP": _mean(len(weights), [ap.mean(axis=1) for ap, _ in pairs]),
        "AP50": _mean(len(weights), [ap[:, _AP50] for ap, _ in pairs]),
        "AP75": _mean(len(weights), [ap[:, _AP75] for ap, _ in pairs]),
        "AR100": _mean(len(weights), [recall.mean(axis=1) for _, recall in pairs]),
    }


def shares(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """``part`` of ``whole`` in every set of images, (B,); NaN of nothing."""
    return np.where(whole > 0, part / np.maximum(whole, 1), np.nan)


def interval(values: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """The middle of what was drawn, NaN left out."""
    tail = 50 * (1 - level)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # all NaN: the answer is NaN
        low, high = np.nanpercentile(values, [tail, 100 - tail])
    return float(low), float(high)


def _mean(draws: int, values: Sequence[np.ndarray]) -> np.ndarray:
    """Mean over the classes that have objects, (draws,); NaN where none has."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.nanmean(np.stack([np.full(draws, np.nan), *values]), axis=0)
