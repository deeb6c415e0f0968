"""The vocabulary's layout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pix2seq.config.base import Config, one_of, require, short

SLOTS_PER_OBJECT = 5
"""Four coordinates and a class (paper, section 2.1)."""

_LARGEST_VOCABULARY = 1 << 20  # the largest known one has 35,000 tokens

BoxOrder = Literal["yxyx", "xyxy"]
Quantizer = Literal["round", "floor"]


@dataclass(frozen=True)
class TokenizerConfig(Config):
    """The vocabulary's layout: which ids are specials, classes and coordinates.

    Attributes:
        num_bins: coordinate tokens, shared by x and y (paper, section 2.1).
        num_classes: class tokens, starting at ``class_offset``.
        quantizer: ``round`` to the nearest bin (official code) or ``floor`` (paper's appendix).
        noise_id: the "fake" class of sequence augmentation; ``None`` if the model has none.
        eos_id: end of the sequence; the official models use their padding id.
        max_objects: the longest sequence that the model was built for, in objects.
    """

    num_bins: int
    num_classes: int
    coord_offset: int
    class_offset: int
    vocab_size: int
    bos_id: int
    eos_id: int
    pad_id: int
    noise_id: int | None = None
    box_order: BoxOrder = "yxyx"
    quantizer: Quantizer = "round"
    max_objects: int = 100

    def __post_init__(self) -> None:
        require(
            self.vocab_size <= _LARGEST_VOCABULARY,
            f"vocab_size is {short(self.vocab_size)}; use {_LARGEST_VOCABULARY} or less",
        )
        require(self.num_bins >= 2, f"num_bins is {self.num_bins}; it must be at least 2")
        require(self.num_classes >= 1, f"num_classes is {self.num_classes}; need at least 1")
        require(self.max_objects >= 1, f"max_objects is {self.max_objects}; need at least 1")
        one_of("box_order", self.box_order, BoxOrder)
        one_of("quantizer", self.quantizer, Quantizer)
        coords = range(self.coord_offset, self.coord_offset + self.num_bins)
        classes = range(self.class_offset, self.class_offset + self.num_classes)
        specials = [
            i for i in (self.bos_id, self.eos_id, self.pad_id, self.noise_id) if i is not None
        ]
        require(
            coords.stop <= classes.start or classes.stop <= coords.start,
            f"coordinate ids {coords} and class ids {classes} overlap",
        )
        for i in specials:
            require(i not in coords and i not in classes, f"special id {i} is also a token's id")
        top = max(coords.stop, classes.stop, max(specials) + 1)
        require(
            top <= self.vocab_size and min(coords.start, classes.start, *specials) >= 0,
            f"vocab_size is {self.vocab_size}, but ids reach {top - 1}",
        )

    @classmethod
    def compact(cls, num_bins: int, num_classes: int, max_objects: int = 100) -> TokenizerConfig:
        """Our own layout: pad 0, BOS 1, EOS 2, noise 3, then bins, then classes (so that classes
        can be added at the end without moving any other id)."""
        return cls(
            num_bins=num_bins,
            num_classes=num_classes,
            coord_offset=4,
            class_offset=4 + num_bins,
            vocab_size=4 + num_bins + num_classes,
            pad_id=0,
            bos_id=1,
            eos_id=2,
            noise_id=3,
            max_objects=max_objects,
        )
