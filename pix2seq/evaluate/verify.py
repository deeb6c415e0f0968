"""Does a published checkpoint reach its published number here?

For whoever has the network and COCO: the weights could not be downloaded where this was written, so
this is the check that ties the conversion to the real ones. Images are looked at, written about and
forgotten batch by batch, because the memories of 5,000 large images would not fit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pix2seq.checkpoints import CHECKPOINTS, CheckpointInfo
from pix2seq.config import ConfigError, SamplingOptions
from pix2seq.detections import Detections
from pix2seq.evaluate.bootstrap import bootstrap
from pix2seq.evaluate.coco import Truth, score
from pix2seq.evaluate.run import Samples, match_labels
from pix2seq.predictor import Predictor

TOLERANCE = 0.005
"""Half a point of AP: sampling at top-p 0.4, rounding and image decoders move it by less."""


@dataclass(frozen=True)
class Verification:
    """AP measured here beside the published one, both in [0, 1].

    Attributes:
        images, total: how many of the data set's images were evaluated.
        interval: 95 % bootstrap interval of ``ap`` over images.
    """

    name: str
    images: int
    total: int
    ap: float
    interval: tuple[float, float]
    published: float

    @property
    def agrees(self) -> bool:
        """On all images: within ``TOLERANCE``. On some: the interval, widened by it, holds the
        published number."""
        if self.images == self.total:
            return abs(self.ap - self.published) <= TOLERANCE
        low, high = self.interval
        return low - TOLERANCE <= self.published <= high + TOLERANCE

    def __str__(self) -> str:
        low, high = self.interval
        return (
            f"{self.name}: AP {100 * self.ap:.1f} [{100 * low:.1f}, {100 * high:.1f}] on "
            f"{self.images} of {self.total} images, published {100 * self.published:.1f}: "
            f"{'agrees' if self.agrees else 'DOES NOT AGREE'}"
        )


def published_ap(name: str) -> CheckpointInfo:
    """The registry's line of a checkpoint with a published AP.

    Raises:
        ConfigError: there is none of that name; the message lists those that there are.
    """
    info = CHECKPOINTS.get(name)
    if info is None or info.ap is None or not info.url:
        known = ", ".join(i.name for i in CHECKPOINTS.values() if i.ap is not None and i.url)
        raise ConfigError(f"no COCO AP of {name!r} has been published; verify one of {known}")
    return info


def verify(
    predictor: Predictor,
    info: CheckpointInfo,
    samples: Samples,
    limit: int | None = None,
    batch_size: int = 4,
    draws: int = 200,
    on_progress: Callable[[int, int], None] | None = None,
) -> Verification:
    """Evaluate a checkpoint with its own defaults against ``info.ap``.

    Args:
        limit: only the first so many images.
        draws: bootstrap resamples for the interval.
        on_progress: told (done, total) after every batch.
    """
    total = len(samples) if limit is None else min(limit, len(samples))
    if total < 1 or batch_size < 1:
        raise ConfigError(f"{total} images in batches of {batch_size}; need at least one of each")
    label_map, _ = match_labels(samples.categories, predictor.categories)
    truths: list[Truth] = []
    found: list[Detections] = []
    for start in range(0, total, batch_size):
        batch = [samples[i] for i in range(start, min(start + batch_size, total))]
        options = SamplingOptions(score_threshold=0.0, seed=start)
        found += predictor.detect_batch([sample.image for sample in batch], options)
        truths += [Truth.of(sample, label_map) for sample in batch]
        if on_progress is not None:
            on_progress(len(found), total)
    scores = score(truths, found, predictor.categories)
    return Verification(
        name=info.name,
        images=total,
        total=len(samples),
        ap=scores.metrics["AP"],
        interval=bootstrap(scores, draws)["AP"],
        published=info.ap,
    )
