"""Two sentences side by side: where they part, and which objects they share.

Sampling spends one random number per position, and the seed alone decides it (``sampling``). Under
one seed two settings therefore write the same tokens until their distributions give that number to
different tokens: the first divergence. From there on each sentence follows its own past.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import zip_longest
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from pix2seq.boxes import box_iou
from pix2seq.config import SamplingOptions
from pix2seq.detections import Detections
from pix2seq.sampling import SamplingStep, explain_step
from pix2seq.sampling.filters import uniforms
from pix2seq.tokenizer import Tokenizer

Relation = Literal["same", "first", "different", "only a", "only b"]


def first_divergence(ids_a: Sequence[int], ids_b: Sequence[int]) -> int | None:
    """The first position at which two sentences differ.

    A sentence that ends while the other goes on differs where it ends; ``None`` means that both are
    the same, token by token.
    """
    for index, (a, b) in enumerate(zip_longest(ids_a, ids_b)):
        if a != b:
            return index
    return None


@dataclass(frozen=True)
class TokenPair:
    """What two sentences hold at one position.

    Attributes:
        index: position after the prompt.
        a, b: token ids; ``None`` behind a sentence's end.
        relation: ``first`` is the first divergence, ``different`` all later ones.
        shift: bins from a to b where both are coordinates, else ``None``.
    """

    index: int
    a: int | None
    b: int | None
    relation: Relation
    shift: int | None


def align(ids_a: Sequence[int], ids_b: Sequence[int], tokenizer: Tokenizer) -> list[TokenPair]:
    """Lay two sentences beside each other, position by position: row ``i`` used the same random
    number on both sides."""
    parted = first_divergence(ids_a, ids_b)
    pairs = []
    for index, (a, b) in enumerate(zip_longest(ids_a, ids_b)):
        relation: Relation = "same" if a == b else "different"
        if index == parted:
            relation = "first"
        elif a is None or b is None:
            relation = "only b" if a is None else "only a"
        pairs.append(TokenPair(index, a, b, relation, _shift(a, b, tokenizer)))
    return pairs


def _shift(a: int | None, b: int | None, tokenizer: Tokenizer) -> int | None:
    if a in tokenizer.coord_ids and b in tokenizer.coord_ids:
        return b - a
    return None


@dataclass(frozen=True, eq=False)
class Divergence:
    """Why two settings write different tokens at one position.

    Attributes:
        index: the position.
        number: the random number in [0, 1) that both used.
        token_a, token_b: what each wrote.
        final_a, final_b: (V,) float64, what each drew from.
        below_a, below_b: probability of all ids below the written one; the number lies between this
            and the same plus the written token's probability.
    """

    index: int
    number: float
    token_a: int
    token_b: int
    final_a: Tensor
    final_b: Tensor
    below_a: float
    below_b: float


def explain_divergence(
    steps_a: Sequence[SamplingStep],
    steps_b: Sequence[SamplingStep],
    options_a: SamplingOptions,
    options_b: SamplingOptions,
    tokenizer: Tokenizer,
) -> Divergence | None:
    """Say why two runs part; ``None`` if they do not, or if one of them only ends earlier.

    Args:
        steps_a, steps_b: whole runs, from their first token on.
        options_a, options_b: resolved, with the same seed.

    Raises:
        ValueError: the seeds differ, so that the runs have no number in common.
    """
    if options_a.seed != options_b.seed:
        raise ValueError(f"seeds {options_a.seed} and {options_b.seed} differ; compare one seed")
    index = first_divergence([s.token_id for s in steps_a], [s.token_id for s in steps_b])
    if index is None or index >= min(len(steps_a), len(steps_b)):
        return None
    a, b = steps_a[index], steps_b[index]
    final_a = explain_step(a.logits, tokenizer, index, options_a).final
    final_b = explain_step(b.logits, tokenizer, index, options_b).final
    return Divergence(
        index=index,
        number=float(uniforms(options_a.seed, index + 1)[index]),
        token_a=a.token_id,
        token_b=b.token_id,
        final_a=final_a,
        final_b=final_b,
        below_a=float(final_a[: a.token_id].sum()),
        below_b=float(final_b[: b.token_id].sum()),
    )


@dataclass(frozen=True)
class Segment:
    """A stretch of the cumulative distribution: ids ``first`` to ``last``, ``prob`` together."""

    first: int
    last: int
    prob: float


def segments(final: Tensor, chosen: int, least: float = 0.004) -> list[Segment]:
    """The distribution that a token is drawn from, laid out from 0 to 1 in the order of ids, as the
    draw sees it.

    Args:
        final: (V,) probabilities.
        chosen: the drawn token; it always has a segment of its own.
        least: neighbouring tokens below this probability share a segment.
    """
    found: list[Segment] = []
    open_for_more = False
    for token_id in final.nonzero()[:, 0].tolist():
        prob = float(final[token_id])
        alone = token_id == chosen or prob >= least
        if open_for_more and not alone:
            before = found.pop()
            found.append(Segment(before.first, token_id, before.prob + prob))
        else:
            found.append(Segment(token_id, token_id, prob))
        open_for_more = not alone
    return found


def differences(
    options_a: SamplingOptions, options_b: SamplingOptions
) -> list[tuple[str, object, object]]:
    """The settings that two runs do not share: (name, a's value, b's value)."""
    return [
        (field.name, getattr(options_a, field.name), getattr(options_b, field.name))
        for field in fields(SamplingOptions)
        if getattr(options_a, field.name) != getattr(options_b, field.name)
    ]


@dataclass(frozen=True)
class Match:
    """An object that both sides found: rows of their ``Detections``, and how well they agree."""

    a: int
    b: int
    iou: float


def match_objects(a: Detections, b: Detections, iou_threshold: float = 0.5) -> list[Match]:
    """Pair objects of the same class, best overlap first; every object is used once.

    Args:
        iou_threshold: pairs must overlap more than this.

    Returns:
        Pairs in order of ``a``'s rows.
    """
    overlap = box_iou(a.boxes, b.boxes)
    overlap = torch.where(a.labels[:, None] == b.labels[None], overlap, -1.0)
    pairs = best_pairs(overlap.numpy(), iou_threshold)
    return [Match(*pair) for pair in sorted(pairs)]


def best_pairs(overlap: np.ndarray, threshold: float) -> list[tuple[int, int, float]]:
    """Row, column and overlap of the pairs of a table (N, M) that overlap more than ``threshold``,
    the largest first; every row and every column is used once."""
    overlap, pairs = overlap.copy(), []
    while overlap.size and float(overlap.max()) > threshold:
        row, column = divmod(int(overlap.argmax()), overlap.shape[1])
        pairs.append((row, column, float(overlap[row, column])))
        overlap[row] = overlap[:, column] = -1
    return pairs
