"""What every dialect has: things in, text out, and text in, things and faults out.

Writing is exact: what a dialect cannot say is refused. Reading is tolerant, because it reads what
other models wrote: whatever is complete becomes a thing, and everything else one line that names
the value.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from pix2seq.config import ConfigError

LONGEST_TEXT = 100_000
"""Characters that are read of a pasted text."""

_SHOWN = 40
_MOST_FAULTS = 50


@dataclass(frozen=True)
class Thing:
    """An object in words: ``xyxy`` in pixels of the original image, and its name."""

    box: tuple[float, float, float, float]
    label: str


@dataclass(frozen=True)
class Cost:
    """Tokens that one object takes, its name not counted: that depends on the vocabulary.

    Attributes:
        place: tokens that hold the four numbers.
        marks: special tokens around them.
        name: tokens of the name where they are known, else ``None`` (a word or more).
    """

    place: int
    marks: int = 0
    name: int | None = None


@dataclass(frozen=True)
class Reading:
    """What a text says.

    Attributes:
        things: every object that can be read, in order.
        faults: one line for each part that cannot, or that had to be set right.
    """

    things: tuple[Thing, ...]
    faults: tuple[str, ...] = ()


@dataclass
class Notes:
    """A reading in progress: collects things and faults, numbered as they stand in the text."""

    things: list[Thing] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    number: int = 0

    def next(self) -> int:
        """The number, from 1, of the object that is read now."""
        self.number += 1
        return self.number

    def fault(self, text: str) -> None:
        self.faults.append(text)

    def add(
        self,
        box: Sequence[float],
        label: str,
        size: tuple[int, int],
        slack: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        """Take an object; turned corners are turned back, and what leaves the image is clipped.

        Args:
            slack: how far (x, y) in pixels the last place of an axis may lie outside.
        """
        x0, y0, x1, y1 = box
        for axis, low, high in (("x", x0, x1), ("y", y0, y1)):
            if low > high:
                self.fault(
                    f"object {self.number}: {axis}min = {low:g} px lies behind {axis}max = "
                    f"{high:g} px; the corners were exchanged"
                )
        (x0, x1), (y0, y1) = sorted((x0, x1)), sorted((y0, y1))
        height, width = size
        for axis, values, limit, over in (
            ("x", (x0, x1), width, slack[0]),
            ("y", (y0, y1), height, slack[1]),
        ):
            for value in values:
                if not 0 <= value <= limit + over + 1e-3:
                    self.fault(
                        f"object {self.number}: {axis} = {value:g} px lies outside the image of "
                        f"{width} x {height}; it was moved to the edge"
                    )
        x0, x1 = (min(max(value, 0.0), float(width)) for value in (x0, x1))
        y0, y1 = (min(max(value, 0.0), float(height)) for value in (y0, y1))
        if not label:
            self.fault(f"object {self.number} has no name")
        self.things.append(Thing((x0, y0, x1, y1), label))

    def reading(self, nothing: str) -> Reading:
        """What was collected; an empty text is a fault, too."""
        if not self.things and not self.faults:
            self.fault(nothing)
        more = len(self.faults) - _MOST_FAULTS
        told = self.faults[:_MOST_FAULTS] + ([f"and {more} faults more"] if more > 0 else [])
        return Reading(tuple(self.things), tuple(told))


class Dialect(ABC):
    """One way to write boxes as text.

    Sizes are (height, width) of the original image in pixels, as everywhere.

    Attributes:
        name, title: for programs and for people.
        source: where the rules were read.
        reserved: texts that a name cannot contain, because they mean something here.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    source: ClassVar[str]
    reserved: ClassVar[tuple[str, ...]] = ("<", ">")

    def write(self, things: Sequence[Thing], size: tuple[int, int]) -> str:
        """Things as this dialect's text.

        Raises:
            ConfigError: a name or a box cannot be said in it.
        """
        for number, thing in enumerate(things, start=1):
            self._check(number, thing, size)
        return self._write(things, size)

    def read(self, text: str, size: tuple[int, int]) -> Reading:
        """The things that a text names, and what is wrong with it; never raises."""
        if len(text) > LONGEST_TEXT:
            found = self._read(text[:LONGEST_TEXT], size)
            more = f"the text has {len(text)} characters; the first {LONGEST_TEXT} were read"
            return Reading(found.things, (*found.faults, more))
        return self._read(text, size)

    @abstractmethod
    def bins(self, size: tuple[int, int]) -> tuple[int, int]:
        """How many places (x, y) an edge can have inside an image."""

    @abstractmethod
    def error(self, size: tuple[int, int]) -> tuple[float, float]:
        """How far (x, y) in pixels an edge can be off after writing and reading it."""

    @abstractmethod
    def cost(self, thing: Thing, size: tuple[int, int]) -> Cost:
        """Tokens that one object takes."""

    @abstractmethod
    def _write(self, things: Sequence[Thing], size: tuple[int, int]) -> str:
        """The text of things that can be said in it."""

    @abstractmethod
    def _read(self, text: str, size: tuple[int, int]) -> Reading:
        """The things in a text that is not too long."""

    def _check(self, number: int, thing: Thing, size: tuple[int, int]) -> None:
        height, width = size
        x0, y0, x1, y1 = thing.box
        if not all(map(math.isfinite, thing.box)):
            raise ConfigError(f"object {number} has the box {thing.box}; it must be four numbers")
        if not (0 <= x0 <= x1 <= width and 0 <= y0 <= y1 <= height):
            raise ConfigError(
                f"object {number} has the box {tuple(round(v, 2) for v in thing.box)}, which does "
                f"not lie in an image of {width} x {height}; clip it first"
            )
        if not thing.label or thing.label != " ".join(thing.label.split()):
            raise ConfigError(f"object {number} is called {thing.label!r}; give it a one-line name")
        for text in self.reserved:
            if text in thing.label:
                raise ConfigError(
                    f"object {number} is called {thing.label!r}; {self.title} cannot write "
                    f"{text!r} in a name"
                )


def shown(text: str) -> str:
    """A piece of pasted text for a message: one line, not too long."""
    line = " ".join(text.split())
    return repr(line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…")


def several(number: int, noun: str) -> str:
    """``1 bin``, ``3 bins``."""
    if number == 1:
        return f"1 {noun}"
    return f"{number} {noun}{'es' if noun.endswith('ch') else 's'}"


def relative(box: Sequence[float], size: tuple[int, int]) -> tuple[float, float, float, float]:
    """``xyxy`` in pixels to shares of the image."""
    height, width = size
    x0, y0, x1, y1 = box
    return x0 / width, y0 / height, x1 / width, y1 / height


def absolute(box: Sequence[float], size: tuple[int, int]) -> tuple[float, float, float, float]:
    """Shares of the image to ``xyxy`` in pixels."""
    height, width = size
    x0, y0, x1, y1 = box
    return x0 * width, y0 * height, x1 * width, y1 * height
