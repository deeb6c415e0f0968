"""``Converted``: a foreign checkpoint in our terms, whatever format it came in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from torch import Tensor

from pix2seq.categories import Categories
from pix2seq.checkpoints import CHECKPOINTS, CheckpointInfo, save
from pix2seq.config import (
    ModelConfig,
    PreprocessConfig,
    SamplingOptions,
    TokenizerConfig,
)
from pix2seq.convert.report import ConversionReport
from pix2seq.files import cannot_write
from pix2seq.model import Pix2Seq
from pix2seq.model.claims import claimed_state, valueless


@dataclass(frozen=True, eq=False)
class Converted:
    """Settings and weights, ready to be saved or used.

    Attributes:
        family: as in ``CheckpointInfo``.
        weights: a complete, strict state of ``Pix2Seq(model)``.
        sampling: what the source's own decoding does.
    """

    family: str
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

    def save(
        self,
        folder: str | Path,
        categories: str | Categories,
        info: CheckpointInfo | None = None,
    ) -> Path:
        """Write our folder, with an account of the conversion; weights keep their precision.

        Args:
            categories: what the class tokens mean: a label space, or the name of one.
            info: what people are told about it; by default named after the folder.
        """
        folder = Path(folder)
        if info is None:
            info = CHECKPOINTS.get(folder.name) or CheckpointInfo(
                name=folder.name,
                title=f"{folder.name} ({self.report.kind})",
                family=self.family,
                source=self.report.source,
                label_space=categories if isinstance(categories, str) else "its own",
                image_size=self.preprocess.image_size,
            )
        with valueless():  # the weights exist once
            model = Pix2Seq(self.model)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.report.write(folder)
            return save(
                folder,
                model,
                self.tokenizer,
                self.preprocess,
                categories,
                self.sampling,
                info.replace(sampling=None),
                state_dict=self.weights,
                half=False,
            )
        except OSError as error:
            raise cannot_write(folder, error) from None


@lru_cache(maxsize=4)
def meta_state(config: ModelConfig) -> Mapping[str, Tensor]:
    """Names and shapes of the model's tensors, without memory."""
    return claimed_state(config)
