"""Running a sweep: look once, write per setting, score, one outcome at a time.

    samples -> Bench (encoded once) -> run_sweep(settings) -> Progress ..., Outcome, Progress ...

Images are looked at once; every setting then writes from the same memories with the same random
numbers. Settings that only read the sentences differently (noise, score) share the sentences, too.
Outcomes come one by one, and a sweep can be stopped between any two tokens.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from pix2seq.config import ConfigError, SamplingOptions
from pix2seq.detections import Detections
from pix2seq.evaluate import CocoScores, Truth, match_labels, score
from pix2seq.evaluate.bootstrap import averages, resample
from pix2seq.evaluate.run import Samples
from pix2seq.predictor import ImageEncoding, Predictor
from pix2seq.sampling import SampledBatch, sample_batch
from pix2seq.sampling.stopping import Stoppable, Stopped
from pix2seq.sweep.calibration import Trust, calibrate
from pix2seq.sweep.plan import Setting

BATCH = 8
"""Sentences written side by side: on a CPU, more is hardly faster and slower to show."""

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
        tables = [scores.table(label) for label in scores.labels]
        objects = sum(int(table.objects.sum()) for table in tables)
        kept = [~table.ignored[0] for table in tables]
        none = [np.zeros(0)]
        value = np.concatenate(none + [t.scores[k] for t, k in zip(tables, kept, strict=True)])
        right = np.concatenate(none + [t.hit[0][k] for t, k in zip(tables, kept, strict=True)])
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


@dataclass(frozen=True)
class Progress:
    """How far a sweep is: ``done`` images are looked at, or written about for ``setting``."""

    setting: Setting | None
    done: int
    images: int


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


class Bench:
    """Labelled images as one predictor sees them, encoded once and kept.

    Args:
        predictor: writes.
        samples: labelled images; classes are matched by name.
        limit: only the first so many.

    Attributes:
        missing: the images' classes that the predictor does not know; their objects do not count.

    Raises:
        ConfigError: there is no image, or no class in common.
    """

    def __init__(self, predictor: Predictor, samples: Samples, limit: int | None = None) -> None:
        self._count = len(samples) if limit is None else min(limit, len(samples))
        if not self._count:
            raise ConfigError("a sweep needs at least one labelled image")
        self._label_map, self.missing = match_labels(samples.categories, predictor.categories)
        self.predictor = predictor
        self.samples = samples
        self.truths: list[Truth] = []
        self.encodings: list[ImageEncoding] = []

    def __len__(self) -> int:
        return self._count

    def look(self) -> Iterator[int]:
        """Encode what is not encoded yet; yields how many are, after each."""
        for index in range(len(self.encodings), len(self)):
            sample = self.samples[index]
            self.truths.append(Truth.of(sample, self._label_map))
            self.encodings.append(self.predictor.encode(sample.image))
            yield index + 1

    def write(
        self, options: SamplingOptions, stopped: Callable[[], bool]
    ) -> Iterator[tuple[int, SampledBatch]]:
        """Write about all images, a batch at a time; yields (first image, sentences).

        Image ``i`` uses seed ``options.seed + i``. Ends early, without an error, when ``stopped``
        says so between two tokens.
        """
        model = Stoppable(self.predictor.model, stopped)
        for first in range(0, len(self.encodings), BATCH):
            part = self.encodings[first : first + BATCH]
            memory = torch.cat([encoding.memory for encoding in part])
            seeds = [options.seed + first + i for i in range(len(part))]
            try:
                batch = sample_batch(model, memory, self.predictor.tokenizer, options, seeds)
            except Stopped:
                return
            yield first, batch

    def read(
        self, sentences: Sequence[tuple[int, SampledBatch]], setting: Setting
    ) -> list[Detections]:
        """The objects of all sentences, as a setting reads them."""
        found = []
        for first, batch in sentences:
            part = self.encodings[first : first + len(batch.lengths)]
            found += self.predictor.read_batch(part, batch, setting.options)
        return [without_noise_class(one) for one in found] if setting.noise_blind else found


def without_noise_class(found: Detections) -> Detections:
    """Scores as they would be if the noise class had no probability."""
    real = (1 - found.noise_scores).clamp(min=1e-6)
    scores = (found.scores / real).clamp(max=1)
    return Detections.of(
        found.boxes,
        found.labels,
        scores,
        noise_scores=torch.zeros_like(scores),
        is_noise=found.is_noise,
        objects=found.objects,
        degenerate=found.degenerate,
    )


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
        ``Progress`` per image looked at and per batch written, an ``Outcome`` per setting.
    """
    for done in bench.look():
        yield Progress(None, done, len(bench))
        if stopped():
            return
    written: dict[SamplingOptions, list[tuple[int, SampledBatch]]] = {}
    for setting in settings:
        key = setting.options.replace(noise="paper", score_threshold=0.0)
        seconds = 0.0
        if key not in written:
            sentences, done = [], 0
            start = time.perf_counter()
            for first, batch in bench.write(setting.options, stopped):
                sentences.append((first, batch))
                done = first + len(batch.lengths)
                seconds = time.perf_counter() - start
                yield Progress(setting, done, len(bench))
            if done < len(bench):
                return
            written[key] = sentences
        yield _outcome(bench, setting, bench.read(written[key], setting), seconds, threshold)


def _outcome(
    bench: Bench, setting: Setting, found: Sequence[Detections], seconds: float, threshold: float
) -> Outcome:
    scores = score(bench.truths, found, bench.predictor.categories)
    return Outcome(
        setting=setting,
        metrics=scores.metrics,
        curve=Curve.of(scores),
        objects_per_image=sum(map(len, found)) / len(found),
        seconds=seconds,
        threshold=threshold,
        draws=_draws(scores, threshold),
        trust=calibrate(scores, found, threshold),
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
        "precision": _shares(weights @ right, weights @ shown),
        "recall": _shares(weights @ right, weights @ objects),
    }


def _shares(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.where(whole > 0, part / np.maximum(whole, 1), np.nan)
