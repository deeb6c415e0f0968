"""Evaluation of a predictor: encode every image once, write in batches, score.

``encode_samples`` does the slow half and forgets the pictures; ``evaluate_encoded`` may then be
called for any number of sampling settings.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from pix2seq.categories import Categories
from pix2seq.config import ConfigError, SamplingOptions
from pix2seq.data.sample import Sample
from pix2seq.detections import Detections
from pix2seq.evaluate.bootstrap import bootstrap
from pix2seq.evaluate.coco import CocoScores, Truth, score
from pix2seq.evaluate.quality import (
    ReliabilityBin,
    calibration_error,
    count_duplicates,
    count_violations,
    objects_per_image,
    precision_recall_at,
    reliability,
)
from pix2seq.predictor import ImageEncoding, Predictor
from pix2seq.sampling import sample_batch

Progress = Callable[[int, int], None]
"""Called with (images done, images in all)."""


class Samples(Protocol):
    """A labelled data set: ``CocoDetection`` or ``Scenes``."""

    categories: Categories

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample: ...


@dataclass(frozen=True, eq=False)
class EncodedSamples:
    """Images as the model sees them, and what is in them.

    Attributes:
        encodings, truths: one per image.
        missing: names of the data set's classes that the model does not know; their objects are
            left out.
    """

    encodings: Sequence[ImageEncoding]
    truths: Sequence[Truth]
    missing: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.encodings)

    @property
    def encode_s(self) -> float:
        """Seconds per image that encoding took."""
        return sum(one.seconds for one in self.encodings) / max(len(self), 1)


@dataclass(frozen=True, eq=False)
class EvalResult:
    """What one evaluation found. Shares are in [0, 1]; NaN where nothing could be measured.

    Attributes:
        checkpoint: name of the model.
        options: resolved settings; ``score_threshold`` only decides which boxes count as shown.
        images, objects: how much was scored (crowds not counted).
        metrics: COCO's averages: AP, AP50, AP75, APs/m/l, AR1/10/100, ARs/m/l, and AP50l.
        per_class: AP, AP50, AP50l and object count by class name.
        intervals: 95 % bootstrap intervals (low, high) by metric; empty if none were asked for.
        precision, recall: of the shown boxes at IoU 0.5, all classes together.
        duplicates: share of shown boxes that repeat a better one of their class (IoU > 0.8).
        objects_per_image: shown boxes per image.
        calibration, calibration_error: score against precision.
        violations: share of tokens that break the grammar (0 when it is on).
        degenerate: boxes without area, left out.
        encode_s, decode_s: seconds per image; tokens_per_s counts all sequences of a batch.
        missing_classes: the data set's classes that the model does not know.
        precision_curve: precision at recall 0, 0.01 ... 1, IoU 0.5, mean over classes.
    """

    checkpoint: str
    options: SamplingOptions
    images: int
    objects: int
    metrics: dict[str, float]
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


def encode_samples(
    predictor: Predictor,
    samples: Samples,
    limit: int | None = None,
    batch_size: int = 8,
    on_progress: Progress | None = None,
) -> EncodedSamples:
    """Look at all images once.

    Args:
        samples: labelled images; classes are matched by name.
        limit: only the first so many.
        batch_size: images per pass of the encoder.
        on_progress: told after every batch.

    Raises:
        ConfigError: there are no images, or no class in common.
    """
    if limit is not None and limit < 1:
        raise ConfigError(f"limit is {limit}; evaluate at least one image")
    if batch_size < 1:
        raise ConfigError(f"batch_size is {batch_size}; use 1 or more")
    total = len(samples) if limit is None else min(limit, len(samples))
    if total == 0:
        raise ConfigError("there is no image to evaluate on; give at least one")
    label_map, missing = match_labels(samples.categories, predictor.categories)
    encodings, truths = [], []
    for start in range(0, total, batch_size):
        batch = [samples[i] for i in range(start, min(start + batch_size, total))]
        encodings += predictor.encode_batch([sample.image for sample in batch])
        truths += [Truth.of(sample, label_map) for sample in batch]
        if on_progress is not None:
            on_progress(len(truths), total)
    return EncodedSamples(encodings, truths, missing)


def evaluate_encoded(
    predictor: Predictor,
    encoded: EncodedSamples,
    options: SamplingOptions | None = None,
    batch_size: int = 8,
    bootstrap_draws: int = 0,
    on_progress: Progress | None = None,
) -> EvalResult:
    """Write about encoded images and score it.

    Image ``i`` is written with seed ``options.seed + i``. Average precision takes all boxes, as
    COCO asks; ``options.score_threshold`` decides which of them count as shown.

    Args:
        batch_size: sequences that are written together.
        bootstrap_draws: resamples for confidence intervals; 0 for none.
        on_progress: told after every batch.
    """
    options = predictor.resolve(options)
    threshold = options.score_threshold
    everything = options.replace(score_threshold=0.0)
    detections: list[Detections] = []
    broken = written = 0
    start_time = time.perf_counter()
    for start in range(0, len(encoded), batch_size):
        some = encoded.encodings[start : start + batch_size]
        batch = sample_batch(
            predictor.model,
            torch.cat([one.memory for one in some]),
            predictor.tokenizer,
            everything,
            [options.seed + start + i for i in range(len(some))],
        )
        detections += predictor.read_batch(some, batch, everything)
        violations, tokens = count_violations(batch, predictor.tokenizer)
        broken, written = broken + violations, written + tokens
        if on_progress is not None:
            on_progress(len(detections), len(encoded))
    seconds = time.perf_counter() - start_time
    scores = score(encoded.truths, detections, predictor.categories)
    shown = [one.above(threshold) for one in detections]
    precision, recall = precision_recall_at(scores, threshold)
    bins = reliability(scores)
    return EvalResult(
        checkpoint=predictor.name,
        options=options,
        images=len(encoded),
        objects=sum(int((~truth.is_crowd).sum()) for truth in encoded.truths),
        metrics=scores.metrics,
        per_class=scores.per_class(predictor.categories),
        intervals=_intervals(scores, predictor.categories, bootstrap_draws),
        precision=precision,
        recall=recall,
        duplicates=_share(sum(map(count_duplicates, shown)), sum(map(len, shown))),
        objects_per_image=objects_per_image(shown),
        calibration=bins,
        calibration_error=calibration_error(bins),
        violations=_share(broken, written),
        degenerate=sum(one.degenerate for one in detections),
        encode_s=encoded.encode_s,
        decode_s=seconds / len(encoded),
        tokens_per_s=written / seconds,
        missing_classes=encoded.missing,
        precision_curve=tuple(scores.precision_recall(0.5)[1].tolist()),
    )


def evaluate(
    predictor: Predictor,
    samples: Samples,
    options: SamplingOptions | None = None,
    limit: int | None = None,
    batch_size: int = 8,
    bootstrap_draws: int = 0,
    on_progress: Progress | None = None,
) -> EvalResult:
    """Score a predictor on labelled images; see ``encode_samples`` and ``evaluate_encoded``.

    ``on_progress`` counts every image twice: once encoded, once written.
    """
    encode_progress = write_progress = None
    if on_progress is not None:

        def encode_progress(done: int, total: int) -> None:
            on_progress(done, 2 * total)

        def write_progress(done: int, total: int) -> None:
            on_progress(total + done, 2 * total)

    encoded = encode_samples(predictor, samples, limit, batch_size, encode_progress)
    return evaluate_encoded(
        predictor, encoded, options, batch_size, bootstrap_draws, write_progress
    )


def match_labels(
    data: Categories, model: Categories
) -> tuple[dict[int, int] | None, tuple[str, ...]]:
    """The data set's labels in the model's label space, and the names that it lacks."""
    if data == model:
        return None, ()
    known = {model.name(label): label for label in model.named_labels()}
    names = {label: data.name(label) for label in data.named_labels()}
    label_map = {label: known[name] for label, name in names.items() if name in known}
    if not label_map:
        raise ConfigError(
            f"the data's classes ({', '.join(list(names.values())[:3])} ...) and the model's "
            f"({', '.join(list(known)[:3])} ...) have no name in common"
        )
    return label_map, tuple(name for name in names.values() if name not in known)


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


def _share(part: int, whole: int) -> float:
    return part / whole if whole else math.nan


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    return value
