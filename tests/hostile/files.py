"""Broken picture files: cut at every marker, edited, lying, stuffed, of every format there is."""

from __future__ import annotations

import functools
import io
import re
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from hypothesis import strategies as st
from PIL import Image, ImageCms, PngImagePlugin

from tests import fakes

HOSTILE_NAMES = (
    "photo.png",
    "photo.php.png",
    "photo.svg",
    "a" * 180 + ".jpg",
    "<img src=x onerror=alert(1)>.png",
    "${alert(1)}.png",
    "line\nbreak.png",
    "con.png",
    "-rf.png",
    "; rm -rf ~;.png",
    "\u202egnp.exe",
    "é中🙂.webp",
    " .png",
    "....png",
    "%2e%2e%2fetc%2fpasswd.png",
    "photo",
)

# What the first bytes of forty other formats look like; none is a picture that we read.
MAGIC = {
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 50 50\n(id) (w) file pop\nshowpage\n",
    "ps": b"%!PS\n/outfile (/tmp/owned) (w) file def\n",
    "dos-eps": b"\xc5\xd0\xd3\xc6" + struct.pack("<6I", 30, 60, 0, 0, 0, 0),
    "pdf": b"%PDF-1.7\n1 0 obj<</OpenAction<</S/JavaScript/JS(app.alert(1))>>>>endobj\n",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script/></svg>',
    "svg-xxe": b'<!DOCTYPE s [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg>&x;</svg>',
    "svg-laughs": b'<!DOCTYPE s [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><svg>&b;</svg>',
    "html": b"<!doctype html><script>alert(1)</script>",
    "php": b"<?php system($_GET['c']); ?>",
    "shell": b"#!/bin/sh\nid\n",
    "elf": b"\x7fELF\x02\x01\x01" + bytes(9),
    "exe": b"MZ\x90\0\x03\0\0\0",
    "zip": b"PK\x03\x04\x14\0\0\0\x08\0",
    "gzip": b"\x1f\x8b\x08\0\0\0\0\0",
    "7z": b"7z\xbc\xaf\x27\x1c",
    "tar": b"photo.png" + bytes(248) + b"ustar\0",
    "pickle": b"\x80\x04cos\nsystem\n(S'id'\ntR.",
    "numpy": b"\x93NUMPY\x01\0v\0{'descr': '|O', 'fortran_order': False, 'shape': (1,)}",
    "hdf5": b"\x89HDF\r\n\x1a\n",
    "psd": b"8BPS\0\x01" + bytes(6) + struct.pack(">HIIHH", 3, 30000, 30000, 8, 3),
    "ico": struct.pack("<HHHBBBBHHII", 0, 1, 1, 0, 0, 0, 0, 1, 32, 1 << 30, 22),
    "cur": struct.pack("<HHHBBBBHHII", 0, 2, 1, 16, 16, 0, 0, 1, 1, 40, 22),
    "icns": b"icns" + struct.pack(">I", 1 << 30),
    "jpeg2000": b"\0\0\0\x0cjP  \r\n\x87\n",
    "j2k": b"\xff\x4f\xff\x51\0\x2f",
    "heic": b"\0\0\0\x18ftypheic\0\0\0\0heicmif1",
    "mp4": b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom",
    "qoi": b"qoif" + struct.pack(">IIBB", 1 << 31, 1 << 31, 4, 0),
    "dds": b"DDS " + struct.pack("<I", 124) + bytes(120),
    "pcx": b"\x0a\x05\x01\x08" + struct.pack("<4H", 0, 0, 65535, 65535),
    "tga": bytes((0, 0, 2)) + bytes(9) + struct.pack("<HHBB", 65535, 65535, 24, 0),
    "sgi": b"\x01\xda\x01\x01\0\x03" + struct.pack(">3H", 65535, 65535, 3),
    "sun": struct.pack(">8I", 0x59A66A95, 65535, 65535, 24, 0, 2, 0, 0),
    "ppm": b"P6\n99999999 99999999\n255\n",
    "pfm": b"PF\n99999 99999\n-1.0\n",
    "xbm": b"#define x_width 99999\n#define x_height 99999\nstatic char x_bits[] = {\n",
    "xpm": b'/* XPM */\nstatic char *x[] = {"99999 99999 1 1",\n',
    "wmf": b"\xd7\xcd\xc6\x9a" + bytes(18),
    "emf": struct.pack("<II", 1, 108) + bytes(32) + b" EMF" + bytes(20),
    "fits": b"SIMPLE  =                    T" + b" " * 50,
    "grib": b"GRIB\0\0\0\x02",
    "bufr": b"BUFR\0\0\0\x04",
    "fli": struct.pack("<IHH", 1 << 30, 0xAF11, 65535),
    "mic": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    "webm": b"\x1a\x45\xdf\xa3",
    "wav": b"RIFF\xff\xff\xff\xffWAVEfmt ",
    "json": b'{"image": "photo.png"}',
    "lfs": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
}


def _saved(image: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@functools.cache
def whole() -> dict[str, bytes]:
    """A valid file of every kind that is read, and of their odd relatives."""
    picture = fakes.draw_picture(60, 44)
    frames = [picture, picture.rotate(180)]
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x8769] = 6, "maker", {0x9003: "2026:01:01 00:00:00"}
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "hello " * 50, zip=True)
    text.add_itxt("Title", "hello", zip=True)
    deep = Image.fromarray((np.arange(44 * 60).reshape(44, 60) * 20).astype(np.uint16))
    return {
        "png": _saved(picture, "PNG", pnginfo=text, icc_profile=profile, exif=exif),
        "png-palette": _saved(picture.convert("P"), "PNG", transparency=b"\0\x80\xff"),
        "png-16": _saved(deep, "PNG"),
        "png-la": _saved(picture.convert("LA"), "PNG"),
        "png-1": _saved(picture.convert("1"), "PNG"),
        "apng": _saved(picture, "PNG", save_all=True, append_images=frames),
        "jpeg": _saved(picture, "JPEG", exif=exif, icc_profile=profile, comment=b"hello"),
        "jpeg-progressive": _saved(picture, "JPEG", progressive=True),
        "jpeg-restart": _saved(picture, "JPEG", restart_marker_blocks=1),
        "jpeg-cmyk": _saved(picture.convert("CMYK"), "JPEG"),
        "jpeg-grey": _saved(picture.convert("L"), "JPEG"),
        "mpo": _saved(picture, "MPO", save_all=True, append_images=frames),
        "webp": _saved(picture, "WEBP", exif=exif, icc_profile=profile),
        "webp-lossless": _saved(picture.convert("RGBA"), "WEBP", lossless=True),
        "webp-animated": _saved(picture, "WEBP", save_all=True, append_images=frames),
        "gif": _saved(picture, "GIF"),
        "gif-animated": _saved(picture, "GIF", save_all=True, append_images=frames),
        "bmp": _saved(picture, "BMP"),
        "bmp-1": _saved(picture.convert("1"), "BMP"),
        "bmp-palette": _saved(picture.convert("P"), "BMP"),
        "tiff": _saved(picture, "TIFF", dpi=(72, 72)),
        "tiff-lzw": _saved(picture, "TIFF", compression="tiff_lzw"),
        "tiff-deflate": _saved(picture, "TIFF", compression="tiff_adobe_deflate"),
        "tiff-jpeg": _saved(picture, "TIFF", compression="jpeg"),
        "tiff-fax": _saved(picture.convert("1"), "TIFF", compression="group4"),
        "tiff-float": _saved(Image.fromarray(np.zeros((9, 9), np.float32)), "TIFF"),
        "tiff-raw": _saved(picture, "TIFF", compression="raw"),
        "tiff-big": _saved(picture, "TIFF", big_tiff=True),
        "avif": _saved(picture, "AVIF", exif=exif, icc_profile=profile),
        "avif-animated": _saved(picture, "AVIF", save_all=True, append_images=frames),
    }


def marks(content: bytes) -> list[int]:
    """Where a file's parts begin: markers, chunks, boxes, directories."""
    if content.startswith(b"\xff\xd8"):
        found = [m.start() for m in re.finditer(rb"\xff[\xc0-\xfe]", content)]
    elif content.startswith(b"\x89PNG"):
        found = list(_chunks(content, 8, ">", 12, head=False))
    elif content.startswith(b"RIFF"):
        found = list(_chunks(content, 12, "<", 8, head=True))
    else:
        found = [m.start() for m in re.finditer(rb"ftyp|meta|iloc|iprp|mdat|!\xf9|,", content)]
    return sorted({*found, *range(0, len(content), max(len(content) // 16, 1))})


def _chunks(content: bytes, start: int, order: str, around: int, head: bool) -> Iterator[int]:
    while start + 8 <= len(content):
        yield start
        at = start + 4 if head else start
        start += around + struct.unpack_from(f"{order}I", content, at)[0]


@st.composite
def cut(draw: st.DrawFn) -> bytes:
    """A file that ends at, just before or just after one of its parts."""
    content = whole()[draw(st.sampled_from(sorted(whole())))]
    at = draw(st.sampled_from(marks(content))) + draw(st.integers(-2, 6))
    return content[: max(at, 1)]


@st.composite
def edited(draw: st.DrawFn) -> bytes:
    """A file with bytes, numbers or stretches changed, most of them where its parts begin."""
    content = bytearray(whole()[draw(st.sampled_from(sorted(whole())))])
    for _ in range(draw(st.integers(1, 4))):
        if draw(st.booleans()):
            near = draw(st.sampled_from(marks(bytes(content)))) + draw(st.integers(0, 24))
        else:
            near = draw(st.integers(0, len(content)))
        at = min(near, len(content) - 1)
        number = draw(st.sampled_from((0, 1, 7, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)))
        order = draw(st.sampled_from("<>"))
        change = draw(st.sampled_from(("bit", "byte", "u16", "u32", "drop", "more", "shuffle")))
        if change == "bit":
            content[at] ^= 1 << draw(st.integers(0, 7))
        elif change == "byte":
            content[at] = draw(st.integers(0, 255))
        elif change == "u16":
            content[at : at + 2] = struct.pack(f"{order}H", number & 0xFFFF)
        elif change == "u32":
            content[at : at + 4] = struct.pack(f"{order}I", number)
        elif change == "drop":
            del content[at : at + draw(st.integers(1, 40))]
        elif change == "more":
            content[at:at] = draw(st.binary(min_size=1, max_size=40))
        else:
            content[at : at + 40] = bytes(reversed(content[at : at + 40]))
        if not content:
            return b"\0"
    return repaired(bytes(content)) if draw(st.booleans()) else bytes(content)


def repaired(content: bytes) -> bytes:
    """A PNG whose checksums are right again, so that its lies are read; others as they are."""
    if not content.startswith(b"\x89PNG\r\n\x1a\n"):
        return content
    fixed = bytearray(content)
    for start in _chunks(content, 8, ">", 12, head=False):
        (length,) = struct.unpack_from(">I", content, start)
        end = start + 8 + length
        if end + 4 <= len(content):
            fixed[end : end + 4] = struct.pack(">I", zlib.crc32(content[start + 4 : end]))
    return bytes(fixed)


@st.composite
def garbage(draw: st.DrawFn) -> bytes:
    """Another format's beginning, with whatever behind it."""
    start = MAGIC[draw(st.sampled_from(sorted(MAGIC)))]
    return start + draw(st.one_of(st.binary(max_size=64), st.just(bytes(300))))


@st.composite
def polyglot(draw: st.DrawFn) -> bytes:
    """Two files in one: what follows, precedes or hides in a picture."""
    content = whole()[draw(st.sampled_from(sorted(whole())))]
    guest = MAGIC[draw(st.sampled_from(sorted(MAGIC)))]
    other = whole()[draw(st.sampled_from(sorted(whole())))]
    shape = draw(st.sampled_from(("behind", "before", "other", "inside", "header")))
    if shape == "behind":
        return content + guest
    if shape == "before":
        return guest + content
    if shape == "other":
        return content + other
    if shape == "header":
        return other[:16] + content[16:]
    at = draw(st.sampled_from(marks(content)))
    return content[:at] + guest + content[at:]


def png(
    width: int, height: int, data: bytes, depth: int = 8, colour: int = 2, *more: bytes
) -> bytes:
    """A PNG by hand, so that it can lie; ``more`` are whole chunks before the pixels."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    chunks = [chunk(b"IHDR", header), *more, chunk(b"IDAT", data), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def zeros(count: int) -> bytes:
    """Zeros in little room."""
    packer = zlib.compressobj(9)
    piece = bytes(1 << 20)
    packed = [packer.compress(piece) for _ in range(count >> 20)]
    return b"".join([*packed, packer.compress(bytes(count & 0xFFFFF)), packer.flush()])


def exif_of(entries: list[tuple[int, int, int, bytes]], following: int = 0) -> bytes:
    """An EXIF block of (tag, type, count, four bytes), whose next directory may be anywhere."""
    block = b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(entries))
    for tag, kind, count, value in entries:
        block += struct.pack("<HHI", tag, kind, count) + value.ljust(4, b"\0")[:4]
    return block + struct.pack("<I", following)


@st.composite
def odd_exif(draw: st.DrawFn) -> bytes:
    """A small JPEG, PNG, WebP or TIFF whose EXIF lies: loops, huge counts, odd types."""
    entry = st.tuples(
        st.sampled_from((0x0112, 0x8769, 0x8825, 0x014A, 0xA005, 0x927C, 0x0201, 0x0100, 0x011B)),
        st.integers(0, 20),
        st.sampled_from((0, 1, 2, 3, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)),
        st.sampled_from((b"\x08\0\0\0", b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x06\0\0\0", b"abcd")),
    )
    entries = draw(st.lists(entry, max_size=6))
    following = draw(st.sampled_from((0, 8, 0xFFFFFFFF, 4, 10)))
    block = exif_of(entries, following)
    kind = draw(st.sampled_from(("JPEG", "PNG", "WEBP", "TIFF")))
    if kind == "TIFF":
        return block
    return _saved(fakes.draw_picture(20, 16), kind, exif=b"Exif\0\0" + block)


@st.composite
def odd_profile(draw: st.DrawFn) -> bytes:
    """A picture with a colour profile that is none."""
    profile = draw(st.one_of(st.binary(max_size=300), st.just(bytes(200_000))))
    kind = draw(st.sampled_from(("JPEG", "PNG", "WEBP")))
    return _saved(fakes.draw_picture(20, 16), kind, icc_profile=profile)


def many_scans(scans: int, side: int) -> bytes:
    """A progressive JPEG that goes over ``side`` x ``side`` pixels so often: a few bytes a scan."""
    content = _saved(Image.new("L", (side, side), 128), "JPEG", progressive=True)
    start = content.rindex(b"\xff\xda")
    return content[:start] + content[start:-2] * scans + b"\xff\xd9"


def looping_tiff(pages: int) -> bytes:
    """A TIFF with so many directories, the last pointing to the first."""
    body = b""
    for page in range(pages):
        following = 8 + 18 * (page + 1) if page < pages - 1 else 8
        body += struct.pack("<HHHII", 1, 256, 4, 1, 20) + struct.pack("<I", following)
    return b"II*\0" + struct.pack("<I", 8) + body
