"""The arithmetic of ``guide``, on arrays: of coordinates that are pulled, and of drafts that a
sentence writes or leaves.

NumPy runs these functions as they stand, and Numba compiles the same text: a pull is paid for at
nearly every token, and to call NumPy costs more than to work out so few numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from pix2seq.model import compiled, native

COVERED = 0.5
"""A draft that overlaps a written box more (IoU) is written already."""
_REACH = 3.0  # standard deviations; an edge that lies farther off is no longer the draft's
_FARTHEST = 20.0  # nats; what lies far from the edge stays possible, hardly


def bell(size, centre, width):
    """(size,) float64, what each of so many coordinates loses, in nats, where a pull's centre is
    the coordinate ``centre`` and its standard deviation ``width`` bins."""
    away = (np.arange(size) - centre) / width
    return np.minimum(0.5 * away * away, _FARTHEST)


def pull_to(logits, first, last, centre, width):
    """Pull the coordinates of logits (V,), those from ``first`` to ``last``, in place: their shares
    change among themselves, all that is no coordinate keeps its probability."""
    coords = logits[first:last]
    lost = bell(last - first, centre - first, width)
    weights = np.exp(coords - coords.max())
    left = (weights * np.exp(-lost)).sum()  # e^-20 at least, of a sum that is 1 or more
    coords -= lost - math.log(weights.sum() / left)


def surest(some):
    """The first of a mask (K,) that is set, -1 if none is."""
    place = np.argmax(some)
    return int(place) if some[place] else -1


def keep_near(near, edges, widths, token):
    """Take out of the mask ``near`` (K,) the drafts whose edge (K,), a token id, is far from the
    one that was written; ``widths`` (K,) in bins. Returns the surest that is left, or -1."""
    near &= np.abs(edges - token) <= _REACH * widths
    return surest(near)


def take_out(left, near, pulled, low, high, areas, box):
    """A box (4,) is written, the corner nearest to 0 first: take out of the mask ``left`` (K,) what
    it covers and the draft that it was ``pulled`` to, if any (-1); all others are ``near`` again.

    Args:
        low, high: (2, K) corners of the drafts, in the box's order.
        areas: (K,).

    Returns:
        The surest that is left, or -1.
    """
    if pulled >= 0:
        left[pulled] = False
    heights = np.minimum(high[0], box[2]) - np.maximum(low[0], box[0])
    widths = np.minimum(high[1], box[3]) - np.maximum(low[1], box[1])
    shared = np.maximum(heights, 0) * np.maximum(widths, 0)
    area = max(box[2] - box[0], 0) * max(box[3] - box[1], 0)
    left &= shared <= COVERED * (area + areas - shared)
    near[:] = left
    return surest(near)


@dataclass(frozen=True)
class Arithmetic:
    """The functions above that a sentence runs."""

    pull_to: Callable = pull_to
    keep_near: Callable = keep_near
    take_out: Callable = take_out


def arithmetic() -> Arithmetic:
    """Compiled where Numba works and is wanted, as they stand elsewhere."""
    return (_compiled() if native.is_wanted() else None) or _AS_THEY_STAND


@cache
def _compiled() -> Arithmetic | None:
    """All of them, compiled or read from what was kept; ``None`` if that does not work."""
    compiled.called_by_compiled(bell)
    compiled.called_by_compiled(surest)
    compile_one = compiled.compiled(set())  # every comparison comes out as NumPy's does
    made = Arithmetic(*map(compile_one, (pull_to, keep_near, take_out)))

    def follow_one_draft() -> None:
        masks = np.ones((2, 1), np.bool_)
        made.pull_to(np.zeros(2, np.float32), 0, 2, 0, 1.0)
        made.keep_near(masks[0], np.zeros(1, np.int64), np.ones(1), 0)
        made.take_out(*masks, -1, np.zeros((2, 1)), np.ones((2, 1)), np.ones(1), np.zeros(4))

    return made if native.works() and compiled.works("follow", follow_one_draft) else None


_AS_THEY_STAND = Arithmetic()
