"""A sweep's outcomes: what each setting does to precision, recall and AP, and how surely."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from pix2seq.evaluate import CocoScores, score
from pix2seq.evaluate.bootstrap import averages, resample, shares
from pix2seq.evaluate.quality import judged
from pix2seq.sweep.bench import Bench, Progress, Tried, try_settings
from pix2seq.sweep.calibration import Trust, calibrate
from pix2seq.sweep.plan import Setting

DRAWS = 200
"""Resamples of the images, from which intervals of differences are read."""


@dataclass(frozen=True, eq=False)
class Curve:
    """Precision and recall at IoU 0.5 of all boxes down to a score, for ever lower scores.

    Boxes of all classes are ranked together, as a user's one threshold ranks them.

    Attributes:
        scores, precision, recall: (D,), best score first; crowds count for nothing.
    """

    scores: np.ndarray
    precision: np.ndarray
    recall: np.ndarray

    @classmethod
    def of(cls, scores: CocoScores) -> Curve:
        """Read the curve off COCO's matches."""
        value, right, _ = judged(scores)
        objects = sum(int(scores.table(label).objects.sum()) for label in scores.labels)
        order = np.argsort(-value, kind="stable")
        hits = np.cumsum(right[order])
        rank = np.arange(1, len(order) + 1)
        return cls(value[order], hits / rank, hits / max(objects, 1))

    def at(self, threshold: float) -> tuple[float, float]:
        """Precision and recall of the boxes that score at least ``threshold``; without any,
        precision is NaN and recall 0."""
        shown = int(np.count_nonzero(self.scores >= np.float32(threshold)))  # as scores are
        if not shown:
            return float("nan"), 0.0
        return float(self.precision[shown - 1]), float(self.recall[shown - 1])

    def thinned(self, points: int = 160, keep: float = 0.0) -> Curve:
        """About that many points, spread evenly; first, last and the one that answers ``at(keep)``
        stay."""
        count = len(self.scores)
        if count <= points:
            return self
        shown = max(int(np.count_nonzero(self.scores >= keep)), 1)
        at = np.unique([*np.linspace(0, count - 1, points).round().astype(int), shown - 1])
        return Curve(self.scores[at], self.precision[at], self.recall[at])


@dataclass(frozen=True, eq=False)
class Outcome:
    """What one setting gives.

    Attributes:
        metrics: COCO's averages by name (``AP``, ``AP50``, ``AR100``, ...); NaN: nothing to find.
        curve: precision and recall by score.
        objects_per_image: boxes, mean over the images.
        seconds: of writing; 0 if the sentences were there already.
        threshold: the score from which a box is shown.
        draws: the numbers of ``values`` over resampled images, (B,) each; the images of a draw are
            the same for all outcomes of a bench.
        trust: how far the scores can be trusted.
    """

    setting: Setting
    metrics: dict[str, float]
    curve: Curve
    objects_per_image: float
    seconds: float
    threshold: float = 0.0
    draws: Mapping[str, np.ndarray] = field(default_factory=dict)
    trust: tuple[Trust, ...] = ()

    @property
    def name(self) -> str:
        return self.setting.name

    @property
    def values(self) -> dict[str, float]:
        """COCO's averages, and precision and recall of what is shown."""
        precision, recall = self.curve.at(self.threshold)
        return {**self.metrics, "precision": precision, "recall": recall}


def run_sweep(
    bench: Bench,
    settings: Sequence[Setting],
    stopped: Callable[[], bool] = lambda: False,
    threshold: float = 0.0,
) -> Iterator[Progress | Outcome]:
    """Try settings one after the other.

    Args:
        threshold: the score from which boxes count as shown; the settings themselves cut nothing.
        stopped: asked before every token; what was finished before stays valid.

    Yields:
        ``Progress`` per image looked at and per sentence written, an ``Outcome`` per setting.
    """
    for event in try_settings(bench, settings, stopped):
        yield event if isinstance(event, Progress) else _outcome(bench, event, threshold)


def _outcome(bench: Bench, tried: Tried, threshold: float) -> Outcome:
    scores = score(bench.truths, tried.found, bench.predictor.categories)
    return Outcome(
        setting=tried.setting,
        metrics=scores.metrics,
        curve=Curve.of(scores),
        objects_per_image=sum(map(len, tried.found)) / len(tried.found),
        seconds=tried.effort.decode_s if tried.fresh else 0.0,
        threshold=threshold,
        draws=_draws(scores, threshold),
        trust=calibrate(scores, tried.found, threshold),
    )


def _draws(scores: CocoScores, threshold: float) -> dict[str, np.ndarray]:
    weights = resample(scores.images, DRAWS)
    right = np.zeros(scores.images)
    shown, objects = right.copy(), right.copy()
    for table in map(scores.table, scores.labels):
        kept = (table.scores >= np.float32(threshold)) & ~table.ignored[0]  # as scores are
        np.add.at(shown, table.image[kept], 1)
        np.add.at(right, table.image[kept], table.hit[0][kept])
        objects += table.objects
    return {
        **averages(scores, weights),
        "precision": shares(weights @ right, weights @ shown),
        "recall": shares(weights @ right, weights @ objects),
    }
