"""Guidance: a sentence that follows the encoder's drafts.

A small decoder writes what it is sure of and then variations of that, so that half of what its
encoder has seen is never written. Here a coordinate is pulled towards an edge of the surest draft
that no object covers yet: to the decoder's logits is added the logarithm of a bell around that
edge, as speech recognisers add what they expect to hear (shallow fusion, contextual biasing). Where
exactly the edge lies, what the object is called and whether it is one at all, the decoder says.

What a pull is follows from what is written, whoever wrote it, so a person's tokens are taken in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pix2seq.boxes import box_iou
from pix2seq.config import SLOTS_PER_OBJECT
from pix2seq.model.drafts import Drafted
from pix2seq.tokenizer import Tokenizer

WIDTH = 0.1
"""The bell's standard deviation, as a share of the draft's side."""
COVERED = 0.5
"""A draft that overlaps a written box more (IoU) is written already."""
_OWN = 1  # objects that a sentence begins with by itself
_REACH = 3.0  # standard deviations; an edge that lies farther off is no longer the draft's
_FARTHEST = 20.0  # nats; what lies far from the edge stays possible, hardly


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
        away = (np.arange(ids.start, ids.stop, dtype=np.float32) - self.centre) / self.width
        return np.minimum(0.5 * away * away, _FARTHEST)

    def pulled(self, logits: Tensor, tokenizer: Tokenizer) -> Tensor:
        """Logits (V,) after the pull, a copy: the shares of coordinates change among themselves,
        all that is no coordinate keeps its probability."""
        ids = tokenizer.coord_ids
        changed = logits.cpu().numpy().copy()
        coords = changed[ids.start : ids.stop]
        weights, bell = np.exp(coords - coords.max()), self.bell(tokenizer)
        left = float((weights * np.exp(-bell)).sum())  # e^-20 at least, of a sum that is 1 or more
        coords -= bell
        coords += np.log(float(weights.sum()) / left)
        return torch.from_numpy(changed).to(logits.device)


class Guide:
    """Says what pulls the tokens of one sentence, front to back.

    Args:
        drafted: what the encoder drafted of its one image.
        tokenizer: the sentence's vocabulary.
    """

    def __init__(self, drafted: Drafted, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._boxes = drafted.boxes[0].cpu().float()  # (K, 4) xyxy
        labels = drafted.classes[0].new_zeros(len(self._boxes)).cpu()
        words = tokenizer.encode(self._boxes, labels).view(-1, SLOTS_PER_OBJECT)
        self._edges = words[:, :-1].numpy()  # (K, 4) token ids, in the order of a sentence
        self._sure = drafted.sure[0].cpu().tolist()
        sides = np.abs(self._edges[:, 2:] - self._edges[:, :2])
        self._widths = np.maximum(WIDTH * np.tile(sides, 2), 1.0)  # (K, 4) in bins
        self._left = np.ones(len(self._boxes), dtype=bool)
        self._read = 0  # objects

    def pull(self, ids: Sequence[int]) -> Pull | None:
        """What pulls the token after ``ids``, the sentence so far without its prompt; ``None``
        where nothing does: in the first object, at a class, where every draft is written, and
        where an object has left all drafts.

        A guide reads forward: ``ids`` go on from those of the call before.
        """
        place = len(ids) % SLOTS_PER_OBJECT
        whole = len(ids) - place
        while self._read * SLOTS_PER_OBJECT < whole:
            start = self._read * SLOTS_PER_OBJECT
            self._cover(ids[start : start + SLOTS_PER_OBJECT])
            self._read += 1
        if self._read < _OWN or place == SLOTS_PER_OBJECT - 1:
            return None
        left = self._left & self._near(ids[whole:])
        if not left.any():
            return None
        draft = int(left.argmax())  # surest first
        centre, width = self._edges[draft, place], self._widths[draft, place]
        return Pull(int(centre), float(width), draft, self._sure[draft])

    def _cover(self, written: Sequence[int]) -> None:
        """Cross off the drafts that an object covers, and the one that it was pulled to."""
        box, _ = self._tokenizer.decode(torch.tensor(list(written)))
        covered = (box_iou(self._boxes, box)[:, 0] > COVERED).numpy()
        if self._read >= _OWN:
            pulled = self._left & self._near(written[:-1])
            covered[pulled.argmax()] |= pulled.any()
        self._left &= ~covered

    def _near(self, edges: Sequence[int]) -> np.ndarray:
        """(K,) bool: the drafts that these first edges of an object have not left."""
        place = len(edges)
        away = np.abs(self._edges[:, :place] - np.asarray(edges, dtype=np.int64))
        return (away <= _REACH * self._widths[:, :place]).all(1)
