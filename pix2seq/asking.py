"""Asking about a place: a person gives the box, the model says what is in it.

As the first words of a sentence of its own, a box is answered with what the model sees there.
Behind a finished sentence the same box is answered with what is left to say: a model that was
trained with noise objects calls noise what it has written already.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor

from pix2seq.boxes import swap_xy
from pix2seq.config import SamplingOptions
from pix2seq.predictor import ImageEncoding, Predictor

_BEST = 3


@dataclass(frozen=True)
class Answer:
    """What the model calls a box.

    Attributes:
        labels, probs: the likeliest real classes, best first, and their raw probabilities.
        noise_prob: raw probability of the noise class (0 if the model has none).
    """

    labels: tuple[int, ...]
    probs: tuple[float, ...]
    noise_prob: float

    @property
    def is_noise(self) -> bool:
        """Whether noise is likelier than any class."""
        return self.noise_prob > self.probs[0]


def box_tokens(predictor: Predictor, encoding: ImageEncoding, box: Sequence[float]) -> list[int]:
    """A box (``xyxy``, pixels of the original image) as the four tokens that write it."""
    tokenizer = predictor.tokenizer
    norm = encoding.letterbox.apply_boxes(torch.tensor([list(box)], dtype=torch.float32))[0]
    ordered = swap_xy(norm[None])[0] if tokenizer.config.box_order == "yxyx" else norm
    return tokenizer.coord_tokens(ordered).tolist()


def ask(
    predictor: Predictor,
    encoding: ImageEncoding,
    box_ids: Sequence[int],
    sentence: Sequence[int] = (),
) -> Answer:
    """What the model calls a box.

    Args:
        box_ids: the four tokens of the box.
        sentence: ids of the whole objects that it stands behind; by default none, so that the box
            is the first thing said. Where it would not fit, the last objects make room.
    """
    tokenizer = predictor.tokenizer
    room = tokenizer.sequence_length(tokenizer.config.max_objects - 1)
    prefix = [*sentence[:room], *box_ids]
    limit = tokenizer.config.max_objects
    options = SamplingOptions(max_objects=limit, follow_drafts=False)  # the box is given
    steps = predictor.stream(encoding, options, prefix)
    logits = next(islice(steps, len(prefix), None)).logits
    return read_answer(logits, predictor)


def read_answer(logits: Tensor, predictor: Predictor) -> Answer:
    """The answer that the class slot gives; logits (V,) raw."""
    tokenizer = predictor.tokenizer
    probs = logits.softmax(-1)
    real = probs[tokenizer.class_ids.start : tokenizer.class_ids.stop]
    best = real.topk(min(_BEST, len(real)))
    noise = 0.0 if tokenizer.noise_id is None else float(probs[tokenizer.noise_id])
    return Answer(tuple(best.indices.tolist()), tuple(best.values.tolist()), noise)
