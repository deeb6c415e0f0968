"""The objective: weighted likelihood of each next token (paper, section 2.2, equation 1)."""

from __future__ import annotations

import torch
from torch import Tensor

from pix2seq.tokenizer import Tokenizer


def soft_coordinate_targets(tokenizer: Tokenizer, sigma: float) -> Tensor:
    """Targets that forgive near misses: row b is a Gaussian of ``sigma`` bins around bin b.

    Returns (num_bins, num_bins), rows sum to 1; ``sigma = 0`` gives one-hot rows.
    """
    bins = torch.arange(tokenizer.num_bins, dtype=torch.float32)
    if sigma == 0:
        return torch.eye(tokenizer.num_bins)
    weights = torch.exp(-0.5 * ((bins[:, None] - bins[None]) / sigma) ** 2)
    return weights / weights.sum(1, keepdim=True)


def token_losses(
    logits: Tensor, target_ids: Tensor, tokenizer: Tokenizer, soft_targets: Tensor | None = None
) -> Tensor:
    """Cross-entropy of each token in nats, unweighted (paper, equation 1).

    Args:
        logits: (B, L, V).
        target_ids: (B, L).
        soft_targets: from ``soft_coordinate_targets``; used where the target is a coordinate.

    Returns:
        (B, L).
    """
    logprobs = logits.float().log_softmax(-1)
    losses = -logprobs.gather(-1, target_ids[..., None])[..., 0]
    if soft_targets is None:
        return losses
    coords = tokenizer.coord_ids
    bins = (target_ids - coords.start).clamp(0, tokenizer.num_bins - 1)
    soft = -(soft_targets[bins] * logprobs[..., coords.start : coords.stop]).sum(-1)
    return torch.where(tokenizer.is_coord(target_ids), soft, losses)


def kind_losses(logits: Tensor, tokenizer: Tokenizer) -> Tensor:
    """How unsure each position is of writing *any* coordinate, in nats: (B, L, V) -> (B, L).

    Noise objects teach no coordinates (paper: "n/a"), so without this nothing tells a model that
    their slots hold coordinates at all.
    """
    logprobs = logits.float().log_softmax(-1)
    coords = tokenizer.coord_ids
    return -logprobs[..., coords.start : coords.stop].logsumexp(-1)


def weighted_mean(losses: Tensor, weights: Tensor) -> Tensor:
    """Sum of weighted losses over the sum of weights (official code; its epsilon is 1e-9)."""
    return (losses * weights).sum() / (weights.sum() + 1e-9)
