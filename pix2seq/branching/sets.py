"""Which sentences say the same: order is free, so what counts is the set of objects."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

import numpy as np
import torch

from pix2seq.boxes import box_iou
from pix2seq.compare import best_pairs
from pix2seq.detections import Detections


def same_set(a: Detections, b: Detections, iou_threshold: float = 0.5) -> bool:
    """Whether every object of one has its partner in the other: same class, overlap above the
    threshold, each used once, best overlap first."""
    return group_by_set([a, b], iou_threshold) == [0, 0]


def group_by_set(found: Sequence[Detections], iou_threshold: float = 0.5) -> list[int]:
    """A number per sentence, equal where the sets are; 0 is the first sentence's.

    Overlap is not transitive, so each sentence is compared with the first of every group.
    """
    if not found:
        return []
    boxes = torch.cat([objects.boxes for objects in found])
    labels = torch.cat([objects.labels for objects in found]).numpy()
    overlap = np.where(labels[:, None] == labels, box_iou(boxes, boxes).numpy(), -1.0)
    own = [slice(*ends) for ends in pairwise(accumulate(map(len, found), initial=0))]
    leaders: list[int] = []
    groups = []
    for number, rows in enumerate(own):
        group = next(
            (g for g, n in enumerate(leaders) if _paired(overlap[own[n], rows], iou_threshold)),
            len(leaders),
        )
        if group == len(leaders):
            leaders.append(number)
        groups.append(group)
    return groups


def _paired(overlap: np.ndarray, threshold: float) -> bool:
    """Whether all rows and all columns find partners."""
    rows, columns = overlap.shape
    return rows == columns == len(best_pairs(overlap, threshold))
