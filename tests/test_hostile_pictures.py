"""Uploads from strangers, through the door that the page and ``/detect`` use."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pix2seq.config import ConfigError
from pix2seq.images import MAX_PIXELS, load_image, upright_size
from pix2seq.ui.visit.pictures import PictureAnswers
from pix2seq.ui.visit.record import picture_line
from pix2seq.ui.visit.runs import Picture
from tests.hostile import files
from tests.hostile.guard import attempt, hostile
from tests.served import app_context

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL.*")  # what it says of damage


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("uploads")


@pytest.fixture(scope="module")
def stage():
    """Put a file on the stage as the page does: decode, show, encode."""
    context = app_context()
    predictor = context.shelf.get("scripted")
    answers = PictureAnswers(context)

    def put(path: Path) -> Picture:
        picture = context.picture_of(str(path))
        picture_line(picture)
        assert answers.picture({"id": picture.id})["src"].startswith("data:image/jpeg;base64,")
        picture.encoded_by(predictor)
        assert upright_size(path) == (picture.image.height, picture.image.width)
        return picture

    return put


def upload(stage, folder: Path, content: bytes, name: str = "photo.png") -> object:
    """One upload; what comes back is a picture or a refusal."""
    path = folder / name
    path.write_bytes(content)
    outcome = attempt(lambda: stage(path))
    if isinstance(outcome, ConfigError):
        assert str(folder) not in str(outcome), "the server's folders are nobody's business"
    return outcome


@hostile(cases=260)
@given(content=files.cut())
def test_a_file_that_ends_anywhere(stage, folder, content):
    upload(stage, folder, content)


@hostile(cases=330)
@given(content=files.edited())
def test_a_file_that_was_changed(stage, folder, content):
    upload(stage, folder, content)


@hostile(cases=130)
@given(content=files.garbage(), name=st.sampled_from(files.HOSTILE_NAMES))
def test_garbage_of_other_formats_under_any_name(stage, folder, content, name):
    assert isinstance(upload(stage, folder, content, name), ConfigError)


@hostile(cases=120)
@given(content=files.polyglot(), name=st.sampled_from(files.HOSTILE_NAMES))
def test_two_files_in_one(stage, folder, content, name):
    upload(stage, folder, content, name)


@hostile(cases=90)
@given(content=files.odd_exif())
def test_exif_that_lies(stage, folder, content):
    upload(stage, folder, content)


@hostile(cases=40)
@given(content=files.odd_profile())
def test_colour_profiles_that_are_none(stage, folder, content):
    upload(stage, folder, content)


def test_at_least_forty_other_formats_are_tried():
    assert len(files.MAGIC) >= 40


BOMBS = {
    "png": files.png(60_000, 60_000, files.zeros(100_000)),
    "png of one row": files.png(2**31 - 1, 1, b""),
    "bmp": b"BM" + struct.pack("<IHHIIiiHHIIiiII", 0, 0, 0, 54, 40, 65000, -65000, 1, 24, *[0] * 6),
    "gif": b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0, 0, 0) + b"\x2c" + bytes(20),
    "webp": b"RIFF" + struct.pack("<I", 30) + b"WEBPVP8X" + struct.pack("<II", 10, 0) + b"\xff" * 6,
    "tiff": files.exif_of([(256, 4, 1, b"\xff\xff\0\0"), (257, 4, 1, b"\xff\xff\0\0")]),
    "jpeg": b"\xff\xd8\xff\xc0\0\x11\x08\xff\xff\xff\xff\x03" + b"\x01\x22\0" * 3 + bytes(99),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_small_file_that_claims_to_be_huge(stage, folder, kind):
    assert isinstance(upload(stage, folder, BOMBS[kind]), ConfigError)


STUFFED = {
    "text": files.chunk(b"zTXt", b"Comment\0\0" + files.zeros(400 << 20)),
    "profile": files.chunk(b"iCCP", b"icc\0\0" + files.zeros(400 << 20)),
    "many small texts": b"".join(files.chunk(b"tEXt", b"a\0b") for _ in range(40_000)),
}


@pytest.mark.parametrize("kind", STUFFED)
def test_a_small_picture_stuffed_with_what_unfolds(stage, folder, kind):
    pixels = zlib.compress(bytes(7) * 2)
    upload(stage, folder, files.png(2, 2, pixels, 8, 2, STUFFED[kind]))


@pytest.mark.parametrize(("scans", "side"), [(4000, 2000), (60_000, 64), (300, 8900)])
def test_a_jpeg_that_is_gone_over_again_and_again(stage, folder, scans, side):
    outcome = upload(stage, folder, files.many_scans(scans, side))
    assert "scans" in str(outcome)


@pytest.mark.parametrize("pages", [1, 60_000])
def test_a_tiff_whose_directories_go_round(stage, folder, pages):
    assert isinstance(upload(stage, folder, files.looping_tiff(pages)), ConfigError)


LARGEST = {"deep colour": (16, 2, 6), "see-through": (8, 6, 4), "deep grey": (16, 0, 2)}


@pytest.mark.parametrize("kind", LARGEST)
def test_the_largest_pictures_that_are_taken(stage, folder, kind):
    depth, colour, size = LARGEST[kind]
    width = 8900
    height = MAX_PIXELS // width
    content = files.png(width, height, files.zeros(height * (1 + width * size)), depth, colour)
    picture = upload(stage, folder, content)
    assert picture.image.size == (width, height)


@pytest.mark.parametrize("size", [(1, 100_000), (100_000, 1), (1, 1), (2, 8900)])
def test_pictures_as_thin_as_a_hair_go_all_the_way(stage, folder, size):
    content = io.BytesIO()
    Image.new("RGB", size, (90, 30, 20)).save(content, "PNG")
    assert upload(stage, folder, content.getvalue()).image.size == size


ODD_PNGS = {
    "sixteen bits with transparency": (16, 6, 8, ()),
    "grey of sixteen bits with transparency": (16, 4, 4, ()),
    "one colour that is transparent": (8, 2, 3, (files.chunk(b"tRNS", bytes(6)),)),
    "colours beyond its palette": (8, 3, 1, (files.chunk(b"PLTE", b"abc"),)),
    "no palette": (8, 3, 1, ()),
    "more transparency than palette": (
        *(8, 3, 1),
        (files.chunk(b"PLTE", b"abc"), files.chunk(b"tRNS", bytes(300))),
    ),
}


@pytest.mark.parametrize("kind", ODD_PNGS)
def test_pngs_that_hold_what_few_hold(stage, folder, kind):
    depth, colour, size, more = ODD_PNGS[kind]
    rows = zlib.compress(b"".join(b"\0" + bytes(range(4 * size)) for _ in range(4)))
    upload(stage, folder, files.png(4, 4, rows, depth, colour, *more))


@pytest.mark.parametrize("block", [b"\xff\xe1", b"\xff\xfe"], ids=["exif", "comment"])
def test_four_megabytes_of_words_around_a_small_photo(stage, folder, block):
    photo = files.whole()["jpeg"]
    words = block + struct.pack(">H", 65535) + b"Exif\0\0" + b"A" * 65527
    assert upload(stage, folder, photo[:2] + 60 * words + photo[2:]).image.size


def test_arrays_of_the_largest_size(folder):
    for kind in (np.float64, np.int64):
        array = np.zeros((8900, 8900), dtype=kind)
        assert isinstance(attempt(lambda array=array: load_image(array)), Image.Image)
