"""The same boxes in other models' languages: pure text, both ways.

Pix2Seq's idea, boxes as tokens of a sentence, is spoken in dialects: PaliGemma and Florence-2 kept
one token per coordinate, Kosmos-2 has one per corner, the Qwen models spell digits. Each dialect
here follows its upstream code exactly (``Dialect.source``); labels keep their words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pix2seq.config import ConfigError
from pix2seq.dialects.base import Cost, Dialect, Reading, Thing
from pix2seq.dialects.kosmos import Kosmos2
from pix2seq.dialects.locations import Florence2, PaliGemma
from pix2seq.dialects.qwen import Qwen2VL, Qwen25VL, resized
from pix2seq.dialects.sentence import Pix2SeqSentence

DIALECTS: tuple[Dialect, ...] = (PaliGemma(), Florence2(), Qwen2VL(), Qwen25VL(), Kosmos2())
"""Those that need no checkpoint; ``Pix2SeqSentence`` needs one, for its bins and classes."""

_SIGNS = (
    (r"(?i:<\s*loc\s*\d)", "paligemma"),
    (r"<loc_", "florence-2"),
    (r"<\|(?:box|object_ref)_", "qwen2-vl"),
    (r"\{\s*[\"'“]|^[`json\s]*\[\s*\]", "qwen2.5-vl"),  # any JSON: it is told what is amiss
    (r"<patch_index_|<phrase>|<object>|<grounding>", "kosmos-2"),
    (r"^\s*-?\d+(?:\.\d+)?[\s,]+-?\d|^\s*EOS\s*$", "pix2seq"),
)


def recognise(text: str, dialects: Sequence[Dialect] = DIALECTS) -> Dialect:
    """Which dialect a pasted text is in: the one whose mark comes first.

    Raises:
        ConfigError: none of their marks is in it.
    """
    known = {dialect.name: dialect for dialect in dialects}
    found = [
        (match.start(), name)
        for sign, name in _SIGNS
        if name in known and (match := re.search(sign, text))
    ]
    if not found:
        line = " ".join(text.split())[:40]
        names = ", ".join(dialect.title for dialect in dialects)
        raise ConfigError(f"{line!r} is in none of the dialects that are known here: {names}")
    return known[min(found)[1]]


__all__ = [
    "DIALECTS",
    "Cost",
    "Dialect",
    "Florence2",
    "Kosmos2",
    "PaliGemma",
    "Pix2SeqSentence",
    "Qwen2VL",
    "Qwen25VL",
    "Reading",
    "Thing",
    "recognise",
    "resized",
]
