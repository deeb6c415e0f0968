"""An image as the network sees it, and a sentence about it: what goes from step to step."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from pix2seq.config import SamplingOptions
from pix2seq.model.drafts import Drafted
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
    """

    memory: Tensor
    letterbox: Letterbox
    orig_size: tuple[int, int]
    grid: tuple[int, int]
    seconds: float
    drafts: Drafted | None = None


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
