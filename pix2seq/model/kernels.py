"""The decoder's step as machine code, which Numba compiles for this processor when it first runs.

Called through PyTorch, a step of a small decoder is some hundred operations of a few microseconds,
and calling an operation costs as much as it does: weights are read at a third of the speed that
memory has. Here the whole step is one call.

Every row is computed by itself and in the same order, whatever rows there are: a weight that has
been read is used for several rows, and no row's sum depends on that.
"""

from __future__ import annotations

from collections.abc import Callable

import numba
import numpy as np
from numba import types
from numba.extending import intrinsic

_F = np.float32
_EXACT = {"contract"}  # fused multiply-add, and no other order of additions
_ANY_ORDER = {"contract", "reassoc", "nsz", "arcp"}


@intrinsic
def _pointer(typing, address):
    """An address as a pointer to float32."""

    def generate(context, builder, signature, arguments):
        return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

    return types.CPointer(types.float32)(types.intp), generate


def _compiled(order: set[str]) -> Callable[[Callable], Callable]:
    """Compile when first called, and keep the result beside this file or in the user's cache."""

    def compiled(function: Callable) -> Callable:
        options = {"fastmath": order, "nogil": True, "error_model": "numpy"}
        try:
            return numba.njit(cache=True, **options)(function)
        except RuntimeError:  # no folder that can be written
            return numba.njit(**options)(function)

    return compiled


@_compiled(_EXACT)
def _linear(x, weight, bias, y):
    """``y = x @ weight + bias`` for x (M, K), weight (K, N), y (M, N).

    Four rows at a time use a weight that has been read; each row's sum runs over K in order.
    """
    rows, inner = x.shape
    outer = weight.shape[1]
    whole, fours = inner - inner % 4, rows // 4
    for m in range(rows):
        for n in range(outer):
            y[m, n] = 0
    for four in range(fours):
        m = 4 * four
        xa, xb, xc, xd = x[m], x[m + 1], x[m + 2], x[m + 3]
        ya, yb, yc, yd = y[m], y[m + 1], y[m + 2], y[m + 3]
        for k in range(0, whole, 4):
            wa, wb, wc, wd = weight[k], weight[k + 1], weight[k + 2], weight[k + 3]
            aa, ab, ac, ad = xa[k], xa[k + 1], xa[k + 2], xa[k + 3]
            ba, bb, bc, bd = xb[k], xb[k + 1], xb[k + 2], xb[k + 3]
            ca, cb, cc, cd = xc[k], xc[k + 1], xc[k + 2], xc[k + 3]
            da, db, dc, dd = xd[k], xd[k + 1], xd[k + 2], xd[k + 3]
            for n in range(outer):
                a, b, c, d = wa[n], wb[n], wc[n], wd[n]
                ya[n] = (((ya[n] + aa * a) + ab * b) + ac * c) + ad * d
                yb[n] = (((yb[n] + ba * a) + bb * b) + bc * c) + bd * d
                yc[n] = (((yc[n] + ca * a) + cb * b) + cc * c) + cd * d
                yd[n] = (((yd[n] + da * a) + db * b) + dc * c) + dd * d
    for m in range(4 * fours, rows):
        for k in range(0, whole, 4):
            a, b, c, d = x[m, k], x[m, k + 1], x[m, k + 2], x[m, k + 3]
            for n in range(outer):
                s = (y[m, n] + a * weight[k, n]) + b * weight[k + 1, n]
                y[m, n] = (s + c * weight[k + 2, n]) + d * weight[k + 3, n]
    for k in range(whole, inner):
        for m in range(rows):
            a = x[m, k]
            for n in range(outer):
                y[m, n] += a * weight[k, n]
    for m in range(rows):
        for n in range(outer):
            y[m, n] += bias[n]


@_compiled(_ANY_ORDER)
def _norm(x, norm, eps, y):
    """Layer norm of every row; ``norm`` (2, D) has its weight and its bias."""
    rows, width = x.shape
    weight, bias = norm[0], norm[1]
    for m in range(rows):
        mean = _F(0)
        for i in range(width):
            mean += x[m, i]
        mean /= _F(width)
        spread = _F(0)
        for i in range(width):
            spread += (x[m, i] - mean) * (x[m, i] - mean)
        scale = _F(1) / np.sqrt(spread / _F(width) + eps)
        for i in range(width):
            y[m, i] = (x[m, i] - mean) * scale * weight[i] + bias[i]


@_compiled(_EXACT)
def _gelu(x):
    """In place, with the error function as a fraction of polynomials (Eigen's, 1e-7)."""
    rows, width = x.shape
    for m in range(rows):
        for i in range(width):
            v = x[m, i]
            z = min(max(v * _F(0.70710678118654752), _F(-4)), _F(4))
            q = z * z
            top = _F(-2.72614225801306e-10) * q + _F(2.77068142495902e-08)
            top = top * q + _F(-2.10102402082508e-06)
            top = top * q + _F(-5.69250639462346e-05)
            top = top * q + _F(-7.34990630326855e-04)
            top = top * q + _F(-2.95459980854025e-03)
            top = (top * q + _F(-1.60960333262415e-02)) * z
            low = _F(-1.45660718464996e-05) * q + _F(-2.13374055278905e-04)
            low = low * q + _F(-1.68282697438203e-03)
            low = low * q + _F(-7.37332916720468e-03)
            low = low * q + _F(-1.42647390514189e-02)
            x[m, i] = _F(0.5) * v * (_F(1) + top / low)


@_compiled(_EXACT)
def _relu(x):
    rows, width = x.shape
    for m in range(rows):
        for i in range(width):
            x[m, i] = max(x[m, i], _F(0))


@_compiled(_ANY_ORDER)
def _softmax(x, count, bits, powers):
    """In place, of the first ``count`` numbers. ``bits`` and ``powers`` are the same memory."""
    top = x[0]
    for t in range(count):
        top = max(top, x[t])
    for t in range(count):
        v = max(x[t] - top, _F(-87))
        n = np.floor(v * _F(1.44269504088896341) + _F(0.5))
        bits[t] = (np.int32(n) + np.int32(127)) << np.int32(23)
        r = v - n * _F(0.693359375)
        r = r - n * _F(-2.12194440e-4)
        e = _F(1.9875691500e-4) * r + _F(1.3981999507e-3)
        e = e * r + _F(8.3334519073e-3)
        e = e * r + _F(4.1665795894e-2)
        e = e * r + _F(1.6666665459e-1)
        e = e * r + _F(5.0000001201e-1)
        x[t] = e * r * r + r + _F(1)
    total = _F(0)
    for t in range(count):
        x[t] *= powers[t]
        total += x[t]
    total = _F(1) / total
    for t in range(count):
        x[t] *= total


@_compiled(_ANY_ORDER)
def _scores_by_row(query, keys, count, scores):
    """Products of a query (d,) with keys (T, d)."""
    width = query.shape[0]
    for t in range(count):
        s = _F(0)
        for i in range(width):
            s += query[i] * keys[t, i]
        scores[t] = s


@_compiled(_EXACT)
def _scores_by_column(query, keys, scores):
    """Products of a query (d,) with keys (d, N)."""
    width, count = keys.shape
    for t in range(count):
        scores[t] = 0
    whole = width - width % 8
    for k in range(0, whole, 8):
        a, b, c, d = query[k], query[k + 1], query[k + 2], query[k + 3]
        e, f, g, h = query[k + 4], query[k + 5], query[k + 6], query[k + 7]
        for t in range(count):
            s = scores[t]
            s += a * keys[k, t]
            s += b * keys[k + 1, t]
            s += c * keys[k + 2, t]
            s += d * keys[k + 3, t]
            s += e * keys[k + 4, t]
            s += f * keys[k + 5, t]
            s += g * keys[k + 6, t]
            s += h * keys[k + 7, t]
            scores[t] = s
    for k in range(whole, width):
        a = query[k]
        for t in range(count):
            scores[t] += a * keys[k, t]


@_compiled(_EXACT)
def _weigh(weights, values, count, out):
    """The sum of values (T, d), each times its weight."""
    width = out.shape[0]
    for i in range(width):
        out[i] = 0
    whole = count - count % 8
    for t in range(0, whole, 8):
        a, b, c, d = weights[t], weights[t + 1], weights[t + 2], weights[t + 3]
        e, f, g, h = weights[t + 4], weights[t + 5], weights[t + 6], weights[t + 7]
        for i in range(width):
            s = a * values[t, i]
            s += b * values[t + 1, i]
            s += c * values[t + 2, i]
            s += d * values[t + 3, i]
            u = e * values[t + 4, i]
            u += f * values[t + 5, i]
            u += g * values[t + 6, i]
            u += h * values[t + 7, i]
            out[i] += s + u
    for t in range(whole, count):
        a = weights[t]
        for i in range(width):
            out[i] += a * values[t, i]


@_compiled(_EXACT)
def _join(x, branch, after, before, eps, norm_first):
    """Add a branch to the stream ``x``: with norms first, ``branch`` becomes what the next branch
    reads (``before`` is its norm); with norms last, ``after`` is the sum's."""
    rows, width = x.shape
    for m in range(rows):
        for i in range(width):
            x[m, i] += branch[m, i]
    if norm_first:
        _norm(x, before, eps, branch)
    else:
        _norm(x, after, eps, x)


@_compiled(_EXACT)
def _stored(own, slot, shape):
    """A slot's keys and values of one layer, (H, T, d) each."""
    at = 4 * slot * shape[0] * shape[1] * shape[2]
    return (
        numba.carray(_pointer(own[0] + at), shape),
        numba.carray(_pointer(own[1] + at), shape),
    )


@_compiled(_EXACT)
def run_step(
    stack, tables, maps, ids, slots, places, own, cross, counts, work, bits, powers, logits
):
    """Logits (M, V) after the tokens ``ids`` (M,), which stand at ``places`` of the rows ``slots``.

    Args:
        stack, tables, maps: the decoder (``native``).
        own: (layers, 2) addresses of the cache's keys and values, (slots, H, T, d) each.
        cross: (M, layers, 2) addresses of an image's keys (H, d, N) and values (H, N, d).
        counts: (M,) what N is.
        work: scratch, 6 D + (MLP's width) per row, and as long as the longest of all keys.
        bits, powers: more of it, the same memory as int32 and as float32, as long as those keys.
    """
    rows, width, heads = ids.shape[0], tables.embedding.shape[1], stack.heads
    head = width // heads
    scale = _F(1) / np.sqrt(_F(head))
    hidden, one = maps.up.shape[2], rows * width
    x = work[:one].reshape(rows, width)
    y = work[one : 2 * one].reshape(rows, width)
    z = work[2 * one : 3 * one].reshape(rows, width)
    qkv = work[3 * one : 6 * one].reshape(rows, 3 * width)
    up = work[6 * one : 6 * one + rows * hidden].reshape(rows, hidden)
    scores = work[6 * one + rows * hidden :]
    for m in range(rows):
        for i in range(width):
            x[m, i] = tables.embedding[ids[m], i] + tables.positions[places[m], i]
    for layer in range(own.shape[0]):
        norms = maps.norms[layer]
        if stack.norm_first:
            _norm(x, norms[0], stack.eps, y)
        _linear(y if stack.norm_first else x, maps.qkv[layer], maps.qkv_bias[layer], qkv)
        for m in range(rows):  # all are stored before one of them looks back
            keys, values = _stored(own[layer], slots[m], (heads, stack.capacity, head))
            for h in range(heads):
                for i in range(head):
                    qkv[m, h * head + i] *= scale
                    keys[h, places[m], i] = qkv[m, width + h * head + i]
                    values[h, places[m], i] = qkv[m, 2 * width + h * head + i]
        for m in range(rows):
            keys, values = _stored(own[layer], slots[m], (heads, stack.capacity, head))
            count = places[m] + 1
            for h in range(heads):
                some = slice(h * head, (h + 1) * head)
                _scores_by_row(qkv[m, some], keys[h], count, scores)
                _softmax(scores, count, bits, powers)
                _weigh(scores, values[h], count, z[m, some])
        _linear(z, maps.out[layer], maps.out_bias[layer], y)
        _join(x, y, norms[0], norms[1], stack.eps, stack.norm_first)
        _linear(y if stack.norm_first else x, maps.query[layer], maps.query_bias[layer], z)
        for m in range(rows):
            count = counts[m]
            keys = numba.carray(_pointer(cross[m, layer, 0]), (heads, head, count))
            values = numba.carray(_pointer(cross[m, layer, 1]), (heads, count, head))
            for i in range(width):
                z[m, i] *= scale
            for h in range(heads):
                some = slice(h * head, (h + 1) * head)
                _scores_by_column(z[m, some], keys[h], scores)
                _softmax(scores, count, bits, powers)
                _weigh(scores, values[h], count, z[m, some])
        _linear(z, maps.cross[layer], maps.cross_bias[layer], y)
        _join(x, y, norms[1], norms[2], stack.eps, stack.norm_first)
        _linear(y if stack.norm_first else x, maps.up[layer], maps.up_bias[layer], up)
        if stack.gelu:
            _gelu(up)
        else:
            _relu(up)
        _linear(up, maps.down[layer], maps.down_bias[layer], y)
        _join(x, y, norms[2], tables.norm, stack.eps, stack.norm_first)
    _linear(y if stack.norm_first else x, tables.output, tables.output_bias, logits)
