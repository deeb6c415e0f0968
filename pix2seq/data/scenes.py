"""Generated scenes: an endless, seeded stream of labelled images.

Objects from Microsoft's Fluent Emoji (``assets/objects``, one folder per COCO class) are composed
over gradients, textures and, where photos are given, blurred pieces of them. Scene ``(seed,
index)`` is always the same image, so scenes serve as training data, test data and examples alike.

Hard scenes are for telling methods apart that agree on easy ones: many small objects that cover
each other, on busy ground.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageFilter

from pix2seq.categories import COCO_80, Categories
from pix2seq.config import ConfigError
from pix2seq.data.places import pictures_in
from pix2seq.data.sample import Sample
from pix2seq.images import load_image, open_picture
from pix2seq.resources import ASSETS

OBJECTS = ASSETS / "objects"

_OPAQUE = 96  # alpha (0-255) from which a pixel belongs to the object
_MAX_ANGLE = 25.0
_TRIES = 8


@dataclass(frozen=True)
class SceneKind:
    """What scenes are like.

    Attributes:
        counts: how many objects there may be, each with its weight.
        scale: longer side of an object over the image's, from and to.
        max_overlap: intersection over the smaller of two objects.
        attempts: objects that are tried for each that is wanted, as some find no place.
        photo_share, plain_share: of the grounds that are photos, where there are any, and of those
            up to which the ground is a gradient; the others are textures.
        piece: side of a photo's piece over the photo's shorter side, from and to.
        blurs: radii of which one is drawn, for a scene of 256 pixels.
    """

    counts: tuple[tuple[int, float], ...]
    scale: tuple[float, float]
    max_overlap: float
    attempts: int
    photo_share: float
    plain_share: float
    piece: tuple[float, float]
    blurs: tuple[float, ...]


EASY = SceneKind(
    counts=tuple(enumerate((3, 4, 4, 3, 3, 2, 2, 1), start=1)),
    scale=(0.08, 0.55),
    max_overlap=0.3,
    attempts=1,
    photo_share=0.6,
    plain_share=0.8,
    piece=(0.25, 1.0),
    blurs=(5.0, 8.0, 12.0),
)
HARD = SceneKind(
    counts=tuple((count, 1) for count in range(12, 21)),
    scale=(0.06, 0.24),
    max_overlap=0.5,
    attempts=4,
    photo_share=1.0,
    plain_share=0.0,
    piece=(0.2, 0.4),  # too small to hold whole objects, which nobody has labelled
    blurs=(0.5, 1.0),
)


@lru_cache(maxsize=1)
def object_images() -> dict[int, tuple[Image.Image, ...]]:
    """Every object's RGBA image, cropped to what is visible, by COCO-80 label."""
    found: dict[int, tuple[Image.Image, ...]] = {}
    for folder in sorted(OBJECTS.iterdir()) if OBJECTS.is_dir() else []:
        if folder.is_dir():
            files = sorted(folder.glob("*.webp"))
            images = tuple(_cropped(file) for file in files)
            found[COCO_80.label_of_name(folder.name.replace("-", " "))] = images
    if not found:
        raise ConfigError(f"no object images in {OBJECTS}; they come with the repository")
    return dict(sorted(found.items()))


def make_scene(
    seed: int,
    index: int = 0,
    size: int = 256,
    photos: Sequence[Path] = (),
    kind: SceneKind = EASY,
) -> Sample:
    """Compose one scene.

    Args:
        seed, index: same numbers (and photos), same scene.
        size: side in pixels of the square image.
        photos: image files whose blurred pieces may serve as background.
        kind: ``EASY`` or ``HARD``, or of one's own.

    Returns:
        A ``Sample`` with COCO-80 labels; boxes enclose each object's visible pixels.
    """
    rng = np.random.default_rng([seed, index])
    canvas = _background(rng, size, photos, kind)
    weights = np.array([weight for _, weight in kind.counts])
    count = kind.counts[rng.choice(len(weights), p=weights / weights.sum())][0]
    boxes, labels = _compose(rng, canvas, count, taken=[], kind=kind)
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
    kind: SceneKind = EASY,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Paste objects into ``canvas``, away from boxes already ``taken``: boxes (N, 4), labels (N,).

    Boxes enclose what is still visible of each object after later ones covered it.
    """
    owner = np.full((canvas.height, canvas.width), -1, dtype=np.int16)  # which object a pixel shows
    labels: list[int] = []
    placed = list(taken)
    by_label = object_images()
    all_labels = list(by_label)
    for _ in range(count * kind.attempts):
        if len(labels) == count:
            break
        label = all_labels[rng.integers(len(all_labels))]
        if rng.random() < 0.1:
            label = all_labels[0]  # people are the commonest class in photos
        picture = by_label[label][rng.integers(len(by_label[label]))]
        thing = _vary(rng, picture, min(canvas.size), kind.scale)
        corner = _place(rng, thing.size, canvas.size, placed, kind.max_overlap)
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
        kind: ``EASY`` or ``HARD``.
    """

    categories: Categories = COCO_80

    def __init__(
        self,
        seed: int,
        count: int,
        size: int = 256,
        photos: str | Path | None = None,
        kind: SceneKind = EASY,
    ) -> None:
        self.seed, self.count, self.size, self.kind = seed, count, size, kind
        self.photos = pictures_in(photos) if photos else []

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Sample:
        if not 0 <= index < self.count:
            raise IndexError(index)
        return make_scene(self.seed, index, self.size, self.photos, self.kind)

    def __iter__(self) -> Iterator[Sample]:
        return (self[i] for i in range(self.count))


def _cropped(file: Path) -> Image.Image:
    """An object's picture with its transparency, as far as anything of it is visible."""
    with open_picture(file, file.name) as opened:
        image = opened.convert("RGBA")
    solid = image.getchannel("A").point(lambda alpha: 255 * (alpha >= _OPAQUE))
    return image.crop(solid.getbbox())


def _vary(
    rng: np.random.Generator, thing: Image.Image, size: int, scale: tuple[float, float]
) -> Image.Image:
    """Scale, stretch, mirror, tilt and brighten one object."""
    low, high = np.log(scale)
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
    max_overlap: float,
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
            if max(across, 0) * max(down, 0) > max_overlap * smaller:
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


def _background(
    rng: np.random.Generator, size: int, photos: Sequence[Path], kind: SceneKind
) -> Image.Image:
    drawn = rng.random()
    if photos and drawn < kind.photo_share:
        return _photo_piece(rng, size, photos[rng.integers(len(photos))], kind)
    return _gradient(rng, size) if drawn < kind.plain_share else _texture(rng, size)


def _photo_piece(rng: np.random.Generator, size: int, path: Path, kind: SceneKind) -> Image.Image:
    """A random square of a photo, blurred or cut so small that its own objects cannot be told."""
    photo = load_image(path)
    side = int(min(photo.size) * rng.uniform(*kind.piece))
    x = int(rng.integers(photo.width - side + 1))
    y = int(rng.integers(photo.height - side + 1))
    blur = ImageFilter.BoxBlur(float(rng.choice(kind.blurs)) * size / 256)
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
