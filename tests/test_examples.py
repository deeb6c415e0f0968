"""Bundled pictures by name, wherever a picture is asked for."""

from __future__ import annotations

import pytest

from pix2seq.config import ConfigError
from pix2seq.examples import PHOTOS, example_image, example_of, open_picture, scene_sample
from tests import fakes
from tests.test_architecture import ROOT


@pytest.mark.parametrize("photo", PHOTOS, ids=lambda photo: photo.name)
def test_every_photo_opens_by_its_name(photo):
    assert open_picture(f"example:{photo.name}").tobytes() == example_image(photo.name).tobytes()


def test_every_photo_is_small_and_credited_and_named_in_the_readme():
    credits, readme = ((ROOT / name).read_text() for name in ("assets/CREDITS.md", "README.md"))
    for photo in PHOTOS:
        assert f"`{photo.path.name}`" in credits
        assert max(example_image(photo.name).size) <= 640
        assert photo.path.stat().st_size < 90_000
    assert f"Photos: {', '.join(photo.name for photo in PHOTOS)}\n" in readme
    stored = {path.name for path in PHOTOS[0].path.parent.glob("*.jpg")}
    assert stored == {photo.path.name for photo in PHOTOS}, "a photo that nothing opens"


def test_a_scene_is_the_same_picture_each_time():
    assert example_image("scene-7").tobytes() == open_picture("example:scene-7").tobytes()
    assert example_image("scene-7").tobytes() != example_image("scene-8").tobytes()
    assert scene_sample("scene-7").image.tobytes() == example_image("scene-7").tobytes()


@pytest.mark.parametrize(
    "text", ["chelsea", "example:", "example:dog", "example:scene-", "example:scene-١", "photo.jpg"]
)
def test_other_texts_name_no_example(text):
    assert example_of(text) is None


@pytest.mark.parametrize("name", ["", "dog", "../astronaut", "scene--1", "scene-1234567890"])
def test_an_unknown_example_is_named(name):
    with pytest.raises(ConfigError, match="there is no example"):
        open_picture(f"example:{name}")


def test_a_file_of_that_name_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fakes.draw_picture(31, 17).save("example:chelsea", "PNG")
    assert open_picture("example:chelsea").size == (31, 17)
