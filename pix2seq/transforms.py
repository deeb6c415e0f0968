"""Image geometry: how an image becomes the model's input, and how boxes travel with it, both ways.

``Letterbox`` is the one object that knows an image's frame. Train-time transforms are plain values
(``ScaleCrop``, ``ColorJitter``): drawing the numbers and applying them are separate, so that a test
can apply given numbers and a loader can draw them from its own generator.

Images are PIL RGB, or their (H, W, 3) uint8 as another process sends them; pixels are float tensors
(3, H, W).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageEnhance
from torch import Tensor

from pix2seq.boxes import box_area, clip_boxes, scale_boxes
from pix2seq.config import PreprocessConfig


def to_tensor(image: Image.Image | np.ndarray) -> Tensor:
    """An image to (3, H, W) float32 in [0, 1]."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255


def size_of(image: Image.Image | np.ndarray) -> tuple[int, int]:
    """(height, width) in pixels."""
    return image.shape[:2] if isinstance(image, np.ndarray) else (image.height, image.width)


_BAND = 1 << 22
"""Pixels that are floats at a time while a picture is resized: 50 MB, however large it is."""


def resize(image: Image.Image | np.ndarray, rows: int, columns: int, antialias: bool) -> Tensor:
    """Bilinear: an image to (3, rows, columns) float32 in [0, 1].

    A large picture is made narrow band by band and then low in one go, which is the order that the
    kernel takes within one picture, too: the numbers are the same, the memory is not.
    """

    def scaled(pixels: Tensor, height: int) -> Tensor:
        return F.interpolate(
            pixels[None], size=(height, columns), mode="bilinear", antialias=antialias
        )[0]

    height, width = size_of(image)
    step = max(_BAND // width, 1)
    if height <= step:
        return scaled(to_tensor(image), rows)
    bands = [(top, min(top + step, height)) for top in range(0, height, step)]
    narrow = [scaled(to_tensor(_band(image, top, end)), end - top) for top, end in bands]
    return scaled(torch.cat(narrow, 1), rows)


def _band(image: Image.Image | np.ndarray, top: int, end: int) -> Image.Image | np.ndarray:
    if isinstance(image, np.ndarray):
        return image[top:end]
    return image.crop((0, top, image.width, end))


def normalize(pixels: Tensor, preprocess: PreprocessConfig) -> Tensor:
    """Subtract the mean and divide by the deviation, per channel; (..., 3, H, W)."""
    mean = pixels.new_tensor(preprocess.mean)[:, None, None]
    std = pixels.new_tensor(preprocess.std)[:, None, None]
    return (pixels - mean) / std


_GREY = [0.299, 0.587, 0.114]  # how bright red, green and blue are (ITU-R 601)

_LITTLE = 0.25
"""Share of the model's input, per side, below which a picture is hardly seen."""


@dataclass(frozen=True)
class Letterbox:
    """The frame of one image: original pixels on one side, the model's input on the other.

    ``letterbox`` scales by one factor and pads right and bottom; ``stretch`` scales each side.

    Attributes:
        orig_size: (height, width) of the original image in pixels.
    """

    preprocess: PreprocessConfig
    orig_size: tuple[int, int]

    @property
    def content_size(self) -> tuple[int, int]:
        """(height, width) in pixels that the image covers inside the model's input."""
        height, width = self.preprocess.image_size
        if self.preprocess.fit == "stretch":
            return height, width
        orig = np.asarray(self.orig_size, dtype=np.float32)
        scale = np.float32(min(np.float32(height) / orig[0], np.float32(width) / orig[1]))
        rows, columns = np.rint(orig * scale).astype(int)  # half to even, as TensorFlow rounds
        return max(int(rows), 1), max(int(columns), 1)

    @property
    def extent(self) -> tuple[float, float]:
        """Share (y, x) of the model's input that the image covers, each in (0, 1]."""
        height, width = self.preprocess.image_size
        rows, columns = self.content_size
        return rows / height, columns / width

    @property
    def remark(self) -> str:
        """What people must know of a picture so long that little of it is left for the model; empty
        for all others."""
        rows, columns = self.content_size
        if min(self.extent) >= _LITTLE:
            return ""
        least = f"{rows} px high" if rows < columns else f"{columns} px wide"
        return f"the model sees this picture only {least} ({columns} x {rows}): crop it"

    def apply_image(self, image: Image.Image | np.ndarray) -> Tensor:
        """Resize, normalise and pad: (3, H, W) float32, ready for ``encode_image``."""
        height, width = self.preprocess.image_size
        rows, columns = self.content_size
        pixels = resize(image, rows, columns, self.preprocess.antialias)
        if self.preprocess.round_uint8:
            pixels = (pixels * 255).round() / 255
        pixels = F.pad(
            pixels, (0, width - columns, 0, height - rows), value=self.preprocess.pad_value
        )
        return normalize(pixels, self.preprocess)

    def apply_boxes(self, boxes: Tensor) -> Tensor:
        """``xyxy`` in original pixels to ``boxes_norm``, relative to the padded input."""
        (rows, columns), (extent_y, extent_x) = self.orig_size, self.extent
        return scale_boxes(boxes.float(), (extent_y / rows, extent_x / columns))

    def invert_boxes(self, boxes_norm: Tensor) -> Tensor:
        """``boxes_norm`` of the padded input to ``xyxy`` in original pixels (not clipped)."""
        (rows, columns), (extent_y, extent_x) = self.orig_size, self.extent
        return scale_boxes(boxes_norm.float(), (rows / extent_y, columns / extent_x))


@dataclass(frozen=True)
class ScaleCrop:
    """Large-scale jitter (official training recipe): rescale, crop to the input's size, flip.

    Attributes:
        target: (height, width) of the model's input.
        ratio: size relative to the largest that fits; below 1 leaves padding, above 1 crops.
        offset: where the crop lies in the slack (y, x), each in [0, 1); the official recipe draws
            one number for both.
        flip: mirror left-right.
    """

    target: tuple[int, int]
    ratio: float
    offset: tuple[float, float] = (0.0, 0.0)
    flip: bool = False

    @classmethod
    def draw(
        cls, rng: np.random.Generator, target: tuple[int, int], ratios: tuple[float, ...]
    ) -> ScaleCrop:
        """Any place, either way round, and a ratio between the two of ``ratios``."""
        return cls(
            target,
            ratio=rng.uniform(*ratios),
            offset=(rng.random(), rng.random()),
            flip=bool(rng.random() < 0.5),
        )

    def _sizes(self, size: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
        """Rescaled size and crop origin, both (y, x) in whole pixels."""
        height, width = size
        scale = min(self.target[0] * self.ratio / height, self.target[1] * self.ratio / width)
        scaled = max(1, int(height * scale)), max(1, int(width * scale))
        slack = [max(s - t, 0) for s, t in zip(scaled, self.target, strict=True)]
        return scaled, (int(self.offset[0] * slack[0]), int(self.offset[1] * slack[1]))

    def content_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """(height, width) in pixels of what is left of an image of ``size``."""
        scaled, _ = self._sizes(size)
        return min(scaled[0], self.target[0]), min(scaled[1], self.target[1])

    def apply_image(self, image: Image.Image) -> Image.Image:
        """The rescaled, cropped and flipped part, not yet padded."""
        size = image.height, image.width
        scaled, (top, left) = self._sizes(size)
        rows, columns = self.content_size(size)
        sy, sx = size[0] / scaled[0], size[1] / scaled[1]
        region = left * sx, top * sy, (left + columns) * sx, (top + rows) * sy
        cut = image.resize((columns, rows), Image.Resampling.BILINEAR, box=region)
        return cut.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if self.flip else cut

    def apply_boxes(self, boxes: Tensor, size: tuple[int, int]) -> Tensor:
        """``xyxy`` pixels of the original to ``xyxy`` pixels of the part, clipped to it."""
        scaled, (top, left) = self._sizes(size)
        rows, columns = self.content_size(size)
        moved = scale_boxes(boxes, (scaled[0] / size[0], scaled[1] / size[1]))
        moved = clip_boxes(moved - moved.new_tensor([left, top, left, top]), (rows, columns))
        if self.flip:
            moved = torch.stack(
                [columns - moved[:, 2], moved[:, 1], columns - moved[:, 0], moved[:, 3]], dim=1
            )
        return moved

    def visible(
        self, boxes: Tensor, size: tuple[int, int], min_share: float, min_size: float
    ) -> Tensor:
        """Which boxes are worth keeping, bool (N,).

        Args:
            min_share: least share of the box's area that must lie inside the part.
            min_size: least side in pixels of the square root of what is left.
        """
        scaled, _ = self._sizes(size)
        full = box_area(scale_boxes(boxes, (scaled[0] / size[0], scaled[1] / size[1])))
        left = box_area(self.apply_boxes(boxes, size))
        return (left > 0) & (left >= min_share * full) & (left >= min_size**2)


@dataclass(frozen=True)
class ColorJitter:
    """Factors around 1 for brightness, contrast and saturation."""

    brightness: float = 1.0
    contrast: float = 1.0
    color: float = 1.0

    def apply_image(self, image: Image.Image) -> Image.Image:
        image = ImageEnhance.Brightness(image).enhance(self.brightness)
        image = ImageEnhance.Contrast(image).enhance(self.contrast)
        return ImageEnhance.Color(image).enhance(self.color)


def jitter_colors(pixels: Tensor, content: Tensor, factors: Tensor) -> Tensor:
    """``ColorJitter.apply_image`` for a batch, wherever it lies; padding stays as it is.

    Args:
        pixels: (B, 3, H, W) uint8.
        content: (B, 2) rows and columns that are not padding.
        factors: (B, 3) of brightness, contrast and saturation.
    """
    rows, columns = content[:, 0, None, None, None], content[:, 1, None, None, None]
    height, width = pixels.shape[-2:]
    inside = torch.arange(height, device=pixels.device)[:, None] < rows
    inside = inside & (torch.arange(width, device=pixels.device) < columns)  # (B, 1, H, W)
    brightness, contrast, color = factors[:, :, None, None, None].unbind(1)
    grey = pixels.new_tensor(_GREY, dtype=torch.float32)[:, None, None]

    jittered = (pixels * brightness).clamp(0, 255).floor()
    mean = ((jittered * grey).sum(1, keepdim=True) * inside).sum((2, 3), keepdim=True)
    mean = (mean / (rows * columns)).round()
    jittered = (mean + contrast * (jittered - mean)).clamp(0, 255).floor()
    pale = (jittered * grey).sum(1, keepdim=True).round()
    jittered = (pale + color * (jittered - pale)).clamp(0, 255).floor()
    return torch.where(inside, jittered.to(torch.uint8), pixels)
