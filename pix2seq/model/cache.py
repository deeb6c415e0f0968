"""``KVCache``: the decoder's explicit memory of the sentences that are being written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

Cross = list[tuple[Tensor, Tensor]]
"""What one image tells: every layer's cross-attention keys and values, each (1, H, N, d); keys may
lie otherwise where a decoder likes it (``native``)."""


class KVCache:
    """One row per sentence: what it holds so far, and the image that it is about.

    Rows are independent. Each has its own length, so that sentences that began at different times
    are written side by side; ``join`` adds rows and ``leave`` takes one out. Rows about the same
    image hold the same ``Cross`` and not a copy of it. ``truncate`` takes tokens back, which is how
    an edit rewinds.

    Shapes per layer, with R rows, H heads and T = ``capacity``: keys and values (R, H, T, d). They
    are allocated when the first token comes, and for more rows when more join.

    Args:
        cross: one per row.
        capacity: tokens that a row holds at most, prompt included.
    """

    def __init__(self, cross: Sequence[Cross], capacity: int) -> None:
        self.cross = list(cross)
        self.lengths = [0] * len(self.cross)
        self.capacity = capacity
        self.keys: list[Tensor] = []
        self.values: list[Tensor] = []
        self.hidden: Tensor | None = None
        self.plan: Any = None  # what a decoder notes about these rows, in this memory
        self._slots = 0

    def __getstate__(self) -> dict:
        """A copy lies elsewhere."""
        return {**self.__dict__, "plan": None}

    @property
    def rows(self) -> int:
        return len(self.lengths)

    @property
    def device(self) -> torch.device:
        return self.cross[0][0][0].device

    @property
    def compiled(self) -> bool:
        """Whether compiled code writes in it (``native``), which knows of no mode of PyTorch's."""
        return hasattr(self.cross[0], "addresses")

    @property
    def length(self) -> int:
        """Tokens in the longest row."""
        return max(self.lengths, default=0)

    def runs(self) -> Iterator[tuple[int, int, int]]:
        """Neighbouring rows of one length as (first row, row after the last, length)."""
        first = 0
        for row in range(1, self.rows + 1):
            if row == self.rows or self.lengths[row] != self.lengths[first]:
                yield first, row, self.lengths[first]
                first = row

    def images(self) -> Iterator[tuple[int, int, Cross]]:
        """Neighbouring rows about one image as (first row, row after the last, its ``Cross``)."""
        first = 0
        for row in range(1, self.rows + 1):
            if row == self.rows or self.cross[row] is not self.cross[first]:
                yield first, row, self.cross[first]
                first = row

    def reserve(self, count: int) -> None:
        """Make room for ``count`` more tokens in every row. Raises ``ValueError`` when full."""
        if self.length + count > self.capacity:
            raise ValueError(
                f"the cache holds {self.capacity} tokens, {self.length + count} are needed"
            )
        if self.rows > self._slots:
            self._grow(max(self.rows, 2 * self._slots))

    def advance(self, count: int) -> None:
        """Count ``count`` tokens of every row as written, after every layer has stored them."""
        self.lengths = [length + count for length in self.lengths]

    def truncate(self, length: int) -> None:
        """Forget every token from ``length`` on; no row may be shorter."""
        if not 0 <= length <= min(self.lengths):
            raise ValueError(f"cannot rewind a cache of {min(self.lengths)} tokens to {length}")
        self.lengths = [length] * self.rows

    @torch.inference_mode()  # what a forward pass stored can only be moved in its mode
    def join(self, other: KVCache) -> None:
        """Take over all rows of another cache of the same model; they come last."""
        self.plan = None
        first = self.rows
        self.cross += other.cross
        self.lengths += other.lengths
        if not other.length:
            return
        if self.rows > self._slots:
            self._grow(max(self.rows, 2 * self._slots))
        end = other.length
        for mine, theirs in zip(self._stored(), other._stored(), strict=True):
            mine[first : self.rows, ..., :end, :] = theirs[: other.rows, ..., :end, :]

    @torch.inference_mode()
    def leave(self, row: int) -> None:
        """Take a row out; the last row moves to its place."""
        self.plan = None
        last = self.rows - 1
        end = self.lengths[last]
        if row != last and end:
            for store in self._stored():
                store[row, ..., :end, :] = store[last, ..., :end, :]
        for per_row in (self.cross, self.lengths):
            per_row[row] = per_row[last]
            per_row.pop()

    @torch.inference_mode()
    def pick(self, rows: Sequence[int]) -> KVCache:
        """A cache of its own with the given rows, in that order: a row that is named twice is
        copied, and its image is not."""
        picked = KVCache([self.cross[row] for row in rows], self.capacity)
        picked.lengths = [self.lengths[row] for row in rows]
        if self._slots:
            picked._grow(len(rows))
            end = self.length
            for mine, theirs in zip(picked._stored(), self._stored(), strict=True):
                mine[..., :end, :] = theirs[list(rows), ..., :end, :]
        return picked

    def _stored(self) -> list[Tensor]:
        hidden = [] if self.hidden is None else [self.hidden[..., None]]
        return [*self.keys, *self.values, *hidden]

    def _grow(self, slots: int) -> None:
        """Room for so many rows; what is stored stays."""
        self.plan = None
        value = self.cross[0][0][1]
        shape = (slots, value.shape[1], self.capacity, value.shape[3])
        old = self._stored(), self._slots
        self.keys = [value.new_zeros(shape) for _ in self.cross[0]]
        self.values = [value.new_zeros(shape) for _ in self.cross[0]]
        self.hidden = torch.zeros(slots, self.capacity, dtype=torch.bool, device=value.device)
        for new, stored in zip(self._stored(), old[0], strict=False):
            new[: old[1]] = stored
        self._slots = slots
