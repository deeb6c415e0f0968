"""Pix2Seq: five tokens per object, of a vocabulary that has nothing else."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from pix2seq.config import ConfigError, PreprocessConfig
from pix2seq.dialects.base import Cost, Dialect, Notes, Reading, Thing, several, shown
from pix2seq.tokenizer import Tokenizer
from pix2seq.transforms import Letterbox

_EOS = "EOS"


class Pix2SeqSentence(Dialect):
    """``45 150 185 255 donut 45 15 98 91 knife EOS``, as the page shows a checkpoint's tokens.

    Bins are those of the checkpoint, over its padded input (``Letterbox``): a photo that is not
    square uses only part of one axis. Names are the checkpoint's classes; ``noise`` is one, too.

    Args:
        tokenizer, preprocess: of the checkpoint.
    """

    name = "pix2seq"
    title = "Pix2Seq"
    source = "arXiv 2109.10852, section 2.1; pix2seq.tokenizer and pix2seq.transforms"
    reserved = ()

    def __init__(self, tokenizer: Tokenizer, preprocess: PreprocessConfig) -> None:
        self.tokenizer = tokenizer
        self.preprocess = preprocess

    def bins(self, size: tuple[int, int]) -> tuple[int, int]:
        y, x = Letterbox(self.preprocess, size).extent
        steps = self.tokenizer.num_bins - 1
        return int(x * steps + 1e-6) + 1, int(y * steps + 1e-6) + 1

    def error(self, size: tuple[int, int]) -> tuple[float, float]:
        height, width = size
        y, x = Letterbox(self.preprocess, size).extent
        steps = self.tokenizer.num_bins - 1
        share = 0.5 if self.tokenizer.config.quantizer == "round" else 1.0
        return share * width / (steps * x), share * height / (steps * y)

    def cost(self, thing: Thing, size: tuple[int, int]) -> Cost:
        return Cost(place=4, name=1)

    def _check(self, number: int, thing: Thing, size: tuple[int, int]) -> None:
        super()._check(number, thing, size)
        try:
            self.tokenizer.categories.label_of_name(thing.label)
        except KeyError:
            raise ConfigError(
                f"object {number} is called {thing.label!r}, which is no class of this checkpoint"
            ) from None
        words = thing.label.split()
        if any(word.isdecimal() or word == _EOS for word in words):
            raise ConfigError(
                f"object {number} is called {thing.label!r}; {self.title} reads a number in a name "
                f"as a bin and {_EOS} as the end"
            )

    def _write(self, things: Sequence[Thing], size: tuple[int, int]) -> str:
        categories = self.tokenizer.categories
        boxes = torch.tensor([thing.box for thing in things]).reshape(-1, 4)
        labels = torch.tensor([categories.label_of_name(t.label) for t in things]).long()
        ids = self.tokenizer.encode(Letterbox(self.preprocess, size).apply_boxes(boxes), labels)
        words = [self.tokenizer.describe(token_id).text for token_id in ids.tolist()]
        return " ".join([*words, _EOS])

    def _read(self, text: str, size: tuple[int, int]) -> Reading:
        notes = Notes()
        words = [_without_comma(word) for word in text.split()]
        if _EOS in words[:-1]:
            end = words.index(_EOS)
            notes.fault(f"{shown(' '.join(words[end + 1 :]))} stands behind EOS")
            words = words[:end]
        if words == [_EOS]:
            return Reading(())
        words = words[:-1] if words[-1:] == [_EOS] else words
        at = 0
        while at < len(words):
            bins, at = _take(words, at, len(words), str.isdecimal)
            name, at = _take(words, at, len(words), lambda word: not word.isdecimal())
            self._object(notes, bins, " ".join(name), size)
        return notes.reading("there are no bins in the text")

    def _object(self, notes: Notes, words: list[str], name: str, size: tuple[int, int]) -> None:
        if not words:
            notes.fault(f"{shown(name)} has no bins before it")
            return
        number = notes.next()
        if len(words) != 4:
            bins = several(len(words), "bin")
            notes.fault(f"object {number}: {bins} where four make a box ({name or '…'})")
            return
        for word in words:
            if len(word) > 9 or int(word) >= self.tokenizer.num_bins:
                notes.fault(
                    f"object {number}: bin {shown(word)} does not exist; bins go up to "
                    f"{self.tokenizer.num_bins - 1}"
                )
                return
        ids = torch.tensor([int(word) for word in words]) + self.tokenizer.coord_ids.start
        boxes, _ = self.tokenizer.decode(torch.cat([ids, ids[:1]]))
        box = Letterbox(self.preprocess, size).invert_boxes(boxes)[0].tolist()
        if name and name != "noise":
            try:
                self.tokenizer.categories.label_of_name(name)
            except KeyError:
                notes.fault(f"object {number}: {shown(name)} is no class of this checkpoint")
        notes.add(box, name, size, slack=self.error(size))


def _without_comma(word: str) -> str:
    """A bin may be followed by a comma, as people write lists."""
    return word.rstrip(",") if word.rstrip(",").isdecimal() else word


def _take(words: list[str], at: int, stop: int, fits) -> tuple[list[str], int]:
    """The words from ``at`` on that fit, and where they end."""
    end = at
    while end < stop and fits(words[end]):
        end += 1
    return words[at:end], end
