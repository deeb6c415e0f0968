"""What stands where: the places of a feature pyramid, and the memory's tokens that they lie in."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

STRIDES = (8, 16, 32, 64)
MEMORY_LEVEL = 1
"""Of ``STRIDES``: the map whose grid is the memory's."""


@dataclass(frozen=True, eq=False)
class Places:
    """What an encoder sees at every place of its pyramid, finest stride first.

    Attributes:
        maps: one (B, width, rows, columns) per stride.
        class_logits: (B, P, classes), the places of all strides one after the other, row-major; a
            class's probability is its sigmoid.
        boxes: (B, P, 4) ``xyxy`` in pixels of the input.
    """

    maps: list[Tensor]
    class_logits: Tensor
    boxes: Tensor

    def first(self, count: int) -> Places:
        """Those of the first images of a batch."""
        maps = [features[:count] for features in self.maps]
        return Places(maps, self.class_logits[:count], self.boxes[:count])

    def detach(self) -> Places:
        """The same without a way back for gradients."""
        maps = [features.detach() for features in self.maps]
        return Places(maps, self.class_logits.detach(), self.boxes.detach())


def relative_edges(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Pixels of an input of ``size`` (height, width) to [0, 1], (..., 4) ``xyxy``."""
    height, width = size
    return (boxes / boxes.new_tensor([width, height] * 2)).clamp(0, 1)


def place_grids(height: int, width: int) -> list[tuple[int, int]]:
    """Rows and columns of each stride's map for an input of that size."""
    return [(-(-height // stride), -(-width // stride)) for stride in STRIDES]


def _homes(
    size: tuple[int, int], grid: tuple[int, int] | None
) -> tuple[Tensor, Tensor, tuple[int, int]]:
    """Of each place the (rows, columns) of the token that its centre lies in, which may be beyond
    the memory's edge; and the memory's grid."""
    grids = place_grids(*size)
    rows, columns = grid or grids[MEMORY_LEVEL]
    stride = STRIDES[MEMORY_LEVEL]
    height, width = size if grid else (rows * stride, columns * stride)
    found = []
    for (down, across), step in zip(grids, STRIDES, strict=True):
        row = ((torch.arange(down) + 0.5) * step * rows / height).long()
        column = ((torch.arange(across) + 0.5) * step * columns / width).long()
        found.append(torch.cartesian_prod(row, column))
    row, column = torch.cat(found).unbind(1)
    return row, column, (rows, columns)


@cache
def home_tokens(size: tuple[int, int], grid: tuple[int, int] | None = None) -> Tensor:
    """The token at the centre of each place, (P,); beyond the memory's edge, the nearest.

    Args:
        grid: rows and columns of a memory that covers an input of any size; ``None`` for the places
            of ``MEMORY_LEVEL``.
    """
    row, column, (rows, columns) = _homes(size, grid)
    return row.clamp(max=rows - 1) * columns + column.clamp(max=columns - 1)


@cache
def token_places(
    size: tuple[int, int], grid: tuple[int, int] | None = None
) -> tuple[Tensor, Tensor]:
    """Which places have their centre in each token of the memory.

    Args:
        grid: see ``home_tokens``.

    Returns:
        (C, N) indices among all places, and bool (C, N): whether that candidate is one.
    """
    row, column, (rows, columns) = _homes(size, grid)
    inside = ((row < rows) & (column < columns)).nonzero()[:, 0]
    token, order = home_tokens(size, grid)[inside].sort(stable=True)
    counts = token.bincount(minlength=rows * columns)
    rank = torch.arange(len(token)) - (counts.cumsum(0) - counts)[token]
    index = torch.zeros(int(counts.max()), rows * columns, dtype=torch.long)
    index[rank, token] = inside[order]
    there = torch.arange(len(index))[:, None] < counts
    return index, there
