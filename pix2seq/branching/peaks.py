"""Peaks of a distribution over an axis: bells with a valley between them, many rows at a time.

A top counts where the way to higher ground leads through a valley of less than half its height
(``VALLEY``); in topography that is its prominence, here as a ratio. A lower top melts into its
neighbour.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np

VALLEY = 0.5
"""Two peaks are two when the distribution between them falls below this share of the lower one."""

_BLUR = 1 / 200
"""Deviation, as a share of the axis, of the Gaussian that peaks are looked for under: a bell with a
ragged top stays one bell."""
_NOTHING = 1e-3


@dataclass(frozen=True)
class Peak:
    """Neighbouring positions ``first`` to ``last`` whose likeliest is ``top``."""

    first: int
    last: int
    top: int


def peaks(probs: np.ndarray, valley: float = VALLEY) -> list[Peak]:
    """Split an axis at its valleys: every position belongs to one peak.

    Args:
        probs: (n,) non-negative, in the order of the axis.
        valley: see ``VALLEY``.

    Returns:
        At least one peak, from the axis' start to its end.
    """
    _, first, last, top = (column.tolist() for column in split_rows(probs[None], valley))
    return [Peak(*each) for each in zip(first, last, top, strict=True)]


def split_rows(probs: np.ndarray, valley: float = VALLEY) -> tuple[np.ndarray, ...]:
    """``peaks`` of every row of (R, n): the rows, first and last positions and tops of all peaks,
    in that order, four arrays of one length."""
    count, length = probs.shape
    smooth = smoothed(probs)
    rows, tops = _prominent(smooth, valley)
    cuts = [
        row * length + a + int(smooth[row, a : b + 1].argmin()) + 1
        for (row, a), (other, b) in pairwise(zip(rows.tolist(), tops.tolist(), strict=True))
        if row == other
    ]
    starts = np.sort(np.concatenate([np.arange(count) * length, np.array(cuts, dtype=int)]))
    ends = np.append(starts[1:], count * length)
    flat = probs.ravel()
    height = np.maximum.reduceat(flat, starts)
    highest = np.flatnonzero(flat == np.repeat(height, ends - starts))
    highest = highest[np.searchsorted(highest, starts)]  # the first one of every peak
    rows = starts // length
    return rows, starts - rows * length, ends - 1 - rows * length, highest - rows * length


def smoothed(probs: np.ndarray) -> np.ndarray:
    """Every row under the Gaussian; beyond the axis there is nothing."""
    length = probs.shape[1]
    reach = reach_of(length)
    padded = np.pad(probs, ((0, 0), (reach, reach)))
    smooth = np.zeros(probs.shape)
    for at, weight in enumerate(_kernel(length).tolist()):
        smooth += weight * padded[:, at : at + length]
    return smooth


def reach_of(length: int) -> int:
    """How far to either side a peak of one position is wide, on an axis of ``length``."""
    return len(_kernel(length)) // 2


# ---- inside ---------------------------------------------------------------------------------


@lru_cache(maxsize=8)
def _kernel(length: int) -> np.ndarray:
    """A Gaussian of deviation ``_BLUR`` of the axis, odd and no longer than the axis."""
    deviation = _BLUR * length
    reach = min(int(3 * deviation), (length - 1) // 2)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(deviation, 1e-9)) ** 2)
    return weights / weights.sum()


def _prominent(smooth: np.ndarray, valley: float) -> tuple[np.ndarray, np.ndarray]:
    """Of every row (R, n) the tops that stand for themselves: their rows and positions, in order.

    All pairs of tops are compared, those ``away`` from each other at a time: ``low`` is the deepest
    valley between them, and the higher of the two is higher ground for the other one.
    """
    rising = np.diff(smooth, axis=1, prepend=-1.0, append=-1.0) > 0
    floor = smooth.max(axis=1, keepdims=True) * _NOTHING
    rows, columns = np.nonzero(rising[:, :-1] & ~rising[:, 1:] & (smooth >= floor))
    counts = np.bincount(rows, minlength=len(smooth))
    place = np.arange(len(rows)) - np.repeat(counts.cumsum() - counts, counts)
    most = int(counts.max(initial=1))
    heights = np.full((len(smooth), most), -1.0)  # lower than any, where a row has fewer tops
    heights[rows, place] = smooth[rows, columns]
    valleys = np.zeros((len(smooth), most))  # from a top to the next one
    valleys[rows, place] = np.minimum.reduceat(smooth.ravel(), rows * smooth.shape[1] + columns)
    saddles = np.zeros((len(smooth), most))
    low = valleys[:, : most - 1]
    for away in range(1, most):
        higher = heights[:, :-away] >= heights[:, away:]  # the left one of two; of equals too
        for side, ground in ((saddles[:, away:], higher), (saddles[:, :-away], ~higher)):
            np.maximum(side, np.where(ground, low, 0.0), out=side)
        low = np.minimum(low[:, :-1], valleys[:, away : most - 1])
    stands = (saddles < valley * heights)[rows, place]
    return rows[stands], columns[stands]
