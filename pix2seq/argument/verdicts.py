"""What is to be said about every box: right, a double, wrong; and which objects were missed.

Boxes are taken best score first, and each looks for an object of its class that no better box has
taken, as COCO's matching does. A box can therefore be judged once for all score thresholds: what
scores lower never changes what is said about it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pix2seq.boxes import box_iou
from pix2seq.detections import Detections
from pix2seq.evaluate import Truth

VERDICTS = ("right", "double", "wrong")
RIGHT, DOUBLE, WRONG = range(len(VERDICTS))
CROWD = -1
"""Says nothing: the box lies in a crowd, which counts neither way."""
SAME = 0.5
"""IoU from which on a box is on an object."""


@dataclass(frozen=True, eq=False)
class Verdicts:
    """About N boxes of one image, in their own order, and its M objects.

    Attributes:
        kinds: (N,) an index into ``VERDICTS``, or ``CROWD``.
        objects: (N,) the object that a right box or a double is on; -1 for none.
        taken: (M,) the score of the box that found each object; -1 where none did.
        counted: (M,) bool: objects that can be missed, all but crowds.
    """

    kinds: np.ndarray
    objects: np.ndarray
    taken: np.ndarray
    counted: np.ndarray


def judge(found: Detections, truth: Truth) -> Verdicts:
    """Compare the boxes of one image with its objects, class by class, at IoU ``SAME``."""
    iou = box_iou(found.boxes, truth.boxes).numpy()
    alike = found.labels.numpy()[:, None] == truth.labels.numpy()[None]
    on = alike & (iou >= SAME)
    crowd = truth.is_crowd.numpy()
    scores = found.scores.numpy()
    kinds = np.full(len(found), WRONG)
    objects = np.full(len(found), -1)
    taken = np.full(len(crowd), -1.0)
    for box in np.argsort(-scores, kind="stable"):
        free = on[box] & ~crowd & (taken < 0)
        if free.any():
            best = int(np.where(free, iou[box], -1.0).argmax())
            kinds[box], objects[box], taken[best] = RIGHT, best, scores[box]
        elif _in_a_crowd(found, truth, box, alike[box] & crowd):
            kinds[box] = CROWD
        elif (on[box] & ~crowd).any():
            kinds[box] = DOUBLE
            objects[box] = int(np.where(on[box] & ~crowd, iou[box], -1.0).argmax())
    return Verdicts(kinds, objects, taken, ~crowd)


def _in_a_crowd(found: Detections, truth: Truth, box: int, crowds: np.ndarray) -> bool:
    """Whether half of the box, or more, lies in a crowd of its class."""
    x0, y0, x1, y1 = found.boxes[box].tolist()
    for left, top, right, bottom in truth.boxes[crowds].tolist():
        across, down = min(x1, right) - max(x0, left), min(y1, bottom) - max(y0, top)
        if max(across, 0) * max(down, 0) >= SAME * (x1 - x0) * (y1 - y0):
            return True
    return False
