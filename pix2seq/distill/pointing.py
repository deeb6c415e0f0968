"""Guided attention: a decoder is shown which draft it is copying.

That a token of a draft is the one to copy is hard to find out from the likelihood of what was
written alone: among hundreds of tokens the right one gets no more attention than others until it is
used, and is not used until it gets it. So the decoder's last layer is taught to look there, as
translation models are taught the alignment of words (guided alignment, arXiv 1607.01628). It is a
loss in training; nothing of it is needed to write.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pix2seq.boxes import box_iou
from pix2seq.config import SLOTS_PER_OBJECT
from pix2seq.tokenizer import Tokenizer

_SAME = 0.5  # the overlap from which on an object is the one that a draft means


def tokens_to_copy(sentences: dict[str, Tensor], drafts: Tensor, tokenizer: Tokenizer) -> Tensor:
    """Which token of the memory each token of a sentence could be copied from.

    Real objects have one for all their tokens, noise objects for the class alone: nobody should
    learn to write them.

    Args:
        sentences: ``input_ids``, ``target_ids`` and ``token_weights``, (B * S, L) each.
        drafts: (B, K, 4) ``xyxy`` relative to the padded input.

    Returns:
        (B * S, L) indices among the memory's tokens, -1 for none.
    """
    inputs, targets = sentences["input_ids"], sentences["target_ids"]
    length = inputs.shape[1] // SLOTS_PER_OBJECT * SLOTS_PER_OBJECT
    shown = torch.cat([inputs[:, 1:], inputs[:, :1]], 1)[:, :length]
    boxes, _ = tokenizer.decode(shown)  # (B * S, O, 4)
    drafts = drafts.repeat_interleave(len(inputs) // len(drafts), 0)
    overlap, draft = box_iou(boxes, drafts).max(-1)  # (B * S, O)
    slots = torch.arange(SLOTS_PER_OBJECT, device=inputs.device)
    index = draft[..., None] * SLOTS_PER_OBJECT + slots
    taught = (sentences["token_weights"][:, :length] > 0) & (
        targets[:, :length] != tokenizer.eos_id
    )
    taught &= (overlap >= _SAME).repeat_interleave(SLOTS_PER_OBJECT, 1)
    found = torch.full_like(targets, -1)
    found[:, :length] = torch.where(taught, index.flatten(1), -1)
    return found


def pointing_loss(looked: Tensor, copied: Tensor) -> Tensor:
    """How far from the tokens to copy the attention was, in nats.

    Args:
        looked: (B, H, S * L, N) probabilities.
        copied: (B * S, L) from ``tokens_to_copy``.
    """
    copied = copied.reshape(len(looked), -1)  # (B, S * L)
    there = copied >= 0
    index = copied.clamp(min=0)[:, None, :, None].expand(-1, looked.shape[1], -1, 1)
    right = looked.float().gather(-1, index)[..., 0]  # (B, H, S * L)
    losses = -right.clamp(min=1e-6).log().mean(1)
    return (losses * there).sum() / there.sum().clamp(min=1)
