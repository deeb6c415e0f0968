"""One picture on its way to the network: the frame that its pixels become."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image
from torch import Tensor

from pix2seq.config import PreprocessConfig
from pix2seq.pictures import Place, open_image
from pix2seq.transforms import Letterbox, size_of

Source = Place | Image.Image | np.ndarray
"""A picture: where it is, or its pixels."""


@dataclass(frozen=True)
class Failure:
    """A picture that could not be used.

    Attributes:
        reason: what is wrong and what to do about it, in one line.
    """

    reason: str


@dataclass(frozen=True, eq=False)
class Frame:
    """A picture as the network takes it.

    Attributes:
        pixels: (3, H, W) float32, letterboxed and normalised.
        letterbox: the way back to the original pixels.
    """

    pixels: Tensor
    letterbox: Letterbox


def read_frame(source: Source, preprocess: PreprocessConfig) -> Frame:
    """Read, decode and letterbox.

    Raises:
        ConfigError: the picture cannot be used; the message says why and what to do.
    """
    return frame_of(open_image(source), preprocess)


def frame_of(picture: Image.Image | np.ndarray, preprocess: PreprocessConfig) -> Frame:
    """Letterbox an upright RGB picture, or its (H, W, 3) uint8."""
    letterbox = Letterbox(preprocess, size_of(picture))
    return Frame(letterbox.apply_image(picture), letterbox)
