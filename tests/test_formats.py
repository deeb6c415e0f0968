"""What a visitor sends reaches no other program: forty kinds of file, under watch."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pix2seq.config import ConfigError
from pix2seq.images import FORMATS, check_image, decode_image, load_image, upright_size

ROOT = Path(__file__).parents[1]

WATCH = """
import json, sys
from pix2seq.images import load_image
from pix2seq.config import ConfigError
seen = []
def watch(event, args):
    if event.startswith(("subprocess", "os.system", "os.exec", "os.spawn", "os.posix_spawn",
                         "os.fork", "socket.connect", "socket.getaddrinfo", "urllib", "ftplib")):
        seen.append(event)
sys.addaudithook(watch)
import subprocess, urllib.request, socket
answers = {}
for path in sys.argv[1:]:
    try:
        load_image(path)
        answers[path] = "read"
    except ConfigError as error:
        answers[path] = str(error)
print(json.dumps({"seen": seen, "answers": answers}))
"""


def files(folder: Path) -> list[Path]:
    """A picture in every format that Pillow writes, and what else calls itself a picture; each one
    under an honest and under a false name."""
    folder.mkdir()
    Image.init()
    rng = np.random.default_rng(0)
    picture = Image.fromarray(rng.integers(0, 255, (24, 32, 3), dtype=np.uint8))
    contents: dict[str, bytes] = {
        "svg": b"<svg xmlns='http://www.w3.org/2000/svg'><image href='http://a.example/x'/></svg>",
        "ps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(id) run\nshowpage\n",
        "pdf-text": b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>",
        "wmf": b"\xd7\xcd\xc6\x9a" + bytes(18) + b"\x01\x00\x09\x00\x00\x03" + bytes(40),
        "emf": b"\x01\x00\x00\x00" + bytes(36) + b" EMF" + bytes(60),
        "fpx": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
        "html": b"<!DOCTYPE html><img src='http://a.example/x.png'>",
        "mvg": b"push graphic-context\nviewbox 0 0 9 9\nimage over 0,0 0,0 'https://a.example'\n",
        "zip": b"PK\x03\x04" + bytes(60),
        "elf": b"\x7fELF" + bytes(60),
        "script": b"#!/bin/sh\ntouch here\n",
        "xbm": b"#define a_width 8\n#define a_height 1\nstatic char a_bits[] = { 0x01 };\n",
        "psd": b"8BPS\x00\x01" + bytes(40),
        "heic": bytes(3) + b"\x18ftypheic" + bytes(40),
        "jxl": b"\xff\x0a" + bytes(40),
        "fits": b"SIMPLE  =                    T" + bytes(80),
        "fli": bytes(4) + b"\x11\xaf" + bytes(130),
        "nothing": bytes(100),
    }
    for kind in sorted(Image.SAVE):
        image = picture if kind not in ("XBM", "MSP") else picture.convert("1")
        target = io.BytesIO()
        try:
            image.save(target, format=kind)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
        contents[kind] = target.getvalue()
    paths = []
    for kind, content in contents.items():
        for name in (f"{kind}.dat", f"photo-{kind}.png"):
            (folder / name).write_bytes(content)
            paths.append(folder / name)
    return paths


def test_nothing_that_reads_a_picture_starts_a_program_or_opens_a_connection(tmp_path):
    """PostScript named photo.png once started whatever ``gs`` was on the PATH."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("gs", "gswin32c", "gswin64c", "convert", "inkscape", "rsvg-convert"):
        (programs / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/ran-{name}\n")
        (programs / name).chmod(0o755)
    paths = files(tmp_path / "files")
    assert len({path.stem.removeprefix("photo-") for path in paths}) >= 40
    done = subprocess.run(
        [sys.executable, "-c", WATCH, *map(str, paths)],
        cwd=ROOT,
        env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    said = json.loads(done.stdout)
    assert said["seen"] == [] and not list(tmp_path.glob("ran-*"))
    read = {
        Path(path).stem.removeprefix("photo-") for path, a in said["answers"].items() if a == "read"
    }
    assert read <= {*FORMATS, "MPO", "DIB"}
    assert read >= {"PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"}
    assert all("\n" not in answer for answer in said["answers"].values())


@pytest.mark.parametrize("name", ["photo.png", "drawing.eps"])
def test_postscript_is_a_format_that_is_not_read(tmp_path, name):
    Image.new("RGB", (9, 9)).save(tmp_path / "x.eps")
    (tmp_path / name).write_bytes((tmp_path / "x.eps").read_bytes())
    for reader in (load_image, check_image, upright_size):
        with pytest.raises(ConfigError, match=r"can be read \(.*PostScript\); use PNG"):
            reader(tmp_path / name)


@pytest.mark.parametrize(
    ("start", "said"),
    [
        (bytes(3) + b"\x18ftypheic", "(a HEIC picture: export it as JPEG)"),
        (bytes(3) + b"\x18ftypisom", "(a video: save a frame of it)"),
        (b"\n<!DOCTYPE html>", "(a web page, SVG, PDF or PostScript)"),
        (b"version https://git-lfs.github.com/spec/v1", "(a Git LFS pointer: run git lfs pull)"),
        (b"PK\x03\x04", "(an archive: unpack it)"),
        (b"\x00\x01\x02", "is not an image that can be read; use PNG"),
    ],
)
def test_what_is_called_a_picture_and_is_something_else_is_named(tmp_path, start, said):
    content = start + bytes(40)
    (tmp_path / "photo.jpg").write_bytes(content)
    for read in (
        lambda: load_image(tmp_path / "photo.jpg"),
        lambda: decode_image(content, "photo.jpg"),
    ):
        with pytest.raises(ConfigError) as caught:
            read()
        assert said in str(caught.value)


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "gif", "bmp", "tiff", "avif"])
def test_a_sound_file_passes_the_check_and_half_a_file_does_not(tmp_path, suffix):
    rng = np.random.default_rng(0)
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(rng.integers(0, 255, (96, 64, 3), dtype=np.uint8)).save(path)
    check_image(path)
    assert upright_size(path) == (96, 64)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ConfigError, match=f"a.{suffix}"):
        check_image(path)


def test_addresses_are_called_addresses_and_file_addresses_are_read(tmp_path):
    with pytest.raises(ConfigError, match=r"'https://a\.example/x\.jpg\?s=1' is a web address"):
        load_image("https://a.example/x.jpg?s=1")
    Image.new("RGB", (5, 4)).save(tmp_path / "a b.png")
    assert load_image((tmp_path / "a b.png").as_uri()).size == (5, 4)


@pytest.mark.parametrize("overshoot", [1.0000001, 1.0005, -1e-9])
def test_a_rounding_error_beyond_one_is_clipped(overshoot):
    image = load_image(np.full((2, 2), overshoot))
    assert image.getpixel((0, 0)) == ((255,) * 3 if overshoot > 0.5 else (0,) * 3)


@pytest.mark.parametrize(("value", "named"), [(1.2, "1.2"), (-0.5, "-0.5"), (np.nan, "nan")])
def test_floats_of_another_range_are_refused_with_numbers_that_show_it(value, named):
    with pytest.raises(ConfigError, match=named):
        load_image(np.full((2, 2), value))
