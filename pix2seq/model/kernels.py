"""The decoder's step as machine code, which Numba compiles for this processor when it first runs.

Called through PyTorch, a step of a small decoder is some hundred operations of a few microseconds,
and calling an operation costs as much as it does: weights are read at a third of the speed that
memory has. Here the whole step is one call.

Every row is computed by itself and in the same order, whatever rows there are: a weight that has
been read is used for several rows, and no row's sum depends on that.
"""

from __future__ import annotations

import numba
import numpy as np

from pix2seq.model.compiled import compiled
from pix2seq.model.tiles import LANES, VECTORS, WIDTH, as_float, largest, pointer, tiles_of

_F = np.float32
_CHAINS = 2
_HALF = max(VECTORS // 2, 1)
_ACROSS = _HALF * LANES
"""Columns of values that four rows sum at once."""
_BESIDE = (1, 1, 1, 1) if LANES == 16 else (4, 2, 1, 1)
"""How many times as many 1, 2, 3 and 4 rows do: what registers hold. Most heads are 32 wide, and a
lone row reads their values once."""
_PLACES = 2 if LANES == 16 else 4
"""Where a lone row reads a map's weights at once: it waits for memory, which gives more then."""
_AHEAD = 0 if LANES == 16 else 16
"""Rows of a map's weights that are sent for ahead where several rows of x keep the processor busy
meanwhile; with vectors twice as wide that gained nothing."""
_TILES = "447cb44a"
"""The CRC of ``tiles.py``: Numba compiles what is here anew when this file changes."""
EXACT = {"contract"}  # fused multiply-add, and no other order of additions
ANY_ORDER = {"contract", "reassoc", "nsz", "arcp"}


_products = tiles_of(VECTORS, [(1, 1), (1, _PLACES), (2, 1), (3, 1), (4, 1)])
_maps = tiles_of(VECTORS, [(2, 1), (3, 1), (4, 1)], ahead=_AHEAD)
_sums = tiles_of(_HALF, list(enumerate(_BESIDE, start=1)), _CHAINS)


@compiled(EXACT)
def _linear(x, weight, bias, y):
    """``y = x @ weight + bias`` for x (M, K), weight (panels, K, WIDTH), y (M, N)."""
    (rows, inner), (panels, outer) = x.shape, (weight.shape[0], y.shape[1])
    apart = panels // _PLACES if rows == 1 else 0
    some, step, far = np.empty((4, _PLACES * WIDTH), _F), _PLACES * WIDTH, apart * inner * WIDTH
    p = 0
    while p < panels:
        places, m = _PLACES if p < apart else 1, 0
        while m < rows:
            together = min(rows - m, 4)
            if together == 1:
                _products(1, places, x[m], weight[p], some, inner, inner, WIDTH, step, far)
            else:
                _maps(together, 1, x[m], weight[p], some, inner, inner, WIDTH, step, far)
            for place in range(places):
                first = (p + place * apart) * WIDTH
                for r in range(together):
                    for n in range(min(WIDTH, outer - first)):
                        y[m + r, first + n] = some[r, place * WIDTH + n] + bias[first + n]
            m += together
        p += 1
        if p == apart:
            p = _PLACES * apart


@compiled(ANY_ORDER)
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


@compiled(EXACT)
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


@compiled(EXACT)
def _relu(x):
    rows, width = x.shape
    for m in range(rows):
        for i in range(width):
            x[m, i] = max(x[m, i], _F(0))


@compiled(ANY_ORDER)
def _softmax(x, count):
    """In place, of the first ``count`` numbers."""
    top, total = largest(x, count), _F(0)
    for t in range(count):
        v = max(x[t] - top, _F(-87))
        n = np.floor(v * _F(1.44269504088896341) + _F(0.5))
        r = v - n * _F(0.693359375)
        r = r - n * _F(-2.12194440e-4)
        e = _F(1.9875691500e-4) * r + _F(1.3981999507e-3)
        e = e * r + _F(8.3334519073e-3)
        e = e * r + _F(4.1665795894e-2)
        e = e * r + _F(1.6666665459e-1)
        e = e * r + _F(5.0000001201e-1)
        x[t] = (e * r * r + r + _F(1)) * as_float((np.int32(n) + np.int32(127)) << np.int32(23))
        total += x[t]
    total = _F(1) / total
    for t in range(count):
        x[t] *= total


@compiled(EXACT)
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


@compiled(EXACT)
def _stored(own, slot, keys, values):
    """A slot's keys and values of one layer, of these shapes."""
    each = slot * values[0] * values[1] * values[2]
    more = slot * keys[0] * keys[1] * keys[2] * keys[3]
    return (
        numba.carray(pointer(own[0] + 4 * more), keys),
        numba.carray(pointer(own[1] + 4 * each), values),
    )


@compiled(EXACT)
def _attend(z, queries, keys, values, count, scores):
    """Attention of M queries, as many as ``z`` (M, H d) has rows, which become what was seen.

    Args:
        queries: (M, H d or more), scaled. May be ``z``.
        keys, values: (H, panels, d, WIDTH) and (H, T, d), with memory after them (``cache``).
        count: how many of the T are looked at.
        scores: scratch, four rows of panels * WIDTH.
    """
    rows, heads, panels, head = z.shape[0], keys.shape[0], -(-count // WIDTH), keys.shape[2]
    few, some, step = np.empty((4, head), _F), np.empty((4, 4 * _ACROSS), _F), scores.shape[1]
    whole = -(-count // _CHAINS) * _CHAINS
    for h in range(heads):
        m = 0
        while m < rows:
            together = min(rows - m, 4)
            for r in range(together):
                for i in range(head):
                    few[r, i] = queries[m + r, h * head + i]
            for p in range(panels):
                part = scores[0, p * WIDTH :]
                _products(together, 1, few, keys[h, p], part, head, head, WIDTH, step, 0)
            for r in range(together):
                _softmax(scores[r], count)
                scores[r, count : count + _CHAINS] = 0
            beside = _BESIDE[together - 1]
            across = beside * _ACROSS
            for first in range(0, head, across):
                seen = values[h, 0, first:]
                _sums(together, beside, scores, seen, some, whole, step, head, 4 * _ACROSS, _ACROSS)
                for r in range(together):
                    for i in range(min(across, head - first)):
                        z[m + r, h * head + first + i] = some[r, i]
            m += together


@compiled(EXACT)
def run_step(stack, tables, maps, plan, ids, lengths, work, logits):
    """Logits (R L, V) after the next L tokens of every row; says whether all of them are tokens.

    Args:
        stack, tables, maps, plan: the decoder, and where its cache lies (``native``).
        ids: (R L,), row by row.
        lengths: (R,), what the rows hold already.
        work: scratch, 6 D + (MLP's width) per token, and four times the longest of all keys.
    """
    many, width, heads = ids.shape[0], tables.embedding.shape[1], stack.heads
    for m in range(many):
        if not 0 <= ids[m] < len(tables.embedding):
            return False
    rows = lengths.shape[0]
    length, head = many // rows, width // heads
    scale = _F(1) / np.sqrt(_F(head))
    hidden, one = maps.up_bias.shape[1], many * width
    x = work[:one].reshape(many, width)
    y = work[one : 2 * one].reshape(many, width)
    z = work[2 * one : 3 * one].reshape(many, width)
    qkv = work[3 * one : 6 * one].reshape(many, 3 * width)
    up = work[6 * one : 6 * one + many * hidden].reshape(many, hidden)
    scores = work[6 * one + many * hidden :].reshape(4, -1)
    keys_shape = heads, plan.capacity // WIDTH, head, WIDTH
    values_shape = heads, plan.capacity, head
    for m in range(many):
        place = lengths[m // length] + m % length
        for i in range(width):
            x[m, i] = tables.embedding[ids[m], i] + tables.positions[place, i]
    for layer in range(plan.own.shape[0]):
        norms = maps.norms[layer]
        if stack.norm_first:
            _norm(x, norms[0], stack.eps, y)
        _linear(y if stack.norm_first else x, maps.qkv[layer], maps.qkv_bias[layer], qkv)
        for m in range(many):  # all are stored before one of them looks back
            keys, values = _stored(plan.own[layer], m // length, keys_shape, values_shape)
            place = lengths[m // length] + m % length
            for h in range(heads):
                for i in range(head):
                    qkv[m, h * head + i] *= scale
                    keys[h, place // WIDTH, i, place % WIDTH] = qkv[m, width + h * head + i]
                    values[h, place, i] = qkv[m, 2 * width + h * head + i]
                for after in range(place + 1, -(-(place + 1) // _CHAINS) * _CHAINS):
                    values[h, after] = 0  # sums go on to there
        for m in range(many):
            keys, values = _stored(plan.own[layer], m // length, keys_shape, values_shape)
            count = lengths[m // length] + m % length + 1
            _attend(z[m : m + 1], qkv[m : m + 1], keys, values, count, scores)
        _linear(z, maps.out[layer], maps.out_bias[layer], y)
        _join(x, y, norms[0], norms[1], stack.eps, stack.norm_first)
        _linear(y if stack.norm_first else x, maps.query[layer], maps.query_bias[layer], z)
        for m in range(many):
            for i in range(width):
                z[m, i] *= scale
        first = 0
        while first < rows:  # neighbours about one image look at it together
            at, last = plan.cross[first, layer], first + 1
            while last < rows and plan.cross[last, layer, 0] == at[0]:
                last += 1
            count = plan.counts[first]
            seen = z[first * length : last * length]
            keys = numba.carray(pointer(at[0]), (heads, -(-count // WIDTH), head, WIDTH))
            values = numba.carray(pointer(at[1]), (heads, count, head))
            _attend(seen, seen, keys, values, count, scores)
            first = last
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
    return True
