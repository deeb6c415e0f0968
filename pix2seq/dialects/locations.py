"""PaliGemma and Florence-2: one special token per coordinate, as Pix2Seq has, among words."""

from __future__ import annotations

import math
import re
from abc import abstractmethod
from collections.abc import Sequence

from pix2seq.dialects.base import (
    Cost,
    Dialect,
    Notes,
    Reading,
    Thing,
    absolute,
    relative,
    several,
    shown,
)


class LocationTokens(Dialect):
    """Four location tokens and a name per object.

    Attributes:
        num_bins: location tokens, shared by x and y.
        pattern: one location token; its group is the bin.
        noise: what may stand between objects and means nothing.
    """

    num_bins: int
    pattern: re.Pattern[str]
    noise: re.Pattern[str]
    name_first: bool
    sample: str

    def bins(self, size: tuple[int, int]) -> tuple[int, int]:
        return self.num_bins, self.num_bins

    def cost(self, thing: Thing, size: tuple[int, int]) -> Cost:
        return Cost(place=4)

    @abstractmethod
    def quantize(self, value: float) -> int:
        """A share of the image to its bin."""

    @abstractmethod
    def dequantize(self, bin_: int) -> float:
        """A bin to a share of the image."""

    @abstractmethod
    def order(self, box: Sequence[float]) -> tuple[float, float, float, float]:
        """``xyxy`` to the order that is written, and back."""

    def _tokens(self, thing: Thing, size: tuple[int, int]) -> str:
        places = self.order(relative(thing.box, size))
        return "".join(self.sample.format(self.quantize(place)) for place in places)

    def _read(self, text: str, size: tuple[int, int]) -> Reading:
        notes = Notes()
        token = self.pattern.pattern.replace("(", "(?:")
        pieces = re.split(rf"((?:{token}\s*)+)", text)  # words, tokens, words, ..., words
        words = [self.noise.sub(" ", piece) for piece in pieces[0::2]]
        runs = [[int(n) for n in self.pattern.findall(run)] for run in pieces[1::2]]
        for position, run in enumerate(runs):
            name = " ".join(words[position if self.name_first else position + 1].split())
            complete = len(run) - len(run) % 4
            for at in range(0, complete, 4):
                self._take(notes, run[at : at + 4], name, size)
            if complete < len(run):
                left = several(len(run) - complete, "location token")
                notes.fault(
                    f"object {notes.next()}: {left} where four make a box "
                    f"({' '.join(map(str, run[complete:]))})"
                )
        left = words[-1] if self.name_first else words[0]
        if left.strip():
            notes.fault(f"{shown(left)} has no location tokens")
        return notes.reading(f"there is no location token like {self.sample.format(0)} in the text")

    def _take(self, notes: Notes, bins: list[int], name: str, size: tuple[int, int]) -> None:
        number = notes.next()
        for bin_ in bins:
            if bin_ >= self.num_bins:
                notes.fault(
                    f"object {number}: {self.sample.format(bin_)} does not exist; bins go up to "
                    f"{self.num_bins - 1}"
                )
                return
        places = [self.dequantize(bin_) for bin_ in bins]
        notes.add(absolute(self.order(places), size), name, size)


class PaliGemma(LocationTokens):
    """``<loc0180><loc0601><loc0740><loc1020> donut ; <loc…``: y before x, 1024 bins.

    big_vision writes ``round(value * 1023)`` and, when it evaluates, reads ``bin / 1023``. (The
    demo on Hugging Face reads ``bin / 1024``, which moves the right edge of a full box by 0.1 %.)
    Objects are joined with " ; " and come before their names.
    """

    name = "paligemma"
    title = "PaliGemma"
    source = (
        "google-research/big_vision: pp/proj/paligemma/segmentation.py (refcoco_mask2str) and "
        "evaluators/proj/paligemma/transfers/segmentation.py; arXiv 2407.07726"
    )
    reserved = ("<", ">", ";")
    num_bins = 1024
    pattern = re.compile(r"<loc(\d{1,9})>")
    noise = re.compile(r"<seg\d{3}>|<[be]os>|<pad>|;")
    name_first = False
    sample = "<loc{:04d}>"

    def quantize(self, value: float) -> int:
        return min(max(round(value * 1023), 0), 1023)  # half to even, as TensorFlow rounds

    def dequantize(self, bin_: int) -> float:
        return bin_ / 1023

    def order(self, box: Sequence[float]) -> tuple[float, float, float, float]:
        a, b, c, d = box
        return b, a, d, c

    def error(self, size: tuple[int, int]) -> tuple[float, float]:
        height, width = size
        return 0.5 * width / 1023, 0.5 * height / 1023

    def _write(self, things: Sequence[Thing], size: tuple[int, int]) -> str:
        return " ; ".join(f"{self._tokens(thing, size)} {thing.label}" for thing in things)


class Florence2(LocationTokens):
    """``donut<loc_587><loc_175><loc_996><loc_722>knife<loc_…``: names first, x before y, 1000 bins.

    ``floor(value * 1000)`` when written, the middle of the bin when read: the quantiser of the
    paper's appendix. (The processor in transformers cuts the result to whole pixels; here it stays
    exact.) A name may have several boxes.
    """

    name = "florence-2"
    title = "Florence-2"
    source = (
        "huggingface/transformers: models/florence2/processing_florence2.py "
        "(Florence2PostProcessor.quantize, dequantize, parse_description_with_bboxes…); "
        "arXiv 2311.06242"
    )
    num_bins = 1000
    pattern = re.compile(r"<loc_(\d{1,9})>")
    noise = re.compile(r"</?s>|<pad>|</?(?:od|box|bbox|ground|obj)>")
    name_first = True
    sample = "<loc_{}>"

    def quantize(self, value: float) -> int:
        return min(max(math.floor(value * 1000), 0), 999)

    def dequantize(self, bin_: int) -> float:
        return (bin_ + 0.5) / 1000

    def order(self, box: Sequence[float]) -> tuple[float, float, float, float]:
        a, b, c, d = box
        return a, b, c, d

    def error(self, size: tuple[int, int]) -> tuple[float, float]:
        height, width = size
        return 0.5 * width / 1000, 0.5 * height / 1000

    def _write(self, things: Sequence[Thing], size: tuple[int, int]) -> str:
        return "".join(f"{thing.label}{self._tokens(thing, size)}" for thing in things)
