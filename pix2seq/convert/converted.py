"""``Converted``: a foreign checkpoint in our terms, whatever format it came in."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pix2seq.config import (
    ModelConfig,
    PreprocessConfig,
    SamplingOptions,
    TokenizerConfig,
)
from pix2seq.convert.report import ConversionReport
from pix2seq.model import Pix2Seq


@dataclass(frozen=True, eq=False)
class Converted:
    """Settings and weights, ready to be saved or used.

    Attributes:
        weights: a complete, strict state of ``Pix2Seq(model)``.
        sampling: what the source's own decoding does.
    """

    model: ModelConfig
    tokenizer: TokenizerConfig
    preprocess: PreprocessConfig
    sampling: SamplingOptions
    weights: dict[str, Tensor]
    report: ConversionReport

    def build(self) -> Pix2Seq:
        """The network with these weights, in eval mode."""
        model = Pix2Seq(self.model)
        model.load_state_dict(self.weights, strict=True)
        return model.eval()


def meta_state(config: ModelConfig) -> dict[str, Tensor]:
    """Names and shapes of the model's tensors, without memory."""
    with torch.device("meta"):
        return Pix2Seq(config).state_dict()
