"""Precision, recall and counts at every score threshold, and how sure each of them is.

Intervals are 95 % of a bootstrap over images. A difference between two sides is drawn from the same
images on both, so that what is hard about an image cancels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pix2seq.argument.sides import SIDES, Told
from pix2seq.argument.verdicts import CROWD, RIGHT, VERDICTS, Verdicts, judge
from pix2seq.categories import Categories
from pix2seq.evaluate import score
from pix2seq.evaluate.bootstrap import bootstrap

THRESHOLDS = (
    0.0,
    0.0002,
    0.0005,
    0.001,
    0.002,
    0.005,
    *(i / 100 for i in range(1, 100)),
    0.995,
    1.0,
)
"""Finer at the ends, where a noise class and a sure one put their boxes."""
DRAWS = 300
METRICS = ("AP", "AP50", "AR100")
DIFFERENCES = (("on", "stop"), ("noise", "stop"), ("noise", "on"))
_TAIL = (2.5, 97.5)
_SCORE_BINS = 10


@dataclass(frozen=True, eq=False)
class Measured:
    """One side on one set. T thresholds, counts over all images.

    Attributes:
        counts: (verdicts, T) boxes that score at least the threshold.
        precision, recall: (3, T) the value, and the interval's ends; precision is NaN where
            nothing is shown.
        metrics: COCO's averages: (value, low, high).
        calibration: per tenth of the score that has boxes: (mean score, share that is right,
            boxes).
        by_place: the same per place in the sentence, first object first.
    """

    counts: np.ndarray
    precision: np.ndarray
    recall: np.ndarray
    metrics: dict[str, tuple[float, float, float]]
    calibration: list[tuple[float, float, int]]
    by_place: list[tuple[float, float, int]]


@dataclass(frozen=True, eq=False)
class Comparison:
    """All sides on one set.

    Attributes:
        objects: that could be found.
        sides: by name.
        verdicts: per side and image.
        differences: by "later-earlier": (2, 2, T) of precision and recall, low and high.
    """

    objects: int
    sides: dict[str, Measured]
    verdicts: dict[str, list[Verdicts]]
    differences: dict[str, np.ndarray]


def measure(told: Told, categories: Categories, draws: int = DRAWS, seed: int = 0) -> Comparison:
    """Judge every box, count, and resample the images ``draws`` times."""
    images = len(told.truths)
    rng = np.random.default_rng(seed)
    picked = rng.integers(0, images, (draws, images))
    weights = np.stack([np.bincount(row, minlength=images) for row in picked])  # (draws, images)
    weights = np.concatenate([np.ones((1, images), dtype=weights.dtype), weights])
    sides, verdicts, drawn = {}, {}, {}
    objects = np.zeros(images)
    for side in SIDES:
        found = told.found[side.name]
        judged = [judge(one, truth) for one, truth in zip(found, told.truths, strict=True)]
        objects = np.array([one.counted.sum() for one in judged])
        counts = np.stack(
            [_counts(o.scores.numpy(), j) for o, j in zip(found, judged, strict=True)]
        )
        weighted = np.tensordot(weights, counts, 1)  # (1 + draws, verdicts, T)
        with np.errstate(invalid="ignore"):
            precision = weighted[:, RIGHT] / weighted.sum(1)
            recall = weighted[:, RIGHT] / (weights @ objects)[:, None]
        drawn[side.name] = np.stack([precision[1:], recall[1:]], 1)  # (draws, 2, T)
        coco = score(told.truths, found, categories)
        ends = bootstrap(coco, draws, seed)
        sides[side.name] = Measured(
            counts=counts.sum(0),
            precision=_with_interval(precision),
            recall=_with_interval(recall),
            metrics={name: (coco.metrics[name], *ends[name]) for name in METRICS},
            calibration=_calibration(found, judged),
            by_place=_by_place(found, judged),
        )
        verdicts[side.name] = judged
    differences = {
        f"{later}-{earlier}": _ends(drawn[later] - drawn[earlier]).swapaxes(0, 1)
        for later, earlier in DIFFERENCES
    }
    return Comparison(int(objects.sum()), sides, verdicts, differences)


def _counts(scores: np.ndarray, judged: Verdicts) -> np.ndarray:
    """Boxes per verdict and threshold: (verdicts, T)."""
    shown = scores[:, None] >= np.array(THRESHOLDS, dtype=np.float32)[None]  # as scores are
    return np.stack([shown[judged.kinds == kind].sum(0) for kind in range(len(VERDICTS))])


def _with_interval(values: np.ndarray) -> np.ndarray:
    """(1 + draws, T), the value itself first, to (3, T)."""
    return np.concatenate([values[:1], _ends(values[1:])])


def _ends(drawn: np.ndarray) -> np.ndarray:
    """Low and high of (draws, ..., T): (2, ..., T). NaN where a draw in ten has no value."""
    known = ~np.isnan(drawn)
    enough = known.mean(0) > 0.9
    filled = np.where(enough, drawn, 0.0)
    filled = np.where(np.isnan(filled), np.nanmean(np.where(enough, drawn, 0.0), 0), filled)
    return np.where(enough, np.percentile(filled, _TAIL, axis=0), np.nan)


def _calibration(found: list, judged: list[Verdicts]) -> list[tuple[float, float, int]]:
    scores = np.concatenate([one.scores.numpy() for one in found])
    kinds = np.concatenate([one.kinds for one in judged])
    place = np.minimum((scores * _SCORE_BINS).astype(int), _SCORE_BINS - 1)
    return _reliability(scores, kinds, place)


def _by_place(found: list, judged: list[Verdicts]) -> list[tuple[float, float, int]]:
    scores = np.concatenate([one.scores.numpy() for one in found])
    kinds = np.concatenate([one.kinds for one in judged])
    return _reliability(scores, kinds, np.concatenate([one.objects.numpy() for one in found]))


def _reliability(
    scores: np.ndarray, kinds: np.ndarray, group: np.ndarray
) -> list[tuple[float, float, int]]:
    """Mean score, share that is right and number of boxes of every group that has any."""
    rows = []
    for number in range(int(group.max(initial=-1)) + 1):
        inside = (group == number) & (kinds != CROWD)
        if inside.any():
            right = kinds[inside] == RIGHT
            rows.append((float(scores[inside].mean()), float(right.mean()), int(inside.sum())))
    return rows
