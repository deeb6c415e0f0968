"""The one reader of pictures: whatever people hand in, as an upright 8-bit RGB picture or a clear
refusal. ``detect``, the app, training, evaluation and scenes all read through it.

What is done to get there: the first frame of an animation, the camera's rotation applied,
transparency laid over white, 16-bit values scaled to 8, CMYK and palettes converted. Sizes are
checked before any pixel is decoded, so a decompression bomb costs nothing. Only the formats of
``FORMATS`` are ever opened: Pillow knows others that would start a program (PostScript).

Processes that only read pictures wait for these imports, so what few pictures need (NumPy,
urllib) is imported where it is needed.
"""

from __future__ import annotations

import io
import os
import re
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from PIL import (
    ExifTags,
    Image,
    ImageFile,
    JpegImagePlugin,
    TiffImagePlugin,
    UnidentifiedImageError,
)

from pix2seq.config import ConfigError
from pix2seq.files import no_file

if TYPE_CHECKING:
    import numpy as np

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
"""What is opened, decided by a file's content, never by its name."""

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif")
"""How such files are usually called; for folders, where not every file is meant."""

MAX_PIXELS = 80_000_000
"""Largest accepted image, below Pillow's own warning at 89 million; as RGB it takes 240 MB."""

_FORMATS = "PNG, JPEG, WebP, GIF, BMP, TIFF or AVIF"
_OPENED = (*FORMATS, "MPO")  # a JPEG of several pictures, as many phones write them
_MOST_SCANS = 200  # encoders write about ten; each goes over all pixels again
_TURNS = {  # EXIF 2.32, "Orientation": what a viewer does to the stored rows
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_OTHERS = (  # by their first bytes
    (rb".{4}ftyp(hei|hev|mif1|msf1)", "a HEIC picture: export it as JPEG"),
    (rb".{4}ftyp(?!avi)", "a video: save a frame of it"),
    (rb"\s*<|%PDF|%!PS", "a web page, SVG, PDF or PostScript"),
    (rb"version https://git-lfs", "a Git LFS pointer: run git lfs pull"),
    (rb"PK\x03\x04", "an archive: unpack it"),
)
_WARNINGS = threading.Lock()  # warnings.catch_warnings changes the whole process


class NotAPicture(ConfigError):
    """A file's content is none of ``FORMATS``."""


def load_image(
    source: Image.Image | np.ndarray | str | Path | None, name: str | None = None
) -> Image.Image:
    """Read an image.

    Args:
        source: a PIL image in any mode, a path, or an array (H, W), (H, W, 1), (H, W, 3) or
            (H, W, 4): uint8 in [0, 255], uint16 in [0, 65535], bool, or float in [0, 1] (rounding
            errors beyond are clipped).
        name: what messages call it; by default by its path.

    Returns:
        A new PIL image in mode RGB, upright.

    Raises:
        ConfigError: no image, unreadable, empty, or above ``MAX_PIXELS``.
    """
    if source is None:
        raise ConfigError("there is no image; give a file, a PIL image or an array")
    if isinstance(source, Image.Image):
        return _upright_rgb(source, name or "the image")
    if not isinstance(source, str | Path):
        if not _is_array(source):
            raise ConfigError(
                f"the image is a {type(source).__name__}; give a file, a PIL image or an array"
            )
        return _from_array(source, name or "the image array")
    path, by_path = local_file(source)
    name = name or by_path
    with _opened(path, name) as image:
        return _upright_rgb(image, name)


def decode_image(content: bytes, name: str) -> Image.Image:
    """``load_image`` for an encoded file that is in memory.

    Args:
        name: what messages call it.
    """
    if not content:
        raise ConfigError(f"{name} is empty (0 bytes); save or download it again")
    with open_picture(io.BytesIO(content), name) as image:
        return _upright_rgb(image, name)


@dataclass(frozen=True, eq=False)
class Photo:
    """A picture file, and how it lay in the file.

    Attributes:
        image: RGB, upright.
        stored_size: (height, width) of the file's rows and columns, before any turning.
        orientation: EXIF's tag 0x0112, 1 (upright as stored) to 8.
    """

    image: Image.Image
    stored_size: tuple[int, int]
    orientation: int


def read_photo(path: str | Path) -> Photo:
    """``load_image`` for a file whose labels may have been made on the unturned rows."""
    path, name = local_file(path)
    with _opened(path, name) as image:
        stored, orientation = _stored_size(image), _orientation(image)  # decoding may forget both
        return Photo(_upright_rgb(image, name), stored, orientation)


def upright_size(path: str | Path) -> tuple[int, int]:
    """(height, width) that ``load_image`` would give, from the file's header alone.

    Raises:
        ConfigError: the file cannot be read as a picture.
    """
    path, name = local_file(path)
    with _opened(path, name) as image:
        _check_size(image.width, image.height, name)
        height, width = _stored_size(image)
        return (width, height) if _orientation(image) >= 5 else (height, width)


def check_image(path: str | Path) -> None:
    """Decode a file and forget it, as cheaply as its format allows.

    Raises:
        ConfigError: ``load_image`` would refuse it.
    """
    path, name = local_file(path)
    with _opened(path, name) as image:
        _check_size(image.width, image.height, name)
        _check_scans(image, name)
        try:
            image.draft("RGB", (image.width // 8, image.height // 8))  # JPEG decodes at 1/8
            image.load()
        except Exception as error:
            raise _damaged(name, error) from None


@contextmanager
def open_picture(source: Path | BinaryIO, name: str) -> Iterator[Image.Image]:
    """Read a picture's header, whatever its pixels hold; decoding is up to the caller.

    Args:
        name: what messages call it.

    Raises:
        ConfigError: none of ``FORMATS``, damaged, or above Pillow's own limit of pixels.
    """
    try:
        with _WARNINGS, warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(source, formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        pixels = re.search(r"\((\d+) pixels\)", str(error))
        raise _too_large(name, f"{int(pixels[1]):,}" if pixels else "too many") from None
    except UnidentifiedImageError:
        what = _what_else(source)
        raise NotAPicture(
            f"{name} is not an image that can be read{what}; use {_FORMATS}"
        ) from None
    except PermissionError:
        raise ConfigError(f"{name} may not be read; check its permissions") from None
    except Exception as error:  # Pillow trips over a damaged file in every way there is
        raise _damaged(name, error) from None
    with image:
        yield image


def _what_else(source: Path | BinaryIO) -> str:
    """What a file that is none of ``FORMATS`` looks like, in brackets; empty for anything else."""
    with source.open("rb") if isinstance(source, Path) else nullcontext(source) as file:
        file.seek(0)
        start = file.read(64)
    return next((f" ({what})" for sign, what in _OTHERS if re.match(sign, start, re.DOTALL)), "")


def local_file(source: str | Path) -> tuple[Path, str]:
    """The file that is meant and what messages call it.

    Raises:
        ConfigError: it is a web address.
    """
    text = str(source)
    name = f"image {text!r}"
    scheme, separator, _ = text.partition("://")
    if separator and scheme.lower() == "file":
        from urllib.parse import urlsplit
        from urllib.request import url2pathname

        return Path(url2pathname(urlsplit(text).path)), name
    if separator and scheme.isalnum():
        raise ConfigError(f"{name} is a web address; download the picture and give its file")
    return Path(source), name


@contextmanager
def _opened(path: Path, name: str) -> Iterator[Image.Image]:
    if not os.path.isfile(path):  # unlike Path's, never raises
        raise ConfigError(f"{name} {no_file(path)}")
    if os.path.getsize(path) == 0:
        raise ConfigError(f"{name} is empty (0 bytes); save or download it again")
    with open_picture(path, name) as image:
        yield image


def _orientation(image: Image.Image) -> int:
    """How a viewer turns the picture; what is no orientation, or unreadable, counts as upright."""
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _stored_size(image: Image.Image) -> tuple[int, int]:
    """(height, width) of the file's rows. Pillow states a TIFF's size as already turned."""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        tags = image.tag_v2
        return tags[TiffImagePlugin.IMAGELENGTH], tags[TiffImagePlugin.IMAGEWIDTH]
    return image.height, image.width


def _upright_rgb(image: Image.Image, name: str) -> Image.Image:
    if isinstance(image, ImageFile.ImageFile) and image.format not in _OPENED:
        # Somebody else opened it, and decoding is what starts programs.
        raise ConfigError(
            f"{name} is a {image.format} file, which is not read here; use {_FORMATS}, "
            "or convert it to RGB yourself if you trust it"
        )
    _check_size(image.width, image.height, name)
    _check_scans(image, name)
    try:
        image.load()  # turns a TIFF and takes its orientation away; other formats keep theirs
        turn = _TURNS.get(_orientation(image))
        upright = image if turn is None else image.transpose(turn)
        if upright.mode.startswith("I") or upright.mode == "F":
            import numpy as np

            return _from_array(np.asarray(upright), name)
        if upright.has_transparency_data:
            picture = upright.convert("RGBA")
            page = Image.new("RGBA", picture.size, "white")
            rgb = Image.alpha_composite(page, picture).convert("RGB")
        else:
            rgb = upright.convert("RGB")
    except ConfigError:
        raise
    except Exception as error:
        raise _damaged(name, error) from None
    if rgb is image:
        rgb = rgb.copy()
    rgb.info.clear()  # nothing in it may ask to be turned once more
    return rgb


def _is_array(source: object) -> bool:
    numpy = sys.modules.get("numpy")  # whoever has an array has imported it
    return numpy is not None and isinstance(source, numpy.ndarray)


def _from_array(array: np.ndarray, name: str) -> Image.Image:
    from pix2seq.arrays import eight_bits  # brings NumPy, which most files do without

    shape = array.shape
    if array.ndim not in (2, 3) or (array.ndim == 3 and shape[2] not in (1, 3, 4)):
        raise ConfigError(
            f"{name} has shape {shape}; it must be (height, width) or (height, width, 3 or 4)"
        )
    _check_size(shape[1], shape[0], name)
    pixels = eight_bits(array, name)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    return _upright_rgb(Image.fromarray(pixels), name)


def _check_size(width: int, height: int, name: str) -> None:
    if width < 1 or height < 1:
        raise ConfigError(f"{name} is {width} x {height} pixels; it needs at least one")
    if width * height > MAX_PIXELS:
        raise _too_large(name, f"{width} x {height}")


def _check_scans(image: Image.Image, name: str) -> None:
    """A progressive JPEG goes over all of its pixels once per scan, and a scan may be a few bytes:
    a small file can keep a decoder busy for hours. Only the marker of a scan has these bytes."""
    if not isinstance(image, JpegImagePlugin.JpegImageFile) or image.fp is None:
        return
    place = image.fp.tell()
    image.fp.seek(0)
    scans = image.fp.read().count(b"\xff\xda")
    image.fp.seek(place)
    if scans > _MOST_SCANS:
        raise ConfigError(f"{name} has {scans} scans; save it again with a picture editor")


def _too_large(name: str, pixels: str) -> ConfigError:
    limit = MAX_PIXELS // 1_000_000
    return ConfigError(f"{name} has {pixels} pixels; shrink it to {limit} megapixels or less")


def _damaged(name: str, error: Exception) -> ConfigError:
    if isinstance(error, MemoryError):
        return ConfigError(f"{name} does not fit into the memory that is left; make it smaller")
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return ConfigError(f"{name} is damaged ({reason}); save or download it again")
