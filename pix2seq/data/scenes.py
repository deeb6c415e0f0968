"""Generated scenes: an endless, seeded stream of labelled images.

Objects from Microsoft's Fluent Emoji (``assets/objects``, one folder per COCO class) are composed
over gradients, textures and, where photos are given, blurred pieces of them. Scene ``(seed,
index)`` is always the same image, so scenes serve as training data, test data and examples alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageFilter

from pix2seq.categories import COCO_80, Categories
from pix2seq.config import ConfigError
from pix2seq.data.sample import Sample
from pix2seq.resources import ASSETS

OBJECTS = ASSETS / "objects"

_COUNT_WEIGHTS = np.array([3, 4, 4, 3, 3, 2, 2, 1]) / 22  # of 1..8 objects
_SCALE_RANGE = (0.08, 0.55)  # longer side of an object over the image's
_MAX_OVERLAP = 0.3  # intersection over the smaller of two objects
_OPAQUE = 96  # alpha (0-255) from which a pixel belongs to the object
_MAX_ANGLE = 25.0
_TRIES = 8


@lru_cache(maxsize=1)
def object_images() -> dict[int, tuple[Image.Image, ...]]:
    """Every object's RGBA image, cropped to what is visible, by COCO-80 label."""
    found: dict[int, tuple[Image.Image, ...]] = {}
    for folder in sorted(OBJECTS.iterdir()) if OBJECTS.is_dir() else []:
        if folder.is_dir():
            files = sorted(folder.glob("*.webp"))
            images = tuple(_cropped(Image.open(file).convert("RGBA")) for file in files)
            found[COCO_80.label_of_name(folder.name.replace("-", " "))] = images
    if not found:
        raise ConfigError(f"no object images in {OBJECTS}; they come with the repository")
    return dict(sorted(found.items()))


def make_scene(seed: int, index: int = 0, size: int = 256, photos: Sequence[Path] = ()) -> Sample:
    """Compose one scene.

    Args:
        seed, index: same numbers (and photos), same scene.
        size: side in pixels of the square image.
        photos: image files whose blurred pieces may serve as background.

    Returns:
        A ``Sample`` with COCO-80 labels; boxes enclose each object's visible pixels.
    """
    rng = np.random.default_rng([seed, index])
    canvas = _background(rng, size, photos)
    count = 1 + rng.choice(len(_COUNT_WEIGHTS), p=_COUNT_WEIGHTS)
    boxes, labels = _compose(rng, canvas, count, taken=[])
    return Sample(
        image=canvas,
        boxes=boxes,
        labels=labels,
        image_id=index,
        is_crowd=torch.zeros(len(labels), dtype=torch.bool),
    )


def paste_objects(rng: np.random.Generator, sample: Sample, count: int) -> Sample:
    """Put up to ``count`` objects into the free parts of a photo and label them, too.

    An object that finds no place, because the photo's own objects fill it, is left out.
    """
    canvas = sample.image.copy()
    taken = [tuple(box) for box in sample.boxes.round().int().tolist()]
    boxes, labels = _compose(rng, canvas, count, taken)
    return Sample(
        image=canvas,
        boxes=torch.cat([sample.boxes, boxes]),
        labels=torch.cat([sample.labels, labels]),
        image_id=sample.image_id,
        is_crowd=torch.cat([sample.is_crowd, torch.zeros(len(labels), dtype=torch.bool)]),
    )


def _compose(
    rng: np.random.Generator,
    canvas: Image.Image,
    count: int,
    taken: list[tuple[int, int, int, int]],
) -> tuple[torch.Tensor, torch.Tensor]:
    """Paste objects into ``canvas``, away from boxes already ``taken``: boxes (N, 4), labels (N,).

    Boxes enclose what is still visible of each object after later ones covered it.
    """
    owner = np.full((canvas.height, canvas.width), -1, dtype=np.int16)  # which object a pixel shows
    labels: list[int] = []
    placed = list(taken)
    by_label = object_images()
    all_labels = list(by_label)
    for _ in range(count):
        label = all_labels[rng.integers(len(all_labels))]
        if rng.random() < 0.1:
            label = all_labels[0]  # people are the commonest class in photos
        picture = by_label[label][rng.integers(len(by_label[label]))]
        thing = _vary(rng, picture, min(canvas.size))
        corner = _place(rng, thing.size, canvas.size, placed)
        if corner is None:
            continue
        x, y = corner
        width, height = thing.size
        canvas.paste(thing, corner, thing)
        solid = np.asarray(thing.getchannel("A")) >= _OPAQUE
        owner[y : y + height, x : x + width][solid] = len(labels)
        placed.append((x, y, x + width, y + height))
        labels.append(label)
    boxes = [_extent(owner == number) for number in range(len(labels))]
    kept = [number for number, box in enumerate(boxes) if box is not None]
    return (
        torch.tensor([boxes[k] for k in kept], dtype=torch.float32).reshape(-1, 4),
        torch.tensor([labels[k] for k in kept], dtype=torch.long),
    )


class Scenes:
    """The first ``count`` scenes of a seed as a data set.

    Args:
        seed: which stream.
        count: how many.
        size: side in pixels.
        photos: a folder whose images may serve as blurred backgrounds.
    """

    categories: Categories = COCO_80

    def __init__(self, seed: int, count: int, size: int = 256, photos: str | Path | None = None):
        self.seed, self.count, self.size = seed, count, size
        self.photos = sorted(Path(photos).glob("*.jpg")) if photos else []

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Sample:
        if not 0 <= index < self.count:
            raise IndexError(index)
        return make_scene(self.seed, index, self.size, self.photos)

    def __iter__(self) -> Iterator[Sample]:
        return (self[i] for i in range(self.count))


def _cropped(image: Image.Image) -> Image.Image:
    solid = image.getchannel("A").point(lambda alpha: 255 * (alpha >= _OPAQUE))
    return image.crop(solid.getbbox())


def _vary(rng: np.random.Generator, thing: Image.Image, size: int) -> Image.Image:
    """Scale, stretch, mirror, tilt and brighten one object."""
    low, high = np.log(_SCALE_RANGE)
    longest = size * np.exp(rng.uniform(low, high))
    factor = longest / max(thing.size)
    stretch = rng.uniform(0.87, 1.15)
    width = max(4, round(thing.width * factor * stretch))
    height = max(4, round(thing.height * factor / stretch))
    # reduce() before resize() keeps small objects cheap: 256 px sources become a few pixels.
    shrink = max(1, int(min(thing.width / width, thing.height / height) / 2))
    thing = thing.reduce(shrink) if shrink > 1 else thing
    thing = thing.resize((width, height), Image.Resampling.BILINEAR)
    if rng.random() < 0.5:
        thing = thing.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if rng.random() < 0.5:
        angle = rng.uniform(-_MAX_ANGLE, _MAX_ANGLE)
        thing = thing.rotate(angle, Image.Resampling.BILINEAR, expand=True)
        bounds = thing.getchannel("A").getbbox()
        thing = thing.crop(bounds) if bounds else thing
    if rng.random() < 0.5:
        gain = rng.uniform(0.65, 1.25)
        red, green, blue, alpha = thing.split()
        bright = [c.point(lambda v: min(255, int(v * gain))) for c in (red, green, blue)]
        thing = Image.merge("RGBA", [*bright, alpha])
    return thing


def _place(
    rng: np.random.Generator,
    thing_size: tuple[int, int],
    canvas_size: tuple[int, int],
    placed: list[tuple[int, int, int, int]],
) -> tuple[int, int] | None:
    """A corner (x, y) where the object covers little of the others, or ``None``."""
    width, height = thing_size
    slack_x, slack_y = canvas_size[0] - width, canvas_size[1] - height
    if slack_x < 0 or slack_y < 0:
        return None
    for _ in range(_TRIES):
        x, y = int(rng.integers(slack_x + 1)), int(rng.integers(slack_y + 1))
        for left, top, right, bottom in placed:
            across = min(x + width, right) - max(x, left)
            down = min(y + height, bottom) - max(y, top)
            smaller = min(width * height, (right - left) * (bottom - top))
            if max(across, 0) * max(down, 0) > _MAX_OVERLAP * smaller:
                break
        else:
            return x, y
    return None


def _extent(mask: np.ndarray) -> tuple[int, int, int, int] | None:
    """``xyxy`` around the true pixels of an (H, W) mask; ``None`` if fewer than four."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if len(rows) < 2 or len(columns) < 2:
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _background(rng: np.random.Generator, size: int, photos: Sequence[Path]) -> Image.Image:
    kind = rng.random()
    if photos and kind < 0.6:
        return _photo_piece(rng, size, photos[rng.integers(len(photos))])
    return _gradient(rng, size) if kind < 0.8 else _texture(rng, size)


def _photo_piece(rng: np.random.Generator, size: int, path: Path) -> Image.Image:
    """A random square of a photo, blurred until its own objects cannot be told."""
    with Image.open(path) as file:
        photo = file.convert("RGB")
    side = int(min(photo.size) * rng.uniform(0.25, 1.0))
    x = int(rng.integers(photo.width - side + 1))
    y = int(rng.integers(photo.height - side + 1))
    blur = ImageFilter.BoxBlur(float(rng.choice([5.0, 8.0, 12.0])) * size / 256)
    piece = photo.resize((size, size), Image.Resampling.BILINEAR, box=(x, y, x + side, y + side))
    return piece.filter(blur)


def _gradient(rng: np.random.Generator, size: int) -> Image.Image:
    corners = rng.integers(0, 256, (2, 2, 3), dtype=np.uint8)
    if rng.random() < 0.25:
        corners[:] = corners[0, 0]
    # Upscaling a 2 x 2 image would flatten at the borders, so only its middle is shown.
    box = (0.5, 0.5, 1.5, 1.5)
    return Image.fromarray(corners).resize((size, size), Image.Resampling.BILINEAR, box=box)


def _texture(rng: np.random.Generator, size: int) -> Image.Image:
    """Two colours mixed by stripes, checks or smooth noise."""
    first, second = rng.integers(0, 256, (2, 3)).astype(np.float32)
    grid = np.linspace(0, 1, size, dtype=np.float32)
    kind = rng.integers(3)
    if kind == 0:
        angle, waves = rng.uniform(0, np.pi), rng.uniform(3, 20)
        phase = np.cos(angle) * grid[None, :] + np.sin(angle) * grid[:, None]
        mix = 0.5 + 0.5 * np.sin(2 * np.pi * waves * phase)
    elif kind == 1:
        cells = rng.integers(3, 16)
        index = (grid * cells).astype(int)
        mix = ((index[:, None] + index[None, :]) % 2).astype(np.float32)
    else:
        cells = int(rng.integers(4, 24))
        noise = Image.fromarray((rng.random((cells, cells)) * 255).astype(np.uint8))
        smooth = noise.resize((size, size), Image.Resampling.BICUBIC)
        mix = np.asarray(smooth, dtype=np.float32) / 255
    pixels = first + (second - first) * (mix * rng.uniform(0.2, 1.0))[..., None]
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
