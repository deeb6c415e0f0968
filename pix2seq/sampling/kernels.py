"""A token drawn from one row of logits, as machine code: what ``FilterChain.pick`` does.

With PyTorch's operations it is fifteen calls about some hundred numbers, each of which costs as
much as the arithmetic of all. The rules are the same, in float64 as well; likelier tokens come off
a heap, so that nothing below the nucleus is sorted.

Where logits are known to some digits only, a draw also says whether it is *settled*: whether every
set of logits within a margin of these gives the same token for the same number. All its bounds come
from one thing: weights ``exp(logit)`` move by factors from ``exp(-margin)`` to ``exp(margin)``, so
the ratio of two sums of them moves by ``exp(2 margin)`` at most.
"""

from __future__ import annotations

import math

import numpy as np

from pix2seq.model.compiled import compiled
from pix2seq.model.kernels import ANY_ORDER, EXACT

_MOST = 1.0  # the margin up to which sums of weights are compared
_UNSEEN = 800.0  # so far below the likeliest a weight is 0
_FEW = 64  # tokens at a nucleus' border that are looked at one by one


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
def _factor(margin):
    """How far the ratio of two sums of weights may move."""
    return math.exp(2 * margin)


@compiled(EXACT)
def _is_inside(values, weights, total, top, token, top_p, official, margin):
    """Whether top-p keeps a token for all logits within the margin or, where that is negative, for
    any of them; ``top`` is the largest logit."""
    before, reach = 0.0, values[token] - 2 * margin
    for i in range(len(values)):
        if values[i] > reach and i != token:
            before += weights[i]
    if official:  # the mass that counts is that up to the token; the likeliest stays in any case
        if (margin > 0 and before == 0) or (margin < 0 and reach >= top):
            return True
        before += weights[token]
        return before * (1 - top_p) * _factor(margin) <= top_p * (total - before)
    return before * (1 - top_p) * _factor(margin) < top_p * (total - before)


@compiled(EXACT)
def top_of(values, weights, left, top_k, top_p, official, margin):
    """Put into ``left`` the weights (n,) of what top-k and top-p leave of logits ``values`` (n,).

    Returns:
        Two logits: all from the first on is left for every set of logits within the margin, and
        nothing below the second for any.
    """
    heap, count = np.empty(len(values), np.int64), 0
    floor = 0.0
    if top_k <= 0:
        # Below the last of the nucleus lies a mass of 1 - p, and not all of it can be fainter than
        # its share. Far fainter tokens need not be put in order.
        floor = 0.9 * (1 - top_p) * weights.sum() / len(values)
    for i in range(len(values)):
        if weights[i] >= floor:
            heap[count] = i
            count += 1
    heap = heap[:count]  # in the end the likeliest stand last
    for place in range(count // 2 - 1, -1, -1):
        _sink(heap, place, count, values)
    taken, inside, least, sharp = 0, count, -np.inf, True
    if top_k > 0:
        while taken < min(top_k, count) or (taken < count and values[heap[0]] == least):
            least = values[_take(heap, taken, values)]
            taken += 1
        inside = taken
        sharp = taken <= top_k and (taken == count or values[heap[0]] < least - 2 * margin)
    surely, perhaps = least, least
    if top_p < 1:
        total, mass, chosen, most = 0.0, 0.0, 0, inside
        for i in range(len(values)):
            if values[i] >= least:
                total += weights[i]
        while chosen < most:
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
        if margin > 0 and sharp:
            top, surely = values[heap[count - 1]], np.inf
            for place in range(count - inside, min(count, count - inside + _FEW)):
                token = heap[place]
                if _is_inside(values, weights, total, top, token, top_p, official, margin):
                    surely = values[token]
                    break
            perhaps = values[heap[count - inside]]
            for rank in range(inside, most):
                if rank == taken:
                    _take(heap, taken, values)
                    taken += 1
                token = heap[count - 1 - rank]
                if not _is_inside(values, weights, total, top, token, top_p, official, -margin):
                    break
                perhaps = values[token]
            if official:
                perhaps -= 2 * margin  # what may tie with it
    for place in range(count - inside, count):
        left[heap[place]] = weights[heap[place]]
    return (surely, perhaps) if sharp else (np.inf, -np.inf)


@compiled(EXACT)
def _is_settled(values, weights, place, number, surely, perhaps, margin):
    """Whether the number draws this token for all logits within the margin, ``top_of`` having said
    what is left of them."""
    if values[place] < surely:
        return False
    before, since, until, after, earlier = 0.0, 0.0, 0.0, 0.0, False
    for i in range(len(values)):
        if i < place and values[i] >= perhaps:
            before += weights[i]
            earlier = True
        if i >= place and values[i] >= surely:
            since += weights[i]
        if i <= place and values[i] >= surely:
            until += weights[i]
        if i > place and values[i] >= perhaps:
            after += weights[i]
    factor = _factor(margin)
    begins = not earlier or before * (1 - number) * factor < number * since
    return begins and number * after * factor < until * (1 - number)


@compiled(EXACT)
def _leads(values, top, reach):
    """Whether only one logit lies that near the largest."""
    near = 0
    for i in range(len(values)):
        if values[i] >= top - reach:
            near += 1
    return near == 1


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
def standing_for(logits, first, last):
    """(n,) float64: the logits of tokens that stand for those from ``first`` to ``last``."""
    values = np.empty(len(first))
    for i in range(len(first)):
        values[i] = logits[first[i]]
    for i in range(len(first)):
        if last[i] - first[i] > 1:
            values[i] = _mass(logits[first[i] : last[i]])
    return values


@compiled(EXACT)
def pick_token(logits, ids, first, last, temperature, top_k, top_p, official, number, margin):
    """Draw a token by inverse CDF, in the order of ids.

    Args:
        logits: (V,) float32.
        ids: (n,) that may be written here.
        first, last: (n,) the logits that each of them stands for: its own alone, or its cell's.
        temperature: 0 takes the likeliest.
        top_k, top_p: 0 and 1 cut nothing.
        official: which of ``top_p_rule`` holds.
        number: in [0, 1).
        margin: how far the true logits may lie from these, in shares of these logits' spread; with
            0 every draw is settled.

    Returns:
        The token, -1 if the logits are not numbers; and whether it is settled.
    """
    if not _is_number(logits):
        return -1, True
    count = len(ids)
    values, weights = standing_for(logits, first, last), np.empty(count)
    top, best = values[0], 0
    for i in range(count):
        if values[i] > top:
            top, best = values[i], i
    if margin > 0:
        margin *= np.float64(logits.max()) - np.float64(logits.min())
    if temperature == 0:
        return ids[best], margin == 0 or _leads(values, top, 2 * margin)
    if temperature != 1:
        for i in range(count):
            values[i] = (values[i] - top) / temperature
        top = 0.0
        margin /= temperature
    for i in range(count):
        weights[i] = math.exp(values[i] - top)
    settled = margin <= _MOST or _leads(values, top, 2 * margin + _UNSEEN)
    if margin > _MOST:
        margin = 0.0
    left, surely, perhaps = weights, -np.inf, -np.inf
    if top_k > 0 or top_p < 1:
        left = np.zeros(count)
        surely, perhaps = top_of(values, weights, left, top_k, top_p, official, margin)
    total, whole = 0.0, 0.0
    for i in range(count):
        total += left[i]
    for i in range(count):
        whole += left[i] / total
    target, reached = number * whole, 0.0
    place = best  # for a number of 1, which rounding may bring
    for i in range(count):
        reached += left[i] / total
        if reached > target:
            place = i
            break
    if margin > 0:
        settled = _is_settled(values, weights, place, number, surely, perhaps, margin)
    return ids[place], settled
