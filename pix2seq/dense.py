"""Dense supervision: while training, every memory token also says which object it lies in.

A sentence teaches the encoder through a few attention maps. So training may add a loss on the
memory itself: each token whose place is inside an object predicts that object's five tokens, all
at once, through the decoder's own output table; the others predict the noise class. It is the
one-to-many supervision that helps DETR-like detectors (Co-DETR, arXiv 2211.12860); what it did
here is in ``benchmarks/training``. Nothing of it is needed to write, and no checkpoint carries it.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pix2seq.boxes import box_area, scale_boxes
from pix2seq.config import SLOTS_PER_OBJECT
from pix2seq.objective import SoftenedLosses
from pix2seq.tokenizer import Tokenizer

IGNORED = -100
"""Target of a cell, or of one of its slots, that carries no loss."""

_CORE = 0.7  # share of a box's sides within which a cell surely shows the object


def cell_targets(
    boxes_norm: Tensor,
    labels: Tensor,
    unlabelled_norm: Tensor,
    grid: tuple[int, int],
    tokenizer: Tokenizer,
) -> Tensor:
    """What each cell of the memory's grid should say.

    Cells in the core of a box, and the one at its centre, take that object's tokens; where boxes
    overlap the smallest wins. Cells elsewhere in a box are ambiguous and carry no loss.

    Args:
        boxes_norm: (N, 4) ``xyxy`` relative to the padded input.
        labels: (N,).
        unlabelled_norm: (M, 4) regions known to hold objects that nobody should be taught, such as
            crowds.
        grid: rows and columns of the memory.

    Returns:
        (rows * columns, 5) token ids; ``IGNORED`` where there is no target.
    """
    rows, columns = grid
    targets = torch.full((rows, columns, SLOTS_PER_OBJECT), IGNORED)
    targets[..., -1] = tokenizer.noise_id
    for box in torch.cat([unlabelled_norm, boxes_norm]):
        targets[_inside(box, grid)] = IGNORED
    order = box_area(boxes_norm).argsort(descending=True)
    for index in order.tolist():
        box = boxes_norm[index]
        sentence = tokenizer.encode(box[None], labels[index : index + 1])
        centre = (box[:2] + box[2:]) / 2
        core = torch.cat([centre, centre]) + (box - torch.cat([centre, centre])) * _CORE
        targets[_inside(core, grid)] = sentence
        x, y = (centre * centre.new_tensor([columns, rows])).long().tolist()
        targets[min(y, rows - 1), min(x, columns - 1)] = sentence
    return targets.flatten(0, 1)


def _inside(box_norm: Tensor, grid: tuple[int, int]) -> Tensor:
    """Which cells of the grid have their centre in a box, bool (rows, columns)."""
    left, top, right, bottom = scale_boxes(box_norm[None], (grid[0], grid[1]))[0]
    y = torch.arange(grid[0]) + 0.5
    x = torch.arange(grid[1]) + 0.5
    return ((y >= top) & (y < bottom))[:, None] & ((x >= left) & (x < right))[None]


class DenseReader(nn.Module):
    """One linear map per slot from a memory token to a row of the decoder's output table."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.slots = nn.ModuleList(nn.Linear(dim, dim) for _ in range(SLOTS_PER_OBJECT))

    def forward(
        self,
        memory: Tensor,
        table: Tensor,
        targets: Tensor,
        losses_of: SoftenedLosses,
    ) -> Tensor:
        """The mean loss of the cells in nats: that of the class plus that of a coordinate.

        Args:
            memory: (B, N, D).
            table: (V, D), the decoder's rows of output.
            targets: (B, N, 5) from ``cell_targets``.
            losses_of: what a wrong token costs; the same as in the sentences.
        """
        cells, targets = self.norm(memory).flatten(0, 1), targets.flatten(0, 1)
        means = []
        for slot, read in enumerate(self.slots):
            taught = targets[:, slot] != IGNORED
            logits = F.linear(read(cells[taught]), table)
            losses = losses_of(logits[None], targets[None, taught, slot])
            means.append(losses.sum() / taught.sum().clamp(min=1))
        *coordinates, of_class = means
        return of_class + torch.stack(coordinates).mean()
