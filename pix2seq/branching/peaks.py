"""Peaks of a distribution over an axis: bells with a valley between them, many rows at a time.

A top counts where the way to higher ground leads through a valley of less than half its height
(``VALLEY``); in topography that is its prominence, here as a ratio. A lower top melts into its
neighbour.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np

from pix2seq.model import compiled, native

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
    found = np.empty((4, count * length), dtype=np.int64)
    probs = np.ascontiguousarray(probs, dtype=np.float64)
    found = found[:, : splitter()(probs, smoothed(probs), valley, found)]
    return tuple(found)


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


@cache
def splitter() -> Callable[..., int]:
    """``_split`` as machine code where Numba works; without, the same in Python."""
    if not (native.is_wanted() and native.works()):
        return _split
    from pix2seq.model.kernels import EXACT

    split, one = compiled.compiled(EXACT)(_split), np.ones((1, 1))
    works = compiled.works("peaks", lambda: split(one, one, VALLEY, np.empty((4, 1), np.int64)))
    return split if works else _split


# ---- inside ---------------------------------------------------------------------------------


@lru_cache(maxsize=8)
def _kernel(length: int) -> np.ndarray:
    """A Gaussian of deviation ``_BLUR`` of the axis, odd and no longer than the axis."""
    deviation = _BLUR * length
    reach = min(int(3 * deviation), (length - 1) // 2)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(deviation, 1e-9)) ** 2)
    return weights / weights.sum()


def _split(probs, smooth, valley, found):
    """Write rows, first and last positions and tops of all peaks of probs (R, n) into ``found``
    (4, R n); returns how many there are."""
    rows, length = probs.shape
    tops, heights = np.empty(length, np.int64), np.empty(length)
    stand = np.empty(length, np.int64)
    count = 0
    for row in range(rows):
        line = smooth[row]
        floor, many = line.max() * _NOTHING, 0
        for i in range(length):
            rises = i == 0 or line[i] > line[i - 1]
            if rises and not (i + 1 < length and line[i + 1] > line[i]) and line[i] >= floor:
                tops[many], heights[many] = i, line[i]
                many += 1
        left = 0
        for k in range(many):
            # The highest way to higher ground, on either side; of equals the left one is higher.
            saddle, low = 0.0, heights[k]
            for other in range(k - 1, -1, -1):
                for i in range(tops[other], tops[other + 1]):
                    low = min(low, line[i])
                if heights[other] >= heights[k]:
                    saddle = low
                    break
            low = heights[k]
            for other in range(k + 1, many):
                for i in range(tops[other - 1], tops[other]):
                    low = min(low, line[i])
                if heights[other] > heights[k]:
                    saddle = max(saddle, low)
                    break
            if saddle < valley * heights[k]:
                stand[left] = tops[k]
                left += 1
        first = 0
        for k in range(max(left, 1)):
            last = length - 1
            if k + 1 < left:
                last = stand[k]
                for i in range(stand[k], stand[k + 1] + 1):
                    if line[i] < line[last]:
                        last = i
            top = first
            for i in range(first, last + 1):
                if probs[row, i] > probs[row, top]:
                    top = i
            found[0, count], found[1, count] = row, first
            found[2, count], found[3, count] = last, top
            count += 1
            first = last + 1
    return count
