"""moein-shariatnia/Pix2Seq's models: a PyTorch state dict in, one of our folders out.

The published one knows VOC's twenty classes; the repository's code trains on any. A DeiT-III ViT,
its channels averaged down to the decoder's width, and a post-norm decoder with its own vocabulary:
``xyxy``, truncated bins first, then classes, BOS, EOS and PAD. Read from the repository at commit
c7aff7a (2022-08-31).

Its own scripts report as an object's confidence the largest probability at every *fourth* step,
which for most objects is that of a coordinate, and sometimes another object's label. A score here
is the probability of the object's own label token.
"""

from __future__ import annotations

import re
from pathlib import Path

from torch import Tensor

from pix2seq.checkpoints.published import VOC_SAMPLING
from pix2seq.config import (
    SLOTS_PER_OBJECT,
    ConfigError,
    EncoderConfig,
    ModelConfig,
    PreprocessConfig,
    TokenizerConfig,
    TransformerConfig,
)
from pix2seq.convert.converted import Converted, meta_state
from pix2seq.convert.report import ConversionReport
from pix2seq.convert.torch_file import read_state_dict

VOC_CLASSES = 20
BACKBONE = "deit3_small_patch16_384"
SPECIALS = 3  # BOS, EOS and PAD follow the classes

_VIT_HEAD_DIM = 64
_ANCHOR = "decoder.embedding.weight"


def read_shariatnia(
    path: str | Path,
    vit_heads: int | None = None,
    decoder_heads: int = 8,
    num_classes: int | None = None,
) -> Converted:
    """Read the published ``.pth`` file, or one that the repository's training code wrote.

    Args:
        vit_heads: attention heads of the ViT, which shapes do not tell; by default one per 64
            channels, as in every DeiT.
        decoder_heads: attention heads of the decoder.
        num_classes: classes that it was trained on; the rest of the vocabulary are bins. By default
            VOC's 20, if that leaves a bin per pixel, as in the repository's own settings.

    Raises:
        ConfigError: the file cannot be read, its tensors are not this model's, or its vocabulary
            does not tell its classes.
    """
    state = read_state_dict(path, anchor=_ANCHOR)
    config = infer_model(state, vit_heads, decoder_heads)
    weights, mapped = _convert_weights(state, config)
    report = ConversionReport(
        source=str(path),
        kind="shariatnia",
        parameters=sum(tensor.numel() for tensor in weights.values()),
        mapped=mapped,
        ignored=(),
    )
    tokenizer = tokenizer_config(config, num_classes)
    return Converted(
        family="shariatnia",
        model=config,
        tokenizer=tokenizer,
        preprocess=preprocess_config(config),
        sampling=VOC_SAMPLING.replace(
            max_objects=min(VOC_SAMPLING.max_objects, tokenizer.max_objects)
        ),
        weights=weights,
        report=report,
    )


# ---- configuration --------------------------------------------------------------------------

_TELLING = {
    "encoder.model.pos_embed": 3,
    "encoder.model.patch_embed.proj.weight": 4,
    "encoder.model.blocks.0.mlp.fc1.bias": 1,
    "decoder.decoder_pos_embed": 3,
    "decoder.embedding.weight": 2,
    "decoder.decoder.layers.0.linear1.bias": 1,
}
"""Tensors whose shapes tell the architecture, and how many axes they have."""


def infer_model(
    state: dict[str, Tensor], vit_heads: int | None = None, decoder_heads: int = 8
) -> ModelConfig:
    """The architecture that tensors of these shapes belong to."""
    shapes = []
    for name, axes in _TELLING.items():
        if name not in state:
            raise ConfigError(
                f"the state dict has no {name}; it is not moein-shariatnia's Pix2Seq model"
            )
        shape = tuple(state[name].shape)
        if len(shape) != axes or 0 in shape:
            raise ConfigError(f"{name} has shape {shape}; it needs {axes} axes, none of them empty")
        shapes.append(shape)
    positions, patches, vit_hidden, places, embedding, hidden = shapes
    cells, vit_dim = positions[-2:]
    side = round(cells**0.5)
    if side * side != cells:
        raise ConfigError(f"encoder.model.pos_embed has {cells} places, which is no square grid")
    if vit_heads is None and vit_dim % _VIT_HEAD_DIM:
        raise ConfigError(f"a ViT of width {vit_dim} does not tell its heads; give --vit-heads")
    vocab_size, dim = embedding
    return ModelConfig(
        encoder=EncoderConfig(
            kind="timm-vit",
            backbone=BACKBONE,
            patch_size=patches[-1],
            positions="learned",
            transformer=TransformerConfig(
                dim=vit_dim,
                layers=_count(state, "encoder.model.blocks"),
                heads=vit_heads or vit_dim // _VIT_HEAD_DIM,
                mlp_dim=vit_hidden[0],
            ),
        ),
        decoder=TransformerConfig(
            dim=dim,
            layers=_count(state, "decoder.decoder.layers"),
            heads=decoder_heads,
            mlp_dim=hidden[0],
            activation="relu",
            norm_first=False,
            norm_eps=1e-5,
            dropout=0.1,
        ),
        image_size=(side * patches[-1], side * patches[-1]),
        vocab_size=vocab_size,
        max_tokens=places[-2],
        bridge="pool",
        decoder_positions="learned",
        tie_embeddings=False,
        output_bias=True,
        masked_key_id=vocab_size - 1,  # PAD
    )


def tokenizer_config(config: ModelConfig, num_classes: int | None = None) -> TokenizerConfig:
    """Bins, then classes in alphabetical order, then BOS, EOS and PAD.

    Raises:
        ConfigError: the vocabulary has no room for the classes, or does not tell how many there
            are.
    """
    words, side = config.vocab_size - SPECIALS, config.image_size[0]
    if num_classes is None:
        num_classes = VOC_CLASSES
        if words - num_classes != side:
            raise ConfigError(
                f"the vocabulary has {words} bins and classes, which does not tell them apart: "
                f"VOC's {VOC_CLASSES} classes would leave {words - VOC_CLASSES} bins for {side} "
                "pixels; give --num-classes N or --names A,B,..."
            )
    num_bins = words - num_classes
    if num_classes < 1 or num_bins < 2:
        raise ConfigError(
            f"{num_classes} classes do not fit: the vocabulary has {words} bins and classes in all"
        )
    bos_id = num_bins + num_classes
    return TokenizerConfig(
        num_bins=num_bins,
        num_classes=num_classes,
        coord_offset=0,
        class_offset=num_bins,
        vocab_size=config.vocab_size,
        bos_id=bos_id,
        eos_id=bos_id + 1,
        pad_id=bos_id + 2,
        noise_id=None,
        box_order="xyxy",
        quantizer="floor",
        # BOS and EOS take a place each.
        max_objects=(config.max_tokens - 1) // SLOTS_PER_OBJECT,
    )


def preprocess_config(config: ModelConfig) -> PreprocessConfig:
    """A plain squash to a square in whole grey levels, then ImageNet's mean and deviation."""
    return PreprocessConfig(
        image_size=config.image_size,
        fit="stretch",
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
        antialias=False,
        round_uint8=True,
    )


def _count(state: dict[str, Tensor], prefix: str) -> int:
    pattern = re.compile(re.escape(prefix) + r"\.(\d+)\.")
    return len({m.group(1) for name in state if (m := pattern.match(name))})


# ---- weights --------------------------------------------------------------------------------


def key_map(config: ModelConfig) -> dict[str, tuple[str, ...]]:
    """Source tensor name -> ours. A fused query-key-value projection names all three."""
    table: dict[str, tuple[str, ...]] = {
        "decoder.embedding.weight": ("decoder.embedding.rows",),
        "decoder.decoder_pos_embed": ("decoder.positions.table",),
        "decoder.encoder_pos_embed": ("bridge.positions.table",),
        "decoder.output.weight": ("decoder.output.rows",),
        "decoder.output.bias": ("decoder.output_bias",),
    }
    for name in meta_state(config):
        if name.startswith("encoder.vit."):  # timm's own names on both sides
            table[name.replace("encoder.vit.", "encoder.model.", 1)] = (name,)
    for i in range(config.decoder.layers):
        theirs, ours = f"decoder.decoder.layers.{i}", f"decoder.layers.{i}"
        for source, part, norm in (
            ("self_attn", "self", "norm1"),
            ("multihead_attn", "cross", "norm2"),
        ):
            for kind in ("weight", "bias"):
                table[f"{theirs}.{source}.in_proj_{kind}"] = tuple(
                    f"{ours}.{part}_attention.{name}.{kind}" for name in ("query", "key", "value")
                )
                table[f"{theirs}.{source}.out_proj.{kind}"] = (
                    f"{ours}.{part}_attention.out.{kind}",
                )
                table[f"{theirs}.{norm}.{kind}"] = (f"{ours}.{part}_residual.norm.{kind}",)
        for kind in ("weight", "bias"):
            table[f"{theirs}.linear1.{kind}"] = (f"{ours}.mlp.up.{kind}",)
            table[f"{theirs}.linear2.{kind}"] = (f"{ours}.mlp.down.{kind}",)
            table[f"{theirs}.norm3.{kind}"] = (f"{ours}.mlp_residual.norm.{kind}",)
    return table


def check_keys(names: set[str], config: ModelConfig) -> None:
    """Every tensor of ours has a source and every tensor of theirs a use.

    Raises:
        ConfigError: naming what is missing or left over.
    """
    table = key_map(config)
    ours = {name for targets in table.values() for name in targets}
    for problem, found in (
        ("lacks", set(table) - names),
        ("holds unknown", names - set(table)),
        ("has no source for", set(meta_state(config)) ^ ours),
    ):
        if found:
            raise ConfigError(f"the state dict {problem} {', '.join(sorted(found)[:3])}")


def _convert_weights(
    state: dict[str, Tensor], config: ModelConfig
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Our state and the account of where each tensor is from."""
    check_keys(set(state), config)
    empty = meta_state(config)
    weights, mapped = {}, {}
    for theirs, targets in key_map(config).items():
        for ours, part in zip(targets, state[theirs].float().chunk(len(targets)), strict=True):
            # Position tables carry a batch axis of one.
            tensor = part[0] if ours.endswith("positions.table") else part
            if tensor.shape != empty[ours].shape:
                raise ConfigError(
                    f"{theirs} has shape {tuple(state[theirs].shape)}, but {ours} needs "
                    f"{tuple(empty[ours].shape)}"
                )
            weights[ours], mapped[ours] = tensor.contiguous().clone(), theirs
    return weights, mapped
