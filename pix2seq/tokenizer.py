"""The ``Tokenizer``: the only owner of token ids (paper, section 2.1).

Boxes become sentences, ``ymin xmin ymax xmax class`` per object, and sentences become boxes.
Nothing outside this module adds an offset to a bin or takes an index modulo five; other code asks
for ``slot(index)``, ``allowed(index)`` or ``describe(id)``. Every known checkpoint's vocabulary is
a ``TokenizerConfig``: the official one, the VOC model's (``xyxy``, coordinates first) and our own.

Coordinates here are ``boxes_norm``: ``xyxy`` relative to the model's (padded) input, in [0, 1].
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from pix2seq.boxes import box_area, swap_xy
from pix2seq.categories import Categories
from pix2seq.config import SLOTS_PER_OBJECT, TokenizerConfig

Slot = Literal["ymin", "xmin", "ymax", "xmax", "class"]
TokenKind = Literal["coord", "class", "noise", "eos", "bos", "pad", "other"]
ObjectOrder = Literal["random", "given", "area", "origin", "left"]

_SLOTS: dict[str, tuple[Slot, ...]] = {
    "yxyx": ("ymin", "xmin", "ymax", "xmax", "class"),
    "xyxy": ("xmin", "ymin", "xmax", "ymax", "class"),
}


@dataclass(frozen=True)
class TokenInfo:
    """What a token id means.

    Attributes:
        kind: which part of the vocabulary it is from.
        value: the bin of a coordinate, the label of a class, else ``None``.
        text: for people: ``"412"``, ``"dog"``, ``"noise"``, ``"EOS"``.
    """

    id: int
    kind: TokenKind
    value: int | None
    text: str


class Tokenizer:
    """Boxes and labels to token ids and back, for one vocabulary layout."""

    def __init__(self, config: TokenizerConfig, categories: Categories) -> None:
        self.config = config
        self.categories = categories
        self.slots = _SLOTS[config.box_order]
        self._told: dict[int, TokenInfo] = {}  # a record asks six times for every token

    # ---- vocabulary -------------------------------------------------------------------------

    @property
    def num_bins(self) -> int:
        return self.config.num_bins

    @property
    def vocab_size(self) -> int:
        return self.config.vocab_size

    @property
    def bos_id(self) -> int:
        return self.config.bos_id

    @property
    def eos_id(self) -> int:
        return self.config.eos_id

    @property
    def pad_id(self) -> int:
        return self.config.pad_id

    @property
    def noise_id(self) -> int | None:
        return self.config.noise_id

    @property
    def coord_ids(self) -> range:
        """Ids of the coordinate tokens, lowest bin first."""
        return range(self.config.coord_offset, self.config.coord_offset + self.config.num_bins)

    @property
    def class_ids(self) -> range:
        """Ids of the (real) class tokens, label 0 first."""
        return range(self.config.class_offset, self.config.class_offset + self.config.num_classes)

    def is_coord(self, token_ids: Tensor) -> Tensor:
        """Which of any ids (...) are coordinates, bool (...)."""
        return (token_ids >= self.coord_ids.start) & (token_ids < self.coord_ids.stop)

    def slot(self, index: int) -> Slot:
        """The role of the ``index``-th token after the prompt (0-based)."""
        return self.slots[index % SLOTS_PER_OBJECT]

    def is_boundary(self, index: int) -> bool:
        """Whether an object starts at token ``index``: the place where EOS may stand."""
        return index % SLOTS_PER_OBJECT == 0

    def object_of(self, index: int) -> int:
        """Which object the ``index``-th token belongs to."""
        return index // SLOTS_PER_OBJECT

    def sequence_length(self, objects: int) -> int:
        """Tokens of that many objects, prompt and EOS excluded."""
        return objects * SLOTS_PER_OBJECT

    def class_positions(self, length: int) -> Tensor:
        """Indices of the class tokens in a sequence of ``length`` tokens after the prompt."""
        return torch.arange(length)[SLOTS_PER_OBJECT - 1 :: SLOTS_PER_OBJECT]

    @cached_property
    def coord_mask(self) -> Tensor:
        """(V,) bool: which ids are coordinates."""
        return self._mask(self.coord_ids)

    @cached_property
    def class_mask(self) -> Tensor:
        """(V,) bool: which ids are real classes (noise excluded)."""
        return self._mask(self.class_ids)

    @cached_property
    def label_mask(self) -> Tensor:
        """(V,) bool: what a class slot may hold, real classes and noise."""
        noise = () if self.noise_id is None else (self.noise_id,)
        return self.class_mask | self._mask(noise)

    @cached_property
    def boundary_mask(self) -> Tensor:
        """(V,) bool: what an object's first slot may hold, coordinates and EOS."""
        return self.coord_mask | self._mask((self.eos_id,))

    def allowed(self, index: int) -> Tensor:
        """(V,) bool: the ids that the grammar lets stand at token ``index`` after the prompt."""
        if self.slot(index) == "class":
            return self.label_mask
        return self.boundary_mask if self.is_boundary(index) else self.coord_mask

    def describe(self, token_id: int) -> TokenInfo:
        """Say what an id means. Raises ``ValueError`` if it is not in the vocabulary."""
        told = self._told.get(token_id)
        if told is None:
            told = self._told[token_id] = self._describe(token_id)
        return told

    def _describe(self, token_id: int) -> TokenInfo:
        if not 0 <= token_id < self.vocab_size:
            raise ValueError(f"token {token_id} is not in the vocabulary of {self.vocab_size}")
        if token_id in self.coord_ids:
            value = token_id - self.config.coord_offset
            return TokenInfo(token_id, "coord", value, str(value))
        if token_id in self.class_ids:
            label = token_id - self.config.class_offset
            return TokenInfo(token_id, "class", label, self.categories.name(label))
        specials: dict[int | None, tuple[TokenKind, str]] = {
            self.noise_id: ("noise", "noise"),
            self.pad_id: ("pad", "PAD"),
            self.eos_id: ("eos", "EOS"),
            self.bos_id: ("bos", "BOS"),
        }
        kind, text = specials.get(token_id, ("other", f"#{token_id}"))
        return TokenInfo(token_id, kind, None, text)

    # ---- coordinates ------------------------------------------------------------------------

    def quantize(self, values: Tensor) -> Tensor:
        """Coordinates in [0, 1] to bins 0..num_bins-1 (out-of-range values are clipped), int64.

        ``round`` rounds half to even, as TensorFlow does, and is off by half a bin at most;
        ``floor`` truncates and is off by up to one.
        """
        scaled = values.float() * (self.num_bins - 1)
        bins = scaled.round() if self.config.quantizer == "round" else scaled.floor()
        return bins.clamp(0, self.num_bins - 1).long()

    def dequantize(self, bins: Tensor) -> Tensor:
        """Bins to coordinates in [0, 1]: ``bin / (num_bins - 1)``, float32."""
        return bins.float() / (self.num_bins - 1)

    def coord_values(self, token_ids: Tensor) -> Tensor:
        """Coordinates in [0, 1] of any token ids. An id below the coordinate range reads 0, one
        above reads 1, as in the official decoder; the grammar keeps such ids out."""
        return self.dequantize(token_ids - self.config.coord_offset).clamp(0, 1)

    def coord_tokens(self, values: Tensor) -> Tensor:
        """Token ids of coordinates in [0, 1]."""
        return self.quantize(values) + self.config.coord_offset

    def class_tokens(self, labels: Tensor) -> Tensor:
        """Token ids of labels 0..num_classes-1."""
        return labels + self.config.class_offset

    # ---- sequences --------------------------------------------------------------------------

    def encode(self, boxes_norm: Tensor, labels: Tensor, eos: bool = False) -> Tensor:
        """Write objects as a sentence, in the given order.

        Args:
            boxes_norm: (N, 4) ``xyxy`` in [0, 1].
            labels: (N,) labels.
            eos: append EOS.

        Returns:
            (5 N [+ 1],) int64 ids, prompt excluded.

        Raises:
            ValueError: a label is outside the label space, or the counts differ.
        """
        if len(boxes_norm) != len(labels):
            raise ValueError(f"{len(boxes_norm)} boxes but {len(labels)} labels")
        bad = labels[(labels < 0) | (labels >= self.config.num_classes)]
        if len(bad):
            raise ValueError(f"label {bad[0]} is not one of {self.config.num_classes} classes")
        ordered = swap_xy(boxes_norm) if self.config.box_order == "yxyx" else boxes_norm
        coords = self.coord_tokens(ordered.reshape(-1, 4))  # (N, 4)
        ids = torch.cat([coords, self.class_tokens(labels.long())[:, None]], dim=1).flatten()
        return torch.cat([ids, ids.new_tensor([self.eos_id])]) if eos else ids

    def decode(self, token_ids: Tensor) -> tuple[Tensor, Tensor]:
        """Read complete objects off a sentence; an unfinished last object is left out.

        Args:
            token_ids: (..., L) ids after the prompt, EOS excluded.

        Returns:
            ``boxes_norm`` (..., L // 5, 4) ``xyxy`` (corners may be inverted if the model wrote
            them so) and the class slots' ids (..., L // 5).
        """
        count = token_ids.shape[-1] // SLOTS_PER_OBJECT
        objects = token_ids[..., : count * SLOTS_PER_OBJECT].unflatten(
            -1, (count, SLOTS_PER_OBJECT)
        )
        coords = self.coord_values(objects[..., :4])
        boxes_norm = swap_xy(coords) if self.config.box_order == "yxyx" else coords
        return boxes_norm, objects[..., 4]

    def _mask(self, ids: range | tuple[int, ...]) -> Tensor:
        mask = torch.zeros(self.vocab_size, dtype=torch.bool)
        mask[list(ids)] = True
        return mask


def object_order(
    boxes_norm: Tensor, order: ObjectOrder, generator: torch.Generator | None = None
) -> Tensor:
    """In which order objects are written; the paper's ablation on sequence construction compares
    them.

    Args:
        boxes_norm: (N, 4) ``xyxy``.
        order: ``random`` (the paper's choice), ``given``, ``area`` (largest first), ``origin``
            (by the top-left corner's distance to the image's), ``left`` (left to right).

    Returns:
        (N,) int64 indices into ``boxes_norm``.
    """
    if order == "random":
        return torch.randperm(len(boxes_norm), generator=generator)
    if order == "given":
        return torch.arange(len(boxes_norm))
    key = {
        "area": lambda: -box_area(boxes_norm),
        "origin": lambda: boxes_norm[:, :2].norm(dim=1),
        "left": lambda: boxes_norm[:, 0],
    }
    if order not in key:
        raise ValueError(f"object order is {order!r}; use random, given, area, origin or left")
    return key[order]().argsort(stable=True)
