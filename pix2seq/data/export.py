"""Labelled images as files: a folder that every COCO-format tool can read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Literal, Protocol

from pix2seq import files
from pix2seq.boxes import box_area, xyxy_to_xywh
from pix2seq.categories import Categories
from pix2seq.config import ConfigError
from pix2seq.data.sample import Sample


class Labelled(Protocol):
    """A data set in memory: ``Scenes`` or ``CocoDetection``."""

    categories: Categories

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample: ...


def write_coco(
    samples: Labelled,
    out: str | Path,
    image_format: Literal["jpg", "png"] = "jpg",
    on_progress: Callable[[int, int], None] | None = None,
) -> int:
    """Write ``out/annotations.json`` and ``out/images/000000.jpg`` and so on.

    Args:
        samples: labelled images; their ids are kept.
        image_format: ``jpg`` (quality 95) or ``png``.
        on_progress: told (done, total) after every image.

    Returns:
        How many boxes were written.

    Raises:
        ConfigError: ``out`` cannot be written.
    """
    folder = Path(out) / "images"
    images, annotations = [], []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for index in range(len(samples)):
            sample = samples[index]
            name = f"{index:06d}.{image_format}"
            sample.image.save(folder / name, quality=95)
            height, width = sample.size
            images.append(
                {"id": sample.image_id, "file_name": name, "width": width, "height": height}
            )
            rows = zip(
                xyxy_to_xywh(sample.boxes).tolist(),
                box_area(sample.boxes).tolist(),
                sample.labels.tolist(),
                sample.is_crowd.tolist(),
                strict=True,
            )
            for box, area, label, crowd in rows:
                annotations.append(
                    {
                        "id": len(annotations) + 1,
                        "image_id": sample.image_id,
                        "category_id": samples.categories.ids[label],
                        "bbox": box,
                        "area": area,
                        "iscrowd": int(crowd),
                    }
                )
            if on_progress is not None:
                on_progress(index + 1, len(samples))
        named = samples.categories.named_labels()
        content = {
            "images": images,
            "annotations": annotations,
            "categories": [
                {"id": samples.categories.ids[label], "name": samples.categories.name(label)}
                for label in named
            ],
        }
        files.write_text(Path(out) / "annotations.json", json.dumps(content))
    except OSError as error:
        raise ConfigError(f"cannot write to {out}: {error.strerror or error}") from None
    return len(annotations)
