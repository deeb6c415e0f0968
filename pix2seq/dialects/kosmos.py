"""Kosmos-2: two tokens per box, each a patch of a 32 x 32 grid."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from pix2seq.config import ConfigError
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

_SIDE = 32
_TAG = re.compile(
    r"(<phrase>|</phrase>|<object>|</object>|</delimiter_of_multi_objects/>"
    r"|<patch_index_\d{1,9}>)"
)
_PATCH = re.compile(r"<patch_index_(\d+)>")
_IGNORED = re.compile(r"<grounding>|</?s>|</?image>|<pad>")


class Kosmos2(Dialect):
    """``<phrase>donut</phrase><object><patch_index_0178><patch_index_0735></object>``.

    The first patch holds the upper left corner, ``floor(value * 32)``; the second the lower right
    one, ``ceil(value * 32 - 1)``. A box is read from the middle of one patch to the middle of the
    other, or, if both lie in one row or column, along their outer borders. It needs an area: one
    without has no lower right patch. The model also speaks in whole sentences around its phrases;
    such words are passed over.
    """

    name = "kosmos-2"
    title = "Kosmos-2"
    source = (
        "huggingface/transformers: models/kosmos2/processing_kosmos2.py "
        "(coordinate_to_patch_index, patch_index_to_coordinate), after microsoft/unilm "
        "kosmos-2/demo/decode_string.py; arXiv 2306.14824"
    )

    def bins(self, size: tuple[int, int]) -> tuple[int, int]:
        return _SIDE, _SIDE

    def error(self, size: tuple[int, int]) -> tuple[float, float]:
        """Half a patch, or a whole one where the box stays in one row or column."""
        height, width = size
        return width / _SIDE, height / _SIDE

    def cost(self, thing: Thing, size: tuple[int, int]) -> Cost:
        return Cost(place=2, marks=4)

    def _check(self, number: int, thing: Thing, size: tuple[int, int]) -> None:
        super()._check(number, thing, size)
        x0, y0, x1, y1 = thing.box
        if x0 == x1 or y0 == y1:
            raise ConfigError(
                f"object {number} has the box {thing.box} without area, which {self.title} cannot "
                "write"
            )

    def _write(self, things: Sequence[Thing], size: tuple[int, int]) -> str:
        return "<grounding>" + "".join(self._phrase(thing, size) for thing in things)

    def _phrase(self, thing: Thing, size: tuple[int, int]) -> str:
        x0, y0, x1, y1 = (value * _SIDE for value in relative(thing.box, size))
        upper = math.floor(y0) * _SIDE + math.floor(x0)
        lower = math.ceil(y1 - 1) * _SIDE + math.ceil(x1 - 1)
        patches = f"<patch_index_{upper:04d}><patch_index_{lower:04d}>"
        return f"<phrase>{thing.label}</phrase><object>{patches}</object>"

    def _read(self, text: str, size: tuple[int, int]) -> Reading:
        notes = Notes()
        name, words = "", ""
        patches: list[int] | None = None  # of the object that is open
        for piece in _TAG.split(_IGNORED.sub(" ", text)):
            patch = _PATCH.fullmatch(piece)
            if patch is not None:
                if patches is None:
                    notes.fault(f"{piece} stands outside of <object>")
                else:
                    patches.append(int(patch[1]))
            elif piece == "<phrase>":
                self._end(notes, patches, name, size, unfinished=True)
                patches, name, words = None, "", ""
            elif piece == "</phrase>":
                name = " ".join(words.split())
            elif piece == "<object>":
                self._end(notes, patches, name, size, unfinished=True)
                patches = []
            elif piece == "</delimiter_of_multi_objects/>":
                self._end(notes, patches, name, size)
                patches = []
            elif piece == "</object>":
                self._end(notes, patches, name, size)
                patches, name = None, ""
            else:
                if "<" in piece:
                    notes.fault(f"{shown(piece)} is no tag of {self.title}")
                words = piece
        self._end(notes, patches, name, size, unfinished=True)
        if not _IGNORED.sub(" ", text).strip() and text.strip():
            return Reading(())
        return notes.reading("there is no <object> with <patch_index_…> in the text")

    def _end(
        self,
        notes: Notes,
        patches: list[int] | None,
        name: str,
        size: tuple[int, int],
        unfinished: bool = False,
    ) -> None:
        """Take the open object, if there is one."""
        if patches is None:
            return
        number = notes.next()
        if unfinished:
            notes.fault(f"object {number} is not closed with </object>")
        if len(patches) != 2:
            notes.fault(f"object {number}: {several(len(patches), 'patch')} where two make a box")
            return
        for patch in patches:
            if patch >= _SIDE**2:
                notes.fault(
                    f"object {number}: <patch_index_{patch:04d}> does not exist; patches go up to "
                    f"{_SIDE**2 - 1}"
                )
                return
        (y0, x0), (y1, x1) = (divmod(patch, _SIDE) for patch in patches)
        if x0 == x1 or y0 == y1:
            box = x0, y0, x1 + 1, y1 + 1
        else:
            box = x0 + 0.5, y0 + 0.5, x1 + 0.5, y1 + 0.5
        notes.add(absolute([value / _SIDE for value in box], size), name, size)
