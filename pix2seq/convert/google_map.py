"""Which variable of google-research/pix2seq is which tensor of ours, and how it is turned.

Names as in the repository at commit eabd4e9, read off checkpoints that its own code wrote. A name
here lacks the common suffix ``/.ATTRIBUTES/VARIABLE_VALUE`` and the variable-name prefix that
TensorFlow puts before escaped names (``ar_decoder.Stoken_embedding`` is ``token_embedding``).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from pix2seq.config import ModelConfig
from pix2seq.model.resnet import RESNET50_BLOCKS

SUFFIX = "/.ATTRIBUTES/VARIABLE_VALUE"

_IGNORED = re.compile(
    r"_CHECKPOINTABLE_OBJECT_GRAPH|global_step|save_counter"
    r"|.*/\.OPTIMIZER_SLOT/optimizer/[a-z_]+"  # moments of the optimisers before Keras 2.11
    r"|optimizer/(beta_1|beta_2|decay|learning_rate|iter|_current_learning_rate|_variables/\d+)"
)


def plain_name(key: str) -> str:
    """A checkpoint key without suffix and escaped-name prefix.

    >>> plain_name("model/decoder/ar_decoder.Soutp_bias/.ATTRIBUTES/VARIABLE_VALUE")
    'model/decoder/outp_bias'
    """
    name = key.removesuffix(SUFFIX)
    name = re.sub(r"(^|/)[a-z_]+\.S([a-z_]+)$", r"\1\2", name)
    # Some attributes are shorter than the variable that they hold.
    return re.sub(r"(cls_token|vis_pos|seq_pos|token)_emb$", r"\1_embedding", name)


def is_ignored(key: str) -> bool:
    """Whether a key is optimiser state or bookkeeping."""
    return _IGNORED.fullmatch(key.removesuffix(SUFFIX)) is not None


def as_is(tensor: Tensor) -> Tensor:
    return tensor


def flat(tensor: Tensor) -> Tensor:
    """(H, d) biases of attention heads to (H d,)."""
    return tensor.reshape(-1)


def conv(tensor: Tensor) -> Tensor:
    """(h, w, in, out) to (out, in, h, w)."""
    return tensor.permute(3, 2, 0, 1)


def dense(tensor: Tensor) -> Tensor:
    """(in, out) to (out, in)."""
    return tensor.T


def heads_in(tensor: Tensor) -> Tensor:
    """(D, H, d) projections into heads to (H d, D)."""
    return tensor.reshape(tensor.shape[0], -1).T


def heads_out(tensor: Tensor) -> Tensor:
    """(H, d, D) projection out of heads to (D, H d)."""
    return tensor.reshape(-1, tensor.shape[-1]).T


@dataclass(frozen=True)
class Source:
    """A variable and how it becomes our tensor."""

    name: str
    turn: Callable[[Tensor], Tensor] = as_is


KeyMap = dict[str, Source]


def key_map(config: ModelConfig) -> KeyMap:
    """Our tensor name -> its source, for every tensor of the model that ``config`` describes."""
    encoder = config.encoder
    table = _resnet_stem(encoder.backbone) if encoder.kind == "resnet" else _patch_stem()
    table |= _norm("encoder.norm", "model/encoder/stem_ln")
    if encoder.class_token:
        table["encoder.class_token"] = Source("model/encoder/cls_token_embedding")
    if encoder.positions == "learned":
        table["encoder.positions.table"] = Source("model/encoder/vis_pos_embedding")
    for i in range(encoder.transformer.layers):
        ours, theirs = f"encoder.transformer.layers.{i}", "model/encoder/transformer_encoder"
        theirs += f"/enc_layers/{i}"
        table |= _norm(f"{ours}.attention_residual.norm", f"{theirs}/mha_ln")
        table |= _attention(f"{ours}.attention", f"{theirs}/mha")
        table |= _mlp(ours, f"{theirs}/mlp")
    table |= _norm("encoder.transformer.norm", "model/encoder/output_ln")
    return table | _bridge(config) | _decoder(config)


def _norm(ours: str, theirs: str) -> KeyMap:
    return {
        f"{ours}.weight": Source(f"{theirs}/gamma"),
        f"{ours}.bias": Source(f"{theirs}/beta"),
    }


def _linear(ours: str, theirs: str) -> KeyMap:
    return {
        f"{ours}.weight": Source(f"{theirs}/kernel", dense),
        f"{ours}.bias": Source(f"{theirs}/bias"),
    }


def _attention(ours: str, theirs: str) -> KeyMap:
    table = {
        f"{ours}.out.weight": Source(f"{theirs}/_output_dense/kernel", heads_out),
        f"{ours}.out.bias": Source(f"{theirs}/_output_dense/bias"),
    }
    for part in ("query", "key", "value"):
        table[f"{ours}.{part}.weight"] = Source(f"{theirs}/_{part}_dense/kernel", heads_in)
        table[f"{ours}.{part}.bias"] = Source(f"{theirs}/_{part}_dense/bias", flat)
    return table


def _mlp(ours: str, theirs: str) -> KeyMap:
    return (
        _norm(f"{ours}.mlp_residual.norm", f"{theirs}/layernorms/0")
        | _linear(f"{ours}.mlp.up", f"{theirs}/mlp_layers/0/dense1")
        | _linear(f"{ours}.mlp.down", f"{theirs}/mlp_layers/0/dense2")
    )


def _conv_norm(ours: str, convolution: str, norm: str) -> KeyMap:
    return {
        f"{ours}.conv.weight": Source(f"{convolution}/conv2d/kernel", conv),
        f"{ours}.norm.weight": Source(f"{norm}/bn/gamma"),
        f"{ours}.norm.bias": Source(f"{norm}/bn/beta"),
        f"{ours}.norm.running_mean": Source(f"{norm}/bn/moving_mean"),
        f"{ours}.norm.running_var": Source(f"{norm}/bn/moving_variance"),
    }


def _patch_stem() -> KeyMap:
    return {
        "encoder.stem.conv.weight": Source("model/encoder/stem_conv/kernel", conv),
        "encoder.stem.conv.bias": Source("model/encoder/stem_conv/bias"),
    }


def _resnet_stem(backbone: str | None) -> KeyMap:
    ours, theirs = "encoder.stem.backbone", "model/encoder/resnet"
    first = f"{theirs}/initial_conv_relu_max_pool"
    table = _linear("encoder.stem.project", "model/encoder/stem_projection")
    table |= _conv_norm(f"{ours}.stem", f"{first}/0", f"{first}/2")
    for g, blocks in enumerate(RESNET50_BLOCKS[: 3 if backbone == "resnet50-c4" else 4]):
        for b in range(blocks):
            block = f"{theirs}/block_groups/{g}/layers/{b}"
            # Places 2, 5 and 8 of the list are drop-blocks, which have no weights.
            layers = f"{block}/conv_relu_dropblock_layers"
            for name, place in (("reduce", 0), ("spatial", 3), ("expand", 6)):
                convolution, norm = f"{layers}/{place}", f"{layers}/{place + 1}"
                table |= _conv_norm(f"{ours}.groups.{g}.{b}.{name}", convolution, norm)
            if b == 0:
                shortcut = f"{block}/projection_layers"
                table |= _conv_norm(
                    f"{ours}.groups.{g}.{b}.shortcut", f"{shortcut}/0", f"{shortcut}/1"
                )
    return table


def _bridge(config: ModelConfig) -> KeyMap:
    table = _linear("bridge.project", "model/proj") | _norm("bridge.norm", "model/proj_ln")
    if config.bridge != "linear" and config.encoder.positions == "learned":
        table["bridge.positions.table"] = Source("model/vis_pos_embedding")
    if config.bridge == "mlp":
        table |= _mlp("bridge", "model/proj_mlp")
    return table


def _decoder(config: ModelConfig) -> KeyMap:
    stem = "model/decoder"
    table = _norm("decoder.norm", f"{stem}/output_ln")
    if config.tie_embeddings:
        table["decoder.embedding.rows"] = Source(f"{stem}/token_embedding")
    else:
        table["decoder.embedding.rows"] = Source(f"{stem}/inp_token_embedding")
        table["decoder.output.rows"] = Source(f"{stem}/outp_token_embedding")
    if config.output_bias:
        table["decoder.output_bias"] = Source(f"{stem}/outp_bias")
    if config.decoder_positions == "learned":
        table["decoder.positions.table"] = Source(f"{stem}/seq_pos_embedding")
    for i in range(config.decoder.layers):
        ours, theirs = f"decoder.layers.{i}", f"{stem}/decoder/dec_layers/{i}"
        for part in ("self", "cross"):
            table |= _norm(f"{ours}.{part}_residual.norm", f"{theirs}/{part}_ln")
            table |= _attention(f"{ours}.{part}_attention", f"{theirs}/{part}_mha")
        table |= _mlp(ours, f"{theirs}/mlp")
    return table
