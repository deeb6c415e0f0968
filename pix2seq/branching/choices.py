"""What a slot could say instead: alternatives that lead elsewhere, not neighbouring bins.

A coordinate's distribution is a bell around an edge, so its second likeliest token is nearly always
the bin next door and means the same thing. Another *peak*, with a valley between, is another edge
or another object. Classes are told apart by name; EOS, where it may stand, is the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Literal

import numpy as np
from torch import Tensor

from pix2seq.tokenizer import Tokenizer

Kind = Literal["object", "edge", "class", "end"]

SHARE = 0.05
"""From which probability on an alternative counts; a lecturer's one in twenty."""

VALLEY = 0.5
"""Two peaks are two when the distribution between them falls below this share of the lower one."""

_BLUR = 1 / 200
"""Deviation, as a share of the axis, of the Gaussian that peaks are looked for under: a bell with a
ragged top stays one bell."""
_NOTHING = 1e-3


@dataclass(frozen=True)
class Choice:
    """One thing that a slot could say.

    Attributes:
        token_id: its likeliest token.
        prob: raw probability of that token.
        mass: raw probability of all tokens that mean the same: the bins under the peak, or the one
            token of a class or of EOS.
        kind: what it is likely to change, by the slot it stands in: the first two coordinates
            choose the ``object``, the next two its ``edge``.
    """

    token_id: int
    prob: float
    mass: float
    kind: Kind


@dataclass(frozen=True)
class Peak:
    """Neighbouring positions ``first`` to ``last`` whose likeliest is ``top``."""

    first: int
    last: int
    top: int


def peaks(probs: np.ndarray, valley: float = VALLEY) -> list[Peak]:
    """Split an axis at its valleys: every position belongs to one peak.

    Args:
        probs: (n,) non-negative, in the order of the axis.
        valley: see ``VALLEY``.

    Returns:
        At least one peak, from the axis' start to its end.
    """
    smooth = np.convolve(probs, _kernel(len(probs)), mode="same")
    floor = smooth.max() * _NOTHING
    higher = np.diff(np.concatenate([[-1.0], smooth, [-1.0]])) > 0
    tops = np.flatnonzero(higher[:-1] & ~higher[1:] & (smooth >= floor)).tolist()
    if not tops:
        return [Peak(0, len(probs) - 1, int(probs.argmax()))]
    cuts = [a + int(smooth[a : b + 1].argmin()) for a, b in pairwise(tops)]
    heights = smooth.tolist()  # plain numbers are compared faster
    while cuts:
        depth = [
            heights[cut] / min(heights[a], heights[b])
            for cut, a, b in zip(cuts, tops, tops[1:], strict=False)
        ]
        shallow = depth.index(max(depth))
        if depth[shallow] < valley:
            break
        lower = shallow if heights[tops[shallow]] < heights[tops[shallow + 1]] else shallow + 1
        del cuts[shallow], tops[lower]
    edges = [0, *(cut + 1 for cut in cuts), len(probs)]
    return [Peak(a, b - 1, a + int(probs[a:b].argmax())) for a, b in pairwise(edges)]


@lru_cache(maxsize=8)
def _kernel(length: int) -> np.ndarray:
    """A Gaussian of deviation ``_BLUR`` of the axis, odd and no longer than the axis."""
    deviation = _BLUR * length
    reach = min(int(3 * deviation), (length - 1) // 2)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(deviation, 1e-9)) ** 2)
    return weights / weights.sum()


def choices(
    raw: Tensor | np.ndarray,
    allowed: Tensor | np.ndarray,
    tokenizer: Tokenizer,
    index: int,
    share: float = SHARE,
) -> list[Choice]:
    """What token ``index`` could say with at least probability ``share``, likeliest first.

    Args:
        raw: (V,) raw probabilities at the resolution that is written.
        allowed: (V,) bool, what the rules let through; coarse bins leave one token per cell.

    Returns:
        The likeliest allowed token's choice in any case; two or more are a hesitation. Masses add
        up to 1 at most; the rest is spread over things that are unlikely or not allowed.
    """
    raw, allowed = np.asarray(raw), np.asarray(allowed)
    slot = tokenizer.slot(index)
    found: list[Choice] = []
    if slot == "class":
        ids = np.flatnonzero(allowed & (tokenizer.label_mask.numpy()))
        found = [Choice(int(i), float(raw[i]), float(raw[i]), "class") for i in ids]
    else:
        kind: Kind = "object" if slot in ("ymin", "xmin") else "edge"
        ids = np.flatnonzero(allowed & tokenizer.coord_mask.numpy())
        probs = raw[ids]
        if probs.sum() >= share:
            for peak in peaks(probs):
                top = int(ids[peak.top])
                mass = float(probs[peak.first : peak.last + 1].sum())
                found.append(Choice(top, float(raw[top]), mass, kind))
    if allowed[tokenizer.eos_id] and tokenizer.is_boundary(index):
        eos = float(raw[tokenizer.eos_id])
        found.append(Choice(tokenizer.eos_id, eos, eos, "end"))
    best = int(np.where(allowed, raw, -1.0).argmax())
    kept = [c for c in found if c.mass >= share or c.token_id == best]
    if best not in [c.token_id for c in kept]:  # outside the grammar, or under no peak
        kept.append(Choice(best, float(raw[best]), float(raw[best]), _kind_of(tokenizer, best)))
    return sorted(kept, key=lambda choice: (choice.token_id != best, -choice.mass))


def hesitations(
    raw: np.ndarray, allowed: np.ndarray, tokenizer: Tokenizer, index: int, share: float = SHARE
) -> list[list[Choice]]:
    """``choices`` of many rows, empty where a row has only one thing to say.

    Most places are sure, and it takes one comparison to see that: whatever lies farther from the
    likeliest token than a peak is wide holds less than ``share`` together.

    Args:
        raw, allowed: (R, V), see ``choices``.
    """
    is_class = tokenizer.slot(index) == "class"
    ids = np.flatnonzero(allowed.any(0))
    probs = np.where(allowed, raw, 0.0)[:, ids]
    top = probs.argmax(1)
    reach = 0 if is_class else len(_kernel(tokenizer.num_bins)) // 2
    mass = np.concatenate([np.zeros((len(probs), 1)), probs.cumsum(1)], axis=1)
    rows = np.arange(len(probs))
    near = (
        mass[rows, np.minimum(top + reach + 1, len(ids))] - mass[rows, np.maximum(top - reach, 0)]
    )
    found: list[list[Choice]] = [[] for _ in rows]
    for row in np.flatnonzero(mass[:, -1] - near >= share).tolist():
        options = choices(raw[row], allowed[row], tokenizer, index, share)
        found[row] = options if len(options) > 1 else []
    return found


def _kind_of(tokenizer: Tokenizer, token_id: int) -> Kind:
    if token_id == tokenizer.eos_id:
        return "end"
    return "edge" if token_id in tokenizer.coord_ids else "class"
