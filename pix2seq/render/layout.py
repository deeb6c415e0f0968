"""Where everything stands on the stage: the photo on top, the sentence below, one row per object.

The layout is known from the finished record, so that nothing moves while a run is written. The SVG
and the raster pictures share it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pix2seq.config import ConfigError
from pix2seq.render.fields import RecordDetection, RecordToken
from pix2seq.render.palette import ROLE_COLORS, class_color
from pix2seq.render.record import RunRecord

MARGIN = 16
ROW = 28
CHIP_HEIGHT = 22
GAP = 4
NUMBER_WIDTH = 22
COORD_WIDTH = 46
LABEL_WIDTH = 108
LEGEND_HEIGHT = 20
FOOTER = 22
TAG_HEIGHT = 18
TAG_PADDING = 10
_COLUMN_GAP = 20
_TALLEST_IMAGE = 0.75  # relative to the stage's width
_ENDINGS = {"eos": "ended by EOS", "limit": "ended by the limit", "stopped": "stopped"}
_ROW_WIDTH = NUMBER_WIDTH + 4 * (COORD_WIDTH + GAP) + LABEL_WIDTH


@dataclass(frozen=True)
class Rect:
    """A rectangle on the stage, in stage pixels."""

    x: float
    y: float
    width: float
    height: float

    def touches(self, other: Rect) -> bool:
        """Whether they overlap."""
        return (
            self.x < other.x + other.width
            and other.x < self.x + self.width
            and self.y < other.y + other.height
            and other.y < self.y + self.height
        )


@dataclass(frozen=True)
class Edge:
    """One side of a box, as far as the tokens written so far determine it."""

    slot: str
    start: tuple[float, float]
    end: tuple[float, float]


def edges(known: Mapping[str, float], width: float, height: float) -> list[Edge]:
    """The sides of a box that is still being written.

    A side runs along its own coordinate and ends where its neighbours are, or at the image's border
    while they are not written yet. So ``ymin`` alone is a line across the image, ``xmin`` makes it
    a corner, ``ymax`` leaves three sides and ``xmax`` closes the box; any other order works alike.

    Args:
        known: coordinates by slot, in pixels.
        width, height: of the image.
    """
    left, right = known.get("xmin", 0.0), known.get("xmax", width)
    top, bottom = known.get("ymin", 0.0), known.get("ymax", height)
    found = []
    for slot, at in known.items():
        if slot in ("ymin", "ymax"):
            found.append(Edge(slot, (left, at), (right, at)))
        else:
            found.append(Edge(slot, (at, top), (at, bottom)))
    return found


@dataclass(frozen=True)
class StageObject:
    """An object's tokens in order, and what was read from them (``None``: nothing, or left out)."""

    number: int
    tokens: tuple[RecordToken, ...]
    detection: RecordDetection | None

    def known(self, upto: int) -> dict[str, float]:
        """The coordinates among its tokens before position ``upto`` of the sequence."""
        return {t.slot: t.pixel for t in self.tokens if t.index < upto and t.pixel is not None}

    @property
    def is_noise(self) -> bool:
        """Whether it is shown as noise."""
        return self.detection is not None and self.detection.is_noise

    def on_photo(self, upto: int) -> bool:
        """Whether it is drawn on the photo once ``upto`` tokens are written: while it grows, and
        when it is finished only if it is reported."""
        return self.detection is not None or not self.named(upto)

    def named(self, upto: int) -> bool:
        """Whether its class is among the first ``upto`` tokens of the sequence."""
        return any(t.slot == "class" and t.index < upto for t in self.tokens)


class Stage:
    """The geometry of one record.

    Args:
        record: a run; its finished state decides the size.
        width: of the stage in pixels, at least 360.
    """

    def __init__(self, record: RunRecord, width: int = 720) -> None:
        if width < 360:
            raise ConfigError(f"the stage is {width} pixels wide; use 360 or more")
        self.record = record
        self.width = width
        inner = width - 2 * MARGIN
        self.scale = min(inner / record.image.width, _TALLEST_IMAGE * width / record.image.height)
        shown_width = record.image.width * self.scale
        shown_height = record.image.height * self.scale
        self.photo = Rect((width - shown_width) / 2, MARGIN, shown_width, shown_height)
        self.objects = self._group()
        self.eos = next((t for t in record.tokens if t.object is None), None)
        self.columns = max(1, int((inner + _COLUMN_GAP) // (_ROW_WIDTH + _COLUMN_GAP)))
        cells = max(1, len(self.objects) + (self.eos is not None))
        self.rows = -(-cells // self.columns)
        self.sentence_y = self.photo.y + shown_height + 12
        bottom = self.sentence_y + LEGEND_HEIGHT + self.rows * ROW
        self.height = round(bottom + FOOTER + MARGIN / 2)

    def _group(self) -> list[StageObject]:
        by_object: dict[int, list[RecordToken]] = {}
        for token in self.record.tokens:
            if token.object is not None:
                by_object.setdefault(token.object, []).append(token)
        found = {d.object: d for d in self.record.detections}
        return [
            StageObject(number, tuple(tokens), found.get(number))
            for number, tokens in sorted(by_object.items())
        ]

    def place(self, x: float, y: float) -> tuple[float, float]:
        """A point of the photo on the stage."""
        return self.photo.x + x * self.scale, self.photo.y + y * self.scale

    def cell(self, position: int) -> tuple[float, float]:
        """Top left corner of the sentence's ``position``-th row; columns fill downwards."""
        column, row = divmod(position, self.rows)
        step = (self.width - 2 * MARGIN + _COLUMN_GAP) / self.columns
        return MARGIN + column * step, self.sentence_y + LEGEND_HEIGHT + row * ROW

    def chip(self, position: int, order: int) -> Rect:
        """Where the ``order``-th token (0..4) of a row stands; the fifth is the wide one."""
        x, y = self.cell(position)
        x += NUMBER_WIDTH + order * (COORD_WIDTH + GAP)
        return Rect(x, y, LABEL_WIDTH if order == 4 else COORD_WIDTH, CHIP_HEIGHT)

    def tags(self, measure: Callable[[str], float]) -> dict[int, tuple[Rect, str]]:
        """The reported objects' labels by number: at a corner of the box, inside the photo, and not
        over an earlier label while there is room below it.

        Args:
            measure: width of a text in stage pixels.
        """
        photo = self.photo
        placed: dict[int, tuple[Rect, str]] = {}
        for item in self.objects:
            if item.detection is None:
                continue
            known = item.known(len(self.record.tokens))
            left = min(known.get("xmin", 0.0), known.get("xmax", 0.0))
            top = min(known.get("ymin", 0.0), known.get("ymax", 0.0))
            x, y = self.place(left, top)
            text = one_line(f"{item.number + 1} {item.detection.caption}")
            width = min(measure(text) + TAG_PADDING, photo.width)
            x = min(max(x - 1, photo.x), photo.x + photo.width - width)
            y = y - TAG_HEIGHT if y - TAG_HEIGHT >= photo.y else y
            rect = Rect(x, y, width, TAG_HEIGHT)
            while hit := next((r for r, _ in placed.values() if r.touches(rect)), None):
                below = hit.y + TAG_HEIGHT + 1
                if below + TAG_HEIGHT > photo.y + photo.height:
                    break
                rect = Rect(x, below, width, TAG_HEIGHT)
            placed[item.number] = rect, text
        return placed

    def slots(self) -> tuple[str, ...]:
        """The five slots in this model's order, for the legend."""
        for item in self.objects:
            if len(item.tokens) == 5:
                return tuple(t.slot for t in item.tokens)
        return ("ymin", "xmin", "ymax", "xmax", "class")

    def footer(self) -> str:
        """One quiet line that says how this was made."""
        options = self.record.options
        chosen = "argmax" if options.temperature == 0 else f"top-p {options.top_p:g}"
        return one_line(
            f"{self.record.checkpoint} · {chosen} · temperature {options.temperature:g} · "
            f"eos {options.eos} · noise {options.noise} · seed {options.seed} · "
            f"{len(self.record.tokens)} tokens, {_ENDINGS[self.record.ending]}, "
            f"{len(self.record.detections)} objects"
        )


def box_color(item: StageObject) -> str | None:
    """The colour of a finished box and its label; ``None`` while each side has its role's."""
    if item.detection is None:
        return None
    return ROLE_COLORS["noise"] if item.is_noise else class_color(item.detection.name)


def chip_color(token: RecordToken, item: StageObject | None) -> str:
    """A chip's colour: of its role, of a written class its own; grey if it is left out."""
    if token.slot != "class":
        return ROLE_COLORS[token.slot]
    if item is None or item.is_noise or item.detection is None:
        return ROLE_COLORS["noise"]
    return class_color(token.text)


def chip_strength(token: RecordToken) -> float:
    """How full a chip's colour is: the probability that the model gave the token."""
    return math.exp(token.logprob)


def chip_text(token: RecordToken) -> str:
    """What a chip says: the written token, and for a class how probable it was. (A box's label has
    the object's name and score instead.)"""
    if token.slot == "class":
        return one_line(f"{token.text} {math.exp(token.logprob):.2f}".replace(" 0.", " ."))
    return one_line(token.text)


def fitted(text: str, fits: Callable[[str], bool]) -> str:
    """``text``, or as much of it as ``fits``: of a name and its number the name is cut."""
    if fits(text):
        return text
    name, space, number = text.rpartition(" ")
    kept = next((n for n in range(len(name) - 1, 1, -1) if fits(f"{name[:n]}… {number}")), 0)
    if space and kept:
        return f"{name[:kept].rstrip()}… {number}"
    return next((cut for n in range(len(text), 0, -1) if fits(cut := f"{text[:n]}…")), "…")


def one_line(text: str) -> str:
    """What a label can hold: whatever parts lines or paragraphs is a space there. (A name may have
    any character; Pillow's layout takes one paragraph.)"""
    return " ".join(text.split())
