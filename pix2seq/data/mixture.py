"""Training examples from any mixture of photos and scenes.

Example ``i`` of a mixture depends only on the seed and on ``i``: whichever worker or process makes
it, and whether a run was interrupted before it, the result is the same. That is what makes training
resumable to the step.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset

from pix2seq.augment import TrainingSequence, build_training_sequence
from pix2seq.boxes import scale_boxes
from pix2seq.categories import Categories
from pix2seq.config import SLOTS_PER_OBJECT, DataConfig, TrainConfig
from pix2seq.data.coco import CocoDetection
from pix2seq.data.mosaic import MIN_VISIBLE, make_mosaic
from pix2seq.data.sample import Sample
from pix2seq.data.scenes import Scenes, make_scene, paste_objects
from pix2seq.dense import cell_targets
from pix2seq.tokenizer import Tokenizer
from pix2seq.transforms import ColorJitter, ScaleCrop

UNASKED = -1
"""The label of a region that is neither an object to learn nor background."""

_MIN_SIDE = 0.02  # of the input's height: smaller boxes are not worth learning


@dataclass(frozen=True, eq=False)
class TrainingExample:
    """One image and several sentences about it.

    Attributes:
        pixels: (3, H, W) uint8, padded, not normalised.
        content: (2,) int64 rows and columns that are not padding.
        color: (3,) float32, factors of a ``ColorJitter`` yet to be applied; 1 if it has been.
        input_ids, target_ids: (S, L) int64.
        token_weights: (S, L) float32.
        cell_ids: (N, 5) int64 from ``dense.cell_targets``; (0, 5) where nobody asked for them.
        boxes_norm: (M, 4) all that is known of the image, ``xyxy`` relative to the padded input.
        labels: (M,) int64 what stands in each; ``UNASKED`` for regions that are neither objects nor
            background.
        is_photo: () bool; a scene's boxes are all there is in it.
    """

    pixels: Tensor
    content: Tensor
    color: Tensor
    input_ids: Tensor
    target_ids: Tensor
    token_weights: Tensor
    cell_ids: Tensor
    boxes_norm: Tensor
    labels: Tensor
    is_photo: Tensor


class TrainingMixture(Dataset[TrainingExample]):
    """``steps * batch_size`` examples, drawn from ``config.data`` by weight.

    Args:
        grid: rows and columns of the memory, for targets of its tokens; ``None`` leaves them out.
        colored: whether colours are jittered here; else by ``transforms.jitter_colors``.
    """

    def __init__(
        self,
        config: TrainConfig,
        tokenizer: Tokenizer,
        grid: tuple[int, int] | None = None,
        colored: bool = True,
    ) -> None:
        self.config = config
        self.tokenizer = tokenizer
        self.grid = grid
        self.colored = colored
        weights = np.array([source.weight for source in config.data])
        self._shares = weights / weights.sum()
        self._photos = [_open(source, tokenizer.categories) for source in config.data]
        self._photo_shares = [
            repeat_shares(photos, source.balance) if photos and source.balance else None
            for photos, source in zip(self._photos, config.data, strict=True)
        ]
        self._backgrounds = [file for photos in self.photos for file in photos.files]
        if config.decoded:
            for photos in self.photos:
                photos.keep_decoded(config.workers)

    @property
    def photos(self) -> list[CocoDetection]:
        """The data sets among the sources."""
        return [photos for photos in self._photos if photos is not None]

    def __len__(self) -> int:
        return self.config.steps * self.config.batch_size

    def __getitem__(self, index: int) -> TrainingExample:
        rng = np.random.default_rng([self.config.seed, index])
        number = rng.choice(len(self._shares), p=self._shares)
        source, photos = self.config.data[number], self._photos[number]
        target = tuple(self.config.preprocess.image_size)
        if photos is None:
            sample = make_scene(source.seed, index, max(target), self._backgrounds)
            crop = ScaleCrop(target, ratio=1.0)
        else:
            shares = self._photo_shares[number]

            def draw() -> Sample:
                return photos[int(rng.choice(len(photos), p=shares))]

            if source.mosaic and rng.random() < source.mosaic:
                sample = make_mosaic(rng, [draw() for _ in range(4)], max(target))
            else:
                sample = draw()
            if source.paste:
                sample = paste_objects(rng, sample, int(rng.integers(source.paste + 1)))
            crop = ScaleCrop.draw(rng, target, source.scale_jitter)
        color = ColorJitter(*rng.uniform(0.7, 1.3, 3))
        is_photo = photos is not None
        return self._example(sample, crop, color, int(rng.integers(2**62)), is_photo)

    def _example(
        self, sample: Sample, crop: ScaleCrop, color: ColorJitter, seed: int, is_photo: bool
    ) -> TrainingExample:
        height, width = self.config.preprocess.image_size
        image = crop.apply_image(sample.image)
        if self.colored:
            image, color = color.apply_image(image), ColorJitter()
        pixels = _pad(image, (height, width), self.config.preprocess.pad_value)
        keep = ~sample.is_crowd & crop.visible(
            sample.boxes, sample.size, MIN_VISIBLE, _MIN_SIDE * height
        )
        all_norm = scale_boxes(crop.apply_boxes(sample.boxes, sample.size), (1 / height, 1 / width))
        boxes_norm = all_norm[keep]
        rows, columns = crop.content_size(sample.size)
        generator = torch.Generator().manual_seed(seed)
        sequences = [
            build_training_sequence(
                boxes_norm,
                sample.labels[keep],
                self.tokenizer,
                self.config.augment,
                num_objects=self.config.objects_per_sequence,
                extent=(rows / height, columns / width),
                ignored_norm=all_norm[~keep],
                generator=generator,
            )
            for _ in range(self.config.sequences_per_image)
        ]
        cell_ids = torch.zeros(0, SLOTS_PER_OBJECT, dtype=torch.long)
        if self.grid is not None:
            cell_ids = cell_targets(
                boxes_norm, sample.labels[keep], all_norm[~keep], self.grid, self.tokenizer
            )
        labels = torch.where(keep, sample.labels, UNASKED)
        return TrainingExample(
            pixels,
            torch.tensor([rows, columns]),
            torch.tensor(dataclasses.astuple(color)),
            *_stack(sequences),
            cell_ids,
            all_norm,
            labels,
            torch.tensor(is_photo),
        )


def collate(examples: Sequence[TrainingExample]) -> dict[str, Tensor]:
    """B examples to one batch: ``pixels`` (B, 3, H, W), ``content`` (B, 2), ``color`` (B, 3), the
    sequences (B * S, L), ``cell_ids`` (B, N, 5), ``boxes_norm`` (B, M, 4) and ``labels`` (B, M),
    filled up with regions of no size, ``is_photo`` (B,)."""
    pad = partial(pad_sequence, batch_first=True)
    return {
        "pixels": torch.stack([e.pixels for e in examples]),
        "content": torch.stack([e.content for e in examples]),
        "color": torch.stack([e.color for e in examples]),
        "input_ids": torch.cat([e.input_ids for e in examples]),
        "target_ids": torch.cat([e.target_ids for e in examples]),
        "token_weights": torch.cat([e.token_weights for e in examples]),
        "cell_ids": torch.stack([e.cell_ids for e in examples]),
        "boxes_norm": pad([e.boxes_norm for e in examples]),
        "labels": pad([e.labels for e in examples], padding_value=UNASKED),
        "is_photo": torch.stack([e.is_photo for e in examples]),
    }


def _stack(sequences: list[TrainingSequence]) -> tuple[Tensor, Tensor, Tensor]:
    return (
        torch.stack([s.input_ids for s in sequences]),
        torch.stack([s.target_ids for s in sequences]),
        torch.stack([s.token_weights for s in sequences]),
    )


def repeat_shares(photos: CocoDetection, balance: float) -> np.ndarray:
    """How often each photo is drawn, (len(photos),) summing to 1; see ``DataConfig.balance``."""
    classes = photos.classes_by_photo()
    seen = Counter(label for labels in classes for label in labels)
    weights = [
        max([1.0, *((balance * len(photos) / seen[label]) ** 0.5 for label in labels)])
        for labels in classes
    ]
    return np.array(weights) / sum(weights)


def _open(source: DataConfig, categories: Categories) -> CocoDetection | None:
    """The photos of a source, ``None`` for generated scenes."""
    if source.annotations is None or source.images is None:
        if categories != Scenes.categories:
            raise ValueError("generated scenes carry COCO-80 labels; train them with coco80")
        return None
    return CocoDetection(source.annotations, source.images, categories)


def _pad(image: Image.Image, size: tuple[int, int], value: float) -> Tensor:
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)
    padded = torch.full((3, *size), round(value * 255), dtype=torch.uint8)
    padded[:, : pixels.shape[1], : pixels.shape[2]] = pixels
    return padded
