"""``KVCache``: the decoder's explicit memory of the sentences that are being written, and
``Glances``: what it saw in the latest images."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

ROOM = 16  # numbers, and rows, that compiled code reads beyond values, whatever stands there
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
    are allocated when the first token comes, and for more rows when more join. Where compiled code
    writes, keys lie in panels of so many tokens, (R, H, panels, d width), and T is whole panels.

    Args:
        cross: one per row.
        capacity: tokens that a row holds at most, prompt included.
        decoder: who writes in it; the model's own, if it is not said.
    """

    def __init__(self, cross: Sequence[Cross], capacity: int, decoder: Any = None) -> None:
        self.decoder = decoder
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
        for (mine, end), (theirs, _) in zip(
            self._stored(other.length), other._stored(other.length), strict=True
        ):
            mine[first : self.rows, ..., :end, :] = theirs[: other.rows, ..., :end, :]

    @torch.inference_mode()
    def leave(self, row: int) -> None:
        """Take a row out; the last row moves to its place."""
        self.plan = None
        last = self.rows - 1
        if row != last and self.lengths[last]:
            for store, end in self._stored(self.lengths[last]):
                store[row, ..., :end, :] = store[last, ..., :end, :]
        for per_row in (self.cross, self.lengths):
            per_row[row] = per_row[last]
            per_row.pop()

    @torch.inference_mode()
    def fork(self, rows: Sequence[int]) -> None:
        """Go on with the given rows, in that order: one that is named twice is copied, one that is
        not named is dropped. Rows that keep their places are not touched."""
        self.plan = None
        moved = [(place, row) for place, row in enumerate(rows) if place != row]
        longest = max((self.lengths[row] for row in rows), default=0)
        if moved and longest:
            places, sources = map(list, zip(*moved, strict=True))
            if len(rows) > self._slots:
                self._grow(max(len(rows), 2 * self._slots))
            for store, end in self._stored(longest):
                store[places, ..., :end, :] = store[sources, ..., :end, :]
        self.cross = [self.cross[row] for row in rows]
        self.lengths = [self.lengths[row] for row in rows]

    @property
    def _panel(self) -> int:
        """How many tokens' keys lie together."""
        return getattr(self.cross[0], "panel", 1)

    def _stored(self, length: int) -> list[tuple[Tensor, int]]:
        """All that is stored, and where the first ``length`` tokens of it end."""
        hidden = [] if self.hidden is None else [self.hidden[..., None]]
        keys = [(key, -(-length // self._panel)) for key in self.keys]
        return keys + [(one, length) for one in (*self.values, *hidden)]

    def _grow(self, slots: int) -> None:
        """Room for so many rows; what is stored stays."""
        self.plan = None
        value, panel = self.cross[0][0][1], self._panel
        heads, head, tokens = value.shape[1], value.shape[3], -(-self.capacity // panel)
        old, rows = self._stored(self.length), self._slots
        layers = range(len(self.cross[0]))
        keys, values = (slots, heads, tokens, head * panel), (slots, heads, tokens * panel, head)
        room = math.prod(values) + ROOM * (head + 1)
        self.keys = [value.new_empty(keys) for _ in layers]
        self.values = [value.new_empty(room)[: -ROOM * (head + 1)].view(values) for _ in layers]
        self.hidden = value.new_empty((slots, self.capacity), dtype=torch.bool)
        for (new, end), (stored, _) in zip(self._stored(self.length), old, strict=False):
            new[:rows, ..., :end, :] = stored[..., :end, :]
        self._slots = slots


class Glances:
    """What a decoder works out about an image before its first word, kept for the latest images:
    an edit, another sample or a tree about the same memory begins with its first word.

    A memory that nobody holds any more is forgotten. None may be changed in place.

    Args:
        look: works it out.
        room: bytes that are kept; `mini` takes 5 MiB an image.
    """

    def __init__(self, look: Callable[[Tensor], Cross], room: int = 16 * 2**20) -> None:
        self._look = look
        self._room = room
        self._kept: list[tuple[weakref.ref[Tensor], Cross]] = []  # latest last

    def __call__(self, memory: Tensor) -> Cross:
        """The ``Cross`` of a memory (1, N, D)."""
        kept = [one for one in self._kept if one[0]() is not None]
        own = next((one for one in kept if one[0]() is memory), None)
        if own is None:
            own = weakref.ref(memory), self._look(memory)
        latest = [*(one for one in kept if one is not own), own]
        while sum(_size(cross) for _, cross in latest) > self._room:
            del latest[0]
        self._kept = latest  # in one go: many threads write
        return own[1]


def _size(cross: Cross) -> int:
    return sum(part.nbytes for pair in cross for part in pair)
