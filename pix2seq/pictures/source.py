"""Where a picture's bytes are, and how they become its pixels."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from PIL import Image

from pix2seq.config import ConfigError
from pix2seq.images import decode_image, load_image
from pix2seq.urls import is_url, is_web_address

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Span:
    """A picture inside a larger file, such as a member of a tar.

    Attributes:
        path: a path, or a URL that fsspec opens.
        offset, size: bytes.
    """

    path: str
    offset: int
    size: int


Place = str | os.PathLike | bytes | Span
"""Where a picture is: a path or URL, an encoded file's bytes, or a part of a file."""


def open_image(source: Place | Image.Image | np.ndarray) -> Image.Image:
    """The upright RGB picture.

    Raises:
        ConfigError: the picture cannot be used; the message says why and what to do.
    """
    if isinstance(source, Span):
        content = _read(source.path, source.offset, source.size)
        return decode_image(content, f"image {source.path!r}")
    if isinstance(source, str) and is_url(source):
        return decode_image(_read(source), f"image {source!r}")
    if isinstance(source, bytes):
        return decode_image(source, "the picture")
    return load_image(source)


def _read(path: str, offset: int = 0, size: int = -1) -> bytes:
    try:
        with open_binary(path) as file:
            file.seek(offset)
            content = file.read(size)
    except ConfigError:
        raise
    except Exception as error:  # every store that fsspec opens has errors of its own
        raise ConfigError(f"{path} cannot be read: {error or type(error).__name__}") from None
    if size > len(content):
        raise ConfigError(f"{path} ends {size - len(content)} bytes early; copy it again")
    return content


@contextmanager
def open_binary(path: str) -> Iterator[BinaryIO]:
    """A file, or (``s3://...``) what fsspec finds under a URL, opened for reading."""
    if not is_url(path):
        with open(path, "rb") as file:
            yield file
        return
    if is_web_address(path):
        raise ConfigError(f"{path} is a web address; download it and give the file")
    try:
        import fsspec
    except ImportError:
        raise ConfigError(f"{path} is a URL, which needs fsspec; pip install fsspec") from None
    with fsspec.open(path, "rb") as file:
        yield file
