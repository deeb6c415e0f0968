"""Frozen settings that travel: with weights (tokenizer, model, preprocessing) or with a run.

Every dataclass checks itself and converts to and from plain JSON values, so that a checkpoint is a
``config.json`` beside a ``model.safetensors`` and a training run is one file.
"""

from pix2seq.config.base import (
    Config,
    ConfigError,
    out_of_memory,
    parse_json,
    require_number,
    require_whole,
    short,
)
from pix2seq.config.distill import DistillConfig, Reading
from pix2seq.config.model import (
    Activation,
    BridgeKind,
    EncoderConfig,
    EncoderKind,
    Fit,
    ModelConfig,
    PositionKind,
    PreprocessConfig,
    PyramidConfig,
    TransformerConfig,
)
from pix2seq.config.sampling import EosPolicy, NoiseMode, SamplingOptions, TopPRule
from pix2seq.config.tokenizer import SLOTS_PER_OBJECT, BoxOrder, Quantizer, TokenizerConfig
from pix2seq.config.training import (
    AugmentConfig,
    BackboneWeights,
    Corruption,
    DataConfig,
    TrainConfig,
)

__all__ = [
    "SLOTS_PER_OBJECT",
    "Activation",
    "AugmentConfig",
    "BackboneWeights",
    "BoxOrder",
    "BridgeKind",
    "Config",
    "ConfigError",
    "Corruption",
    "DataConfig",
    "DistillConfig",
    "EncoderConfig",
    "EncoderKind",
    "EosPolicy",
    "Fit",
    "ModelConfig",
    "NoiseMode",
    "PositionKind",
    "PreprocessConfig",
    "PyramidConfig",
    "Quantizer",
    "Reading",
    "SamplingOptions",
    "TokenizerConfig",
    "TopPRule",
    "TrainConfig",
    "TransformerConfig",
    "out_of_memory",
    "parse_json",
    "require_number",
    "require_whole",
    "short",
]
