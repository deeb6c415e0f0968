"""``load_image``: whatever people hand in, as an upright 8-bit RGB picture or a clear refusal.

What is done to get there: the first frame of an animation, the camera's rotation applied,
transparency laid over white, 16-bit values scaled to 8, CMYK and palettes converted. Sizes are
checked before any pixel is decoded, so a decompression bomb costs nothing.
"""

from __future__ import annotations

import os
import re
import struct
import threading
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from pix2seq.config import ConfigError

MAX_PIXELS = 80_000_000
"""Largest accepted image. Below the 89 million at which Pillow starts to warn; 80 megapixels take
240 MB as RGB, more than any detector's input can use."""

_FORMATS = "PNG, JPEG, WebP, GIF, BMP or TIFF"
_WARNINGS = threading.Lock()  # warnings.catch_warnings changes the whole process


def load_image(source: Image.Image | np.ndarray | str | Path | None) -> Image.Image:
    """Read an image.

    Args:
        source: a PIL image in any mode, a path, or an array (H, W), (H, W, 1), (H, W, 3) or
            (H, W, 4): uint8 in [0, 255], uint16 in [0, 65535], bool, or float in [0, 1].

    Returns:
        A new PIL image in mode RGB, upright.

    Raises:
        ConfigError: no image, unreadable, empty, or above ``MAX_PIXELS``.
    """
    if source is None:
        raise ConfigError("there is no image; give a file, a PIL image or an array")
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if isinstance(source, Image.Image):
        return _upright_rgb(source, "the image")
    if not isinstance(source, str | Path):
        raise ConfigError(
            f"the image is a {type(source).__name__}; give a file, a PIL image or an array"
        )
    return _from_file(Path(source))


def _from_file(path: Path) -> Image.Image:
    name = f"image {str(path)!r}"
    if not os.path.isfile(path):  # unlike Path's, never raises
        raise ConfigError(f"{name} is not a file; check the path")
    try:
        if path.stat().st_size == 0:
            raise ConfigError(f"{name} is empty (0 bytes); save or download it again")
        with _open(path, name) as image:
            return _upright_rgb(image, name)
    except PermissionError:
        raise ConfigError(f"{name} may not be read; check its permissions") from None


def _open(path: Path, name: str) -> Image.Image:
    """Read the header. Pillow refuses very large images itself, some with a mere warning."""
    try:
        with _WARNINGS, warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return Image.open(path)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        pixels = re.search(r"\((\d+) pixels\)", str(error))
        raise _too_large(name, f"{int(pixels[1]):,}" if pixels else "too many") from None
    except UnidentifiedImageError:
        raise ConfigError(f"{name} is not an image that can be read; use {_FORMATS}") from None
    except PermissionError:
        raise
    except (OSError, ValueError, SyntaxError, struct.error) as error:
        raise _damaged(name, error) from None


def _upright_rgb(image: Image.Image, name: str) -> Image.Image:
    _check_size(image.width, image.height, name)
    try:
        upright = ImageOps.exif_transpose(image)
        if upright.mode.startswith("I") or upright.mode == "F":
            return _from_array(np.asarray(upright), name)
        if upright.has_transparency_data:
            picture = upright.convert("RGBA")
            page = Image.new("RGBA", picture.size, "white")
            return Image.alpha_composite(page, picture).convert("RGB")
        rgb = upright.convert("RGB")
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, struct.error) as error:
        if isinstance(error, ConfigError):
            raise
        raise _damaged(name, error) from None
    return rgb.copy() if rgb is image else rgb


def _from_array(array: np.ndarray, name: str = "the image array") -> Image.Image:
    shape = array.shape
    if array.ndim not in (2, 3) or (array.ndim == 3 and shape[2] not in (1, 3, 4)):
        raise ConfigError(
            f"{name} has shape {shape}; it must be (height, width) or (height, width, 3 or 4)"
        )
    _check_size(shape[1], shape[0], name)
    pixels = np.ascontiguousarray(_to_uint8(array, name))
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    return _upright_rgb(Image.fromarray(pixels), name)


def _to_uint8(array: np.ndarray, name: str) -> np.ndarray:
    """Scale to 0..255. The type decides the scale, except for wide integers (which is how Pillow
    holds some 16-bit files): they count as 8-bit if they fit and as 16-bit otherwise."""
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * 255
    if not np.issubdtype(array.dtype, np.number) or np.issubdtype(array.dtype, np.complexfloating):
        raise ConfigError(f"{name} holds {array.dtype} values; use uint8, uint16 or float")
    low, high = array.min(), array.max()
    if np.issubdtype(array.dtype, np.floating):
        if not (np.isfinite(low) and np.isfinite(high) and low >= 0 and high <= 1):
            raise ConfigError(
                f"{name} holds floats from {low:g} to {high:g}; scale them to [0, 1] or use uint8"
            )
        return np.rint(array * 255).astype(np.uint8)
    if low < 0 or high > 65535:
        raise ConfigError(f"{name} holds integers from {low} to {high}; scale them to 0..255")
    if array.dtype.newbyteorder("=") != np.uint16 and high <= 255:
        return array.astype(np.uint8)
    return np.rint(array / 257).astype(np.uint8)  # 65535 / 257 = 255


def _check_size(width: int, height: int, name: str) -> None:
    if width < 1 or height < 1:
        raise ConfigError(f"{name} is {width} x {height} pixels; it needs at least one")
    if width * height > MAX_PIXELS:
        raise _too_large(name, f"{width} x {height}")


def _too_large(name: str, pixels: str) -> ConfigError:
    limit = MAX_PIXELS // 1_000_000
    return ConfigError(f"{name} has {pixels} pixels; shrink it to {limit} megapixels or less")


def _damaged(name: str, error: Exception) -> ConfigError:
    reason = " ".join(str(error).split()) or type(error).__name__
    return ConfigError(f"{name} is damaged ({reason}); save or download it again")
