"""``Sample``: one labelled image, wherever it comes from."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Sample:
    """An image and its objects.

    Attributes:
        image: PIL RGB.
        boxes: (N, 4) float32 ``xyxy`` in pixels of ``image``.
        labels: (N,) int64 labels of the data set's ``Categories``.
        image_id: the data set's number for the image.
        is_crowd: (N,) bool, regions that stand for many objects; never trained on.
    """

    image: Image.Image
    boxes: Tensor
    labels: Tensor
    image_id: int
    is_crowd: Tensor

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.image.height, self.image.width
