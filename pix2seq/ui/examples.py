"""Pictures that come with the app: public-domain photos, and scenes composed from a seed.

An example has a name, so a link can refer to it; a visitor's own picture never has one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from pix2seq.config import ConfigError
from pix2seq.data.scenes import make_scene
from pix2seq.images import load_image
from pix2seq.ui.assets import EXAMPLES
from pix2seq.ui.runs import Picture

SCENE_SIZE = (480, 640)
_SCENE_PREFIX = "scene-"


@dataclass(frozen=True)
class Example:
    """A bundled photo; credits are in ``assets/CREDITS.md``."""

    name: str
    title: str

    @property
    def path(self) -> Path:
        return EXAMPLES / f"{self.name}.jpg"


PHOTOS = (
    Example("astronaut", "Astronaut"),
    Example("chelsea", "Cat"),
    Example("coffee", "Coffee"),
    Example("camera", "Camera"),
)


def scene_name(seed: int) -> str:
    return f"{_SCENE_PREFIX}{seed}"


def open_example(name: str) -> Picture:
    """The picture called ``name``: a photo's name, or ``scene-7`` for the scene of seed 7.

    Raises:
        ConfigError: nothing has that name.
    """
    for photo in PHOTOS:
        if photo.name == name:
            return Picture(load_image(photo.path), example=name)
    seed = name.removeprefix(_SCENE_PREFIX)
    if name.startswith(_SCENE_PREFIX) and seed.isdecimal() and len(seed) < 10:
        return Picture(_scene(int(seed)), example=scene_name(int(seed)))
    known = ", ".join(photo.name for photo in PHOTOS)
    raise ConfigError(f"there is no example {name[:40]!r}; use one of {known} or scene-<number>")


def _scene(seed: int) -> Image.Image:
    return make_scene(seed, SCENE_SIZE).image
