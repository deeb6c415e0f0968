"""Guidance: a sentence that follows the encoder's drafts.

A small decoder writes what it is sure of and then variations of that, so that half of what its
encoder has seen is never written. Here a coordinate is pulled towards an edge of the surest draft
that no object covers yet: to the decoder's logits is added the logarithm of a bell around that
edge, as speech recognisers add what they expect to hear (shallow fusion, contextual biasing). Where
exactly the edge lies, what the object is called and whether it is one at all, the decoder says.

What a pull is follows from what is written, whoever wrote it, so a person's tokens are taken in.
"""

from __future__ import annotations

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
        left = (weights * np.exp(-bell)).sum()  # e^-20 at least, of a sum that is 1 or more
        coords -= bell - np.log(weights.sum() / left)
        return torch.from_numpy(changed).to(logits.device)


class Guide:
    """Reads one sentence and says what pulls its next token.

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
        self._near = self._left.copy()  # of these, which the open object has not left
        self._open: list[int] = []  # its tokens
        self._objects = 0

    def read(self, token_id: int) -> None:
        """Take in the sentence's next token."""
        place = len(self._open)
        self._open.append(token_id)
        if place < SLOTS_PER_OBJECT - 1:
            away = np.abs(self._edges[:, place] - token_id)
            self._near &= away <= _REACH * self._widths[:, place]
            return
        box, _ = self._tokenizer.decode(torch.tensor(self._open))
        covered = (box_iou(self._boxes, box)[:, 0] > COVERED).numpy()
        if self._objects >= _OWN and self._near.any():
            covered[self._near.argmax()] = True  # the draft that it was pulled to
        self._left &= ~covered
        self._near = self._left.copy()
        self._open.clear()
        self._objects += 1

    def pull(self) -> Pull | None:
        """What pulls the next token; ``None`` where nothing does: in the first object, at a class,
        where every draft is written, and where an object has left all drafts."""
        place = len(self._open)
        if self._objects < _OWN or place == SLOTS_PER_OBJECT - 1:
            return None
        draft = int(self._near.argmax())  # surest first
        if not self._near[draft]:
            return None
        centre, width = self._edges[draft, place], self._widths[draft, place]
        return Pull(int(centre), float(width), draft, self._sure[draft])
