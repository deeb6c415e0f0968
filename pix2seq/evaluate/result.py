"""``EvalResult``: everything that one evaluation found, and how it is computed from detections."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pix2seq.categories import Categories
from pix2seq.config import SamplingOptions
from pix2seq.detections import Detections
from pix2seq.evaluate.bootstrap import bootstrap
from pix2seq.evaluate.coco import CocoScores, Truth, score
from pix2seq.evaluate.quality import (
    ReliabilityBin,
    calibration_error,
    count_duplicates,
    objects_per_image,
    precision_recall_at,
    reliability,
)
from pix2seq.predictor import Predictor
from pix2seq.transforms import Letterbox


@dataclass(frozen=True)
class Effort:
    """What the writing cost and broke.

    Attributes:
        encode_s, decode_s: seconds, all images together.
        tokens, violations: written tokens (EOS included), and those that break the grammar.
    """

    encode_s: float = 0.0
    decode_s: float = 0.0
    tokens: int = 0
    violations: int = 0

    def __add__(self, other: Effort) -> Effort:
        pairs = zip(dataclasses.astuple(self), dataclasses.astuple(other), strict=True)
        return Effort(*(a + b for a, b in pairs))


@dataclass(frozen=True, eq=False)
class EvalResult:
    """What one evaluation found. Shares are in [0, 1]; NaN where nothing could be measured.

    Attributes:
        checkpoint: name of the model, or of the file that another detector's boxes came from.
        options: resolved settings; ``None`` for another detector.
        score_threshold: which boxes count as shown; nothing else depends on it.
        images, objects: how much was scored (crowds not counted).
        metrics: COCO's averages: AP, AP50, AP75, APs/m/l, AR1/10/100, ARs/m/l, and AP50l.
        by_input_size: AP, AP50 and AR100 of small, medium and large objects, if that is judged by
            the pixels of the model's input; empty for another detector. ``metrics`` judges it by
            those of the photo.
        per_class: AP, AP50, AP50l and object count by class name.
        intervals: 95 % bootstrap intervals (low, high) by metric; empty if none were asked for.
        precision, recall: of the shown boxes at IoU 0.5, all classes together.
        duplicates: share of shown boxes that repeat a better one of their class, at the overlap
            from which the page marks one as "again" (``reading.DOUBLE_IOU``).
        objects_per_image: shown boxes per image.
        calibration, calibration_error: score against precision.
        violations: share of tokens that break the grammar (0 when it is on).
        degenerate: boxes without area, left out.
        encode_s, decode_s: seconds per image; tokens_per_s counts all sequences of a batch.
        missing_classes: the data set's classes that the model does not know.
        precision_curve: precision at recall 0, 0.01 ... 1, IoU 0.5, mean over classes.
    """

    checkpoint: str
    options: SamplingOptions | None
    score_threshold: float
    images: int
    objects: int
    metrics: dict[str, float]
    by_input_size: dict[str, dict[str, float]]
    per_class: dict[str, dict[str, float]]
    intervals: dict[str, tuple[float, float]]
    precision: float
    recall: float
    duplicates: float
    objects_per_image: float
    calibration: list[ReliabilityBin]
    calibration_error: float
    violations: float
    degenerate: int
    encode_s: float
    decode_s: float
    tokens_per_s: float
    missing_classes: tuple[str, ...]
    precision_curve: tuple[float, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; COCO's averages are on the top level and NaN becomes ``None``."""
        data = dataclasses.asdict(self)
        return _plain({**data.pop("metrics"), **data})

    @classmethod
    def of(
        cls,
        predictor: Predictor,
        options: SamplingOptions,
        truths: Sequence[Truth],
        detections: Sequence[Detections],
        effort: Effort,
        missing_classes: tuple[str, ...] = (),
        bootstrap_draws: int = 0,
    ) -> EvalResult:
        """Score what a predictor found in all images.

        Args:
            options: resolved; boxes below ``score_threshold`` must still be in ``detections``.
            truths, detections: one per image.
            bootstrap_draws: resamples for confidence intervals; 0 for none.
        """
        return cls._of(
            predictor.name,
            predictor.categories,
            truths,
            detections,
            bootstrap_draws,
            options.score_threshold,
            by_input_size=_by_input_size(predictor, truths, detections),
            options=options,
            violations=_share(effort.violations, effort.tokens),
            encode_s=effort.encode_s / len(truths),
            decode_s=effort.decode_s / len(truths),
            tokens_per_s=_share(effort.tokens, effort.decode_s),
            missing_classes=missing_classes,
        )

    @classmethod
    def of_boxes(
        cls,
        name: str,
        categories: Categories,
        truths: Sequence[Truth],
        detections: Sequence[Detections],
        score_threshold: float = 0.0,
        bootstrap_draws: int = 0,
    ) -> EvalResult:
        """Score boxes of any origin; what only a predictor has is ``None``, empty or NaN."""
        return cls._of(
            name,
            categories,
            truths,
            detections,
            bootstrap_draws,
            score_threshold,
            by_input_size={},
            options=None,
            violations=math.nan,
            encode_s=math.nan,
            decode_s=math.nan,
            tokens_per_s=math.nan,
            missing_classes=(),
        )

    @classmethod
    def _of(
        cls,
        name: str,
        categories: Categories,
        truths: Sequence[Truth],
        detections: Sequence[Detections],
        bootstrap_draws: int,
        score_threshold: float,
        **others: Any,
    ) -> EvalResult:
        scores = score(truths, detections, categories)
        shown = [one.above(score_threshold) for one in detections]
        precision, recall = precision_recall_at(scores, score_threshold)
        bins = reliability(scores)
        return cls(
            checkpoint=name,
            score_threshold=score_threshold,
            images=len(truths),
            objects=sum(int((~truth.is_crowd).sum()) for truth in truths),
            metrics=scores.metrics,
            per_class=scores.per_class(categories),
            intervals=_intervals(scores, categories, bootstrap_draws),
            precision=precision,
            recall=recall,
            duplicates=_share(sum(map(count_duplicates, shown)), sum(map(len, shown))),
            objects_per_image=objects_per_image(shown),
            calibration=bins,
            calibration_error=calibration_error(bins),
            degenerate=sum(one.degenerate for one in detections),
            precision_curve=tuple(scores.precision_recall(0.5)[1].tolist()),
            **others,
        )


def _by_input_size(
    predictor: Predictor, truths: Sequence[Truth], detections: Sequence[Detections]
) -> dict[str, dict[str, float]]:
    scales = []
    for truth in truths:
        rows, columns = Letterbox(predictor.preprocess, truth.size).content_size
        scales.append(math.sqrt(rows * columns / (truth.size[0] * truth.size[1])))
    return score(truths, detections, predictor.categories, scales).by_size()


def _intervals(
    scores: CocoScores, categories: Categories, draws: int
) -> dict[str, tuple[float, float]]:
    if not draws:
        return {}
    person = {
        f"{categories.name(label)} AP50": label
        for label in categories.named_labels()
        if categories.name(label).lower() == "person"
    }
    return bootstrap(scores, draws, watched=person)


def _share(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    return value
