"""The checked parts of a run record: plain values that may come from anywhere, so that building one
verifies every type, length and range. Errors are ``ConfigError`` and name the value."""

from __future__ import annotations

import base64
import io
import math
import re
import typing
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from PIL import Image

from pix2seq.config import Config, ConfigError
from pix2seq.config.base import type_hints
from pix2seq.detections import object_marks
from pix2seq.images import load_image, open_picture
from pix2seq.sampling.guide import Pull

LONGEST_TEXT = 200
_LARGEST_SIDE = 4096
_DATA_URL = re.compile(r"data:image/(jpeg|png|webp);base64,[A-Za-z0-9+/]+=*")
_SLOTS = ("ymin", "xmin", "ymax", "xmax", "class", "eos")


@cache
def _check(hint: Any) -> Callable[[Any], bool]:
    """Whether a plain value fits a field, as a function of the value: finite floats, ints that are
    no bools, short texts. A tree has thousands of values, and the hint is taken apart once."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if type(None) in args:
        others = [_check(a) for a in args if a is not type(None)]
        if len(others) == 1:
            return lambda value, fits=others[0]: value is None or fits(value)
        return lambda value: value is None or any(fits(value) for fits in others)
    if origin is tuple:
        fits = _check(args[0])
        return lambda value: isinstance(value, tuple) and all(map(fits, value))
    if hint is float:
        return lambda value: (
            (
                type(value) is float
                or (isinstance(value, float | int) and not isinstance(value, bool))
            )
            and math.isfinite(value)
        )
    if hint is int:
        return lambda value: (
            type(value) is int or (isinstance(value, int) and not isinstance(value, bool))
        )
    return lambda value: isinstance(value, hint)


@cache
def _checks(cls: type) -> tuple[tuple[str, Callable[[Any], bool], bool, bool], ...]:
    """Every field of a class with its check, and whether any int and any finite float pass it."""
    return tuple(
        (name, fits := _check(hint), fits(0) and hint is not bool, fits(0.5))
        for name, hint in type_hints(cls).items()
    )


class Plain(Config):
    """A config whose values are checked against their annotations."""

    def __post_init__(self) -> None:
        values = vars(self)
        for name, fits, ints, floats in _checks(type(self)):
            value = values[name]
            kind = type(value)  # a tree has ten thousand numbers, and most need no more than this
            if (ints and kind is int) or (floats and kind is float and math.isfinite(value)):
                continue
            if not fits(value):
                raise ConfigError(
                    f"{type(self).__name__}.{name} is {str(value)[:60]!r}; not usable"
                )
            if kind is str and len(value) > LONGEST_TEXT and name != "data":
                raise ConfigError(f"{type(self).__name__}.{name} has {len(value)} characters")


@dataclass(frozen=True)
class RecordImage(Plain):
    """The photo that was looked at.

    Attributes:
        width, height: pixels of the original.
        name: a file name for people and snippets.
        data: the picture itself as a ``data:`` URL, or ``None`` if it is kept elsewhere.
    """

    width: int
    height: int
    name: str = "image.jpg"
    data: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if min(self.width, self.height) < 1:
            raise ConfigError(f"the record's image is {self.width} x {self.height} pixels")
        if self.data is not None and not _DATA_URL.fullmatch(self.data):
            raise ConfigError(
                "the record's picture is not a base64 data URL of a JPEG, PNG or WebP"
            )

    def open(self) -> Image.Image:
        """The embedded picture. Raises ``ConfigError`` if there is none or it cannot be read."""
        if self.data is None:
            raise ConfigError(f"the record has no picture inside; pass the file of {self.name!r}")
        name = "the picture inside the record"
        try:
            content = base64.b64decode(self.data.split(",", 1)[1])
        except ValueError as error:
            raise ConfigError(f"{name} cannot be read: {error}") from None
        with open_picture(io.BytesIO(content), name) as picture:
            if max(picture.size) > _LARGEST_SIDE:
                raise ConfigError(f"{name} is {picture.size} pixels large")
            return load_image(picture)


@dataclass(frozen=True)
class RecordCandidate(Plain):
    """What could have stood in a token's place: raw probability, and that after all filters."""

    id: int
    text: str
    prob: float
    final_prob: float


@dataclass(frozen=True)
class RecordPull(Plain, Pull):
    """Where a draft of the encoder pulled a coordinate."""


@dataclass(frozen=True)
class RecordToken(Plain):
    """One written token.

    Attributes:
        index: position after the prompt.
        object: which object it belongs to; ``None`` for EOS.
        pixel: where a coordinate lies along its axis, in pixels of the original image (padding
            clipped away); ``None`` if the token is no coordinate.
        label: the label of a real class token, else ``None``.
        logprob, entropy, eos_prob, grammar_mass: from the raw distribution (nats, shares), which is
            after the pull if there is one.
        prob, kept, kept_mass: after temperature, top-k, top-p and grammar.
        drawn: this run drew it; otherwise it stood in the prefix.
        forced: a person gave it.
        pull: what pulled it, if the run followed the encoder's drafts.
    """

    index: int
    id: int
    slot: str
    text: str
    object: int | None
    pixel: float | None
    label: int | None
    logprob: float
    prob: float
    entropy: float
    kept: int
    kept_mass: float
    grammar_mass: float
    eos_prob: float
    drawn: bool
    forced: bool
    candidates: tuple[RecordCandidate, ...] = ()
    pull: RecordPull | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.slot not in _SLOTS:
            raise ConfigError(f"token {self.index} has slot {self.slot!r}; use {', '.join(_SLOTS)}")


@dataclass(frozen=True)
class RecordDetection(Plain):
    """One object that was read off the sequence.

    Attributes:
        object: index of the object in the sequence.
        box: ``xyxy`` in pixels of the original image.
        label_id, category_id: the model's label, and the dataset's id (``None``: unnamed).
        noise_probability: of the noise class at the class token.
        is_noise: kept although the sampled label is the noise class.
        token_ids: its five tokens.
        edge_score: how sure its edges were (``None`` in records of earlier versions).
        written: what its class token says, a class or noise (``None`` in records of format 1).
        forced: a person gave at least one of its tokens.
        again: the earlier object that it repeats.
    """

    object: int
    box: tuple[float, ...]
    label: str
    label_id: int
    category_id: int | None
    score: float
    noise_probability: float
    is_noise: bool
    token_ids: tuple[int, ...]
    edge_score: float | None = None
    written: str | None = None
    forced: bool = False
    again: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.box) != 4:
            raise ConfigError(f"object {self.object} has a box of {len(self.box)} numbers")

    @property
    def name(self) -> str:
        """What it is called in every view."""
        return "noise" if self.is_noise else self.label

    @property
    def marks(self) -> tuple[str, ...]:
        """What else there is to say about it (``object_marks``)."""
        return object_marks(self.name, self.written or self.name, self.forced, self.again)

    @property
    def caption(self) -> str:
        """Its name with the score and its marks; noise has no score of its own."""
        said = self.name if self.is_noise else f"{self.name} {self.score:.2f}"
        return " · ".join((said, *self.marks))


@dataclass(frozen=True)
class RecordTiming(Plain):
    """Wall time of the encoder and of all tokens, in seconds."""

    encode_s: float
    decode_s: float
    tokens_per_s: float
