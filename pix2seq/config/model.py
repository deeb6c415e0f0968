"""What an image becomes and what the network is made of."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from pix2seq.config.base import Config, one_of, require, short

Fit = Literal["letterbox", "stretch"]


_LARGEST_SIDE = 8192
_MOST_LAYERS = 512
_LONGEST_MEMORY = 256  # rows or columns
_MOST_DRAFTS = 128
_MOST_CANDIDATES = 1024
_LARGEST_WIDTH = 1 << 16
_LARGEST_TABLE = 1 << 20
"""Far above every known model: a file that claims more is damaged, or means harm."""


def _check_image_size(size: tuple[int, ...]) -> None:
    require(
        len(size) == 2 and 1 <= min(size),
        f"image_size is {short(size)}; it must be (height, width) in pixels",
    )
    require(
        max(size) <= _LARGEST_SIDE,
        f"image_size is {short(size)}; use {_LARGEST_SIDE} pixels or fewer per side",
    )


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
        one_of("fit", self.fit, Fit)
        _check_image_size(self.image_size)
        require(len(self.mean) == len(self.std) == 3, "mean and std need three values each")
        require(min(self.std) > 0, f"std is {self.std}; it must be positive")


EncoderKind = Literal["features", "pyramid", "resnet", "vit", "timm-vit"]
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
        one_of("activation", self.activation, Activation)
        require(
            self.heads >= 1 and self.dim % self.heads == 0,
            f"dim is {short(self.dim)}, which heads = {short(self.heads)} does not divide",
        )
        for name, least, most in (
            ("dim", 1, _LARGEST_WIDTH),
            ("mlp_dim", 1, _LARGEST_WIDTH),
            ("layers", 0, _MOST_LAYERS),
        ):
            value = getattr(self, name)
            require(
                least <= value <= most, f"{name} is {short(value)}; it must be {least} to {most}"
            )


@dataclass(frozen=True)
class PyramidConfig(Config):
    """The feature pyramid of encoder kind ``pyramid``.

    Attributes:
        width: channels of each of its maps.
        classes: how many classes every place guesses among.
        drafts: how many of the surest guesses stand in the memory as objects of their own; 0 for
            none.
        candidates: how many of the surest guesses drafts are chosen among. Guesses that say the
            same are one draft; where too few are left, doubles fill up.
        ranked: whether the tokens of a draft tell which it is, counted from the surest, as an
            object's tokens tell which of the sentence it is.
        memory: rows and columns of the memory, whatever the input's size; ``None`` for a token
            every 16 pixels. So a model may see a larger input than its decoder learned to read.
    """

    width: int = 96
    classes: int = 80
    drafts: int = 0
    candidates: int = 128
    ranked: bool = False
    memory: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        require(self.width >= 1, f"pyramid width is {self.width}; it must be at least 1")
        require(self.classes >= 1, f"pyramid classes is {self.classes}; need at least 1")
        require(
            0 <= self.drafts <= _MOST_DRAFTS,
            f"pyramid drafts is {short(self.drafts)}; use 0 (none) to {_MOST_DRAFTS}",
        )
        require(
            1 <= self.candidates <= _MOST_CANDIDATES,
            f"pyramid candidates is {short(self.candidates)}; use 1 to {_MOST_CANDIDATES}",
        )
        require(
            self.drafts > 0 or not self.ranked,
            "pyramid ranked is true, but there are no drafts; set drafts or ranked to false",
        )
        require(
            self.memory is None or all(1 <= side <= _LONGEST_MEMORY for side in self.memory),
            f"pyramid memory is {short(self.memory)}; use null or rows and columns from 1 to "
            f"{_LONGEST_MEMORY}",
        )


@dataclass(frozen=True)
class EncoderConfig(Config):
    """The image half of the model.

    Attributes:
        kind: ``features`` (any timm backbone's feature maps, fused), ``pyramid`` (a feature pyramid
            on a timm EfficientNet-Lite, ``model.pyramid``), ``resnet`` (the official ResNet-50, C5
            or C4), ``vit`` (the official ViT), ``timm-vit`` (any of timm's ViTs).
        backbone: timm's name for ``features``, ``pyramid`` and ``timm-vit``;
            ``resnet50``/``resnet50-c4``.
        out_indices: which feature maps are fused (``features`` and ``pyramid``), finest first.
        fine_indices: feature maps finer than those (``features`` only). They do not make the
            memory longer: each of its tokens takes all cells that lie in it.
        transformer: the blocks on top of the backbone; ``layers = 0`` for none. For ``timm-vit``,
            the size of the ViT itself.
        patch_size: patch of ``vit`` in pixels.
        positions: ``sincos`` codes or a ``learned`` table on the memory.
        class_token: whether ``resnet`` or ``vit`` carry one into the memory.
        width: channel multiplier of ``resnet`` (1 in every released checkpoint).
        frozen_stages: stages of the backbone that training leaves alone, stem included.
        pyramid: size of the pyramid, for ``pyramid`` only.
    """

    kind: EncoderKind
    transformer: TransformerConfig
    backbone: str | None = None
    out_indices: tuple[int, ...] = ()
    fine_indices: tuple[int, ...] = ()
    patch_size: int = 16
    positions: PositionKind = "sincos"
    class_token: bool = False
    width: float = 1.0
    frozen_stages: int = 0
    pyramid: PyramidConfig | None = None

    def __post_init__(self) -> None:
        one_of("encoder kind", self.kind, EncoderKind)
        one_of("encoder positions", self.positions, PositionKind)
        require(
            self.backbone is None or re.fullmatch(r"[\w.-]+", self.backbone) is not None,
            f"backbone is {short(self.backbone)}; it must be the plain name of a timm model",
        )  # others have timm ask a hub on the network, or read a folder
        require(self.patch_size >= 1, f"patch_size is {short(self.patch_size)}; need at least 1")
        require(0 < self.width <= 64, f"width is {self.width:g}; it must be above 0, at most 64")


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
        one_of("bridge", self.bridge, BridgeKind)
        one_of("decoder_positions", self.decoder_positions, PositionKind)
        _check_image_size(self.image_size)
        for name, least in (("vocab_size", 2), ("max_tokens", 1)):
            value = getattr(self, name)
            require(value >= least, f"{name} is {short(value)}; need at least {least}")
            require(
                value <= _LARGEST_TABLE, f"{name} is {short(value)}; use {_LARGEST_TABLE} or less"
            )
        if self.ordinal_ids is not None:
            require(
                len(self.ordinal_ids) == 2,
                f"ordinal_ids is {short(self.ordinal_ids)}; it must be (first, count)",
            )
            first, count = self.ordinal_ids
            require(
                0 <= first and count >= 2 and first + count <= self.vocab_size,
                f"ordinal_ids is {self.ordinal_ids}; it must lie inside the vocabulary",
            )
        require(
            self.bridge != "none" or self.encoder.transformer.dim == self.decoder.dim,
            f"encoder width {self.encoder.transformer.dim} and decoder width {self.decoder.dim} "
            "differ; set a bridge",
        )

    @property
    def drafts(self) -> int:
        """How many guesses of the encoder stand ahead of the memory's grid."""
        pyramid = self.encoder.pyramid
        return 0 if pyramid is None else pyramid.drafts
