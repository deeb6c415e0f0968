"""Between encoder and decoder: the memory takes the decoder's width, and its positions anew."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from pix2seq.config import ModelConfig
from pix2seq.model.layers import Mlp, Residual
from pix2seq.model.positions import GridPositions


class Bridge(nn.Module):
    """The official projections: ``linear`` is a normalised linear map, ``linear_p`` adds position
    codes, ``mlp`` also a residual MLP."""

    def __init__(self, config: ModelConfig, grid: tuple[int, int]) -> None:
        super().__init__()
        stack = config.decoder
        self.project = nn.Linear(config.encoder.transformer.dim, stack.dim)
        self.norm = nn.LayerNorm(stack.dim, eps=stack.norm_eps)
        self.positions = None
        if config.bridge != "linear":
            self.positions = GridPositions(config.encoder.positions, stack.dim, grid)
        self.mlp = None
        if config.bridge == "mlp":
            hidden = round(stack.dim * config.bridge_mlp_ratio)
            self.mlp = Mlp(stack.dim, hidden, stack.activation, stack.dropout)
            self.mlp_residual = Residual(stack)

    def forward(self, tokens: Tensor, grid: tuple[int, int]) -> Tensor:
        """Encoder tokens (B, N, D) of a ``grid`` of (rows, columns) to the memory (B, N, E)."""
        x = self.norm(self.project(tokens))  # (B, N, E)
        if self.positions is not None:
            x = self.positions(x, grid)
        if self.mlp is not None:
            x = self.mlp_residual.add(x, self.mlp(self.mlp_residual.input(x)))
        return x


class PoolBridge(nn.Module):
    """The VOC model's way: average neighbouring channels down to the decoder's width, then add a
    position table. Windows overlap where the widths do not divide each other."""

    def __init__(self, config: ModelConfig, grid: tuple[int, int]) -> None:
        super().__init__()
        self.dim = config.decoder.dim
        self.positions = GridPositions(config.encoder.positions, self.dim, grid)

    def forward(self, tokens: Tensor, grid: tuple[int, int]) -> Tensor:
        """Encoder tokens (B, N, D) of a ``grid`` of (rows, columns) to the memory (B, N, E)."""
        return self.positions(F.adaptive_avg_pool1d(tokens, self.dim), grid)


def build_bridge(config: ModelConfig, grid: tuple[int, int]) -> nn.Module | None:
    """The bridge that ``config.bridge`` names, ``None`` for ``none``.

    Args:
        grid: rows and columns of the memory for ``config.image_size``.
    """
    if config.bridge == "none":
        return None
    return (PoolBridge if config.bridge == "pool" else Bridge)(config, grid)
