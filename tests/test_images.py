"""Every kind of image that people upload, and every kind that must be refused."""

from __future__ import annotations

import os
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pix2seq import images
from pix2seq.config import ConfigError
from pix2seq.images import MAX_PIXELS, load_image

RED = (255, 0, 0)


def split(size: tuple[int, int] = (40, 20)) -> Image.Image:
    """Left half red, right half blue."""
    image = Image.new("RGB", size, (0, 0, 255))
    image.paste(RED, (0, 0, size[0] // 2, size[1]))
    return image


def colour(image: Image.Image, x: float, y: float) -> tuple[int, ...]:
    return image.getpixel((int(x * (image.width - 1)), int(y * (image.height - 1))))


def near(a: tuple[int, ...], b: tuple[int, ...], tolerance: int = 12) -> bool:
    return all(abs(p - q) <= tolerance for p, q in zip(a, b, strict=True))


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds hardly any pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    size = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(b"\0" * 100)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


# ---- readable -------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["RGB", "L", "1", "P", "CMYK", "YCbCr", "HSV", "LAB"])
def test_every_mode_becomes_rgb(mode):
    image = load_image(split().convert("RGB").convert(mode) if mode != "LAB" else lab())
    assert image.mode == "RGB" and image.size == (40, 20)


def lab() -> Image.Image:
    return Image.new("LAB", (40, 20), (128, 0, 0))


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "gif", "bmp", "tiff"])
def test_every_common_format_is_read_by_path_and_string(tmp_path: Path, suffix: str):
    path = tmp_path / f"ein Bild mit ümläut.{suffix}"
    split().save(path)
    for source in (path, str(path)):
        image = load_image(source)
        assert image.mode == "RGB" and image.size == (40, 20)
        assert near(colour(image, 0.2, 0.5), RED, 40)


def test_the_result_is_a_new_image():
    source = split()
    result = load_image(source)
    result.putpixel((0, 0), (1, 2, 3))
    assert source.getpixel((0, 0)) == RED


def test_a_cmyk_jpeg_keeps_its_colours(tmp_path: Path):
    split().convert("CMYK").save(tmp_path / "print.jpg", quality=95)
    image = load_image(tmp_path / "print.jpg")
    assert near(colour(image, 0.2, 0.5), RED, 30) and near(colour(image, 0.8, 0.5), (0, 0, 255), 30)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_cameras_rotation_is_applied(tmp_path: Path, orientation: int):
    """Whatever way the sensor's rows are stored, red is on the left afterwards."""
    stored_as = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    image = split() if stored_as is None else split().transpose(stored_as)
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save(tmp_path / "camera.png", exif=exif)
    upright = load_image(tmp_path / "camera.png")
    assert upright.size == (40, 20)
    assert colour(upright, 0.2, 0.5) == RED and colour(upright, 0.8, 0.5) == (0, 0, 255)


@pytest.mark.parametrize("suffix", ["gif", "webp", "png"])
def test_an_animation_shows_its_first_frame(tmp_path: Path, suffix: str):
    frames = [Image.new("RGB", (8, 8), c) for c in (RED, (0, 255, 0), (0, 0, 255))]
    path = tmp_path / f"moving.{suffix}"
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=50)
    assert near(colour(load_image(path), 0.5, 0.5), RED)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA", "P"])
def test_transparency_is_laid_over_white(tmp_path: Path, mode: str):
    if mode == "P":
        image = Image.new("P", (4, 4), 0)
        image.putpalette([255, 0, 0] + [0] * 765)
        image.info["transparency"] = 0
    else:
        image = Image.new("RGBA", (4, 4), (255, 0, 0, 0)).convert(mode)
    image = load_image(image)
    assert image.mode == "RGB" and image.getpixel((1, 1)) == (255, 255, 255)


def test_half_transparent_red_over_white_is_pink():
    pixel = load_image(Image.new("RGBA", (2, 2), (255, 0, 0, 128))).getpixel((0, 0))
    assert near(pixel, (255, 127, 127), 1)


@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_sixteen_bits_are_scaled_to_eight(tmp_path: Path, suffix: str):
    values = np.array([[0, 257, 32896, 65535]], dtype=np.uint16)
    path = tmp_path / f"deep.{suffix}"
    Image.fromarray(values).save(path)
    image = load_image(path)
    assert [image.getpixel((x, 0)) for x in range(4)] == [(v,) * 3 for v in (0, 1, 128, 255)]


def test_a_big_endian_sixteen_bit_tiff_is_scaled_too():
    dark = np.full((2, 2), 200, dtype=">u2")  # 200 of 65535 is nearly black
    assert load_image(dark).getpixel((0, 0)) == (1, 1, 1)


def test_one_pixel_is_an_image(tmp_path: Path):
    split((1, 1)).save(tmp_path / "dot.png")
    assert load_image(tmp_path / "dot.png").size == (1, 1)


@pytest.mark.parametrize(
    ("array", "pixel"),
    [
        (np.full((2, 3), 200, np.uint8), (200, 200, 200)),
        (np.full((2, 3, 1), 200, np.uint8), (200, 200, 200)),
        (np.full((2, 3, 3), (1, 2, 3), np.uint8), (1, 2, 3)),
        (np.full((2, 3, 4), (255, 0, 0, 0), np.uint8), (255, 255, 255)),
        (np.full((2, 3, 3), 0.5, np.float32), (128, 128, 128)),
        (np.full((2, 3), 1.0, np.float64), (255, 255, 255)),
        (np.full((2, 3), 65535, np.uint16), (255, 255, 255)),
        (np.full((2, 3), 200, np.int64), (200, 200, 200)),
        (np.ones((2, 3), bool), (255, 255, 255)),
        (np.full((3, 2, 3), 9, np.uint8).transpose(1, 0, 2), (9, 9, 9)),  # not contiguous
    ],
)
def test_arrays_of_every_kind_are_read(array, pixel):
    image = load_image(array)
    assert (image.width, image.height) == (3, 2) and image.getpixel((2, 1)) == pixel


# ---- refused --------------------------------------------------------------------------------


def refusal(source) -> str:
    with pytest.raises(ConfigError) as caught:
        load_image(source)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (None, "there is no image"),
        (3, "the image is a int"),
        ("", "is not a file"),
        ("\0", "is not a file"),
        ("a" * 5000, "is not a file"),
        ("no/such/photo.jpg", "'no/such/photo.jpg' is not a file"),
        ("https://example.org/photo.jpg", "'https://example.org/photo.jpg' is a web address"),
        (np.zeros((0, 5), np.uint8), "is 5 x 0 pixels"),
        (np.zeros((5, 5, 2), np.uint8), r"has shape (5, 5, 2)"),
        (np.zeros((1, 5, 5, 3), np.uint8), r"has shape (1, 5, 5, 3)"),
        (np.full((2, 2), np.nan), "floats from nan"),
        (np.full((2, 2), 200.0), "scale them to [0, 1]"),
        (np.full((2, 2), -1), "integers from -1"),
        (np.full((2, 2), 1j), "complex128"),
        (np.array([["a", "b"]]), "holds <U1 values"),
        (Image.new("RGB", (0, 0)), "is 0 x 0 pixels"),
    ],
)
def test_what_is_no_image_is_named(source, message):
    assert message in refusal(source)


def test_a_folder_is_not_an_image(tmp_path: Path):
    assert "is not a file" in refusal(tmp_path)


def test_a_file_behind_a_locked_folder_is_not_said_to_be_missing(tmp_path: Path, monkeypatch):
    """Tests may run as root, whom no right stops, so the refusal is the system's own error."""
    photo, look = tmp_path / "photo.png", os.stat

    def refuse(path, *args, **how):
        if str(path) == str(photo):
            raise PermissionError(13, "Permission denied", path)
        return look(path, *args, **how)

    monkeypatch.setattr(os, "stat", refuse)
    assert "lies in a folder that may not be read; check its permissions" in refusal(photo)


def test_an_empty_file_is_called_empty(tmp_path: Path):
    (tmp_path / "empty.png").write_bytes(b"")
    assert "is empty (0 bytes)" in refusal(tmp_path / "empty.png")


@pytest.mark.parametrize(
    "content", [b"hello", b"<svg xmlns='x'/>", b"\x89PNG\r\n\x1a\n", b"GIF89a"]
)
def test_a_file_that_is_no_picture_is_refused(tmp_path: Path, content: bytes):
    (tmp_path / "odd.png").write_bytes(content)
    assert "odd.png" in refusal(tmp_path / "odd.png")


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "gif", "bmp", "tiff"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_truncated_file_is_refused(tmp_path: Path, suffix: str, share: float):
    rng = np.random.default_rng(0)
    path = tmp_path / f"cut.{suffix}"
    Image.fromarray(rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    assert "cut" in refusal(path)


def test_a_locked_file_is_called_so(tmp_path: Path, monkeypatch):
    """Simulated, because a test that runs as root may read everything."""

    def locked(path, formats):
        raise PermissionError(13, "Permission denied")

    split().save(tmp_path / "mine.png")
    monkeypatch.setattr(Image, "open", locked)
    assert "may not be read; check its permissions" in refusal(tmp_path / "mine.png")


@pytest.mark.parametrize(
    ("size", "named"),
    [
        ((20_000, 20_000), "400,000,000 pixels"),
        ((12_000, 8_000), "96,000,000 pixels"),
        ((10_000, 8_500), "10000 x 8500 pixels"),
    ],
)
def test_a_decompression_bomb_is_refused_before_it_is_decoded(tmp_path, monkeypatch, size, named):
    path = tmp_path / "bomb.png"
    path.write_bytes(png_header(*size))
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("it was decoded"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        message = refusal(path)
    assert named in message and "80 megapixels" in message


def test_an_array_or_image_above_the_limit_is_refused(monkeypatch):
    monkeypatch.setattr(images, "MAX_PIXELS", 99)
    assert "10 x 10 pixels" in refusal(np.zeros((10, 10), np.uint8))
    assert "10 x 10 pixels" in refusal(Image.new("RGB", (10, 10)))


def test_pillow_does_not_warn_about_what_we_accept():
    assert MAX_PIXELS < Image.MAX_IMAGE_PIXELS
