"""Photos with COCO-format annotations."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import torch
from PIL import Image

from pix2seq.boxes import clip_boxes, is_degenerate, xywh_to_xyxy
from pix2seq.categories import Categories
from pix2seq.config import ConfigError
from pix2seq.data.sample import Sample


class CocoDetection:
    """A COCO JSON and a folder of images, as ``Sample``s.

    Boxes are clipped to their image; those that then have no area are left out and counted.

    Args:
        annotations: COCO JSON with ``images``, ``annotations`` and ``categories``.
        images: the folder that ``file_name``s are relative to.
        categories: label space to use; by default the file's own, in id order.

    Attributes:
        dropped: boxes left out because nothing of them lies inside the image.
        first_dropped: the first of them in words, empty if there is none.

    Raises:
        ConfigError: the file is not COCO JSON, or names a category that ``categories`` lacks.
    """

    def __init__(
        self, annotations: str | Path, images: str | Path, categories: Categories | None = None
    ) -> None:
        self.images = Path(images)
        if not self.images.is_dir():
            raise ConfigError(f"{images} is not a folder; give the folder that holds the images")
        try:
            content = json.loads(Path(annotations).read_text())
            self.records, objects = content["images"], content["annotations"]
            self._sizes = {r["id"]: (int(r["height"]), int(r["width"])) for r in self.records}
            self._files = [self.images / r["file_name"] for r in self.records]
            classes = sorted(content["categories"], key=lambda c: c["id"])
            own = Categories(
                tuple(c.get("name", f"class {c['id']}") for c in classes),
                tuple(c["id"] for c in classes),
            )
        except KeyError as error:
            raise ConfigError(f"{annotations} is not COCO JSON: an entry lacks {error}") from error
        except (OSError, ValueError, TypeError) as error:
            raise ConfigError(f"{annotations} is not a readable COCO JSON: {error}") from error
        self.categories = categories or own
        self.dropped = 0
        self.first_dropped = ""
        self._objects = defaultdict(list)
        self._parse(objects, annotations)

    def _parse(self, objects: list[dict], source: str | Path) -> None:
        for number, item in enumerate(objects):
            try:
                if missing := {"image_id", "category_id", "bbox"} - set(item):
                    raise ValueError(f"it lacks {', '.join(sorted(missing))}")
                if item["image_id"] not in self._sizes:
                    raise ValueError(f"image {item['image_id']} is not in the file")
                size = self._sizes[item["image_id"]]
                label = self.categories.label_of_id(item["category_id"])
                bbox_xywh = torch.tensor(item["bbox"]).float()
                if bbox_xywh.shape != (4,) or not bbox_xywh.isfinite().all():
                    raise ValueError(f"bbox is {item['bbox']}; it must be four numbers")
                box = clip_boxes(xywh_to_xyxy(bbox_xywh), size)
            except (KeyError, TypeError, ValueError, IndexError, RuntimeError) as error:
                raise ConfigError(
                    f"{source}: annotation {number} cannot be used: {error.args[0]}"
                ) from error
            if is_degenerate(box):
                if not self.dropped:
                    self.first_dropped = (
                        f"annotation {number} with bbox {item['bbox']} "
                        f"in an image of {size[1]} x {size[0]}"
                    )
                self.dropped += 1
                continue
            self._objects[item["image_id"]].append((box, label, bool(item.get("iscrowd", 0))))

    def classes_by_photo(self) -> list[set[int]]:
        """The labels that occur in each photo, crowds not counted."""
        return [
            {label for _, label, crowd in self._objects[record["id"]] if not crowd}
            for record in self.records
        ]

    def objects_by_photo(self) -> list[int]:
        """How many objects each photo has, crowds not counted."""
        return [
            sum(not crowd for _, _, crowd in self._objects[record["id"]]) for record in self.records
        ]

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> Sample:
        record = self.records[index]
        path = self._files[index]
        try:
            with Image.open(path) as file:
                image = file.convert("RGB")
        except (OSError, SyntaxError, Image.DecompressionBombError) as error:
            raise ConfigError(f"{path} cannot be read as an image: {error}") from error
        height, width = self._sizes[record["id"]]
        if image.size != (width, height):
            raise ConfigError(
                f"{path} is {image.width} x {image.height} pixels, but its annotations are for "
                f"{width} x {height}; save it upright and at that size"
            )
        objects = self._objects[record["id"]]
        return Sample(
            image=image,
            boxes=torch.stack([box for box, _, _ in objects]) if objects else torch.zeros(0, 4),
            labels=torch.tensor([label for _, label, _ in objects], dtype=torch.long),
            image_id=record["id"],
            is_crowd=torch.tensor([crowd for _, _, crowd in objects], dtype=torch.bool),
        )

    def __iter__(self) -> Iterator[Sample]:
        return (self[i] for i in range(len(self)))
