"""Pix2Seq Explorer: object detection as a language, token by token.

    predictor = pix2seq.load("mini")
    detections = predictor.detect("photo.jpg")

Names are imported when they are first used, so ``import pix2seq`` alone costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pix2seq.checkpoints import available_checkpoints
    from pix2seq.config import ConfigError, SamplingOptions
    from pix2seq.detections import Detections
    from pix2seq.many import Failure
    from pix2seq.predictor import ImageEncoding, Predictor, load
    from pix2seq.sampling import SamplingStep

__version__ = "0.1.0"

_HOMES = {
    "ConfigError": "pix2seq.config",
    "Detections": "pix2seq.detections",
    "Failure": "pix2seq.many",
    "ImageEncoding": "pix2seq.predictor",
    "Predictor": "pix2seq.predictor",
    "SamplingOptions": "pix2seq.config",
    "SamplingStep": "pix2seq.sampling",
    "available_checkpoints": "pix2seq.checkpoints",
    "load": "pix2seq.predictor",
}

__all__ = [
    "ConfigError",
    "Detections",
    "Failure",
    "ImageEncoding",
    "Predictor",
    "SamplingOptions",
    "SamplingStep",
    "available_checkpoints",
    "load",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'pix2seq' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
