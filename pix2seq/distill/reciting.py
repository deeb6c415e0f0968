"""Sentences that go through the drafts: every one is written, and told what it is.

The paper fills a sentence up with noise objects that nobody should learn to place. A decoder with
drafts then learns to write what it is sure of and to add variations of that: half of what the
encoder has found is never written. Here the rest of a sentence is the drafts that show nothing. So
what follows the sure objects are the unsure ones, surest first, and the altered inference (paper,
section 2.4), which reads the likeliest class of every one, finds the objects among them.
"""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from pix2seq.augment import corrupt_classes, random_boxes
from pix2seq.boxes import box_area, box_iou, lies_in
from pix2seq.config import SLOTS_PER_OBJECT, AugmentConfig
from pix2seq.distill.mistakes import gumbel
from pix2seq.tokenizer import Tokenizer

_SAME = 0.5  # the overlap from which on a draft shows an object
_SPREAD = 0.1  # of the order, in logits: a decoder must not lose its place when it errs
_COPY = 0.5  # weight of an edge of a draft that shows nothing
_FOREIGN = 0.2  # share of sentences with an object that was not theirs to place
_MISSED = 4  # objects that no draft shows are written last, as many as this at most


def recited(
    batch: dict[str, Tensor],
    drafts: Tensor,
    sure: Tensor,
    tokenizer: Tokenizer,
    config: AugmentConfig,
) -> dict[str, Tensor]:
    """Training sentences in place of a batch's own, of their length.

    Args:
        batch: ``input_ids`` (B * S, L) and ``boxes_norm``, ``labels``, (B, M, 4) and (B, M), labels
            negative for regions that nobody is asked about.
        drafts: (B, K, 4) ``xyxy`` relative to the padded input.
        sure: (B, K) probabilities.

    Returns:
        ``input_ids``, ``target_ids`` and ``token_weights``, (B * S, L): the same for the same
        batch, so that an interrupted run goes on as it would have.
    """
    inputs = batch["input_ids"]
    copies = len(inputs) // len(drafts)
    objects = inputs.shape[1] // SLOTS_PER_OBJECT
    generator = torch.Generator().manual_seed(int(inputs.sum()))
    foreign = torch.rand(len(inputs), generator=generator) < _FOREIGN
    known = [x.cpu() for x in (batch["boxes_norm"], batch["labels"], drafts, sure)]
    written = [
        recite(*one, objects, tokenizer, config, generator, foreign=odd)
        for one, odds in zip(zip(*known, strict=True), foreign.view(-1, copies), strict=True)
        for odd in odds
    ]
    ids, targets, weights = (torch.stack(x).to(inputs.device) for x in zip(*written, strict=True))
    return {
        "input_ids": torch.cat([inputs[:, :1], ids[:, :-1]], 1),
        "target_ids": targets,
        "token_weights": weights,
    }


def recite(
    boxes: Tensor,
    labels: Tensor,
    drafts: Tensor,
    sure: Tensor,
    objects: int,
    tokenizer: Tokenizer,
    config: AugmentConfig,
    generator: Generator | None = None,
    foreign: bool = False,
) -> tuple[Tensor, Tensor, Tensor]:
    """One image's sentence.

    Each draft, in about the order of its probability, becomes the object that it shows, where no
    surer draft shows that one, and noise otherwise. A few objects that no draft shows follow.

    Args:
        boxes, labels: (M, 4) and (M,) as in a batch.
        drafts, sure: (K, 4) and (K,).
        objects: how many to write.
        foreign: put an object somewhere that was not the sentence's to place, as a person may: so
            what comes next follows from what is written, not from a count alone.

    Returns:
        What is shown, what is asked for and what it weighs, (objects * 5,) each. Edges of noise
        weigh half; its class nothing where it lies in a region that nobody is asked about.
    """
    real = labels >= 0
    regions, boxes, labels = boxes[~real], boxes[real], labels[real]
    drafts, sure = drafts[box_area(drafts) > 0].clamp(0, 1), sure[box_area(drafts) > 0]
    drawn = gumbel(torch.rand(len(sure), generator=generator))
    order = (sure.logit(eps=1e-6) + _SPREAD * drawn).argsort(descending=True)
    drafts = drafts[order]
    shows = _shown(box_iou(drafts, boxes))
    missed = (torch.arange(len(boxes))[:, None] != shows).all(1).nonzero()[:, 0]
    missed = missed[torch.randperm(len(missed), generator=generator)][: min(_MISSED, objects)]
    kept = min(len(drafts), objects - len(missed))
    drafts, shows = drafts[:kept], shows[:kept]

    noise = torch.cat([shows < 0, torch.zeros(len(missed), dtype=torch.bool)])
    edges = torch.cat([drafts, boxes[missed]])
    names = labels.new_zeros(len(edges))
    found = (~noise).nonzero()[:, 0]
    which = torch.cat([shows, missed])[found]
    edges[found], names[found] = boxes[which], labels[which]

    targets = tokenizer.encode(edges, names).view(-1, SLOTS_PER_OBJECT)
    targets[noise, -1] = tokenizer.noise_id
    weights = torch.ones(targets.shape)
    weights[noise, :-1] = _COPY
    weights[noise, -1] = config.noise_class_weight
    weights[noise & lies_in(edges, regions).any(1), -1] = 0.0
    shown = targets.clone()
    shown[:, -1] = corrupt_classes(targets[:, -1], tokenizer, config.class_corruption, generator)
    if foreign:
        box = random_boxes(1, generator).clamp(0, 1)
        stranger = tokenizer.encode(box, names.new_zeros(1))
        stranger[-1] = tokenizer.noise_id
        asked = torch.zeros(SLOTS_PER_OBJECT)
        if not (lies_in(box, regions).any() or (box_iou(box, boxes) >= _SAME).any()):
            asked[-1] = config.noise_class_weight
        at = int(torch.randint(len(targets) + 1, (), generator=generator))
        shown, targets, weights = (
            torch.cat([rows[:at], row[None], rows[at:]])[:objects]
            for rows, row in ((shown, stranger), (targets, stranger), (weights, asked))
        )
    found = (targets[:, -1] != tokenizer.noise_id).nonzero()[:, 0]
    room = objects - len(targets)
    filled = torch.full((room, SLOTS_PER_OBJECT), tokenizer.pad_id)
    shown, targets = torch.cat([shown, filled]), torch.cat([targets, filled])
    weights = torch.cat([weights, torch.zeros(filled.shape)])
    after = int(found[-1]) + 1 if len(found) else 0
    if config.eos_at_first_noise and after < objects:
        targets[after, 0] = tokenizer.eos_id
        weights[after, 0] = config.eos_weight
    return shown.flatten(), targets.flatten(), weights.flatten()


def _shown(overlap: Tensor) -> Tensor:
    """Which object each draft shows, (K,), -1 for none: the first draft that may choose does."""
    shows = torch.full((len(overlap),), -1)
    if not overlap.shape[1]:
        return shows
    free = torch.ones(overlap.shape[1])
    for draft, row in enumerate(overlap):
        best, index = (row * free).max(0)
        if best >= _SAME:
            shows[draft], free[index] = index, 0.0
    return shows
