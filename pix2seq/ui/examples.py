"""Pictures that come with the app: public-domain photos, and scenes composed from a seed.

An example has a name, so a link can refer to it; a visitor's own picture never has one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pix2seq.config import ConfigError
from pix2seq.data.sample import Sample
from pix2seq.data.scenes import make_scene
from pix2seq.images import load_image
from pix2seq.ui.assets import EXAMPLES
from pix2seq.ui.runs import Picture

SCENE_SIDE = 512
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
    scene = scene_sample(name)
    if scene is not None:
        return Picture(scene.image, example=name)
    known = ", ".join(photo.name for photo in PHOTOS)
    raise ConfigError(f"there is no example {name[:40]!r}; use one of {known} or scene-<number>")


def scene_sample(name: str | None) -> Sample | None:
    """The scene called ``name`` with its true boxes, ``None`` if that is no scene's name."""
    seed = (name or "").removeprefix(_SCENE_PREFIX)
    if name == seed or not seed.isdecimal() or len(seed) > 9:
        return None
    return make_scene(int(seed), size=SCENE_SIDE)
