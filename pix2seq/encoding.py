"""An image as the network sees it, and a sentence about it: what goes from step to step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from pix2seq.config import SamplingOptions
from pix2seq.model.drafts import Drafted, Look
from pix2seq.sampling import SamplingStep
from pix2seq.transforms import Letterbox


@dataclass(frozen=True, eq=False)
class ImageEncoding:
    """An image as the model sees it: all that writing about it needs.

    Attributes:
        memory: (1, N, D) on the model's device.
        letterbox: the frame that leads back to the original image.
        orig_size: (height, width) of the original image in pixels.
        grid: rows and columns of the memory's image tokens, its last rows * columns (some models
            have a class token before them, or drafts).
        seconds: what encoding took, resizing included.
        drafts: what the encoder's drafts in the memory say, of this one image, if it has any.
        distinct: the same without doubles, for sentences that follow them.
    """

    memory: Tensor
    letterbox: Letterbox
    orig_size: tuple[int, int]
    grid: tuple[int, int]
    seconds: float
    drafts: Drafted | None = None
    distinct: Drafted | None = None


def encodings_of(
    seen: Look, letterboxes: Sequence[Letterbox], grid: tuple[int, int], seconds: float
) -> list[ImageEncoding]:
    """One look at several images, image by image; ``seconds`` is each one's share."""
    count = len(letterboxes)
    drafts, distinct = (
        [None] * count if said is None else said.cpu().each(count)
        for said in (seen.drafts, seen.distinct)
    )
    return [
        ImageEncoding(memory, box, box.orig_size, grid, seconds, some, apart)
        for memory, box, some, apart in zip(
            seen.memory.split(1), letterboxes, drafts, distinct, strict=True
        )
    ]


@dataclass(frozen=True, eq=False)
class Looked:
    """Where each token of a sentence looked when it was written.

    Attributes:
        cells: (layers, heads, L, rows * columns) of the encoding's ``grid``, row by row.
        drafts: (layers, heads, L, K), how much each of the encoder's drafts got, its five tokens
            together; K is 0 without drafts. Beside ``cells`` all sums to 1, or to less in a model
            whose class token takes its share.
    """

    cells: Tensor
    drafts: Tensor


@dataclass(frozen=True, eq=False)
class Written:
    """A finished sentence of ``Predictor.write_many``.

    Attributes:
        index: place of its image among those that were handed over.
        encoding: the image.
        options: resolved; what it was written with, and what it is to be read with.
        steps: one per token, EOS included.
    """

    index: int
    encoding: ImageEncoding
    options: SamplingOptions
    steps: list[SamplingStep]
