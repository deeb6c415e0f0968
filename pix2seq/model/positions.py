"""Position codes: fixed sin-cos tables in one and two dimensions."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def sincos_codes(count: int, dim: int) -> Tensor:
    """The official model's 1-D codes, (count, dim).

    Positions are stretched to [0, 2 pi] whatever ``count`` is; the first half holds sines, the
    second cosines, of falling frequencies (``specs``: concatenated, not interleaved).
    """
    position = torch.arange(count, dtype=torch.float64) / max(count - 1, 1) * 6.2831852
    index = torch.arange(dim, dtype=torch.float64)
    angle = position[:, None] * 10000.0 ** (-2 * (index // 2) / dim)  # (count, dim)
    return torch.cat([angle[:, 0::2].sin(), angle[:, 1::2].cos()], dim=1).float()


def sincos_codes_2d(rows: int, columns: int, dim: int) -> Tensor:
    """The official model's 2-D codes, (rows * columns, dim), row-major.

    The first half codes the row, the second the column; a grid with a single row or column takes
    one 1-D code over all its cells.
    """
    if rows == 1 or columns == 1:
        return sincos_codes(rows * columns, dim)
    by_row = sincos_codes(rows, dim // 2)[:, None].expand(rows, columns, -1)
    by_column = sincos_codes(columns, dim // 2)[None].expand(rows, columns, -1)
    return torch.cat([by_row, by_column], dim=-1).flatten(0, 1)


def line_codes(points: Tensor, dim: int, max_frequency: float = 128.0) -> Tensor:
    """Codes of points on the unit line, (P,) in [0, 1] -> (P, dim).

    Geometric frequencies from half a period to ``max_frequency`` half-periods over the line. The
    same family codes the image's rows and columns and the coordinate tokens, so that "where" means
    the same in both: that is what lets a small model learn coordinates quickly.
    """
    frequency = torch.linspace(0, math.log(max_frequency), dim // 2).exp() * math.pi
    angle = points[:, None] * frequency
    return torch.cat([angle.sin(), angle.cos()], dim=-1)


def line_codes_2d(rows: int, columns: int, dim: int) -> Tensor:
    """``line_codes`` of a grid's cell centres, (rows * columns, dim): row half, column half."""
    by_row = line_codes((torch.arange(rows) + 0.5) / rows, dim // 2)
    by_column = line_codes((torch.arange(columns) + 0.5) / columns, dim // 2)
    grid = by_row[:, None].expand(rows, columns, -1), by_column[None].expand(rows, columns, -1)
    return torch.cat(grid, dim=-1).flatten(0, 1)
