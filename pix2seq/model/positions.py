"""Position codes: sin-cos tables in one and two dimensions, and learned ones over a grid."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pix2seq.config import ConfigError


def sincos_codes(count: int, dim: int) -> Tensor:
    """The official model's 1-D codes, (count, dim).

    Positions are stretched to [0, 2 pi] whatever ``count`` is; the first half holds sines, the
    second cosines, of falling frequencies (``specs``: concatenated, not interleaved).
    """
    if (codes := torch.empty(count, dim)).is_meta:  # no values are wanted (``claims``)
        return codes
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
    if points.is_meta:  # no values are wanted (``claims``)
        return points.new_empty(len(points), dim // 2 * 2)
    octaves = torch.linspace(0, math.log(max_frequency), dim // 2, device=points.device)
    frequency = octaves.exp() * math.pi
    angle = points[:, None] * frequency
    return torch.cat([angle.sin(), angle.cos()], dim=-1)


def line_codes_2d(rows: int, columns: int, dim: int) -> Tensor:
    """``line_codes`` of a grid's cell centres, (rows * columns, dim): row half, column half."""
    by_row = line_codes((torch.arange(rows) + 0.5) / rows, dim // 2)
    by_column = line_codes((torch.arange(columns) + 0.5) / columns, dim // 2)
    grid = by_row[:, None].expand(rows, columns, -1), by_column[None].expand(rows, columns, -1)
    return torch.cat(grid, dim=-1).flatten(0, 1)


class GridPositions(nn.Module):
    """Adds to image tokens what row and column they stand for.

    Args:
        kind: ``sincos`` codes for whatever grid comes, or a ``learned`` table for one grid.
        grid: (rows, columns) that a learned table is made for.
    """

    def __init__(self, kind: str, dim: int, grid: tuple[int, int]) -> None:
        super().__init__()
        self.made_for = grid
        self.table = None
        if kind == "learned":
            self.table = nn.Parameter(torch.empty(grid[0] * grid[1], dim))
            nn.init.trunc_normal_(self.table, std=0.02)

    def forward(self, tokens: Tensor, grid: tuple[int, int]) -> Tensor:
        """Code tokens (B, N, D) of a ``grid``; those ahead of its own (a class token) get none."""
        if self.table is None:
            codes = sincos_codes_2d(*grid, tokens.shape[-1]).to(tokens)
        elif grid == self.made_for:
            codes = self.table
        else:
            raise ConfigError(
                f"the image makes a grid of {grid}, but this model's position table is for a grid "
                f"of {self.made_for}; use the image size that the model was made for"
            )
        ahead = tokens.shape[1] - len(codes)
        return tokens + F.pad(codes, (0, 0, ahead, 0))
