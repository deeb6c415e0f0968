"""Mosaics: parts of four photos in one, so that an object's surroundings tell little about it.

The augmentation of YOLOv4 (arXiv 2004.10934). A few thousand photos are soon known by heart, and
with them which things stand where; a mosaic is a place that has never been seen before.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image

from pix2seq.boxes import box_area
from pix2seq.data.sample import Sample
from pix2seq.transforms import ScaleCrop

MIN_VISIBLE = 0.3
"""Share of a box that a crop must leave for it to be taught."""

_SPLIT = (0.35, 0.65)  # where the four meet, as a share of each side
_ZOOM = (1.0, 1.5)  # of a photo, relative to what fits its tile
_MIN_SIDE = 6.0  # pixels: what is left of smaller boxes is not worth learning
_GREY = (128, 128, 128)


def make_mosaic(rng: np.random.Generator, samples: Sequence[Sample], size: int) -> Sample:
    """A square of ``size`` pixels from four photos, each rescaled, cropped and perhaps mirrored.

    Objects that their tile cuts off almost entirely become ``is_crowd`` regions: they are there,
    but nobody should be asked for them.
    """
    x, y = (int(size * share) for share in rng.uniform(*_SPLIT, 2))
    tiles = (0, 0, x, y), (x, 0, size, y), (0, y, x, size), (x, y, size, size)
    canvas = Image.new("RGB", (size, size), _GREY)
    boxes, hidden = [], []
    for (left, top, right, bottom), sample in zip(tiles, samples, strict=True):
        crop = ScaleCrop.draw(rng, (bottom - top, right - left), _ZOOM)
        canvas.paste(crop.apply_image(sample.image), (left, top))
        moved = crop.apply_boxes(sample.boxes, sample.size)
        boxes.append(moved + moved.new_tensor([left, top, left, top]))
        shown = crop.visible(sample.boxes, sample.size, MIN_VISIBLE, _MIN_SIDE)
        hidden.append(sample.is_crowd | ~shown)
    boxes, hidden = torch.cat(boxes), torch.cat(hidden)
    there = box_area(boxes) > 0
    return Sample(
        image=canvas,
        boxes=boxes[there],
        labels=torch.cat([sample.labels for sample in samples])[there],
        image_id=samples[0].image_id,
        is_crowd=hidden[there],
    )
