"""``NativeDecoder``: what ``PackedDecoder`` does, in one call of compiled code per step.

It takes small decoders in float32 on a CPU, where Numba is installed; for others, and with
``PIX2SEQ_NATIVE=0``, PyTorch's operations do the same. Both round differently in the last bits
(``MARGIN``); where these decide about a token, PyTorch's are asked (``sampling.batch``).
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from pix2seq.config import EncoderConfig, ModelConfig, TransformerConfig
from pix2seq.device import one_thread
from pix2seq.model import compiled
from pix2seq.model.cache import ROOM, Cross, KVCache
from pix2seq.model.decoder import Decoder
from pix2seq.model.fused import Versions
from pix2seq.model.packed import PackedDecoder, takes_one_thread

NATIVE_VARIABLE = "PIX2SEQ_NATIVE"
MARGIN = 5e-6
"""How far a logit may lie from PyTorch's, in shares of the spread of its step's logits: twice
the furthest that was seen (``benchmarks/README.md``)."""


class Stack(NamedTuple):
    """What the step must know of a decoder beside its weights."""

    heads: int
    eps: np.float32
    gelu: bool
    norm_first: bool


class Tables(NamedTuple):
    """What exists once: rows by token (V, D) and by place, the last norm (2, D), the output's
    panels and its bias (V,)."""

    embedding: np.ndarray
    positions: np.ndarray
    norm: np.ndarray
    output: np.ndarray
    output_bias: np.ndarray


class Maps(NamedTuple):
    """What every layer has: norms (layers, 3, 2, D), linear maps (layers, panels, in, width of a
    panel) and their biases (layers, out)."""

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


class Plan(NamedTuple):
    """Where a cache lies, as long as its rows stay.

    Attributes:
        capacity: T, tokens that a row has room for, whole panels.
        own: (layers, 2) addresses of the rows' keys, (slots, H, panels, d, width) each, and their
            values, (slots, H, T, d) each.
        cross: (R, layers, 2) addresses of each row's image: its keys' panels and its values.
        counts: (R,), what N is.
        longest: the largest of T and all N.
    """

    capacity: int
    own: np.ndarray
    cross: np.ndarray
    counts: np.ndarray
    longest: int


class Seen(list):
    """A ``Cross`` that lies as the step reads it: keys as panels of (d, N), (H, panels, d, width),
    values (1, H, N, d) with room behind them.

    Attributes:
        addresses: (layers, 2), of keys and values.
        panel: the width of a panel; rows of a cache have theirs.
    """

    def __init__(self, cross: Cross) -> None:
        super().__init__(cross)
        self.addresses = _addresses(cross)
        self.panel = cross[0][0].shape[-1]

    def __reduce__(self) -> tuple:
        """A copy lies elsewhere."""
        return Seen, (list(self),)


def prepared(decoder: Decoder) -> NativeDecoder | PackedDecoder:
    """The decoder, ready for writing in the fastest way that there is here."""
    return NativeDecoder(decoder) if _suits(decoder) and works() else PackedDecoder(decoder)


@cache
@torch.no_grad()
def works() -> bool:
    """Whether the step can be compiled here, or was before: tried once, with the types of arguments
    that every decoder has, so that no sentence waits for it later."""

    def write_one_token() -> None:
        stack = TransformerConfig(dim=2, layers=1, heads=1, mlp_dim=2)
        config = ModelConfig(EncoderConfig("vit", stack), stack, (16, 16), 2, max_tokens=1)
        with torch.random.fork_rng(devices=[]):  # nobody's random numbers change
            native = NativeDecoder(Decoder(config).eval())
        native(
            torch.zeros(1, 1, dtype=torch.int64), KVCache([native.look(torch.zeros(1, 1, 2))], 1)
        )

    return compiled.works("step", write_one_token)


def is_wanted() -> bool:
    """Whether Numba is there, and nobody has asked for PyTorch's operations."""
    variable = os.environ.get(NATIVE_VARIABLE)
    return variable != "0" and importlib.util.find_spec("numba") is not None


def _suits(decoder: Decoder) -> bool:
    rows = decoder.embedding.rows
    return (
        rows.device.type == "cpu"
        and rows.dtype == torch.float32
        and decoder.masked_key_id is None
        and len(decoder.layers) > 0
        and takes_one_thread(decoder)
        and is_wanted()
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
        from pix2seq.model.kernels import WIDTH, run_step

        self._run = run_step
        self._width = WIDTH
        self._versions = Versions(decoder)
        layers, first = decoder.layers, decoder.layers[0]
        self.max_tokens = decoder.max_tokens
        self.stack = Stack(
            first.self_attention.heads,
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
            _array(panels(output.T, WIDTH)),
            _array(output.new_zeros(len(output)) if bias is None else bias),
        )

        def stacked(pick: Callable[[nn.Module], list[nn.Linear]]) -> tuple[np.ndarray, np.ndarray]:
            maps = [pick(layer) for layer in layers]
            weights = [torch.cat([one.weight for one in some]).T for some in maps]
            biases = [torch.cat([one.bias for one in some]) for some in maps]
            return _array(panels(torch.stack(weights), WIDTH)), _array(torch.stack(biases))

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
                seen.append((panels(keys, self._width), _with_room(values.transpose(0, 1))[None]))
        return Seen(seen)

    def __call__(self, ids: Tensor, cache: KVCache) -> Tensor:
        """Read the next L tokens of every row, ids (R, L); returns logits (R, L, V)."""
        rows, length = ids.shape
        if cache.length + length > self.max_tokens:
            raise ValueError(f"the model writes {self.max_tokens} tokens at most, prompt included")
        cache.reserve(length)
        plan = cache.plan = cache.plan or _plan(cache)
        longest = plan.longest + 2 * self._width
        width, hidden = self.tables.embedding.shape[1], self.maps.up_bias.shape[1]
        logits = np.empty((rows * length, len(self.tables.output_bias)), np.float32)
        told = self._run(
            self.stack,
            self.tables,
            self.maps,
            plan,
            np.ascontiguousarray(ids.numpy(), np.int64).reshape(-1),
            np.array(cache.lengths),
            np.empty(rows * length * (6 * width + hidden) + 4 * longest, np.float32),
            logits,
        )
        if not told:
            raise IndexError(f"an id is not one of the {len(self.tables.embedding)} tokens")
        cache.advance(length)
        return torch.from_numpy(logits.reshape(rows, length, -1))


def panels(matrices: Tensor, width: int) -> Tensor:
    """(..., K, N) as (..., panels, K, width); zeros fill up the last."""
    padded = nn.functional.pad(matrices, (0, -matrices.shape[-1] % width))
    return padded.unflatten(-1, (-1, width)).transpose(-3, -2).contiguous()


def _with_room(values: Tensor) -> Tensor:
    """A copy after which there is memory: the last rows are read with what stands behind them."""
    room = values.new_zeros(values.numel() + ROOM * (values.shape[-1] + 1))
    copy = room[: values.numel()].view(values.shape)
    return copy.copy_(values)


def _plan(cache: KVCache) -> Plan:
    capacity = cache.values[0].shape[-2]
    counts = np.array([image[0][1].shape[2] for image in cache.cross])
    return Plan(
        capacity,
        _addresses(zip(cache.keys, cache.values, strict=True)),
        np.array([image.addresses for image in cache.cross]),
        counts,
        max(capacity, int(counts.max())),
    )


def _qkv(attention: nn.Module) -> list[nn.Linear]:
    return [attention.query, attention.key, attention.value]


def _norm(norm: nn.LayerNorm) -> np.ndarray:
    return np.stack([_array(norm.weight), _array(norm.bias)])


def _array(tensor: Tensor) -> np.ndarray:
    """A copy, row by row."""
    return tensor.detach().contiguous().clone().numpy()


def _addresses(pairs) -> np.ndarray:
    return np.array([[key.data_ptr(), value.data_ptr()] for key, value in pairs])
