"""A token drawn from one row of logits, as machine code: what ``FilterChain.pick`` does.

With PyTorch's operations it is fifteen calls about some hundred numbers, each of which costs as
much as the arithmetic of all. The rules are the same, in float64 as well; likelier tokens come off
a heap, so that nothing below the nucleus is sorted.
"""

from __future__ import annotations

import math

import numpy as np

from pix2seq.model.compiled import compiled
from pix2seq.model.kernels import ANY_ORDER, EXACT


@compiled(EXACT)
def _before(values, a, b):
    """Whether token ``a`` is likelier than ``b``; of equals, the one with the smaller id."""
    return values[a] > values[b] or (values[a] == values[b] and a < b)


@compiled(EXACT)
def _sink(heap, place, count, values):
    """Move a heap's entry down to where it belongs."""
    moved = heap[place]
    while 2 * place + 1 < count:
        child = 2 * place + 1
        if child + 1 < count and _before(values, heap[child + 1], heap[child]):
            child += 1
        if not _before(values, heap[child], moved):
            break
        heap[place] = heap[child]
        place = child
    heap[place] = moved


@compiled(EXACT)
def _take(heap, taken, values):
    """Move the likeliest token that is left to ``heap``'s end, before those that were taken."""
    last = len(heap) - 1 - taken
    first = heap[0]
    heap[0] = heap[last]
    _sink(heap, 0, last, values)
    heap[last] = first
    return first


@compiled(EXACT)
def _top(values, weights, top_k, top_p, official):
    """Leave only the weights (n,) of what top-k and top-p leave of logits ``values`` (n,)."""
    heap, count = np.empty(len(values), np.int64), 0
    floor = 0.0
    if top_k <= 0:
        # Below the last of the nucleus lies a mass of 1 - p, and not all of it can be fainter than
        # its share. Far fainter tokens need not be put in order.
        floor = 0.999 * (1 - top_p) * weights.sum() / len(values)
    for i in range(len(values)):
        if weights[i] >= floor:
            heap[count] = i
            count += 1
    heap = heap[:count]  # in the end the likeliest stand last
    for place in range(count // 2 - 1, -1, -1):
        _sink(heap, place, count, values)
    taken, inside, least = 0, count, -np.inf
    if top_k > 0:
        while taken < min(top_k, count) or (taken < count and values[heap[0]] == least):
            least = values[_take(heap, taken, values)]
            taken += 1
        inside = taken
    if top_p < 1:
        total, mass, chosen = 0.0, 0.0, 0
        for i in range(len(values)):
            if values[i] >= least:
                total += weights[i]
        while chosen < inside:
            if chosen == taken:
                _take(heap, taken, values)
                taken += 1
            token = heap[count - 1 - chosen]
            if not official and mass >= top_p:
                break  # likelier ones hold the mass already
            mass += weights[token] / total
            if official and chosen > 0 and mass > top_p and values[token] != least:
                break
            if chosen == 0 or mass <= top_p:
                least = values[token]  # what ties with it stays
            chosen += 1
        inside = chosen
    left = np.zeros(len(values))
    for place in range(count - inside, count):
        left[heap[place]] = weights[heap[place]]
    weights[:] = left


@compiled(ANY_ORDER)
def _is_number(logits):
    """Whether all of them are numbers."""
    total = np.float32(0)
    for i in range(len(logits)):
        total += logits[i]
    return not math.isnan(total)


@compiled(EXACT)
def _mass(logits):
    """The logit of all of them together."""
    top = np.float64(logits.max())
    total = 0.0
    for i in range(len(logits)):
        total += math.exp(np.float64(logits[i]) - top)
    return top + math.log(total)


@compiled(EXACT)
def pick_token(logits, ids, first, last, temperature, top_k, top_p, official, number):
    """Draw a token by inverse CDF, in the order of ids; -1 if the logits are not numbers.

    Args:
        logits: (V,) float32.
        ids: (n,) that may be written here.
        first, last: (n,) the logits that each of them stands for: its own alone, or its cell's.
        temperature: 0 takes the likeliest.
        top_k, top_p: 0 and 1 cut nothing.
        official: which of ``top_p_rule`` holds.
        number: in [0, 1).
    """
    if not _is_number(logits):
        return -1
    count = len(ids)
    values, weights = np.empty(count), np.empty(count)
    for i in range(count):
        values[i] = logits[first[i]]
    for i in range(count):
        if last[i] - first[i] > 1:
            values[i] = _mass(logits[first[i] : last[i]])
    top, best = values[0], 0
    for i in range(count):
        if values[i] > top:
            top, best = values[i], i
    if temperature == 0:
        return ids[best]
    if temperature != 1:
        for i in range(count):
            values[i] = (values[i] - top) / temperature
        top = 0.0
    for i in range(count):
        weights[i] = math.exp(values[i] - top)
    if top_k > 0 or top_p < 1:
        _top(values, weights, top_k, top_p, official)
    total, whole = 0.0, 0.0
    for i in range(count):
        total += weights[i]
    for i in range(count):
        weights[i] /= total
        whole += weights[i]
    target, reached = number * whole, 0.0
    for i in range(count):
        reached += weights[i]
        if reached > target:
            return ids[i]
    return ids[best]  # a number of 1, which rounding may bring
