"""Pictures that Pillow treats in its own way: TIFFs, which it turns itself, and files that somebody
else has opened, which only decoding makes dangerous."""

import os

import numpy as np
import pytest
from PIL import Image

from pix2seq.config import ConfigError
from pix2seq.images import load_image, read_photo, upright_size

POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n%%EOF\n"
TURNS = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).transpose(1, 0, 2),
    8: lambda a: np.rot90(a),
}


@pytest.fixture
def stored():
    return np.random.default_rng(0).integers(0, 256, (6, 10, 3), dtype=np.uint8)


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw"])
@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("ending", ["tif", "png"])
def test_every_format_is_turned_exactly_once(tmp_path, stored, orientation, compression, ending):
    path = tmp_path / f"photo.{ending}"
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"compression": compression} if ending == "tif" else {}
    Image.fromarray(stored).save(path, exif=exif, **options)
    upright = TURNS[orientation](stored)

    photo = read_photo(path)

    assert np.array_equal(np.asarray(load_image(path)), upright)
    assert np.array_equal(np.asarray(photo.image), upright)
    assert (photo.stored_size, photo.orientation) == ((6, 10), orientation)
    assert upright_size(path) == upright.shape[:2]
    with Image.open(path) as opened:
        assert np.array_equal(np.asarray(load_image(opened)), upright)
        assert np.array_equal(np.asarray(load_image(opened)), upright), "the second time as well"


def test_a_picture_opened_by_somebody_else_starts_no_program(tmp_path, monkeypatch):
    marker, program = tmp_path / "started", tmp_path / "gs"
    program.write_text(f"#!/bin/sh\ntouch {marker}\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    path = tmp_path / "photo.png"
    path.write_bytes(POSTSCRIPT)
    with Image.open(path) as opened, pytest.raises(ConfigError, match=r"EPS file.*convert it"):
        load_image(opened)
    assert not marker.exists()
