"""Does a published checkpoint reach its published number here?

For whoever has the network and COCO: the weights could not be downloaded where this was written, so
this is the check that ties the conversion to the real ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pix2seq.checkpoints import CHECKPOINTS, CheckpointInfo
from pix2seq.config import ConfigError
from pix2seq.evaluate.run import Samples, evaluate
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
    result = evaluate(
        predictor,
        samples,
        limit=limit,
        batch_size=batch_size,
        bootstrap_draws=draws,
        on_progress=on_progress,
    )
    return Verification(
        name=info.name,
        images=result.images,
        total=len(samples),
        ap=result.metrics["AP"],
        interval=result.intervals["AP"],
        published=info.ap,
    )
