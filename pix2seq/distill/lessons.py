"""Training examples with what the teacher says about each, where it is asked one by one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.utils.data import Dataset

from pix2seq.config import DistillConfig
from pix2seq.data.mixture import TrainingExample, TrainingMixture, collate
from pix2seq.distill.teacher import Teacher
from pix2seq.tokenizer import Tokenizer

Lesson = tuple[TrainingExample, dict[str, Tensor]]


class Lessons(Dataset[Lesson]):
    """A mixture's examples; each process that reads them starts a teacher of its own, if the run
    asks one. For ``colored`` see ``TrainingMixture``."""

    def __init__(self, config: DistillConfig, tokenizer: Tokenizer, colored: bool = True) -> None:
        self.config = config
        self.examples = TrainingMixture(config, tokenizer, colored=colored)
        self._teacher: Teacher | None = None

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, index: int) -> Lesson:
        example = self.examples[index]
        if not self.config.asks:
            return example, {}
        asked = bool(example.is_photo) or not self.config.truth
        if self.config.asks_batches:
            return example, {"asked": torch.tensor(asked)}
        if self._teacher is None:
            self._teacher = ask(self.config)
        said = self._teacher(example.pixels) if asked else self._teacher.silence()
        return example, said | {"asked": torch.tensor(asked)}

    def close(self) -> None:
        """End this process's teacher."""
        if self._teacher is not None:
            self._teacher.close()
            self._teacher = None


def ask(config: DistillConfig) -> Teacher:
    """Start a run's teacher."""
    pyramid = config.model.encoder.pyramid
    size = tuple(config.preprocess.image_size)
    return Teacher(config.teacher, size, pyramid.width, pyramid.classes)


def collate_lessons(lessons: Sequence[Lesson]) -> dict[str, Tensor]:
    """``mixture.collate``'s batch and, if a teacher is there, its arrays, (B, ...) each, by name;
    ``asked`` (B,) tells about which images it was."""
    said = [words for _, words in lessons]
    batch = collate([example for example, _ in lessons])
    return batch | {name: torch.stack([words[name] for words in said]) for name in said[0]}
