"""Boxes of another detector, from COCO's results format, as ``Detections``."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import torch

from pix2seq.boxes import is_degenerate, xywh_to_xyxy
from pix2seq.categories import Categories
from pix2seq.config import ConfigError
from pix2seq.detections import Detections

_FIELDS = {"image_id", "category_id", "bbox", "score"}


def read_detections(
    path: str | Path, image_ids: Sequence[int], categories: Categories
) -> dict[int, Detections]:
    """The boxes of every image by its id; images without boxes have none.

    Args:
        path: a JSON list of ``{"image_id", "category_id", "bbox": [x, y, w, h], "score"}``.

    Raises:
        ConfigError: it is no such list, or speaks of an image or a category that is not there.
    """
    try:
        entries = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} is not a readable JSON file: {error}") from error
    if not isinstance(entries, list):
        raise ConfigError(f"{path} is not COCO's results format: it must be a list of boxes")
    rows: dict[int, list[tuple[list[float], int, float]]] = defaultdict(list)
    known = set(image_ids)
    for number, entry in enumerate(entries):
        try:
            if missing := _FIELDS - set(entry):
                raise ValueError(f"it lacks {', '.join(sorted(missing))}")
            image, box, value = entry["image_id"], entry["bbox"], float(entry["score"])
            label = categories.label_of_id(entry["category_id"])
            numbers = [float(x) for x in box]
            if len(numbers) != 4 or not all(map(math.isfinite, numbers)):
                raise ValueError(f"bbox is {box}; it must be four numbers")
            if not 0 <= value <= 1:
                raise ValueError(f"score is {value}; it must be in [0, 1]")
            if image not in known:
                raise ValueError(f"image {image} is not in the annotations")
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(f"{path}: box {number} cannot be used: {error.args[0]}") from error
        rows[image].append((numbers, label, value))
    return {image: _detections(rows[image]) for image in image_ids}


def _detections(rows: list[tuple[list[float], int, float]]) -> Detections:
    boxes = xywh_to_xyxy(torch.tensor([box for box, _, _ in rows]).reshape(-1, 4))
    solid = ~is_degenerate(boxes)
    return Detections.of(
        boxes[solid],
        torch.tensor([label for _, label, _ in rows], dtype=torch.long)[solid],
        torch.tensor([score for _, _, score in rows], dtype=torch.float32)[solid],
        degenerate=int((~solid).sum()),
    )
