"""The objective: weighted likelihood of each next token (paper, section 2.2, equation 1)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

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


def token_losses(logits: Tensor, target_ids: Tensor) -> Tensor:
    """Cross-entropy of each token in nats, unweighted (paper, equation 1).

    Args:
        logits: (B, L, V).
        target_ids: (B, L).

    Returns:
        (B, L).
    """
    return -logits.float().log_softmax(-1).gather(-1, target_ids[..., None])[..., 0]


class SoftenedLosses(nn.Module):
    """``token_losses`` against targets that forgive: near bins, and a little of every class.

    Args:
        coord_sigma: see ``soft_coordinate_targets``; 0 is one-hot.
        class_smoothing: share of a real class's target that is spread over all classes (label
            smoothing), in [0, 1); 0 is one-hot. The noise class is never smoothed.
    """

    def __init__(
        self, tokenizer: Tokenizer, coord_sigma: float = 0.0, class_smoothing: float = 0.0
    ) -> None:
        super().__init__()
        self.tokenizer = tokenizer
        self.class_smoothing = class_smoothing
        soft = soft_coordinate_targets(tokenizer, coord_sigma) if coord_sigma else None
        self.register_buffer("soft_targets", soft, persistent=False)

    def forward(self, logits: Tensor, target_ids: Tensor) -> Tensor:
        """(B, L, V) and (B, L) -> (B, L), in nats."""
        words = self.tokenizer
        logprobs = logits.float().log_softmax(-1)
        losses = -logprobs.gather(-1, target_ids[..., None])[..., 0]
        if self.soft_targets is not None:
            coords = words.coord_ids
            bins = (target_ids - coords.start).clamp(0, words.num_bins - 1)
            soft = -(self.soft_targets[bins] * logprobs[..., coords.start : coords.stop]).sum(-1)
            losses = torch.where(words.is_coord(target_ids), soft, losses)
        if self.class_smoothing:
            classes = words.class_ids
            spread = -logprobs[..., classes.start : classes.stop].mean(-1)
            smoothed = losses + self.class_smoothing * (spread - losses)
            real = (target_ids >= classes.start) & (target_ids < classes.stop)
            losses = torch.where(real, smoothed, losses)
        return losses


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
