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


@cache
def token_places(size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Which places lie in each token of the memory; a coarse one in the token at its centre.

    Returns:
        (C, N) indices among all places, and bool (C, N): whether that candidate is one.
    """
    grids = place_grids(*size)
    rows, columns = grids[MEMORY_LEVEL]
    row, column = torch.arange(rows)[:, None], torch.arange(columns)[None]
    found, first = [], 0
    for (height, width), stride in zip(grids, STRIDES, strict=True):
        ratio = STRIDES[MEMORY_LEVEL] / stride
        cells = max(1, int(ratio))  # of this stride along a token's side
        for y in range(cells):
            for x in range(cells):
                i, j = (row * ratio + y).long(), (column * ratio + x).long()
                there = (i < height) & (j < width)
                if ratio < 1:
                    middle = int(1 / ratio) // 2
                    there &= (row % int(1 / ratio) == middle) & (column % int(1 / ratio) == middle)
                place = first + i.clamp(max=height - 1) * width + j.clamp(max=width - 1)
                found.append((place.flatten(), there.flatten()))
        first += height * width
    index, there = zip(*found, strict=True)
    return torch.stack(index), torch.stack(there)


@cache
def home_tokens(size: tuple[int, int]) -> Tensor:
    """The token at the centre of each place, (P,); beyond the memory's edge, the nearest."""
    grids = place_grids(*size)
    rows, columns = grids[MEMORY_LEVEL]
    homes = []
    for (height, width), stride in zip(grids, STRIDES, strict=True):
        ratio = stride / STRIDES[MEMORY_LEVEL]
        row = ((torch.arange(height) + 0.5) * ratio).long().clamp(max=rows - 1)
        column = ((torch.arange(width) + 0.5) * ratio).long().clamp(max=columns - 1)
        homes.append((row[:, None] * columns + column).flatten())
    return torch.cat(homes)
