"""``Item``: one picture of a run before it is read."""

from __future__ import annotations

from typing import NamedTuple

from pix2seq.many import Failure, Span, image_id_of
from pix2seq.many.frames import Source


class Item(NamedTuple):
    """A picture's name and place.

    Attributes:
        name: what results and seeds go by.
        source: where it is, or why it is not.
        image_id: its number in a COCO file; ``None`` derives one from the name.
    """

    name: str
    source: Source | Failure
    image_id: int | None = None

    @property
    def number(self) -> int:
        return image_id_of(self.name) if self.image_id is None else self.image_id

    @property
    def where(self) -> str:
        """The place in words; equal for the same picture."""
        if isinstance(self.source, str | Span | Failure):
            return str(getattr(self.source, "path", self.source))
        return self.name


def failed(name: str, reason: str) -> Item:
    """A place in the list that holds no picture."""
    return Item(name, Failure(reason))
