"""Guidance: a sentence that follows the encoder's drafts.

A small decoder writes what it is sure of and then variations of that, so that half of what its
encoder has seen is never written. Here a coordinate is pulled towards an edge of the surest draft
that no object covers yet: to the decoder's logits is added the logarithm of a bell around that
edge, as speech recognisers add what they expect to hear (shallow fusion, contextual biasing). Where
exactly the edge lies, what the object is called and whether it is one at all, the decoder says.

What a pull is follows from what is written, whoever wrote it, so a person's tokens are taken in.

NumPy runs the arithmetic as it stands, and Numba compiles the same text: a pull is paid for at
nearly every token, and to call NumPy costs more than to work out so few numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor

from pix2seq.boxes import swap_xy
from pix2seq.config import SLOTS_PER_OBJECT
from pix2seq.model import compiled, native
from pix2seq.model.drafts import Drafted
from pix2seq.tokenizer import Tokenizer

WIDTH = 0.1
"""The bell's standard deviation, as a share of the draft's side."""
_OWN = 1  # objects that a sentence begins with by itself
_COVERED = 0.5
"""A draft that overlaps a written box more (IoU) is written already."""
_REACH = 3.0  # standard deviations; an edge that lies farther off is no longer the draft's
_FARTHEST = 20.0  # nats; what lies far from the edge stays possible, hardly


def _bell(size, centre, width):
    """(size,) float64, what each of so many coordinates loses, in nats, where a pull's centre is
    the coordinate ``centre`` and its standard deviation ``width`` bins."""
    away = (np.arange(size) - centre) / width
    return np.minimum(0.5 * away * away, _FARTHEST)


def _pull_to(logits, first, last, centre, width):
    """Pull the coordinates of logits (V,), those from ``first`` to ``last``, in place: their shares
    change among themselves, all that is no coordinate keeps its probability."""
    coords = logits[first:last]
    lost = _bell(last - first, centre - first, width)
    weights = np.exp(coords - coords.max())
    left = (weights * np.exp(-lost)).sum()  # e^-20 at least, of a sum that is 1 or more
    coords -= lost - math.log(weights.sum() / left)


def _surest(some):
    """The first of a mask (K,) that is set, -1 if none is."""
    place = np.argmax(some)
    return int(place) if some[place] else -1


def _keep_near(near, edges, widths, token):
    """Take out of the mask ``near`` (K,) the drafts whose edge (K,), a token id, is far from the
    one that was written; ``widths`` (K,) in bins. Returns the surest that is left, or -1."""
    near &= np.abs(edges - token) <= _REACH * widths
    return _surest(near)


def _take_out(left, near, pulled, low, high, areas, box):
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
    left &= shared <= _COVERED * (area + areas - shared)
    near[:] = left
    return _surest(near)


@dataclass(frozen=True)
class Arithmetic:
    """The functions above that a sentence runs."""

    pull_to: Callable = _pull_to
    keep_near: Callable = _keep_near
    take_out: Callable = _take_out


def arithmetic() -> Arithmetic:
    """Compiled where Numba works and is wanted, as they stand elsewhere."""
    return (_compiled() if native.is_wanted() else None) or Arithmetic()


@cache
def _compiled() -> Arithmetic | None:
    """All of them, compiled or read from what was kept; ``None`` if that does not work."""
    compiled.called_by_compiled(_bell)
    compiled.called_by_compiled(_surest)
    compile_one = compiled.compiled(set())  # every comparison comes out as NumPy's does
    made = Arithmetic(*map(compile_one, (_pull_to, _keep_near, _take_out)))

    def follow_one_draft() -> None:
        masks = np.ones((2, 1), np.bool_)
        made.pull_to(np.zeros(2, np.float32), 0, 2, 0, 1.0)
        made.keep_near(masks[0], np.zeros(1, np.int64), np.ones(1), 0)
        made.take_out(*masks, -1, np.zeros((2, 1)), np.ones((2, 1)), np.ones(1), np.zeros(4))

    return made if native.works() and compiled.works("follow", follow_one_draft) else None


@dataclass(frozen=True)
class Pull:
    """Where a coordinate is pulled.

    Attributes:
        centre: the token id of the draft's edge.
        width: standard deviation of the bell around it, in bins.
        draft: which of the drafts it is, surest first, from 0.
        sure: that draft's probability.
    """

    centre: int
    width: float
    draft: int
    sure: float

    def bell(self, tokenizer: Tokenizer) -> np.ndarray:
        """(num_bins,) float32, what each coordinate loses, in nats."""
        ids = tokenizer.coord_ids
        return _bell(len(ids), self.centre - ids.start, self.width).astype(np.float32)

    def apply(self, logits: np.ndarray, ids: range, do: Arithmetic) -> None:
        """Pull logits (V,), float32, in place: the shares of the coordinates ``ids`` change among
        themselves, all that is no coordinate keeps its probability."""
        do.pull_to(logits, ids.start, ids.stop, self.centre, self.width)

    def pulled(self, logits: Tensor, tokenizer: Tokenizer) -> Tensor:
        """A pulled copy of logits (V,) on any device."""
        changed = logits.cpu().numpy().copy()
        self.apply(changed, tokenizer.coord_ids, arithmetic())
        return torch.from_numpy(changed).to(logits.device)


@dataclass(frozen=True)
class _Words:
    """One image's K drafts in the words of a vocabulary of V tokens.

    Attributes:
        edges: (4, K) token ids.
        widths: (4, K), standard deviations of bells around them, in bins.
        low, high: (2, K) corners in [0, 1], in a sentence's order; the one nearest to 0 first.
        areas: (K,).
        sure: K probabilities.
        values: (V,), what a token says as a coordinate, in [0, 1].
    """

    edges: np.ndarray
    widths: np.ndarray
    low: np.ndarray
    high: np.ndarray
    areas: np.ndarray
    sure: list[float]
    values: np.ndarray

    @classmethod
    def of(cls, drafted: Drafted, tokenizer: Tokenizer) -> _Words:
        boxes = drafted.boxes[0].cpu().float()  # (K, 4) xyxy
        words = tokenizer.encode(boxes, torch.zeros(len(boxes), dtype=torch.long))
        edges = words.view(-1, SLOTS_PER_OBJECT)[:, :-1].T.numpy().copy()
        widths = np.maximum(WIDTH * np.tile(edges[2:] - edges[:2], (2, 1)), 1.0)
        exact = swap_xy(boxes) if tokenizer.slots[0] == "ymin" else boxes
        exact = exact.T.double().numpy().copy()
        low, high = exact[:2], exact[2:]
        values = tokenizer.coord_values(torch.arange(tokenizer.vocab_size)).double().numpy()
        return cls(edges, widths, low, high, (high - low).prod(0), drafted.sure[0].tolist(), values)


_words: WeakKeyDictionary[Drafted, tuple[Tokenizer, _Words]] = WeakKeyDictionary()


def _in_words(drafted: Drafted, tokenizer: Tokenizer) -> _Words:
    """Worked out once for all sentences about an image, as long as somebody holds its drafts."""
    known = _words.get(drafted)
    if known is None or known[0] is not tokenizer:
        known = _words[drafted] = tokenizer, _Words.of(drafted, tokenizer)
    return known[1]


class Guide:
    """Reads one sentence and says what pulls its next token.

    Args:
        drafted: what the encoder drafted of its one image.
        tokenizer: the sentence's vocabulary.
    """

    def __init__(self, drafted: Drafted, tokenizer: Tokenizer) -> None:
        self._drafts = _in_words(drafted, tokenizer)
        self._do, self._coords = arithmetic(), tokenizer.coord_ids
        self._left = np.ones(len(self._drafts.sure), dtype=bool)
        self._near = self._left.copy()  # of these, which the open object has not left
        self._surest = 0  # of these, -1 if there is none
        self._open: list[int] = []  # its tokens
        self._objects = 0

    def read(self, token_id: int) -> None:
        """Take in the sentence's next token."""
        place, drafts = len(self._open), self._drafts
        self._open.append(token_id)
        if place < SLOTS_PER_OBJECT - 1:
            self._surest = self._do.keep_near(
                self._near, drafts.edges[place], drafts.widths[place], token_id
            )
            return
        pulled = self._surest if self._objects >= _OWN else -1
        box = drafts.values[self._open[:-1]]
        self._surest = self._do.take_out(
            self._left, self._near, pulled, drafts.low, drafts.high, drafts.areas, box
        )
        self._open.clear()
        self._objects += 1

    def pull(self) -> Pull | None:
        """What pulls the next token; ``None`` where nothing does: in the first object, at a class,
        where every draft is written, and where an object has left all drafts."""
        place, draft = len(self._open), self._surest
        if self._objects < _OWN or place == SLOTS_PER_OBJECT - 1 or draft < 0:
            return None
        drafts = self._drafts
        centre, width = drafts.edges[place, draft], drafts.widths[place, draft]
        return Pull(int(centre), float(width), draft, drafts.sure[draft])

    def apply(self, pull: Pull, logits: np.ndarray) -> None:
        """Pull logits (V,), float32, in place; see ``Pull.apply``."""
        pull.apply(logits, self._coords, self._do)
