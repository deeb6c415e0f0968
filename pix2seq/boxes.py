"""Pure box geometry on tensors: conversions, clipping, scaling, overlap.

A box has one format per layer and its name says which: plain ``boxes`` are ``xyxy`` in absolute
pixels of the original image; everything else carries a suffix (``boxes_yxyx_norm``, ``bbox_xywh``).
All functions accept an empty ``(0, 4)`` tensor.
"""

from __future__ import annotations

import torch
from torch import Tensor


def swap_xy(boxes: Tensor) -> Tensor:
    """Turn ``xyxy`` into ``yxyx`` and back. ``boxes``: (..., 4)."""
    return boxes[..., [1, 0, 3, 2]]


def xywh_to_xyxy(boxes_xywh: Tensor) -> Tensor:
    """COCO's ``[x, y, width, height]`` to corner form. ``boxes_xywh``: (..., 4)."""
    corner, size = boxes_xywh[..., :2], boxes_xywh[..., 2:]
    return torch.cat([corner, corner + size], dim=-1)


def xyxy_to_xywh(boxes: Tensor) -> Tensor:
    """Corner form to COCO's ``[x, y, width, height]``. ``boxes``: (..., 4)."""
    return torch.cat([boxes[..., :2], boxes[..., 2:] - boxes[..., :2]], dim=-1)


def clip_boxes(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Clip ``xyxy`` boxes to an image of ``size = (height, width)``; same shape as ``boxes``."""
    height, width = size
    limit = boxes.new_tensor([width, height, width, height])
    return torch.minimum(boxes.clamp(min=0), limit)


def scale_boxes(boxes: Tensor, scale_yx: tuple[float, float]) -> Tensor:
    """Multiply ``xyxy`` boxes by ``(scale_y, scale_x)``."""
    scale_y, scale_x = scale_yx
    return boxes * boxes.new_tensor([scale_x, scale_y, scale_x, scale_y])


def turn_boxes(boxes: Tensor, size: tuple[int, int], orientation: int) -> Tensor:
    """``xyxy`` boxes of a picture's stored rows to those of the upright picture.

    Args:
        boxes: (..., 4) in pixels of the stored picture.
        size: (height, width) of the stored picture.
        orientation: EXIF's tag 0x0112, 1 (upright already) to 8 (EXIF 2.32, "Orientation").
    """
    height, width = size
    x0, y0, x1, y1 = boxes.unbind(-1)
    if orientation in (2, 3, 7, 8):  # the stored right side comes to the left or to the bottom
        x0, x1 = width - x1, width - x0
    if orientation in (3, 4, 6, 7):
        y0, y1 = height - y1, height - y0
    turned = (y0, x0, y1, x1) if orientation >= 5 else (x0, y0, x1, y1)
    return torch.stack(turned, dim=-1)


def box_area(boxes: Tensor) -> Tensor:
    """Area of ``xyxy`` boxes, (...,); an inverted box has area 0."""
    width, height = (boxes[..., 2:] - boxes[..., :2]).clamp(min=0).unbind(-1)
    return width * height


def intersection_area(boxes_a: Tensor, boxes_b: Tensor) -> Tensor:
    """Area that every pair has in common: (..., A, 4), (..., B, 4) -> (..., A, B)."""
    boxes_a, boxes_b = boxes_a[..., :, None, :], boxes_b[..., None, :, :]
    top_left = torch.maximum(boxes_a[..., :2], boxes_b[..., :2])
    bottom_right = torch.minimum(boxes_a[..., 2:], boxes_b[..., 2:])
    width, height = (bottom_right - top_left).clamp(min=0).unbind(-1)
    return width * height


def box_iou(boxes_a: Tensor, boxes_b: Tensor) -> Tensor:
    """Intersection over union of every pair: (..., A, 4), (..., B, 4) -> (..., A, B) in [0, 1].

    The IoU of two boxes without area is 0.
    """
    intersection = intersection_area(boxes_a, boxes_b)
    union = box_area(boxes_a)[..., :, None] + box_area(boxes_b)[..., None, :] - intersection
    return torch.where(union > 0, intersection / union.clamp(min=1e-12), torch.zeros_like(union))


def lies_in(boxes: Tensor, regions: Tensor, share: float = 0.5) -> Tensor:
    """Which boxes lie in which regions by a share of their area or more: (..., A, 4), (..., B, 4)
    -> bool (..., A, B). A box without area lies in none."""
    shared = intersection_area(boxes, regions)
    return (shared > 0) & (shared >= share * box_area(boxes)[..., None])


def is_degenerate(boxes: Tensor, min_size: float = 0.0) -> Tensor:
    """Which ``xyxy`` boxes are inverted or not larger than ``min_size`` on a side: bool (...,)."""
    return ((boxes[..., 2:] - boxes[..., :2]) <= min_size).any(dim=-1)
