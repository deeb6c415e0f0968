"""A teacher, corrected by what is known: at an object's places stand its class and its box.

A teacher may not see an object that somebody has labelled, and of generated scenes it may have seen
none. So each labelled object owns the places around its centre on the map that suits its size;
there its label counts more than the teacher's opinion, and its box in place of the teacher's.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from pix2seq.boxes import box_area
from pix2seq.model.places import STRIDES, Places, place_grids

_SAYS = 0.7  # how much of a place's classes the label decides
_SMALLEST = 4 * STRIDES[0]  # the side in pixels of an object for the finest map
_CORE = 0.25  # of a box's sides, to either side of its centre: the places it owns


def owners(boxes: Tensor, known: Tensor, size: tuple[int, int]) -> Tensor:
    """Which object owns each place; where several do, the smallest.

    Args:
        boxes: (B, M, 4) ``xyxy`` in pixels of the input.
        known: (B, M) bool: those that may own places.
        size: (height, width) of the input.

    Returns:
        (B, P) indices of objects, -1 where nobody does.
    """
    centre, stride, level = (x.to(boxes.device) for x in _places(size))
    area = box_area(boxes)
    wanted = (area.clamp(min=1).sqrt() / _SMALLEST).log2().round().clamp(0, len(STRIDES) - 1)
    middle = (boxes[..., :2] + boxes[..., 2:]) / 2
    sides = boxes[..., 2:] - boxes[..., :2]
    reach = torch.maximum(_CORE * sides[:, None], stride[:, None, None] / 2)  # (B, P, M, 2)
    inside = ((centre[:, None] - middle[:, None]).abs() <= reach).all(-1)
    inside &= (level[:, None] == wanted[:, None]) & known[:, None]
    if not boxes.shape[1]:
        return centre.new_full((len(boxes), len(centre)), -1).long()
    smallest, owner = torch.where(inside, area[:, None], torch.inf).min(-1)
    return torch.where(smallest.isfinite(), owner, -1)


def corrected(
    teacher: Places, boxes: Tensor, labels: Tensor, asked: Tensor, size: tuple[int, int]
) -> Places:
    """What stands at every place, by teacher and labels.

    Args:
        boxes, size: see ``owners``.
        labels: (B, M), negative for regions that are no objects.
        asked: (B,) bool; the others' places hold nothing but labelled objects.
    """
    owner = owners(boxes, labels >= 0, size)
    owned, index = (owner >= 0)[..., None], owner.clamp(min=0)
    said = teacher.class_logits.sigmoid() * asked[:, None, None]
    if not boxes.shape[1]:
        return Places(teacher.maps, _logit(said), teacher.boxes)
    named = F.one_hot(labels.clamp(min=0).gather(1, index), said.shape[-1])
    classes = torch.where(owned, (1 - _SAYS) * said + _SAYS * named, said)
    true = boxes.take_along_dim(index[..., None], 1).to(teacher.boxes)
    return Places(teacher.maps, _logit(classes), torch.where(owned, true, teacher.boxes))


def _logit(probability: Tensor) -> Tensor:
    return probability.clamp(1e-4, 1 - 1e-4).logit()


def _places(size: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
    """Every place's centre (P, 2) as x, y, its stride (P,) and the number of its map (P,)."""
    centres, levels = [], []
    for level, (rows, columns) in enumerate(place_grids(*size)):
        y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
        centres.append((torch.stack([x, y], -1).flatten(0, 1) + 0.5) * STRIDES[level])
        levels.append(torch.full((rows * columns,), level))
    level = torch.cat(levels)
    return torch.cat(centres), torch.tensor(STRIDES)[level], level
