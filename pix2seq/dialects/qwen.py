"""Qwen2-VL and Qwen2.5-VL: coordinates are plain digits of the language model's own vocabulary."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Any

from pix2seq.config import ConfigError
from pix2seq.dialects.base import (
    Cost,
    Dialect,
    Notes,
    Reading,
    Thing,
    absolute,
    relative,
    shown,
)

_MOST_OBJECTS = 500
_REF = re.compile(r"<\|object_ref_start\|>(.*?)(?:<\|object_ref_end\|>|(?=<\|)|$)", re.DOTALL)
_BOX = re.compile(r"<\|box_start\|>(.*?)(<\|box_end\|>|(?=<\|)|$)", re.DOTALL)
_PARTS = re.compile(f"{_REF.pattern}|{_BOX.pattern}", re.DOTALL)
_QUOTES = re.compile(r"\{\s*['“]")
_NUMBER = re.compile(r"-?\d{1,9}(?:\.\d{1,9})?")
_WORD = r"\s*([^\s(),]{1,20})\s*"
_CORNERS = re.compile(rf"\s*\({_WORD},{_WORD}\)\s*,\s*\({_WORD},{_WORD}\)\s*")


class Qwen2VL(Dialect):
    """``<|object_ref_start|>donut<|object_ref_end|><|box_start|>(587,176),(998,722)<|box_end|>``.

    Numbers are shares of the image in 0 to 999. The paper says "normalized within [0, 1000)"; the
    evaluation of its predecessor divides by 999. How the training data was rounded is not
    published; here it is to the nearest, which is what dividing by 999 undoes best.
    """

    name = "qwen2-vl"
    title = "Qwen2-VL"
    source = (
        "arXiv 2409.12191, section 2.2.1 (Visual Grounding); QwenLM/Qwen-VL: "
        "eval_mm/evaluate_grounding.py (division by 999)"
    )
    reserved = ("<|",)

    def bins(self, size: tuple[int, int]) -> tuple[int, int]:
        return 1000, 1000

    def error(self, size: tuple[int, int]) -> tuple[float, float]:
        height, width = size
        return 0.5 * width / 999, 0.5 * height / 999

    def cost(self, thing: Thing, size: tuple[int, int]) -> Cost:
        """Qwen's vocabulary has single digits only; parentheses and commas come on top."""
        return Cost(place=sum(len(str(n)) for n in self._numbers(thing, size)), marks=4)

    def _numbers(self, thing: Thing, size: tuple[int, int]) -> list[int]:
        return [round(value * 999) for value in relative(thing.box, size)]

    def _write(self, things: Sequence[Thing], size: tuple[int, int]) -> str:
        return "".join(
            "<|object_ref_start|>{}<|object_ref_end|><|box_start|>({},{}),({},{})<|box_end|>".format(
                thing.label, *self._numbers(thing, size)
            )
            for thing in things
        )

    def _read(self, text: str, size: tuple[int, int]) -> Reading:
        notes = Notes()
        name, boxes = "", 1
        for part in _PARTS.finditer(text):
            if part.group(0).startswith("<|object_ref_start|>"):
                self._without_box(notes, name, boxes)
                name, boxes = " ".join(part.group(1).split()), 0
                continue
            boxes += 1
            number = notes.next()
            if not part.group(3):
                notes.fault(f"object {number} is not closed with <|box_end|>")
            corners = _CORNERS.fullmatch(part.group(2))
            if corners is None:
                notes.fault(f"object {number}: {shown(part.group(2))} is not (x,y),(x,y)")
                continue
            values = [word if _NUMBER.fullmatch(word) else None for word in corners.groups()]
            bad = [w for w, value in zip(corners.groups(), values, strict=True) if value is None]
            bad += [word for word in values if word is not None and not 0 <= float(word) <= 999]
            if bad:
                notes.fault(f"object {number}: {shown(bad[0])} is not a number from 0 to 999")
                continue
            places = [float(word) / 999 for word in corners.groups()]
            notes.add(absolute(places, size), name, size)
        self._without_box(notes, name, boxes)
        return notes.reading("there is no <|box_start|> in the text")

    @staticmethod
    def _without_box(notes: Notes, name: str, boxes: int) -> None:
        if not boxes:
            notes.fault(f"{shown(name)} has no box")


class Qwen25VL(Dialect):
    """``[{"bbox_2d": [301, 90, 512, 370], "label": "donut"}, …]``: pixels of the resized input.

    The model sees the image at a size whose sides are multiples of 28 and whose area lies within
    limits (``resized``); its numbers are whole pixels there, so the resolution depends on the
    photo.
    """

    name = "qwen2.5-vl"
    title = "Qwen2.5-VL"
    source = (
        "QwenLM/Qwen2.5-VL: plot_bounding_boxes of the cookbook on spatial understanding (bbox / "
        "input size * image size; read in copies of it); huggingface/transformers: "
        "models/qwen2_vl/image_processing_qwen2_vl.py (smart_resize); arXiv 2502.13923"
    )
    reserved = ()

    def bins(self, size: tuple[int, int]) -> tuple[int, int]:
        rows, columns = resized(size)
        return columns + 1, rows + 1

    def error(self, size: tuple[int, int]) -> tuple[float, float]:
        (height, width), (rows, columns) = size, resized(size)
        return 0.5 * width / columns, 0.5 * height / rows

    def cost(self, thing: Thing, size: tuple[int, int]) -> Cost:
        """Single digits, as in Qwen2-VL; JSON's brackets, quotes and commas come on top."""
        return Cost(place=sum(len(str(n)) for n in self._numbers(thing, size)))

    def _numbers(self, thing: Thing, size: tuple[int, int]) -> list[int]:
        return [round(v) for v in absolute(relative(thing.box, size), resized(size))]

    def _write(self, things: Sequence[Thing], size: tuple[int, int]) -> str:
        lines = [
            json.dumps(
                {"bbox_2d": self._numbers(thing, size), "label": thing.label}, ensure_ascii=False
            )
            for thing in things
        ]
        return "[\n" + ",\n".join(lines) + "\n]" if lines else "[]"

    def _read(self, text: str, size: tuple[int, int]) -> Reading:
        """Objects are read one by one, so that an answer that breaks off keeps its beginning."""
        notes = Notes()
        decoder = json.JSONDecoder()
        beyond = False
        start = text.find("{")
        while start >= 0:
            number = notes.next()
            if number > _MOST_OBJECTS:
                notes.fault(f"there are more than {_MOST_OBJECTS} objects; the rest was left out")
                break
            try:
                item, end = decoder.raw_decode(text, start)
                beyond = self._take(notes, item, size) or beyond
            except (ValueError, RecursionError):
                end = text.find("{", start + 1)
                piece = text[start : end if end > 0 else len(text)]
                quotes = "; JSON wants straight double quotes" if _QUOTES.match(piece) else ""
                notes.fault(f"object {number} is unfinished or no JSON: {shown(piece)}{quotes}")
                if end < 0:
                    break
            start = text.find("{", end)
        if not notes.number and text.strip().strip("`json \n") == "[]":
            return Reading(())
        if beyond:
            rows, columns = resized(size)
            notes.fault(
                f"{self.title} writes pixels of its input, here {columns} x {rows}; numbers up to "
                "1000 that leave it may be thousandths of the image, as Qwen3-VL writes them"
            )
        return notes.reading('there is no {"bbox_2d": […], "label": …} in the text')

    def _take(self, notes: Notes, item: Any, size: tuple[int, int]) -> bool:
        """Take one object; whether its numbers leave the input, but not the first thousand."""
        number = notes.number
        if "bbox_2d" not in item:
            notes.fault(f"object {number} has no bbox_2d; it has {shown(', '.join(item))}")
            return False
        box = item["bbox_2d"]
        if not isinstance(box, list) or len(box) != 4 or not all(map(_is_number, box)):
            notes.fault(f"object {number}: bbox_2d is {shown(str(box))}; it must be four numbers")
            return False
        label = item.get("label", "")
        if not isinstance(label, str):
            notes.fault(f"object {number}: label is {shown(str(label))}; it must be a text")
            label = ""
        rows, columns = resized(size)
        places = relative([float(value) for value in box], (rows, columns))
        if 0 <= min(box) and max(box) <= 1 and any(value != int(value) for value in box):
            notes.fault(
                f"object {number}: {shown(str(box))} are shares of the image and were read so; "
                f"{self.title} writes pixels"
            )
            places = tuple(box)
        notes.add(absolute(places, size), " ".join(label.split()), size)
        return (max(box[0::2]) > columns or max(box[1::2]) > rows) and max(box) <= 1000


def _is_number(value: Any) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and abs(value) < 1e9
        and math.isfinite(value)
    )


def resized(
    size: tuple[int, int],
    factor: int = 28,
    min_pixels: int = 56 * 56,
    max_pixels: int = 14 * 14 * 4 * 1280,
) -> tuple[int, int]:
    """The (height, width) that Qwen2-VL's and Qwen2.5-VL's processors give an image.

    Each side goes to the nearest multiple of ``factor``; an area outside the limits is scaled into
    them, rounding inwards.

    Raises:
        ConfigError: one side is more than 200 times the other.
    """
    height, width = size
    if max(size) > 200 * min(size):
        raise ConfigError(f"an image of {width} x {height} is too long for Qwen's processor")
    rows, columns = (max(factor, round(side / factor) * factor) for side in size)
    if rows * columns > max_pixels:
        scale = math.sqrt(height * width / max_pixels)
        rows, columns = (max(factor, int(s / scale / factor) * factor) for s in size)
    elif rows * columns < min_pixels:
        scale = math.sqrt(min_pixels / (height * width))
        rows, columns = (math.ceil(side * scale / factor) * factor for side in size)
    return rows, columns
