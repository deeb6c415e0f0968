"""Token embeddings, output rows and sequence positions of the decoder."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pix2seq.config import SLOTS_PER_OBJECT, ModelConfig
from pix2seq.model.positions import line_codes, sincos_codes


class VocabularyTable(nn.Module):
    """One row per token: an embedding on the way in, a classifier on the way out.

    With ``ordinal_ids`` the rows of those ids are a learned linear map of their point's sin-cos
    code plus the free residual that every token has. Neighbouring bins then start as neighbours.
    """

    def __init__(self, vocab_size: int, dim: int, ordinal_ids: tuple[int, ...] | None) -> None:
        super().__init__()
        self.rows = nn.Parameter(torch.empty(vocab_size, dim))
        nn.init.trunc_normal_(self.rows, std=0.02)
        self.ordinal_ids = ordinal_ids
        if ordinal_ids is not None:
            count = ordinal_ids[1]
            codes = line_codes(torch.linspace(0, 1, count), dim)
            self.register_buffer("codes", codes, persistent=False)
            self.from_code = nn.Linear(dim, dim)
            nn.init.normal_(self.from_code.weight, std=0.15 / dim**0.5)
            nn.init.zeros_(self.from_code.bias)

    def forward(self) -> Tensor:
        """The whole table, (V, D)."""
        if self.ordinal_ids is None:
            return self.rows
        first, count = self.ordinal_ids
        points = self.rows[first : first + count] + self.from_code(self.codes)
        return torch.cat([self.rows[:first], points, self.rows[first + count :]])


class SequencePositions(nn.Module):
    """Which place a token has in the sentence; position 0 is the prompt."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.kind = config.decoder_positions
        count, dim = config.max_tokens, config.decoder.dim
        if self.kind == "learned":
            self.table = nn.Parameter(torch.empty(count, dim))
            nn.init.trunc_normal_(self.table, std=0.02)
        elif self.kind == "sincos":
            self.register_buffer("codes", sincos_codes(count, dim), persistent=False)
        else:
            objects = -(-count // SLOTS_PER_OBJECT)
            self.slot = nn.Parameter(torch.empty(SLOTS_PER_OBJECT, dim))
            nn.init.trunc_normal_(self.slot, std=0.02)
            # Starts as a smooth code, so that indices rarely seen in training still mean "later".
            self.object = nn.Parameter(sincos_codes(objects, dim).mul_(0.02))

    def forward(self, start: int, length: int) -> Tensor:
        """Codes of positions ``start .. start + length - 1``, (length, D)."""
        if self.kind == "learned":
            return self.table[start : start + length]
        if self.kind == "sincos":
            return self.codes[start : start + length]
        index = torch.arange(start, start + length, device=self.slot.device)
        return self.slot[index % SLOTS_PER_OBJECT] + self.object[index // SLOTS_PER_OBJECT]
