"""The official model's settings in our terms: read off tensor shapes, checked against config.json.

The image size is not in the shapes (position codes are computed), nor are the task's settings:
those come from ``config.json``, or from the defaults that every released checkpoint shares.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from pix2seq.checkpoints.published import GOOGLE_SAMPLING
from pix2seq.config import (
    SLOTS_PER_OBJECT,
    ConfigError,
    EncoderConfig,
    ModelConfig,
    SamplingOptions,
    TokenizerConfig,
    TransformerConfig,
)
from pix2seq.model.resnet import RESNET50_BLOCKS

CLASS_OFFSET = 100
NOISE_ID = 30
PROMPT_ID = 10  # "detect"; the multi-task checkpoints know other prompts too

Shapes = dict[str, tuple[int, ...]]


def read_config(path: str | Path | None, prefix: Path) -> dict[str, Any]:
    """The official ``config.json``, or ``{}`` if none was named and none lies beside ``prefix``."""
    if path is None:
        path = prefix.with_name("config.json")
        if not path.is_file():
            return {}
    try:
        data = json.loads(Path(path).read_text())
    except (OSError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read as the official config.json: {error}") from error
    if not isinstance(data, dict) or not isinstance(data.get("model"), dict):
        raise ConfigError(f"{path} is not an official config.json: it has no 'model' settings")
    return data


def detection_task(official: dict[str, Any]) -> dict[str, Any]:
    """The settings of the object-detection task, ``{}`` if there are none."""
    tasks = [official.get("task"), *(official.get("tasks") or [])]
    for task in tasks:
        if isinstance(task, dict) and task.get("name") == "object_detection":
            return task
    return {}


def stated_image_size(official: dict[str, Any]) -> tuple[int, int] | None:
    """(height, width) in the config. The release's hold one number, later ones a pair."""
    stated = official.get("model", {}).get("image_size")
    if stated is None:
        stated = detection_task(official).get("image_size")
    if stated is None:
        return None
    size = [stated, stated] if isinstance(stated, int) else stated
    if not (isinstance(size, list) and len(size) == 2 and all(_is_side(side) for side in size)):
        raise ConfigError(f"image_size in config.json is {stated!r}; it must be one or two sides")
    return size[0], size[1]


def _is_side(value: Any) -> bool:
    return isinstance(value, int) and value >= 1


def choose_image_size(official: dict[str, Any], asked: int | None, prefix: Path) -> tuple[int, int]:
    """(height, width) as stated, or the size that was asked for."""
    stated = stated_image_size(official)
    if stated is None and asked is None:
        raise ConfigError(
            f"{prefix} does not say its image size; add its config.json, or --image-size 640"
        )
    size = stated or (asked, asked)
    if asked is not None and size != (asked, asked):
        raise ConfigError(f"image size is {asked}, but config.json says {size}; leave it out")
    return size


def infer_model(
    shapes: Shapes, image_size: tuple[int, int], official: dict[str, Any] | None = None
) -> ModelConfig:
    """The architecture that variables of these shapes belong to.

    Args:
        shapes: plain variable name -> shape.
        official: the official ``config.json``; must agree where it speaks.

    Raises:
        ConfigError: a variable that every model has is missing, or ``official`` disagrees.
    """
    settings = (official or {}).get("model", {})
    rates = {
        "dropout": float(settings.get("drop_units", 0.1)),
        "drop_path": float(settings.get("drop_path", 0.1)),
        "residual_dropout": False,
    }
    encoder = _transformer(shapes, "model/encoder/transformer_encoder/enc_layers", "mha", rates)
    decoder = _transformer(shapes, "model/decoder/decoder/dec_layers", "self_mha", rates)
    tied = "model/decoder/token_embedding" in shapes
    table = "model/decoder/token_embedding" if tied else "model/decoder/outp_token_embedding"
    positions = shapes.get("model/decoder/seq_pos_embedding")
    bridge = _bridge_kind(shapes, settings)
    ratio = 4.0
    if bridge == "mlp":
        ratio = _shape(shapes, "model/proj_mlp/mlp_layers/0/dense1/bias")[0] / decoder.dim
    model = ModelConfig(
        encoder=_encoder(shapes, encoder),
        decoder=decoder,
        image_size=image_size,
        vocab_size=_shape(shapes, table)[0],
        max_tokens=positions[0] if positions else int(settings.get("max_seq_len", 512)),
        bridge=bridge,
        bridge_mlp_ratio=ratio,
        decoder_positions="learned" if positions else "sincos",
        tie_embeddings=tied,
        output_bias="model/decoder/outp_bias" in shapes,
    )
    _cross_check(model, settings)
    return model


def kind_name(model: ModelConfig) -> str:
    """The release's name of an architecture, or just ``vit`` for a size that was not released."""
    if model.encoder.kind == "resnet":
        return "resnet-c" if model.encoder.backbone == "resnet50-c4" else "resnet"
    stack = model.encoder.transformer
    return {(768, 12): "vit-b", (1024, 24): "vit-l"}.get((stack.dim, stack.layers), "vit")


def tokenizer_config(model: ModelConfig, official: dict[str, Any] | None = None) -> TokenizerConfig:
    """The official vocabulary: specials below 100, classes by category id up to the coordinates."""
    official = official or {}
    task = detection_task(official)
    coord_offset = int(official.get("model", {}).get("coord_vocab_shift", 1000))
    fit = (model.max_tokens - 1) // SLOTS_PER_OBJECT
    return TokenizerConfig(
        num_bins=int(task.get("quantization_bins", 1000)),
        num_classes=coord_offset - CLASS_OFFSET,
        coord_offset=coord_offset,
        class_offset=CLASS_OFFSET,
        vocab_size=model.vocab_size,
        bos_id=int(task.get("vocab_id") or PROMPT_ID),
        eos_id=0,
        pad_id=0,
        noise_id=NOISE_ID,
        box_order="yxyx",
        quantizer="round",
        max_objects=min(int(task.get("max_instances_per_image_test", 100)), fit),
    )


def sampling_defaults(official: dict[str, Any], tokenizer: TokenizerConfig) -> SamplingOptions:
    """The family's decoding, with what ``config.json`` says about it."""
    task = detection_task(official)
    return GOOGLE_SAMPLING.replace(
        temperature=float(task.get("temperature", GOOGLE_SAMPLING.temperature)),
        top_k=int(task.get("top_k", GOOGLE_SAMPLING.top_k)),
        top_p=float(task.get("top_p", GOOGLE_SAMPLING.top_p)),
        max_objects=tokenizer.max_objects,
    )


def _shape(shapes: Shapes, name: str) -> tuple[int, ...]:
    if name not in shapes:
        raise ConfigError(f"the checkpoint has no {name}; it is not a pix2seq detection checkpoint")
    return shapes[name]


def _count(shapes: Shapes, prefix: str) -> int:
    """How many numbered children a list of layers has."""
    pattern = re.compile(re.escape(prefix) + r"/(\d+)/")
    return len({m.group(1) for name in shapes if (m := pattern.match(name))})


def _transformer(
    shapes: Shapes, stack: str, attention: str, rates: dict[str, Any]
) -> TransformerConfig:
    dim, heads, _ = _shape(shapes, f"{stack}/0/{attention}/_query_dense/kernel")
    return TransformerConfig(
        dim=dim,
        layers=_count(shapes, stack),
        heads=heads,
        mlp_dim=_shape(shapes, f"{stack}/0/mlp/mlp_layers/0/dense1/bias")[0],
        **rates,
    )


def _encoder(shapes: Shapes, transformer: TransformerConfig) -> EncoderConfig:
    common = {
        "transformer": transformer,
        "class_token": "model/encoder/cls_token_embedding" in shapes,
        "positions": "learned" if "model/encoder/vis_pos_embedding" in shapes else "sincos",
    }
    if "model/encoder/stem_conv/kernel" in shapes:
        patch = shapes["model/encoder/stem_conv/kernel"][0]
        return EncoderConfig(kind="vit", patch_size=patch, **common)
    resnet = "model/encoder/resnet"
    channels = _shape(shapes, f"{resnet}/initial_conv_relu_max_pool/0/conv2d/kernel")[-1]
    groups = _count(shapes, f"{resnet}/block_groups")
    blocks = tuple(_count(shapes, f"{resnet}/block_groups/{g}/layers") for g in range(groups))
    if blocks not in (RESNET50_BLOCKS, RESNET50_BLOCKS[:3]):
        raise ConfigError(f"the ResNet has blocks {blocks}; only ResNet-50 (3, 4, 6[, 3]) is known")
    backbone = "resnet50" if groups == 4 else "resnet50-c4"
    return EncoderConfig(kind="resnet", backbone=backbone, width=channels / 64, **common)


def _bridge_kind(shapes: Shapes, settings: dict[str, Any]) -> str:
    if any(name.startswith("model/proj_mlp/") for name in shapes):
        return "mlp"
    if "model/vis_pos_embedding" in shapes:
        return "linear_p"
    stated = settings.get("dec_proj_mode")
    if stated not in ("linear", "linear_p"):
        raise ConfigError(
            "the shapes do not tell whether dec_proj_mode is linear or linear_p; add config.json"
        )
    return stated


def _cross_check(model: ModelConfig, settings: dict[str, Any]) -> None:
    """Compare what the shapes say with what the official config says."""
    encoder, decoder = model.encoder, model.decoder
    names = {"sincos": "sin_cos", "learned": "learned"}
    found: dict[str, Any] = {
        "dim_att": encoder.transformer.dim,
        "dim_mlp": encoder.transformer.mlp_dim,
        "num_encoder_layers": encoder.transformer.layers,
        "num_heads": encoder.transformer.heads,
        "dim_att_dec": decoder.dim,
        "dim_mlp_dec": decoder.mlp_dim,
        "num_decoder_layers": decoder.layers,
        "num_heads_dec": decoder.heads,
        "vocab_size": model.vocab_size,
        "max_seq_len": model.max_tokens,
        "use_cls_token": encoder.class_token,
        "shared_decoder_embedding": model.tie_embeddings,
        "decoder_output_bias": model.output_bias,
        "dec_proj_mode": model.bridge,
        "pos_encoding": names[encoder.positions],
        "pos_encoding_dec": names[model.decoder_positions],
    }
    if encoder.kind == "resnet":
        found["resnet_variant"] = "c4" if encoder.backbone == "resnet50-c4" else "standard"
        found |= {
            "resnet_depth": 50,
            "resnet_sk_ratio": 0,
            "resnet_width_multiplier": encoder.width,
        }
    else:
        found |= {"resnet_variant": "c1", "patch_size": encoder.patch_size}
    for name, value in found.items():
        stated = settings.get(name, value)
        if stated != value:
            raise ConfigError(
                f"config.json says {name} = {stated!r}, but the checkpoint's shapes say {value!r}; "
                "the two do not belong together"
            )
