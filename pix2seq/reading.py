"""``Reading``: what a sentence says, object by object, the same for everybody who shows it.

    tokens, their logits, which of them a person gave, options -> Reader -> Reading -> Detections

Page, tables, pictures, records, API, comparisons, lessons and evaluation read through here. What an
object is called, its score and whether it is reported follow from its own five tokens, the options
and what stood before it: reading a longer sentence changes nothing about its beginning. So a
``Reader`` follows a sentence that is being written and reads every object once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import torch
from torch import Tensor

from pix2seq.boxes import box_iou, clip_boxes, is_degenerate
from pix2seq.config import SLOTS_PER_OBJECT, SamplingOptions
from pix2seq.detections import Detections
from pix2seq.device import one_thread
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


_NOTHING = Reading(Detections.empty(), ())


class WrittenToken(Protocol):
    """What reading needs of a token; ``SamplingStep`` has it."""

    token_id: int
    slot: str
    logits: Tensor
    forced: bool


class Reader:
    """Reads a sentence while it grows, every object once: when its last token is there.

    Whatever the pieces in which the tokens come, what was read is ``read_sentence`` of all of them.

    Args:
        letterbox: leads back to the original image.
        options: resolved.
    """

    def __init__(
        self, tokenizer: Tokenizer, letterbox: Letterbox, options: SamplingOptions
    ) -> None:
        self._tokenizer = tokenizer
        self._letterbox = letterbox
        self._options = options
        self._open: list[WrittenToken] = []  # of an object that is not finished
        self._count = 0
        self._names = _Names()

    def add(self, tokens: Iterable[WrittenToken]) -> Reading:
        """Take in what was written since; returns the objects that it finished. EOS says nothing
        about any."""
        self._open += [token for token in tokens if token.slot != "eos"]
        used = len(self._open) - len(self._open) % SLOTS_PER_OBJECT
        if not used:
            return _NOTHING
        finished, self._open = self._open[:used], self._open[used:]
        return self.read(
            torch.tensor([token.token_id for token in finished], dtype=torch.long),
            torch.stack([token.logits for token in finished]),
            torch.tensor([token.forced for token in finished], dtype=torch.bool),
        )

    def read(self, token_ids: Tensor, logits: Tensor, forced: Tensor) -> Reading:
        """The same from tensors, behind what was read before; see ``read_sentence``."""
        with one_thread():  # so little that a second one costs more than it does
            reading = _read_objects(
                token_ids, logits, forced, self._tokenizer, self._letterbox, self._options
            )
            first, self._count = self._count, self._count + len(reading)
            every = replace(
                reading.every,
                objects=torch.arange(first, self._count),
                again=self._names.again(reading),
            )
            return Reading(every, reading.states)


class _Names:
    """The objects so far that have a name: what a later one may repeat."""

    def __init__(self) -> None:
        self._boxes = torch.zeros(0, 4)
        self._labels = torch.zeros(0, dtype=torch.long)
        self._named = torch.zeros(0, dtype=torch.bool)

    def again(self, reading: Reading) -> Tensor:
        """The first object that each one repeats, (N,), -1 for none: of its class, written before
        it, and overlapping it by more than ``DOUBLE_IOU``. Only objects with a name count."""
        boxes, labels, first = reading.every.boxes, reading.every.labels, len(self._boxes)
        named = torch.tensor([state == "ok" for state in reading.states], dtype=torch.bool)
        self._boxes = torch.cat([self._boxes, boxes])
        self._labels = torch.cat([self._labels, labels])
        self._named = torch.cat([self._named, named])
        if not len(boxes):
            return torch.full((0,), -1)
        same = (box_iou(boxes, self._boxes) > DOUBLE_IOU) & (labels[:, None] == self._labels[None])
        before = (same & named[:, None] & self._named[None]).tril(diagonal=first - 1)
        return torch.where(before.any(1), before.int().argmax(1), -1)


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
    return Reader(tokenizer, letterbox, options).read(token_ids, logits, forced)


def _read_objects(
    token_ids: Tensor,
    logits: Tensor,
    forced: Tensor,
    tokenizer: Tokenizer,
    letterbox: Letterbox,
    options: SamplingOptions,
) -> Reading:
    """All that follows from an object's own five tokens."""
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
    every = Detections.of(
        boxes=boxes,
        labels=labels,
        scores=scores,
        noise_scores=noise_scores,
        edge_scores=edges,
        is_noise=is_noise,
        written=written,
        forced=theirs,
    )
    return Reading(every, states)


def _state(flat: bool, is_noise: bool, kept: bool, dropped: bool) -> State:
    if flat:
        return "flat"
    if is_noise:
        return "noise"
    if kept:
        return "ok"
    return "dropped" if dropped else "below"
