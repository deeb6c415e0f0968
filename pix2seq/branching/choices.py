"""What a slot could say instead: alternatives that lead elsewhere, not neighbouring bins.

A coordinate's distribution is a bell around an edge, so its second likeliest token is nearly always
the bin next door and means the same thing. Another *peak*, with a valley between, is another edge
or another object. Classes are told apart by name; EOS, where it may stand, is the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from torch import Tensor

from pix2seq.branching.peaks import reach_of, split_rows
from pix2seq.tokenizer import Tokenizer

Kind = Literal["object", "edge", "class", "end"]

SHARE = 0.05
"""From which probability on an alternative counts; a lecturer's one in twenty."""


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
    return _choices(np.asarray(raw)[None], np.asarray(allowed), tokenizer, index, share)[0]


def hesitations(
    raw: np.ndarray, allowed: np.ndarray, tokenizer: Tokenizer, index: int, share: float = SHARE
) -> list[list[Choice]]:
    """``choices`` of many rows in one slot, empty where a row has only one thing to say.

    Most places are sure, and it takes one comparison to see that: whatever lies farther from the
    likeliest token than a peak is wide holds less than ``share`` together.

    Args:
        raw: (R, V), see ``choices``.
        allowed: (V,), the same for all.
        index: of any token in that slot.
    """
    is_class = tokenizer.slot(index) == "class"
    ids = np.flatnonzero(allowed)
    probs = raw[:, ids]
    top = probs.argmax(1)
    reach = 0 if is_class else reach_of(tokenizer.num_bins)
    mass = np.concatenate([np.zeros((len(probs), 1)), probs.cumsum(1)], axis=1)
    rows = np.arange(len(probs))
    near = (
        mass[rows, np.minimum(top + reach + 1, len(ids))] - mass[rows, np.maximum(top - reach, 0)]
    )
    unsure = np.flatnonzero(mass[:, -1] - near >= share)
    found: list[list[Choice]] = [[] for _ in rows]
    if len(unsure):
        options = _choices(raw[unsure], allowed, tokenizer, index, share)
        for row, some in zip(unsure.tolist(), options, strict=True):
            found[row] = some if len(some) > 1 else []
    return found


# ---- inside ---------------------------------------------------------------------------------


def _choices(
    raw: np.ndarray, allowed: np.ndarray, tokenizer: Tokenizer, index: int, share: float
) -> list[list[Choice]]:
    """``choices`` of every row of (R, V)."""
    best = np.where(allowed, raw, -1.0).argmax(1)
    if tokenizer.slot(index) == "class":
        found = _names(raw, np.flatnonzero(allowed & tokenizer.label_mask.numpy()), share)
    else:
        ids = np.flatnonzero(allowed & tokenizer.coord_mask.numpy())
        kind: Kind = "object" if tokenizer.slot(index) in ("ymin", "xmin") else "edge"
        found = _edges(raw, ids, best, share, kind)
    eos = tokenizer.eos_id
    if allowed[eos] and tokenizer.is_boundary(index):
        for some, prob in zip(found, raw[:, eos].tolist(), strict=True):
            if prob >= share:
                some.append(Choice(eos, prob, prob, "end"))
    for row, (some, likeliest) in enumerate(zip(found, best.tolist(), strict=True)):
        if likeliest not in [c.token_id for c in some]:  # unlikely itself, or outside the grammar
            prob = float(raw[row, likeliest])
            some.append(Choice(likeliest, prob, prob, _kind_of(tokenizer, likeliest)))
        some.sort(key=lambda choice: (choice.token_id != likeliest, -choice.mass))
    return found


def _names(raw: np.ndarray, ids: np.ndarray, share: float) -> list[list[Choice]]:
    """Every row's classes."""
    found: list[list[Choice]] = [[] for _ in raw]
    probs = raw[:, ids]
    rows, places = np.nonzero(probs >= share)
    for row, token_id, prob in _plain(rows, ids[places], probs[rows, places]):
        found[row].append(Choice(token_id, prob, prob, "class"))
    return found


def _edges(
    raw: np.ndarray, ids: np.ndarray, best: np.ndarray, share: float, kind: Kind
) -> list[list[Choice]]:
    """Every row's peaks on the axis, that of its likeliest token ``best`` (R,) in any case."""
    found: list[list[Choice]] = [[] for _ in raw]
    probs = raw[:, ids]
    held = np.concatenate([np.zeros((len(probs), 1)), probs.cumsum(1)], axis=1)
    told = np.flatnonzero(held[:, -1] >= share)
    if not len(told):
        return found
    rows, first, last, top = split_rows(probs[told])
    rows = told[rows]
    prob, tokens = probs[rows, top], ids[top]
    mass = np.maximum(held[rows, last + 1] - held[rows, first], prob)
    counts = (mass >= share) | (tokens == best[rows])
    columns = (column[counts] for column in (rows, tokens, prob, mass))
    for row, token_id, single, together in _plain(*columns):
        found[row].append(Choice(token_id, single, together, kind))
    return found


def _plain(*columns: np.ndarray) -> Iterator[tuple]:
    """Rows of plain numbers."""
    return zip(*(column.tolist() for column in columns), strict=True)


def _kind_of(tokenizer: Tokenizer, token_id: int) -> Kind:
    if token_id == tokenizer.eos_id:
        return "end"
    return "edge" if token_id in tokenizer.coord_ids else "class"
