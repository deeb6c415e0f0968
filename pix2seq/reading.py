"""``Reading``: what a sentence says, object by object, the same for everybody who shows it.

    tokens, their logits, which of them a person gave, options -> Reading -> Detections

Page, tables, pictures, records, API, comparisons, lessons and evaluation read through here. What an
object is called, its score and whether it is reported follow from its own five tokens, the options
and what stood before it: reading a longer sentence changes nothing about its beginning.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from pix2seq.boxes import box_iou, clip_boxes, is_degenerate
from pix2seq.config import SLOTS_PER_OBJECT, SamplingOptions
from pix2seq.detections import Detections
from pix2seq.scoring import edge_scores
from pix2seq.tokenizer import Tokenizer
from pix2seq.transforms import Letterbox

State = Literal["ok", "noise", "below", "dropped", "flat"]
"""What becomes of an object: reported, reported and marked as noise, hidden by the threshold, left
out as noise, or without area."""

DOUBLE_IOU = 0.6
"""Two boxes of one class that overlap more are taken for the same object. Among 2,564 objects of
300 labelled photos only 4 overlap another one of their class so much."""


@dataclass(frozen=True, eq=False)
class Reading:
    """Every finished object of a sentence, reported or not, in the order of writing.

    Attributes:
        every: all objects, as they would be reported.
        states: what becomes of each.
    """

    every: Detections
    states: tuple[State, ...]

    def __len__(self) -> int:
        return len(self.states)

    def detections(self) -> Detections:
        """The reported objects."""
        reported = torch.tensor([state in ("ok", "noise") for state in self.states]).bool()
        return replace(self.every[reported], degenerate=self.states.count("flat"))


def read_sentence(
    token_ids: Tensor,
    logits: Tensor,
    forced: Tensor,
    tokenizer: Tokenizer,
    letterbox: Letterbox,
    options: SamplingOptions,
) -> Reading:
    """Read the finished objects of a sentence, or of its beginning.

    An object is called what its class slot finds likeliest among the real classes that are allowed,
    whatever was drawn there (section 2.3 of the paper). Only a class that a person gave stands as
    given. The noise mode decides about objects that were written as noise, and about no others.

    Args:
        token_ids: (L,) after the prompt, without EOS; an unfinished last object is left out.
        logits: (L, V) raw.
        forced: (L,) bool, tokens that a person gave.
        letterbox: leads back to the original image.
        options: resolved.
    """
    boxes_norm, class_ids = tokenizer.decode(token_ids)
    class_at = tokenizer.class_positions(len(token_ids))
    probs = logits[class_at].softmax(-1)  # over the whole vocabulary, as the official code does
    real = probs[:, tokenizer.class_ids.start : tokenizer.class_ids.stop].clone()  # (N, C)
    wrote_noise = torch.zeros(len(class_at), dtype=torch.bool)
    noise_scores = torch.zeros(len(class_at))
    if tokenizer.noise_id is not None:
        wrote_noise = class_ids == tokenizer.noise_id
        noise_scores = probs[:, tokenizer.noise_id].clone()
    is_class = (class_ids >= tokenizer.class_ids.start) & (class_ids < tokenizer.class_ids.stop)
    written = torch.where(is_class, class_ids - tokenizer.class_ids.start, -1)
    likeliest = real.index_fill(1, torch.tensor(options.forbidden_labels).long(), -1.0).argmax(-1)
    given = forced[: len(class_at) * SLOTS_PER_OBJECT].view(-1, SLOTS_PER_OBJECT)  # (N, 5)
    labels = torch.where(is_class & given[:, -1], written, likeliest)
    edges = edge_scores(logits, token_ids, tokenizer, options.num_bins, forced)
    scores = real.gather(1, labels[:, None])[:, 0]
    scores = scores * edges if options.score == "box" else scores
    boxes = clip_boxes(letterbox.invert_boxes(boxes_norm), letterbox.orig_size)
    flat = is_degenerate(boxes)
    dropped = wrote_noise & (options.noise == "drop")
    by_score = (scores >= options.score_threshold) & ~dropped
    theirs = given.any(1)
    is_noise = wrote_noise & ((options.noise == "show") | given[:, -1] | (theirs & ~by_score))
    facts = (flat, is_noise, by_score | theirs, dropped)
    states = tuple(_state(*row) for row in zip(*(fact.tolist() for fact in facts), strict=True))
    named = torch.tensor([state == "ok" for state in states], dtype=torch.bool)
    every = Detections.of(
        boxes=boxes,
        labels=labels,
        scores=scores,
        noise_scores=noise_scores,
        edge_scores=edges,
        is_noise=is_noise,
        written=written,
        forced=theirs,
        again=_again(boxes, labels, named),
    )
    return Reading(every, states)


def _again(boxes: Tensor, labels: Tensor, named: Tensor) -> Tensor:
    """The first object that each one repeats, (N,), -1 for none: of its class, written before it,
    and overlapping it by more than ``DOUBLE_IOU``. Only objects with a name count."""
    same = (box_iou(boxes, boxes) > DOUBLE_IOU) & (labels[:, None] == labels[None])
    before = (same & named[:, None] & named[None]).tril(diagonal=-1)
    if not before.numel():
        return torch.full((len(boxes),), -1)
    return torch.where(before.any(1), before.int().argmax(1), -1)


def _state(flat: bool, is_noise: bool, kept: bool, dropped: bool) -> State:
    if flat:
        return "flat"
    if is_noise:
        return "noise"
    if kept:
        return "ok"
    return "dropped" if dropped else "below"
