"""``Sample``: one labelled image, wherever it comes from."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Stated:
    """What a data set's file says of an image's objects, for scoring.

    Attributes:
        boxes: (M, 4) float64 ``xyxy`` in pixels of the image, not clipped to it.
        labels: (M,) int64.
        areas: (M,) float64 pixels; decide which objects are small, medium and large.
        is_crowd: (M,) bool.
    """

    boxes: Tensor
    labels: Tensor
    areas: Tensor
    is_crowd: Tensor


@dataclass(frozen=True, eq=False)
class Sample:
    """An image and its objects.

    Attributes:
        image: PIL RGB.
        boxes: (N, 4) float32 ``xyxy`` in pixels of ``image``.
        labels: (N,) int64 labels of the data set's ``Categories``.
        image_id: the data set's number for the image.
        is_crowd: (N,) bool, regions that stand for many objects; never trained on.
        stated: the same objects as the data set's file has them; ``None`` where it says no more
            than ``boxes`` do.
    """

    image: Image.Image
    boxes: Tensor
    labels: Tensor
    image_id: int
    is_crowd: Tensor
    stated: Stated | None = None

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.image.height, self.image.width
