"""Confidence intervals: how much would the numbers move with other photos of the same kind?

The images are drawn anew with replacement, again and again, and every draw is averaged from the
matches that exist. Drawing an image twice is a weight of two on its detections and objects, so
nothing has to be sorted or matched again.
"""

from __future__ import annotations

import warnings

import numpy as np

from pix2seq.evaluate.coco import IOU_THRESHOLDS, RECALL_THRESHOLDS, CocoScores, MatchTable

_AP50, _AP75 = 0, 5  # positions among the IoU thresholds


def precision_and_recall(
    table: MatchTable, weights: np.ndarray, ious: slice = slice(None)
) -> tuple[np.ndarray, np.ndarray]:
    """Average precision and final recall of one class over a weighted set of images.

    Args:
        table: the class's matches.
        weights: (I,) how often each image counts.
        ious: which of the IoU thresholds.

    Returns:
        AP (T,) over 101 recall thresholds, and recall (T,); NaN if no object counts.
    """
    hit, ignored = table.hit[ious], table.ignored[ious]
    objects = float(table.objects @ weights)
    if objects == 0:
        return np.full(len(hit), np.nan), np.full(len(hit), np.nan)
    counts = weights[table.image]  # (D,)
    hits = np.cumsum((hit & ~ignored) * counts, axis=1)  # (T, D)
    misses = np.cumsum((~hit & ~ignored) * counts, axis=1)
    recall = hits / objects
    precision = hits / np.maximum(hits + misses, np.spacing(1))
    # Best precision at this recall or any higher one.
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    average = np.zeros(len(hit))
    for t in range(len(hit)):
        at = np.searchsorted(recall[t], RECALL_THRESHOLDS, side="left")
        reached = at[at < recall.shape[1]]
        average[t] = envelope[t, reached].sum() / len(RECALL_THRESHOLDS)
    final = recall[:, -1] if recall.shape[1] else np.zeros(len(hit))
    return average, final


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
    rng = np.random.default_rng(seed)
    watched = {name: label for name, label in (watched or {}).items() if label in scores.labels}
    tables = [scores.table(label) for label in scores.labels]
    large = [scores.table(label, "large") for label in scores.labels]
    values: dict[str, list[float]] = {}
    for _ in range(draws):
        picked = rng.integers(0, scores.images, scores.images)
        weights = np.bincount(picked, minlength=scores.images)
        pairs = np.array([precision_and_recall(table, weights) for table in tables])
        ap, recall = pairs.reshape(-1, 2, len(IOU_THRESHOLDS)).swapaxes(0, 1)  # (K, T) each
        ap_large = np.array([precision_and_recall(t, weights, slice(0, 1))[0] for t in large])
        drawn = {
            "AP": _mean(ap),
            "AP50": _mean(ap[:, _AP50]),
            "AP75": _mean(ap[:, _AP75]),
            "AR100": _mean(recall),
            "AP50l": _mean(ap_large),
        }
        drawn |= {name: ap[scores.labels.index(label), _AP50] for name, label in watched.items()}
        for name, value in drawn.items():
            values.setdefault(name, []).append(float(value))
    tail = 50 * (1 - level)
    return {name: _interval(np.array(drawn), tail) for name, drawn in values.items()}


def _mean(values: np.ndarray) -> float:
    """Mean over the classes that have objects."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else float("nan")


def _interval(values: np.ndarray, tail: float) -> tuple[float, float]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # all NaN: the answer is NaN
        low, high = np.nanpercentile(values, [tail, 100 - tail])
    return float(low), float(high)
