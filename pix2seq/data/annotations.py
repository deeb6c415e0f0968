"""COCO JSON as label tools really write it, read into arrays.

What is meant is taken where it is plain: numbers as text, whole floats as ids, ``null`` for what
nobody needs, a byte order mark. What contradicts itself or cannot be understood is refused in one
line that names the file, the entry's index and the remedy.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, NoReturn

import numpy as np
from tqdm import tqdm

from pix2seq.categories import Categories
from pix2seq.config import ConfigError, short
from pix2seq.data.classes import read_classes, without_groups
from pix2seq.data.values import LARGEST, flag, id_of, number_of, require_object, whole

_LARGE = 30_000_000  # bytes: reading a file from this size on takes seconds and shows a bar
_PARTS = ("images", "annotations", "categories")
_PACKED = ((b"\x1f\x8b", "gzip"), (b"PK", "zip"), (b"BZh", "bzip2"), (b"\xfd7zXZ", "xz"))


@dataclass(frozen=True, eq=False)
class Annotations:
    """One file's content; I images, N boxes in the order of their images.

    Attributes:
        source: the file.
        image_ids: (I,).
        file_names: (I,) as the file spells them.
        sizes: (I, 2) int64, height and width; 0 where the file does not say.
        shared_files: files that several images name, with the ids of these: exports of several
            videos into one folder lose all pictures but one.
        boxes: (N, 4) float64 ``xyxy`` as stated, not clipped.
        areas: (N,) float64, the segment's where the file states it, else the box's.
        category_ids: (N,) int64.
        is_crowd: (N,) bool.
        image: (N,) int64, index of the image; ascending.
        entry: (N,) int64, index in the file's list, for messages.
        categories: the file's classes in id order. A class that others name as their
            ``supercategory`` and that no box has is left out: it groups, it is nothing to find.
    """

    source: str
    image_ids: tuple[int, ...]
    file_names: tuple[str, ...]
    sizes: np.ndarray
    shared_files: tuple[tuple[str, tuple[int, ...]], ...]
    boxes: np.ndarray
    areas: np.ndarray
    category_ids: np.ndarray
    is_crowd: np.ndarray
    image: np.ndarray
    entry: np.ndarray
    categories: Categories

    def doubts(self) -> list[str]:
        """What is read as it stands although it looks like a mistake, in words."""
        if not self.shared_files:
            return []
        file, ids = self.shared_files[0]
        more = f", and {len(self.shared_files) - 1} more such files" * (len(self.shared_files) > 1)
        named = " and ".join(map(str, ids[:4])) + " ..." * (len(ids) > 4)
        return [
            f"{len(ids)} images (ids {named}) have the same file {file}{more}; if that is not "
            "meant, give each its own file"
        ]


def read_annotations(path: str | Path) -> Annotations:
    """Read a COCO JSON; the same unchanged file is read once per process.

    Raises:
        ConfigError: it cannot be read, is something else, or contradicts itself.
    """
    try:
        state = Path(path).stat()
    except FileNotFoundError:
        raise ConfigError(f"{path} is not there; check the path of the annotations") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} is not a readable COCO JSON: {error}") from None
    return _read(str(path), state.st_mtime_ns, state.st_size)


def forget() -> None:
    """Let go of what was read: a command that is done needs it no more."""
    _read.cache_clear()


@lru_cache(maxsize=4)
def _read(path: str, changed_ns: int, size: int) -> Annotations:
    large = size >= _LARGE
    if large:
        print(f"reading {path} ({size / 1e6:.0f} MB) ...", file=sys.stderr, flush=True)
    content = coco_lists(path, _PARTS)
    categories = read_classes(path, content["categories"])
    images = _images(path, content["images"])
    table = _objects(path, content["annotations"], images["image_ids"], show=large)
    used = set(table["category_ids"].tolist())
    return Annotations(path, **images, **table, categories=without_groups(categories, used))


def coco_lists(path: str | Path, parts: Sequence[str]) -> dict[str, list]:
    """A COCO JSON of which these parts are needed, each a list of what nobody has looked at.

    Raises:
        ConfigError: it cannot be read, is something else, or lacks a part.
    """
    try:
        text = Path(path).read_bytes()
        if not text.strip():
            raise ConfigError(f"{path} is empty; COCO JSON is expected")
        if text.lstrip()[:1] == b"<":
            raise ConfigError(f"{path} is a web page or XML, not COCO JSON; export it as COCO")
        if packed := next((name for start, name in _PACKED if text.startswith(start)), None):
            raise ConfigError(f"{path} is packed ({packed}), not COCO JSON; unpack it first")
        content = json.loads(text)  # finds UTF-8, UTF-16 and a byte order mark by itself
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not UTF-8; save it with that encoding") from None
    except RecursionError:
        raise ConfigError(f"{path} is not COCO JSON: it is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise ConfigError(
            f"{path} is not JSON ({error}); give the file that was exported as COCO"
        ) from None
    except OSError as error:
        raise ConfigError(f"{path} is not a readable COCO JSON: {error.strerror}") from None
    except ConfigError:
        raise
    except ValueError:  # Python reads no number of thousands of digits
        raise ConfigError(f"{path} is not COCO JSON: it holds a number that is too long") from None
    if isinstance(content, list) and content and _is_result(content[0]):
        raise ConfigError(
            f"{path} holds results (detections with scores), not annotations; give the file with "
            "images, annotations and categories"
        )
    if not isinstance(content, dict):
        raise ConfigError(
            f"{path} is not COCO JSON: {short(content)} in place of an object with "
            f"{', '.join(parts)}"
        )
    for part in parts:
        if part not in content:
            raise ConfigError(f"{path} is not COCO JSON: it lacks {part!r}")
        if not isinstance(content[part], list):
            raise ConfigError(
                f"{path} is not COCO JSON: {part!r} is {short(content[part])}; it must be a list"
            )
    return content


def _is_result(entry: Any) -> bool:
    return isinstance(entry, dict) and {"image_id", "score"} <= set(entry)


# ---- images ---------------------------------------------------------------------------------


def _images(path: str, entries: list) -> dict[str, Any]:
    ids: dict[int, int] = {}
    names: list[str] = []
    sizes = np.zeros((len(entries), 2), dtype=np.int64)
    by_file: dict[PurePosixPath, list[int]] = {}
    for number, entry in enumerate(entries):
        where = f"{path}: image {number}"
        require_object(where, entry)
        identity = id_of(where, entry, "id")
        if identity in ids:
            raise ConfigError(
                f"{where} has id {identity}, which image {ids[identity]} has already; "
                "give every image an id of its own"
            )
        name = entry.get("file_name")
        if not names_a_file(name):
            raise ConfigError(f"{where} has the file_name {short(name)}; it must name a file")
        file = PurePosixPath(name)
        ids[identity] = number
        by_file.setdefault(file, []).append(identity)
        names.append(name)
        sizes[number] = [_side(where, entry, field) for field in ("height", "width")]
    shared = tuple((str(file), tuple(same)) for file, same in by_file.items() if len(same) > 1)
    return {
        "image_ids": tuple(ids),
        "file_names": tuple(names),
        "sizes": sizes,
        "shared_files": shared,
    }


def names_a_file(name: Any) -> bool:
    """Whether some system could have a file of that name; bytes that are no UTF-8 arrive as half
    surrogates of one kind (``os.fsdecode``), and no file has those of the other."""
    if not isinstance(name, str) or not name.strip() or "\0" in name:
        return False
    try:
        name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return True


def _side(where: str, entry: dict, field: str) -> int:
    """Pixels, 0 where the file does not say."""
    value = entry.get(field)
    if value is None:
        return 0
    pixels = whole(value)
    if pixels is None or pixels < 1:
        raise ConfigError(f"{where}: {field} is {short(value)}; it must be 1 pixel or more")
    return pixels


# ---- annotations ----------------------------------------------------------------------------


def _objects(
    path: str, entries: list, image_ids: Sequence[int], show: bool
) -> dict[str, np.ndarray]:
    """Every box, in the order of the images. Millions of entries pass through: what is written as
    it should be takes the short way."""
    index_of = {identity: index for index, identity in enumerate(image_ids)}
    image, labels, boxes, areas, crowds = [], [], [], [], []
    bar: Iterable = tqdm(entries, desc="boxes", unit_scale=True, leave=False) if show else entries
    for number, entry in enumerate(bar):
        try:
            of, label, box = entry["image_id"], entry["category_id"], entry["bbox"]
        except (TypeError, KeyError):
            _refuse(path, number, _lack(entry))
        if type(of) is not int:
            of = _id_or_refuse(path, number, "image_id", of)
        if type(label) is not int or abs(label) > LARGEST:
            label = _id_or_refuse(path, number, "category_id", label)
        if of not in index_of:
            _refuse(path, number, f"image {of} is not in the file (image_id)")
        if not isinstance(box, list) or len(box) != 4:
            _refuse(path, number, f"bbox is {short(box)}; it must be four numbers")
        image.append(index_of[of])
        labels.append(label)
        boxes.append(box)
        area = entry.get("area")
        plain = type(area) is float or (type(area) is int and abs(area) <= LARGEST)
        areas.append(area if plain else _area(path, number, area))
        crowd = entry.get("iscrowd", 0)
        plain = type(crowd) is int and crowd in (0, 1)
        crowds.append(crowd == 1 if plain else _crowd(path, number, crowd))
    corners = _corners(path, boxes)
    area = np.array(areas, dtype=np.float64)
    missing = np.isnan(area)
    sides = corners[:, 2:] - corners[:, :2]
    area[missing] = (sides[:, 0] * sides[:, 1])[missing]
    order = np.argsort(image, kind="stable") if image else np.zeros(0, dtype=np.int64)
    return {
        "boxes": corners[order],
        "areas": area[order],
        "category_ids": np.array(labels, dtype=np.int64)[order],
        "is_crowd": np.array(crowds, dtype=bool)[order],
        "image": np.array(image, dtype=np.int64)[order],
        "entry": order.astype(np.int64),
    }


def _corners(path: str, boxes: list[list]) -> np.ndarray:
    """``[x, y, width, height]``, numbers or their texts, to (N, 4) float64 ``xyxy``."""
    if not boxes:
        return np.zeros((0, 4))
    try:
        corners = np.array(boxes, dtype=np.float64)
        wrong = ~np.isfinite(corners).all(1)
    except (TypeError, ValueError):
        wrong = np.array([any(number_of(value) is None for value in box) for box in boxes])
    if wrong.any():
        number = int(wrong.argmax())
        _refuse(path, number, f"bbox is {short(boxes[number])}; it must be four numbers")
    negative = (corners[:, 2:] < 0).any(1)
    if negative.any():
        number = int(negative.argmax())
        _refuse(
            path,
            number,
            f"bbox is {short(boxes[number])}; it must be [x, y, width, height], none of the last "
            "two below 0",
        )
    corners[:, 2:] += corners[:, :2]
    return corners


def _area(path: str, number: int, value: Any) -> float:
    """An area that is no plain number; NaN where the file does not say."""
    if value is None or value == "":
        return math.nan
    area = number_of(value)
    if area is None:
        _refuse(path, number, f"area is {short(value)}; it must be a number of pixels")
    return area


def _crowd(path: str, number: int, value: Any) -> bool:
    crowd = flag(value)
    if crowd is None:
        _refuse(path, number, f"iscrowd is {short(value)}; it must be 0 or 1")
    return crowd


def _id_or_refuse(path: str, number: int, field: str, value: Any) -> int:
    identity = whole(value)
    if identity is None:
        _refuse(path, number, f"{field} is {short(value)}; it must be a whole number")
    return identity


def _lack(entry: Any) -> str:
    if not isinstance(entry, dict):
        return f"it is {short(entry)} in place of an object"
    missing = [name for name in ("image_id", "category_id", "bbox") if name not in entry]
    return f"it lacks {', '.join(missing)}"


def _refuse(path: str, number: int, reason: str) -> NoReturn:
    raise ConfigError(f"{path}: annotation {number} cannot be used: {reason}")
