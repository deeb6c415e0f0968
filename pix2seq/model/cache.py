"""``KVCache``: the decoder's explicit memory of one generation."""

from __future__ import annotations

import torch
from torch import Tensor


class KVCache:
    """Preallocated self-attention keys and values, and the image's cross-attention ones.

    A cache belongs to one sequence (or one batch of them) over one image memory. ``length`` counts
    the tokens already in it; ``truncate`` takes tokens back, which is how an edit rewinds.

    Shapes per layer, with B sequences, H heads, T = ``capacity``, N memory tokens:
    self-attention (B, H, T, dim / H), cross-attention (B, H, N, dim / H).
    """

    def __init__(self, cross: list[tuple[Tensor, Tensor]], capacity: int) -> None:
        key = cross[0][0]
        batch, heads, _, head_dim = key.shape
        shape = (batch, heads, capacity, head_dim)
        self.cross = cross
        self.keys = [key.new_zeros(shape) for _ in cross]
        self.values = [key.new_zeros(shape) for _ in cross]
        self.hidden = torch.zeros(batch, capacity, dtype=torch.bool, device=key.device)
        self.capacity = capacity
        self.length = 0

    @property
    def batch_size(self) -> int:
        return self.keys[0].shape[0]

    def extend(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Append (B, H, L, d) keys and values of new tokens; returns all of them, old first.

        ``length`` moves only with ``advance``, after every layer has been extended.
        """
        end = self.length + key.shape[2]
        if end > self.capacity:
            raise ValueError(f"the cache holds {self.capacity} tokens, {end} are needed")
        self.keys[layer][:, :, self.length : end] = key
        self.values[layer][:, :, self.length : end] = value
        return self.keys[layer][:, :, :end], self.values[layer][:, :, :end]

    def advance(self, count: int) -> None:
        """Count ``count`` tokens as written."""
        self.length += count

    def truncate(self, length: int) -> None:
        """Forget every token from ``length`` on."""
        if not 0 <= length <= self.length:
            raise ValueError(f"cannot rewind a cache of {self.length} tokens to {length}")
        self.length = length

    def select(self, rows: Tensor) -> KVCache:
        """A new cache holding the given batch rows (repeats allowed)."""
        picked = KVCache([(k[rows], v[rows]) for k, v in self.cross], self.capacity)
        picked.keys = [k[rows] for k in self.keys]
        picked.values = [v[rows] for v in self.values]
        picked.hidden = self.hidden[rows]
        picked.length = self.length
        return picked
