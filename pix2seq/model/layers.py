"""Transformer building blocks shared by every checkpoint family."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pix2seq.config import TransformerConfig
from pix2seq.model.fused import FusedLinear, Versions, can_fuse, joined

_IMAGE_TOKENS = 1024  # about how many an image has


class Attention(nn.Module):
    """Multi-head attention whose projections all carry a bias."""

    def __init__(self, dim: int, heads: int, memory_dim: int | None = None) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(dim, dim)
        self.key = nn.Linear(memory_dim or dim, dim)
        self.value = nn.Linear(memory_dim or dim, dim)
        self.out = nn.Linear(dim, dim)

    def split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (B, L, D) -> (B, H, L, d)

    def project_memory(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of a memory, each (B, H, N, d)."""
        return self.split(self.key(memory)), self.split(self.value(memory))

    def forward(
        self,
        x: Tensor,
        key: Tensor,
        value: Tensor,
        mask: Tensor | None = None,
        causal: bool = False,
        seen: list[Tensor] | None = None,
    ) -> Tensor:
        """Attend from ``x`` (B * S, L, D) to keys and values (B, H, N, d).

        ``seen`` takes the probabilities, (B, H, S * L, N), for a loss on them.

        S > 1 sequences may share one memory: their queries are folded together, so keys and values
        are neither copied nor projected again.
        """
        query = self.split(self.query(x))  # (B * S, H, L, d)
        share = query.shape[0] // key.shape[0]
        if share > 1:
            length = query.shape[2]
            query = query.unflatten(0, (-1, share)).transpose(1, 2).flatten(2, 3)  # (B, H, S L, d)
        aloud = seen is not None
        if causal or mask is not None or not (aloud or _plain_is_faster(query)):
            out = F.scaled_dot_product_attention(
                query, key, value, attn_mask=mask, is_causal=causal
            )
        else:
            scaled = query * query.shape[-1] ** -0.5
            weights = (scaled @ key.transpose(-1, -2)).softmax(-1)
            out = weights @ value
            if aloud:
                seen.append(weights)
        if share > 1:
            out = out.unflatten(2, (share, length)).transpose(1, 2).flatten(0, 1)
        return self.out(out.transpose(1, 2).flatten(2))

    def weights(self, x: Tensor, key: Tensor) -> Tensor:
        """Attention probabilities from ``x`` (B, L, D) over ``key``: (B, H, L, N), for display."""
        query = self.split(self.query(x))
        scores = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
        return scores.softmax(-1)


def _plain_is_faster(query: Tensor) -> bool:
    """Training in bf16 on a CPU: two products take a third of the fused kernel's time."""
    return query.requires_grad and query.dtype == torch.bfloat16 and query.device.type == "cpu"


class Mlp(nn.Module):
    """Two linear maps around a non-linearity, with dropout on the hidden units."""

    def __init__(
        self, dim: int, hidden: int, activation: str = "gelu", dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.up = nn.Linear(dim, hidden)
        self.down = nn.Linear(hidden, dim)
        self.activation = F.gelu if activation == "gelu" else F.relu
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(self.dropout(self.activation(self.up(x))))


class DropPath(nn.Module):
    """Skip a residual branch for whole samples while training (stochastic depth)."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return x
        keep = torch.rand(x.shape[0], *[1] * (x.ndim - 1), device=x.device) >= self.rate
        return x * keep / (1 - self.rate)


class Residual(nn.Module):
    """``x + f(norm(x))`` (pre-norm) or ``norm(x + f(x))`` (post-norm), with stochastic depth."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(config.dim, eps=config.norm_eps)
        self.norm_first = config.norm_first
        dropout = config.dropout if config.residual_dropout else 0.0
        self.drop = nn.Sequential(nn.Dropout(dropout), DropPath(config.drop_path))

    def input(self, x: Tensor) -> Tensor:
        """What the branch reads."""
        return self.norm(x) if self.norm_first else x

    def add(self, x: Tensor, branch: Tensor) -> Tensor:
        """Join the branch's result with the stream."""
        summed = x + self.drop(branch)
        return summed if self.norm_first else self.norm(summed)


class EncoderLayer(nn.Module):
    """Self-attention and MLP over image tokens."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.attention = Attention(config.dim, config.heads)
        self.attention_residual = Residual(config)
        self.mlp = Mlp(config.dim, config.mlp_dim, config.activation, config.dropout)
        self.mlp_residual = Residual(config)

    def forward(self, x: Tensor) -> Tensor:
        y = self.attention_residual.input(x)
        x = self.attention_residual.add(x, self.attention(y, *self.attention.project_memory(y)))
        return self.mlp_residual.add(x, self.mlp(self.mlp_residual.input(x)))

    def attention_weights(self, x: Tensor, rows: slice = slice(None)) -> Tensor:
        """Where the tokens of ``rows`` look: (B, H, rows, N)."""
        y = self.attention_residual.input(x)
        return self.attention.weights(y[:, rows], self.attention.project_memory(y)[0])


class TransformerEncoder(nn.Module):
    """A stack of encoder layers; pre-norm stacks end in a norm."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(EncoderLayer(config) for _ in range(config.layers))
        self.norm = (
            nn.LayerNorm(config.dim, eps=config.norm_eps) if config.norm_first else nn.Identity()
        )

        self.activation = config.activation
        self._fused: _FusedLayers | None = None

    def __getstate__(self) -> dict:
        """A copy, or another process, fuses its own weights."""
        return {**self.__dict__, "_fused": None}

    def forward(self, x: Tensor) -> Tensor:
        if not self.training and can_fuse(x):
            if self._fused is None or not self._fused.versions.current(self):
                self._fused = _FusedLayers(self)
            return self.norm(self._fused(x))
        for layer in self.layers:
            x = layer(x)
        return self.norm(x)

    def attention_weights(self, x: Tensor, rows: slice = slice(None)) -> Tensor:
        """Every layer's self-attention for tokens (B, N, D): (B, layers, H, rows, N). Only the rows
        that are asked for are computed: all of them are N squared numbers per head."""
        seen = []
        for layer in self.layers:
            seen.append(layer.attention_weights(x, rows))
            x = layer(x)
        return torch.stack(seen, dim=1)


class _FusedLayers:
    """Layers for looking only, with their weights of one time: the same in fewer, faster maps."""

    def __init__(self, encoder: TransformerEncoder) -> None:
        self.versions = Versions(encoder)
        self.activation = encoder.activation
        self.layers = []
        for layer in encoder.layers:
            own, mlp = layer.attention, layer.mlp
            groups = (own.query, own.key, own.value), (own.out,), (mlp.up,), (mlp.down,)
            maps = [FusedLinear(*joined(*linears), _IMAGE_TOKENS) for linears in groups]
            self.layers.append((own.heads, layer.attention_residual, layer.mlp_residual, maps))

    def __call__(self, x: Tensor) -> Tensor:
        batch, width = x.shape[0], x.shape[-1]
        x = x.reshape(-1, width)
        for heads, first, second, (qkv, out, up, down) in self.layers:
            three = qkv(first.input(x)).view(batch, -1, 3, heads, width // heads)
            query, key, value = three.transpose(1, 3).unbind(2)  # (B, H, N, d) each
            seen = F.scaled_dot_product_attention(query, key, value)  # (B, H, N, d)
            x = _closed(first, out.added(seen.transpose(1, 2).reshape(-1, width), x))
            x = _closed(second, down.added(up(second.input(x), self.activation), x))
        return x.view(batch, -1, width)


def _closed(residual: Residual, summed: Tensor) -> Tensor:
    return summed if residual.norm_first else residual.norm(summed)
