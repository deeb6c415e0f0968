"""Which sentences say the same: order is free, so what counts is the set of objects."""

from __future__ import annotations

from collections.abc import Sequence

from pix2seq.compare import match_objects
from pix2seq.detections import Detections


def same_set(a: Detections, b: Detections, iou_threshold: float = 0.5) -> bool:
    """Whether every object of one has its partner in the other: same class, overlap above the
    threshold, each used once."""
    return len(a) == len(b) == len(match_objects(a, b, iou_threshold))


def group_by_set(found: Sequence[Detections], iou_threshold: float = 0.5) -> list[int]:
    """A number per sentence, equal where the sets are; 0 is the first sentence's.

    Overlap is not transitive, so each sentence is compared with the first of every group.
    """
    leaders: list[int] = []
    groups = []
    for number, objects in enumerate(found):
        group = next(
            (g for g, n in enumerate(leaders) if same_set(found[n], objects, iou_threshold)),
            len(leaders),
        )
        if group == len(leaders):
            leaders.append(number)
        groups.append(group)
    return groups
