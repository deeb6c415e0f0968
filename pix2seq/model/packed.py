"""The decoder, prepared for writing: the same function as ``Decoder``, one step for many sentences.

Training reads whole sentences at once; writing reads one token of each, thousands of times. So
everything that does not depend on the token is done once: vocabulary tables and position codes are
made, query, key and value share one matrix, and weights are stored as the device likes them.

**A row does not depend on its neighbours, bit for bit**, where the kernels allow it. What sentences
share, the linear maps, runs in oneDNN kernels whose result for a row is the same in any company;
attention, which they do not share, is computed with each row's own keys. So a sentence is the same
alone, in a batch, and in one that others join and leave. Two exceptions cost a last bit (about 1e-6
of a logit's spread), which the tests let change no token: four or more sentences about *one* image
read its keys together, and where oneDNN is missing, PyTorch's default kernels take its place.

Small decoders in float32 on a CPU have a faster way, one call of compiled code (``native``).
"""

from __future__ import annotations

import contextlib

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pix2seq.device import one_thread
from pix2seq.model.cache import Cross, KVCache
from pix2seq.model.decoder import Decoder, DecoderLayer
from pix2seq.model.fused import HAS_ONEDNN, FusedLinear, Versions, joined
from pix2seq.model.layers import Residual

_ROWS = 8
"""How many rows a packed matrix is laid out for; any number works."""
_WORTH_THREADS = 200e6
"""Bytes of weights from which on a step is worth several threads. Below, its fifty operations take
microseconds, and threads that wait for each other at every one of them cost more than they bring:
a tenth on a quiet machine, and many times the step where another program has one of the cores."""
_TOGETHER = 4
"""From so many sentences about one image on, their queries are one matrix."""


class _Linear:
    """``x @ weight.T + bias`` for x (M, K), alone, under an activation, or added to something."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        self.bias = None if bias is None else bias.detach()
        self.weight = weight.detach().contiguous()
        onednn = HAS_ONEDNN and weight.device.type == "cpu" and weight.dtype == torch.float32
        self.fused = FusedLinear(self.weight, self.bias, _ROWS) if onednn else None

    def __call__(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight, self.bias) if self.fused is None else self.fused(x)

    def activated(self, x: Tensor, name: str) -> Tensor:
        if self.fused is not None:
            return self.fused(x, name)
        return getattr(F, name)(F.linear(x, self.weight, self.bias))

    def added(self, x: Tensor, stream: Tensor) -> Tensor:
        if self.fused is not None:
            return self.fused.added(x, stream)
        return stream + F.linear(x, self.weight, self.bias)


class _Layer:
    """One ``DecoderLayer``: its weights, and its two branches between attentions."""

    def __init__(self, layer: DecoderLayer, activation: str) -> None:
        own, cross = layer.self_attention, layer.cross_attention
        self.heads = own.heads
        self.qkv = _Linear(*joined(own.query, own.key, own.value))
        self.self_out = _Linear(*joined(own.out))
        self.query = _Linear(*joined(cross.query))
        self.memory = _Linear(*joined(cross.key, cross.value))
        self.cross_out = _Linear(*joined(cross.out))
        self.up = _Linear(*joined(layer.mlp.up))
        self.down = _Linear(*joined(layer.mlp.down))
        self.activation = activation
        self.norms = [
            _Norm(residual)
            for residual in (layer.self_residual, layer.cross_residual, layer.mlp_residual)
        ]

    def feed_forward(self, x: Tensor) -> Tensor:
        norm = self.norms[2]
        hidden = self.up.activated(norm.before(x), self.activation)
        return norm.after(self.down.added(hidden, x))


class _Norm:
    """The layer norm of a ``Residual``, before the branch or after the sum."""

    def __init__(self, residual: Residual) -> None:
        self.norm = residual.norm
        self.first = residual.norm_first

    def before(self, x: Tensor) -> Tensor:
        return _normed(x, self.norm) if self.first else x

    def after(self, x: Tensor) -> Tensor:
        return x if self.first else _normed(x, self.norm)


class PackedDecoder:
    """Weights of a ``Decoder`` as they were when it was made (``is_current`` tells).

    Args:
        decoder: whose function it is, in eval mode: there is no dropout here.
    """

    def __init__(self, decoder: Decoder) -> None:
        self._versions = Versions(decoder)
        with torch.no_grad():
            self.embedding = decoder.embedding().detach().clone()
            self.positions = decoder.positions(0, decoder.max_tokens).detach().clone()
            self.output = _Linear(decoder.output_table().detach(), decoder.output_bias)
            self.layers = [_Layer(layer, decoder.activation) for layer in decoder.layers]
        self.norm = decoder.norm
        self.max_tokens = decoder.max_tokens
        self.masked_key_id = decoder.masked_key_id
        self.threads = one_thread if takes_one_thread(decoder) else contextlib.nullcontext

    def is_current(self, decoder: Decoder) -> bool:
        """Whether the decoder still has the weights that this was made from."""
        return self._versions.current(decoder)

    def look(self, memory: Tensor) -> Cross:
        """What the cross-attention needs of one memory (1, N, D)."""
        with self.threads():
            return [self._keys_and_values(layer, memory[0]) for layer in self.layers]

    def _keys_and_values(self, layer: _Layer, memory: Tensor) -> tuple[Tensor, Tensor]:
        """One layer's, (1, H, N, d) each."""
        both = layer.memory(memory).unflatten(-1, (2, layer.heads, -1))  # (N, 2, H, d)
        key, value = both.permute(1, 2, 0, 3).contiguous()[:, None].unbind(0)
        return key, value

    @torch.no_grad()
    def __call__(self, ids: Tensor, cache: KVCache) -> Tensor:
        """Read the next L tokens of every row, ids (R, L); returns logits (R, L, V)."""
        with self.threads():
            return self._run(ids, cache)

    def _run(self, ids: Tensor, cache: KVCache) -> Tensor:
        rows, length = ids.shape
        if cache.length + length > self.max_tokens:
            raise ValueError(f"the model writes {self.max_tokens} tokens at most, prompt included")
        cache.reserve(length)
        runs, images = list(cache.runs()), list(cache.images())
        if self.masked_key_id is not None:
            for first, last, start in runs:
                hidden = ids[first:last] == self.masked_key_id
                cache.hidden[first:last, start : start + length] = hidden
        x = F.embedding(ids, self.embedding) + self._position_codes(runs, length)
        x = x.view(rows * length, -1)
        for index, layer in enumerate(self.layers):
            x = self._self_attend(x, layer, index, cache, runs, length)
            x = self._cross_attend(x, layer, index, images, length)
            x = layer.feed_forward(x)
        cache.advance(length)
        x = x if isinstance(self.norm, nn.Identity) else _normed(x, self.norm)
        return self.output(x).view(rows, length, -1)

    def _position_codes(self, runs: list[tuple[int, int, int]], length: int) -> Tensor:
        """Codes of the next tokens, (R or 1, L, D)."""
        if len(runs) == 1:
            start = runs[0][2]
            return self.positions[start : start + length]
        starts = torch.tensor([start for first, last, start in runs for _ in range(first, last)])
        places = starts[:, None] + torch.arange(length)
        return self.positions[places.to(self.positions.device)]

    def _self_attend(
        self,
        x: Tensor,
        layer: _Layer,
        index: int,
        cache: KVCache,
        runs: list[tuple[int, int, int]],
        length: int,
    ) -> Tensor:
        norm = layer.norms[0]
        qkv = layer.qkv(norm.before(x)).view(-1, length, 3, layer.heads, x.shape[1] // layer.heads)
        query, key, value = qkv.transpose(1, 3).unbind(2)  # (R, H, L, d) each
        keys, values = cache.keys[index], cache.values[index]
        parts = []
        for first, last, start in runs:
            end = start + length
            keys[first:last, :, start:end] = key[first:last]
            values[first:last, :, start:end] = value[first:last]
            for place in range(length):  # each position by itself, as when it is written
                end = start + place + 1
                seen = F.scaled_dot_product_attention(
                    query[first:last, :, place : place + 1],
                    keys[first:last, :, :end],
                    values[first:last, :, :end],
                    self._mask(cache, first, last, end),
                )
                parts.append(seen.flatten(1))  # (n, D)
        if length > 1:
            parts = [_by_row(parts[i : i + length]) for i in range(0, len(parts), length)]
        seen = parts[0] if len(parts) == 1 else torch.cat(parts)
        return norm.after(layer.self_out.added(seen, x))

    def _mask(self, cache: KVCache, first: int, last: int, end: int) -> Tensor | None:
        if self.masked_key_id is None:
            return None
        return ~cache.hidden[first:last, None, None, :end]

    def _cross_attend(
        self,
        x: Tensor,
        layer: _Layer,
        index: int,
        images: list[tuple[int, int, Cross]],
        length: int,
    ) -> Tensor:
        norm = layer.norms[1]
        query = layer.query(norm.before(x)).view(len(x), layer.heads, 1, -1)  # (R L, H, 1, d)
        parts = []
        for first, last, cross in images:
            key, value = cross[index]
            some = query[first * length : last * length]
            if len(some) == 1:
                seen = F.scaled_dot_product_attention(some, key, value)
            elif last - first >= _TOGETHER and length == 1:
                some = some.transpose(0, 2)  # (1, H, R, d)
                seen = F.scaled_dot_product_attention(some, key, value).transpose(0, 2)
            else:
                each = (len(some), -1, -1, -1)
                seen = F.scaled_dot_product_attention(some, key.expand(each), value.expand(each))
            parts.append(seen.flatten(1))
        seen = parts[0] if len(parts) == 1 else torch.cat(parts)
        return norm.after(layer.cross_out.added(seen, x))


def takes_one_thread(decoder: Decoder) -> bool:
    """Whether a step is so small that on a CPU one thread does it best."""
    size = sum(p.numel() * p.element_size() for p in decoder.parameters())
    return decoder.embedding.rows.device.type == "cpu" and size < _WORTH_THREADS


def _by_row(places: list[Tensor]) -> Tensor:
    """L times (n, D), one per position, to (n L, D), one row's positions after the other's."""
    return torch.stack(places, dim=1).flatten(0, 1)


def _normed(x: Tensor, norm: nn.LayerNorm) -> Tensor:
    return torch.layer_norm(x, norm.normalized_shape, norm.weight, norm.bias, norm.eps)
