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

from pix2seq.boxes import swap_xy
from pix2seq.config import SLOTS_PER_OBJECT
from pix2seq.model.drafts import Drafted
from pix2seq.sampling import edges
from pix2seq.tokenizer import Tokenizer

WIDTH = 0.1
"""The bell's standard deviation, as a share of the draft's side."""
_OWN = 1  # objects that a sentence begins with by itself


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
        return edges.bell(len(ids), self.centre - ids.start, self.width).astype(np.float32)

    def pulled(self, logits: Tensor, tokenizer: Tokenizer) -> Tensor:
        """Pull logits (V,) on any device; a copy, see ``Guide.apply``."""
        changed, ids = logits.cpu().numpy().copy(), tokenizer.coord_ids
        edges.arithmetic().pull_to(changed, ids.start, ids.stop, self.centre, self.width)
        return torch.from_numpy(changed).to(logits.device)


class Guide:
    """Reads one sentence and says what pulls its next token.

    Args:
        drafted: what the encoder drafted of its one image.
        tokenizer: the sentence's vocabulary.
    """

    def __init__(self, drafted: Drafted, tokenizer: Tokenizer) -> None:
        boxes = drafted.boxes[0].cpu().float()  # (K, 4) xyxy
        words = tokenizer.encode(boxes, torch.zeros(len(boxes), dtype=torch.long))
        self._edges = words.view(-1, SLOTS_PER_OBJECT)[:, :-1].T.numpy().copy()  # (4, K) ids
        sides = self._edges[2:] - self._edges[:2]
        self._widths = np.maximum(WIDTH * np.tile(sides, (2, 1)), 1.0)  # (4, K) in bins
        exact = swap_xy(boxes) if tokenizer.slots[0] == "ymin" else boxes
        exact = exact.T.double().numpy().copy()
        self._low, self._high = exact[:2], exact[2:]
        self._areas = (self._high - self._low).prod(0)
        self._sure = drafted.sure[0].tolist()
        self._values = tokenizer.coord_values(torch.arange(tokenizer.vocab_size)).double().numpy()
        self._do, self._coords = edges.arithmetic(), tokenizer.coord_ids
        self._left = np.ones(len(boxes), dtype=bool)
        self._near = self._left.copy()  # of these, which the open object has not left
        self._surest = 0  # of these, -1 if there is none
        self._open: list[int] = []  # its tokens
        self._objects = 0

    def read(self, token_id: int) -> None:
        """Take in the sentence's next token."""
        place = len(self._open)
        self._open.append(token_id)
        if place < SLOTS_PER_OBJECT - 1:
            self._surest = self._do.keep_near(
                self._near, self._edges[place], self._widths[place], token_id
            )
            return
        pulled = self._surest if self._objects >= _OWN else -1
        box = self._values[self._open[:-1]]
        self._surest = self._do.take_out(
            self._left, self._near, pulled, self._low, self._high, self._areas, box
        )
        self._open.clear()
        self._objects += 1

    def pull(self) -> Pull | None:
        """What pulls the next token; ``None`` where nothing does: in the first object, at a class,
        where every draft is written, and where an object has left all drafts."""
        place, draft = len(self._open), self._surest
        if self._objects < _OWN or place == SLOTS_PER_OBJECT - 1 or draft < 0:
            return None
        centre, width = self._edges[place, draft], self._widths[place, draft]
        return Pull(int(centre), float(width), draft, self._sure[draft])

    def apply(self, pull: Pull, logits: np.ndarray) -> None:
        """Pull logits (V,), float32, in place: the shares of coordinates change among themselves,
        all that is no coordinate keeps its probability."""
        ids = self._coords
        self._do.pull_to(logits, ids.start, ids.stop, pull.centre, pull.width)
