"""The autoregressive decoder: causal self-attention, cross-attention to the image, MLP."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pix2seq.config import ModelConfig, TransformerConfig
from pix2seq.model.embeddings import SequencePositions, VocabularyTable
from pix2seq.model.layers import Attention, Mlp, Residual


class DecoderLayer(nn.Module):
    """One block of causal self-attention, cross-attention and MLP."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.self_attention = Attention(config.dim, config.heads)
        self.self_residual = Residual(config)
        self.cross_attention = Attention(config.dim, config.heads)
        self.cross_residual = Residual(config)
        self.mlp = Mlp(config.dim, config.mlp_dim, config.activation, config.dropout)
        self.mlp_residual = Residual(config)

    def self_attend(self, x: Tensor, y: Tensor, key: Tensor, value: Tensor, **mask) -> Tensor:
        return self.self_residual.add(x, self.self_attention(y, key, value, **mask))

    def cross_attend(
        self, x: Tensor, cross: tuple[Tensor, Tensor], seen: list[Tensor] | None = None
    ) -> Tensor:
        y = self.cross_residual.input(x)
        x = self.cross_residual.add(x, self.cross_attention(y, *cross, seen=seen))
        return self.mlp_residual.add(x, self.mlp(self.mlp_residual.input(x)))


class Decoder(nn.Module):
    """Token ids and an image memory to logits over the vocabulary."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        stack = config.decoder
        self.activation = stack.activation
        self.masked_key_id = config.masked_key_id
        self.max_tokens = config.max_tokens
        self.embedding = VocabularyTable(config.vocab_size, stack.dim, config.ordinal_ids)
        self.output = (
            None
            if config.tie_embeddings
            else VocabularyTable(config.vocab_size, stack.dim, config.ordinal_ids)
        )
        self.output_bias = (
            nn.Parameter(torch.zeros(config.vocab_size)) if config.output_bias else None
        )
        self.positions = SequencePositions(config)
        self.layers = nn.ModuleList(DecoderLayer(stack) for _ in range(stack.layers))
        self.norm = (
            nn.LayerNorm(stack.dim, eps=stack.norm_eps) if stack.norm_first else nn.Identity()
        )

    def output_table(self) -> Tensor:
        """The rows that hidden states are compared with to give logits, (V, D)."""
        return (self.embedding if self.output is None else self.output)()

    def project_memory(self, memory: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Every layer's cross-attention keys and values, computed once per image."""
        return [layer.cross_attention.project_memory(memory) for layer in self.layers]

    def forward(
        self,
        ids: Tensor,
        cross: list[tuple[Tensor, Tensor]],
        seen: list[Tensor] | None = None,
    ) -> Tensor:
        """Logits of the token after each position.

        Args:
            ids: (B * S, L) token ids.
            cross: from ``project_memory`` of B memories.
            seen: takes where the last layer looks, (B, H, S * L, N), for a loss on it.

        Returns:
            (B * S, L, V).
        """
        table = self.embedding()
        hidden = self._run(ids, F.embedding(ids, table), cross, probe=None, seen=seen)
        rows = table if self.output is None else self.output()
        return F.linear(hidden, rows, self.output_bias)

    def cross_attention_weights(self, ids: Tensor, cross: list[tuple[Tensor, Tensor]]) -> Tensor:
        """Where each position looks: (B, layers, H, L, N), rows sum to 1."""
        seen: list[Tensor] = []
        self._run(ids, F.embedding(ids, self.embedding()), cross, probe=seen)
        return torch.stack(seen, dim=1)

    def _run(
        self,
        ids: Tensor,
        x: Tensor,
        cross: list[tuple[Tensor, Tensor]],
        probe: list[Tensor] | None,
        seen: list[Tensor] | None = None,
    ) -> Tensor:
        length = ids.shape[1]
        if length > self.max_tokens:
            raise ValueError(f"the model writes {self.max_tokens} tokens at most, prompt included")
        x = x + self.positions(0, length)
        mask = self._mask(ids)
        for i, layer in enumerate(self.layers):
            y = layer.self_residual.input(x)
            key, value = layer.self_attention.project_memory(y)
            x = layer.self_attend(x, y, key, value, **mask)
            if probe is not None:
                probe.append(
                    layer.cross_attention.weights(layer.cross_residual.input(x), cross[i][0])
                )
            x = layer.cross_attend(x, cross[i], seen if layer is self.layers[-1] else None)
        return self.norm(x)

    def _mask(self, ids: Tensor) -> dict:
        """Arguments of the self-attention: which earlier tokens each position may see."""
        hidden = None if self.masked_key_id is None else ids == self.masked_key_id  # (B, L)
        if hidden is None or not hidden.any():
            return {"causal": True}
        position = torch.arange(ids.shape[1], device=ids.device)
        visible = position[None, :] <= position[:, None]  # (L, L)
        return {"mask": (visible & ~hidden[:, None])[:, None]}  # (B, 1, L, L)
