"""Draw a small data set of cells: ``python benchmarks/finetune/cells.py OUT [COUNT] [SEED]``.

It has the shape of BCCD (364 photos of blood smears, three classes, many touching round objects)
and none of its pictures: red cells, white cells and platelets are drawn here. It stands for "my own
data with classes that COCO does not know" in the fine-tuning how-to.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

_SIZE = 320  # pixels, height and width
_CLASSES = ("red cell", "white cell", "platelet")
_COUNTS = ((6, 14), (0, 2), (0, 4))  # fewest and most per picture
_RADII = ((20, 30), (30, 46), (6, 10))  # pixels
_OVERLAP = 0.75  # least distance of two centres over the sum of their radii


def draw_cells(rng: np.random.Generator) -> tuple[Image.Image, list[dict]]:
    """One picture and its annotations (without ids)."""
    shade = rng.integers(215, 240)
    picture = Image.new("RGB", (_SIZE, _SIZE), (shade, shade - 8, shade - 14))
    canvas = ImageDraw.Draw(picture, "RGBA")
    placed: list[tuple[float, float, float]] = []
    annotations = []
    for label, (fewest, most) in enumerate(_COUNTS):
        for _ in range(int(rng.integers(fewest, most + 1))):
            radius = rng.uniform(*_RADII[label])
            x, y = rng.uniform(radius * 0.6, _SIZE - radius * 0.6, 2)
            if any(np.hypot(x - a, y - b) < _OVERLAP * (radius + r) for a, b, r in placed):
                continue
            placed.append((x, y, radius))
            tall = radius * rng.uniform(0.9, 1.1)
            box = (x - radius, y - tall, x + radius, y + tall)
            _draw_cell(canvas, rng, label, box)
            left, top = max(box[0], 0.0), max(box[1], 0.0)
            right, bottom = min(box[2], _SIZE), min(box[3], _SIZE)
            annotations.append(
                {
                    "category_id": label + 1,
                    "bbox": [round(v, 1) for v in (left, top, right - left, bottom - top)],
                    "area": round((right - left) * (bottom - top), 1),
                    "iscrowd": 0,
                }
            )
    grain = rng.normal(0, 4, (_SIZE, _SIZE, 1))
    pixels = np.asarray(picture.filter(ImageFilter.GaussianBlur(1.0))) + grain
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8)), annotations


def _draw_cell(
    canvas: ImageDraw.ImageDraw, rng: np.random.Generator, label: int, box: tuple[float, ...]
) -> None:
    tint = int(rng.integers(-15, 15))
    x0, y0, x1, y1 = box
    width, height = x1 - x0, y1 - y0
    if label == 0:  # a disc with a pale middle
        canvas.ellipse(box, fill=(205 + tint, 130 + tint, 125, 215))
        inner = (x0 + 0.3 * width, y0 + 0.3 * height, x1 - 0.3 * width, y1 - 0.3 * height)
        canvas.ellipse(inner, fill=(225, 170 + tint, 165, 160))
    elif label == 1:  # pale plasma around a dark nucleus of lobes
        canvas.ellipse(box, fill=(190, 175 + tint, 205, 220))
        for dx, dy in rng.uniform(-0.16, 0.16, (3, 2)):
            cx, cy = x0 + width * (0.5 + dx), y0 + height * (0.5 + dy)
            lobe = (cx - 0.22 * width, cy - 0.22 * height, cx + 0.22 * width, cy + 0.22 * height)
            canvas.ellipse(lobe, fill=(95 + tint, 50, 140, 235))
    else:
        canvas.ellipse(box, fill=(120 + tint, 80, 150, 230))


def main(out: str, count: str = "120", seed: str = "0") -> None:
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    content: dict[str, list] = {
        "images": [],
        "annotations": [],
        "categories": [{"id": i + 1, "name": name} for i, name in enumerate(_CLASSES)],
    }
    for number in range(int(count)):
        picture, annotations = draw_cells(np.random.default_rng([int(seed), number]))
        name = f"{number:04}.jpg"
        picture.save(folder / name, quality=92)
        content["images"].append({"id": number, "file_name": name, "width": _SIZE, "height": _SIZE})
        for annotation in annotations:
            key = len(content["annotations"]) + 1
            content["annotations"].append({"id": key, "image_id": number} | annotation)
    (folder / "annotations.json").write_text(json.dumps(content))
    print(f"{count} pictures, {len(content['annotations'])} cells in {folder}")


if __name__ == "__main__":
    main(*sys.argv[1:])
