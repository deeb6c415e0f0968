"""``NativeDecoder``: what ``PackedDecoder`` does, in one call of compiled code per step.

It takes small decoders in float32 on a CPU, where Numba is installed; for others, and with
``PIX2SEQ_NATIVE=0``, PyTorch's operations do the same. Both round differently in the last bits
(about 1e-6 of a logit's spread), which the tests let change no token.
"""

from __future__ import annotations

import importlib.util
import os
import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from pix2seq.config import EncoderConfig, ModelConfig, TransformerConfig
from pix2seq.device import one_thread
from pix2seq.model.cache import Cross, KVCache
from pix2seq.model.decoder import Decoder
from pix2seq.model.fused import Versions
from pix2seq.model.packed import PackedDecoder, takes_one_thread

NATIVE_VARIABLE = "PIX2SEQ_NATIVE"


class Stack(NamedTuple):
    """What the step must know of a decoder beside its weights."""

    heads: int
    capacity: int
    eps: np.float32
    gelu: bool
    norm_first: bool


class Tables(NamedTuple):
    """What exists once: rows by token (V, D) and by place, the last norm (2, D), the output (D, V)
    and its bias."""

    embedding: np.ndarray
    positions: np.ndarray
    norm: np.ndarray
    output: np.ndarray
    output_bias: np.ndarray


class Maps(NamedTuple):
    """What every layer has: norms (layers, 3, 2, D), linear maps (layers, in, out) and their
    biases (layers, out)."""

    norms: np.ndarray
    qkv: np.ndarray
    qkv_bias: np.ndarray
    out: np.ndarray
    out_bias: np.ndarray
    query: np.ndarray
    query_bias: np.ndarray
    cross: np.ndarray
    cross_bias: np.ndarray
    up: np.ndarray
    up_bias: np.ndarray
    down: np.ndarray
    down_bias: np.ndarray


class Seen(list):
    """A ``Cross`` whose keys lie as the step reads them, and where that is.

    Attributes:
        addresses: (layers, 2), of keys (H, d, N) and values (H, N, d).
    """

    def __init__(self, cross: Cross) -> None:
        super().__init__(cross)
        self.addresses = _addresses(cross)

    def __reduce__(self) -> tuple:
        """A copy lies elsewhere."""
        return Seen, (list(self),)


def prepared(decoder: Decoder) -> NativeDecoder | PackedDecoder:
    """The decoder, ready for writing in the fastest way that there is here."""
    if _suits(decoder):
        try:
            return NativeDecoder(decoder)
        except ImportError as error:  # made for another NumPy, for example
            warnings.warn(f"Numba cannot be used, so writing is slower: {error}", stacklevel=2)
    return PackedDecoder(decoder)


@torch.no_grad()
def compile_ahead() -> None:
    """Compile the step now, or read it from the cache, so that no first sentence waits for it: the
    types of its arguments are the same for every decoder."""
    stack = TransformerConfig(dim=2, layers=1, heads=1, mlp_dim=2)
    decoder = Decoder(ModelConfig(EncoderConfig("vit", stack), stack, (16, 16), 2, max_tokens=1))
    if isinstance(native := prepared(decoder), NativeDecoder):
        cache = KVCache([native.look(torch.zeros(1, 1, 2))], 1)
        native(torch.zeros(1, 1, dtype=torch.int64), cache)


def _suits(decoder: Decoder) -> bool:
    rows = decoder.embedding.rows
    return (
        rows.device.type == "cpu"
        and rows.dtype == torch.float32
        and decoder.masked_key_id is None
        and len(decoder.layers) > 0
        and takes_one_thread(decoder)
        and os.environ.get(NATIVE_VARIABLE) != "0"
        and importlib.util.find_spec("numba") is not None
    )


class NativeDecoder:
    """Weights of a ``Decoder`` as they were when it was made (``is_current`` tells).

    Args:
        decoder: whose function it is, in eval mode: there is no dropout here.

    Raises:
        ImportError: Numba does not work here.
    """

    @torch.no_grad()
    def __init__(self, decoder: Decoder) -> None:
        from pix2seq.model.kernels import run_step

        self._run = run_step
        self._versions = Versions(decoder)
        layers, first = decoder.layers, decoder.layers[0]
        self.max_tokens = decoder.max_tokens
        self.stack = Stack(
            first.self_attention.heads,
            decoder.max_tokens,  # or less, in a cache that holds less
            np.float32(first.self_residual.norm.eps),
            decoder.activation == "gelu",
            first.self_residual.norm_first,
        )
        output = decoder.output_table()
        bias = decoder.output_bias
        last = first.self_residual.norm if isinstance(decoder.norm, nn.Identity) else decoder.norm
        self.tables = Tables(
            _array(decoder.embedding()),
            _array(decoder.positions(0, decoder.max_tokens)),
            _norm(last),
            _array(output.T),
            _array(output.new_zeros(len(output)) if bias is None else bias),
        )

        def stacked(pick: Callable[[nn.Module], list[nn.Linear]]) -> tuple[np.ndarray, np.ndarray]:
            maps = [pick(layer) for layer in layers]
            weights = [torch.cat([one.weight for one in some]).T for some in maps]
            biases = [torch.cat([one.bias for one in some]) for some in maps]
            return _array(torch.stack(weights)), _array(torch.stack(biases))

        def norms(layer: nn.Module) -> list[np.ndarray]:
            branches = layer.self_residual, layer.cross_residual, layer.mlp_residual
            return [_norm(branch.norm) for branch in branches]

        self.maps = Maps(
            np.array([norms(layer) for layer in layers]),
            *stacked(lambda layer: _qkv(layer.self_attention)),
            *stacked(lambda layer: [layer.self_attention.out]),
            *stacked(lambda layer: [layer.cross_attention.query]),
            *stacked(lambda layer: [layer.cross_attention.out]),
            *stacked(lambda layer: [layer.mlp.up]),
            *stacked(lambda layer: [layer.mlp.down]),
        )
        self._memory = [
            [linear.weight.detach().clone() for linear in (cross.key, cross.value)]
            + [linear.bias.detach().clone() for linear in (cross.key, cross.value)]
            for cross in (layer.cross_attention for layer in layers)
        ]

    def is_current(self, decoder: Decoder) -> bool:
        """Whether the decoder still has the weights that this was made from."""
        return self._versions.current(decoder)

    def look(self, memory: Tensor) -> Seen:
        """What the cross-attention needs of one memory (1, N, D)."""
        x, heads = memory[0].float(), self.stack.heads
        seen = []
        # Neither the number of threads nor somebody's autocast may change a bit.
        with one_thread(), torch.autocast("cpu", enabled=False):
            for key, value, key_bias, value_bias in self._memory:
                keys = (key @ x.T + key_bias[:, None]).unflatten(0, (heads, -1))  # (H, d, N)
                values = nn.functional.linear(x, value, value_bias).unflatten(-1, (heads, -1))
                values = values.transpose(0, 1).contiguous()  # (H, N, d)
                seen.append((keys.transpose(1, 2)[None], values[None]))  # (1, H, N, d) each
        return Seen(seen)

    def __call__(self, ids: Tensor, cache: KVCache) -> Tensor:
        """Read the next L tokens of every row, ids (R, L); returns logits (R, L, V)."""
        rows, length = ids.shape
        if cache.length + length > self.max_tokens:
            raise ValueError(f"the model writes {self.max_tokens} tokens at most, prompt included")
        told = ids.reshape(-1).numpy()
        if told.size and not 0 <= told.min() <= told.max() < len(self.tables.embedding):
            raise IndexError(f"an id is not one of the {len(self.tables.embedding)} tokens")
        cache.reserve(length)
        slots = np.arange(rows).repeat(length)
        places = np.repeat(cache.lengths, length) + np.tile(np.arange(length), rows)
        cross = np.array([image.addresses for image in cache.cross]).repeat(length, axis=0)
        counts = np.array([image[0][0].shape[2] for image in cache.cross]).repeat(length)
        longest = max(int(counts.max()), self.max_tokens)
        width, hidden = self.maps.up.shape[1:]
        bits = np.empty(longest, np.int32)
        logits = np.empty((rows * length, len(self.tables.output_bias)), np.float32)
        self._run(
            self.stack._replace(capacity=cache.capacity),
            self.tables,
            self.maps,
            np.ascontiguousarray(told, np.int64),
            slots,
            places,
            _addresses(zip(cache.keys, cache.values, strict=True)),
            cross,
            counts,
            np.empty(rows * length * (6 * width + hidden) + longest, np.float32),
            bits,
            bits.view(np.float32),
            logits,
        )
        cache.advance(length)
        return torch.from_numpy(logits).view(rows, length, -1)


def _qkv(attention: nn.Module) -> list[nn.Linear]:
    return [attention.query, attention.key, attention.value]


def _norm(norm: nn.LayerNorm) -> np.ndarray:
    return np.stack([_array(norm.weight), _array(norm.bias)])


def _array(tensor: Tensor) -> np.ndarray:
    """A copy, row by row."""
    return tensor.detach().contiguous().clone().numpy()


def _addresses(pairs) -> np.ndarray:
    return np.array([[key.data_ptr(), value.data_ptr()] for key, value in pairs])
