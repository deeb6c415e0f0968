"""Noise objects that a model is likely to write: what its encoder sees and nobody labelled.

The paper's noise objects are random boxes, jittered or moved ones. A decoder that has drafts to
copy from needs other ones: every draft that training makes it write would be right, and one that
is wrong would be believed. So some noise objects become drafts that overlap no object. They stand
among the real ones, as they will when the model writes; the random ones follow, as in the paper.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pix2seq.boxes import box_area, box_iou, lies_in, swap_xy
from pix2seq.config import SLOTS_PER_OBJECT, AugmentConfig
from pix2seq.tokenizer import Tokenizer

_MISSES = 0.5  # the overlap with every object below which a draft is wrong
_TAKES_PART = 0.02  # how often a draft that is sure of nothing is taken, beside its probability


def wrong_drafts(drafts: Tensor, boxes: Tensor, labels: Tensor) -> Tensor:
    """Which drafts show no object and do not lie where nobody may say so, bool (B, K).

    Args:
        drafts: (B, K, 4) ``xyxy``.
        boxes: (B, M, 4), in the same unit.
        labels: (B, M), negative for regions that nobody is asked about.
    """
    if not boxes.shape[1]:
        return box_area(drafts) > 0
    real = (labels >= 0)[:, None]
    found = (box_iou(drafts, boxes) >= _MISSES) & real
    hidden = lies_in(drafts, boxes) & ~real
    return (box_area(drafts) > 0) & ~found.any(-1) & ~hidden.any(-1)


def gumbel(uniform: Tensor) -> Tensor:
    """Draws of a standard Gumbel distribution from as many of [0, 1): added to logits, the largest
    of them is a draw."""
    return -(-uniform.clamp(1e-9, 1 - 1e-7).log()).log()


def with_mistakes(
    sentences: dict[str, Tensor],
    drafts: Tensor,
    sure: Tensor,
    wrong: Tensor,
    share: float,
    tokenizer: Tokenizer,
    config: AugmentConfig,
) -> dict[str, Tensor]:
    """Training sentences, some of whose noise objects are wrong drafts: the same for the same
    sentences, so that an interrupted run goes on as it would have.

    Args:
        sentences: ``input_ids``, ``target_ids`` and ``token_weights``, (B * S, L) each, filled up
            with noise objects.
        drafts: (B, K, 4) ``xyxy`` relative to the padded input.
        sure: (B, K) probabilities; sure ones are taken more often.
        wrong: (B, K) from ``wrong_drafts``.
        share: of the noise objects, as long as there are wrong drafts.
    """
    inputs, targets, weights = (
        sentences[name] for name in ("input_ids", "target_ids", "token_weights")
    )
    count, copies = len(inputs), len(inputs) // len(drafts)
    objects = inputs.shape[1] // SLOTS_PER_OBJECT
    unseen = inputs.new_full((count, 1), tokenizer.noise_id)  # the last class is never read
    shown = torch.cat([inputs[:, 1:], unseen], 1).view(count, objects, SLOTS_PER_OBJECT)
    targets = targets.view(count, objects, SLOTS_PER_OBJECT)
    weights = weights.view(count, objects, SLOTS_PER_OBJECT)
    noise = targets[..., -1] == tokenizer.noise_id  # (N, O)

    drafts, sure, wrong = (x.repeat_interleave(copies, 0) for x in (drafts, sure, wrong))
    rng = torch.Generator().manual_seed(int(inputs.sum()))

    def rand(columns: int) -> Tensor:
        return torch.rand(count, columns, generator=rng).to(inputs.device)

    chance = (sure + _TAKES_PART).log() + gumbel(rand(drafts.shape[1]))
    drawn = chance.masked_fill(~wrong, -torch.inf).argsort(dim=1, descending=True)
    replaced = noise & (rand(objects) < share)
    number = replaced.cumsum(1) - 1
    replaced &= number < wrong.sum(1, keepdim=True)
    mistake = drawn.gather(1, number.clamp(0, drawn.shape[1] - 1))[..., None]
    box = drafts.take_along_dim(mistake, 1).clamp(0, 1)
    box = swap_xy(box) if tokenizer.config.box_order == "yxyx" else box
    edges = torch.where(replaced[..., None], tokenizer.coord_tokens(box), shown[..., :-1])
    shown = torch.cat([edges, shown[..., -1:]], -1)
    targets = torch.where(noise[..., None], torch.cat([edges, targets[..., -1:]], -1), targets)
    weights = weights.clone()
    weights[..., 0].masked_fill_(noise, 0.0)  # where EOS was asked for
    weights[..., -1].masked_fill_(replaced, config.noise_class_weight)

    key = rand(objects)
    last = torch.arange(objects, device=noise.device) + 1.0  # random noise keeps its order
    order = torch.where(noise & ~replaced, last, key).argsort(1)[..., None]
    shown, targets, weights = (x.take_along_dim(order, 1) for x in (shown, targets, weights))
    if config.eos_at_first_noise:
        real = ~noise.take_along_dim(order[..., 0], 1)
        after = (real * last.long()).amax(1)  # the object after the last real one
        room = (after < objects).nonzero()[:, 0]
        targets[room, after[room], 0] = tokenizer.eos_id
        weights[room, after[room], 0] = config.eos_weight
    return {
        "input_ids": torch.cat([inputs[:, :1], shown.flatten(1)[:, :-1]], 1),
        "target_ids": targets.flatten(1),
        "token_weights": weights.flatten(1),
    }
