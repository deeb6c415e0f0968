"""How far scores can be trusted: what a score says against how often it is right, for all boxes and
by their place in the sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pix2seq.detections import Detections
from pix2seq.evaluate import CocoScores
from pix2seq.evaluate.quality import ReliabilityBin, judged, reliability_of, wilson

PLACES = {
    "all objects": (0, None),
    "the first object": (0, 1),
    "objects 2 to 4": (1, 4),
    "object 5 and later": (4, None),
}
"""Groups of places in a sentence: from (0 is the first) and to, not included."""


@dataclass(frozen=True)
class Trust:
    """One group's boxes.

    Attributes:
        group: a key of ``PLACES``.
        bins: by score.
        shown: boxes that score enough to be shown.
        said, right: of these, the mean score and the share that is right (class, IoU 0.5).
        low, high: 95 % interval of ``right``.
    """

    group: str
    bins: tuple[ReliabilityBin, ...]
    shown: int
    said: float
    right: float
    low: float
    high: float

    @property
    def words(self) -> str:
        """Whether these scores promise too much or too little; empty where nobody can tell."""
        if self.low <= self.said <= self.high or not self.shown:
            return ""
        much = "too much" if self.said > self.high else "too little"
        return (
            f"the scores of {self.group} promise {much}: {self.said:.2f} on average, and "
            f"{self.right:.2f} are right"
        )


def calibrate(
    scores: CocoScores, found: Sequence[Detections], threshold: float
) -> tuple[Trust, ...]:
    """Every group of ``PLACES``; one without boxes is left out.

    Args:
        scores: how ``found`` matched.
        threshold: boxes that score less are in the bins, but are not shown.
    """
    said, right, given = judged(scores)
    place = np.concatenate([np.zeros(0, int), *(one.objects.numpy() for one in found)])[given]
    groups = []
    for name, (first, end) in PLACES.items():
        inside = (place >= first) & (place < (np.inf if end is None else end))
        if inside.any():
            shown = inside & (said >= np.float32(threshold))
            groups.append(_trust(name, said[inside], right[inside], said[shown], right[shown]))
    return tuple(groups)


def _trust(
    group: str, said: np.ndarray, right: np.ndarray, said_shown: np.ndarray, right_shown: np.ndarray
) -> Trust:
    count = len(said_shown)
    low, high = wilson(int(right_shown.sum()), count)
    return Trust(
        group=group,
        bins=tuple(reliability_of(said, right)),
        shown=count,
        said=float(said_shown.mean()) if count else float("nan"),
        right=float(right_shown.mean()) if count else float("nan"),
        low=low,
        high=high,
    )


def trust_in_words(groups: Sequence[Trust]) -> str:
    """What a calibration says, group by group; silent about groups that keep their promise."""
    said = [group.words for group in groups if group.words]
    if not said:
        return "No group's scores promise more or less than they keep, as far as these images tell."
    text = "; ".join(said)
    return f"{text[0].upper()}{text[1:]}."
