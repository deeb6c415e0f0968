"""What can be told about a token, as machine code: ``StepRules.tell``'s numbers, in float64.

Somebody who looks at every step pays for this at each: with PyTorch's operations it takes longer
than drawing the token, and at `mini`'s size as long as the network.
"""

from __future__ import annotations

import math

import numpy as np

from pix2seq.model.compiled import compiled
from pix2seq.model.kernels import EXACT
from pix2seq.sampling.kernels import standing_for, top_of

_KERNELS = "4b1ee931"
"""The CRC of ``kernels.py``: Numba compiles what is here anew when this file changes."""


@compiled(EXACT)
def _raw(logits, ids, first, last, token, raw):
    """The softmax (V,) of what ``ids`` stand for, to ``raw``; returns the log of the token's
    probability and the entropy."""
    values = standing_for(logits, first, last)
    top, own, total, spread = values.max(), -np.inf, 0.0, 0.0
    raw[:] = 0
    for i in range(len(ids)):
        below = values[i] - top
        weight = math.exp(below)
        raw[ids[i]] = weight
        total += weight
        if weight > 0:
            spread += weight * below
        if ids[i] == token:
            own = below
    for i in range(len(raw)):
        raw[i] /= total
    whole = math.log(total)
    return own - whole, max(whole - spread / total, 0.0)


@compiled(EXACT)
def _final(logits, ids, first, last, temperature, top_k, top_p, official, final):
    """What ``pick_token`` draws from, to ``final`` (V,); -1 where a token is cut. Returns how many
    are left."""
    values = standing_for(logits, first, last)
    count, best = len(ids), values.argmax()
    top = values[best]
    final[:] = -1
    if temperature == 0:
        final[ids[best]] = 1
        return 1
    weights = np.empty(count)
    for i in range(count):
        values[i] = (values[i] - top) / temperature
        weights[i] = math.exp(values[i])
    left = weights
    if top_k > 0 or top_p < 1:
        left = np.full(count, -1.0)
        top_of(values, weights, left, top_k, top_p, official, 0.0)
    total, kept = 0.0, 0
    for i in range(count):
        if left[i] >= 0 and values[i] > -np.inf:
            total += left[i]
            kept += 1
    for i in range(count):
        if left[i] >= 0 and values[i] > -np.inf:
            final[ids[i]] = left[i] / total
    return kept


@compiled(EXACT)
def _likeliest(raw, best):
    """The likeliest ids, best first, to ``best``; of equals, the smaller one."""
    count = 0
    for i in range(len(raw)):
        if count == len(best) and not raw[i] > raw[best[count - 1]]:
            continue
        count = min(count + 1, len(best))
        place = count - 1
        while place > 0 and raw[i] > raw[best[place - 1]]:
            best[place] = best[place - 1]
            place -= 1
        best[place] = i


@compiled(EXACT)
def tell_token(
    logits,
    cells,
    cell_first,
    cell_last,
    ids,
    first,
    last,
    temperature,
    top_k,
    top_p,
    official,
    allowed,
    eos,
    token,
    drawn,
    best,
    probs,
):
    """What ``StepRules.tell`` says about a token.

    Args:
        cells, cell_first, cell_last: (n,) the whole vocabulary at the resolution that is written,
            and what each id stands for.
        ids, first, last, temperature, top_k, top_p, official: see ``pick_token``.
        allowed: (V,) bool, what the grammar lets stand here.
        eos, token, drawn: ids, and whether the token was drawn.
        best: (n,) int64, becomes the likeliest ids, the token among them.
        probs: (2, n), becomes their raw and final probabilities.

    Returns:
        The token's raw log probability and final probability, the entropy, how many tokens are
        left and their raw mass, the mass that the grammar allows, EOS's probability.
    """
    size = len(logits)
    raw, final = np.empty(size), np.empty(size)
    logprob, entropy = _raw(logits, cells, cell_first, cell_last, token, raw)
    if logprob == -np.inf and not drawn:  # a bin of the prefix that is no cell's centre
        every = np.arange(size)
        logprob, entropy = _raw(logits, every, every, every + 1, token, raw)
    kept = _final(logits, ids, first, last, temperature, top_k, top_p, official, final)
    kept_mass, grammar_mass = 0.0, 0.0
    for i in range(size):
        if final[i] >= 0:
            kept_mass += raw[i]
        if allowed[i]:
            grammar_mass += raw[i]
    _likeliest(raw, best)
    if not (best == token).any():
        best[-1] = token
    for i in range(len(best)):
        probs[0, i], probs[1, i] = raw[best[i]], max(final[best[i]], 0.0)
    prob = max(final[token], 0.0)
    kept_mass, grammar_mass = min(kept_mass, 1.0), min(grammar_mass, 1.0)
    return logprob, prob, entropy, kept, kept_mass, grammar_mass, raw[eos]
