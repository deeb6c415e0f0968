"""Pictures that come with the repository: public-domain photos, and scenes composed from a seed.

An example has a name, so that a link, a command line and copied code can refer to it; a visitor's
own picture never has one. Where a file is expected, too, the name is written ``example:scene-7``.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from pix2seq.config import ConfigError
from pix2seq.images import decode_image, load_image
from pix2seq.resources import ASSETS

if TYPE_CHECKING:
    from pix2seq.data.sample import Sample

FOLDER = ASSETS / "examples"
PREFIX = "example:"
STANDARD_INPUT = "-"
SCENE_SIDE = 512
_SCENE_PREFIX = "scene-"


@dataclass(frozen=True)
class Example:
    """A bundled photo; credits are in ``assets/CREDITS.md``."""

    name: str
    title: str

    @property
    def path(self) -> Path:
        return FOLDER / f"{self.name}.jpg"


PHOTOS = (
    Example("football", "Three players and a ball"),
    Example("sheep", "A man and sheep"),
    Example("terrace", "A table and chairs"),
    Example("taxis", "A street"),
    Example("coffee", "Coffee"),
    Example("chelsea", "Cat"),
    Example("astronaut", "Astronaut"),
    Example("raccoon", "Raccoon, for which the vocabulary has no word"),
)
"""In the page's order: several clear objects first, the instructive failure last."""


def scene_name(seed: int) -> str:
    return f"{_SCENE_PREFIX}{seed}"


def scene_sample(name: str | None) -> Sample | None:
    """The scene called ``name`` with its true boxes, ``None`` if that is no scene's name."""
    seed = _scene_seed(name)
    if seed is None:
        return None
    from pix2seq.data.scenes import make_scene  # and with it torch, which a name does not need

    return make_scene(seed, size=SCENE_SIDE)


def example_image(name: str) -> Image.Image:
    """The picture called ``name``: a photo's name, or ``scene-7`` for the scene of seed 7.

    Raises:
        ConfigError: nothing has that name.
    """
    for photo in PHOTOS:
        if photo.name == name:
            return load_image(photo.path)
    scene = scene_sample(name)
    if scene is not None:
        return scene.image
    known = ", ".join(photo.name for photo in PHOTOS)
    raise ConfigError(f"there is no example {name[:40]!r}; use one of {known} or scene-<number>")


def example_of(text: str) -> str | None:
    """The name in ``example:<name>``; ``None`` if ``text`` does not name an example."""
    name = text.removeprefix(PREFIX)
    known = any(photo.name == name for photo in PHOTOS) or _scene_seed(name) is not None
    return name if known and name != text else None


def open_picture(text: str) -> Image.Image:
    """A file's picture, an example's if ``text`` is ``example:<name>`` and no such file exists, or
    the one on standard input if it is ``-``.

    Raises:
        ConfigError: nothing that can be opened.
    """
    if text == STANDARD_INPUT:
        return _piped_picture()
    if text.startswith(PREFIX) and not os.path.isfile(text):
        return example_image(text.removeprefix(PREFIX))
    return load_image(text)


def picture_name(text: str) -> str:
    """What records and tables call the picture that ``open_picture`` opens."""
    if text == STANDARD_INPUT:
        return "standard input"
    return text if example_of(text) else Path(text).name


def _piped_picture() -> Image.Image:
    content = b"" if sys.stdin is None else sys.stdin.buffer.read()
    if not content:
        raise ConfigError("standard input is empty; send a picture: detect - < photo.jpg")
    return decode_image(content, picture_name(STANDARD_INPUT))


def _scene_seed(name: str | None) -> int | None:
    seed = (name or "").removeprefix(_SCENE_PREFIX)
    # isdecimal() also accepts other scripts' digits, of which a name would not be unique
    if name == seed or not (seed.isascii() and seed.isdecimal()) or len(seed) > 9:
        return None
    return int(seed)
