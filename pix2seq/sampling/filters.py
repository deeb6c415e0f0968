"""Rules between the model's logits and the distribution that a token is drawn from.

Each rule is a small piece that takes logits (B, V) and the token's index after the prompt and
returns logits (B, V), in which -inf means "cut". ``build_chain`` lines them up; a new rule is a new
piece there and changes no loop:

    grammar -> forbidden ids (labels, EOS) -> coarse bins -> temperature -> top-k -> top-p

Rules do not care about scale, so the chain starts from raw logits. Everything runs in float64: sums
over thousands of tokens then have no rounding that could move a nucleus' border.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import torch
from torch import Tensor

from pix2seq.config import SamplingOptions, TopPRule
from pix2seq.tokenizer import Tokenizer

_CUT = float("-inf")


class LogitFilter(Protocol):
    """One rule: logits (B, V) of token ``index`` in, logits (B, V) out."""

    def __call__(self, logits: Tensor, index: int) -> Tensor: ...


class Grammar:
    """Only ids that the slot may hold: coordinates, classes and noise, EOS where objects start."""

    def __init__(self, tokenizer: Tokenizer, device: torch.device) -> None:
        self.slot = tokenizer.slot
        self.allowed = {
            tokenizer.slot(i): tokenizer.allowed(i).to(device) for i in range(len(tokenizer.slots))
        }

    def __call__(self, logits: Tensor, index: int) -> Tensor:
        return logits.masked_fill(~self.allowed[self.slot(index)], _CUT)


class Forbid:
    """Never these ids."""

    def __init__(self, ids: Iterable[int], vocab_size: int, device: torch.device) -> None:
        self.mask = torch.zeros(vocab_size, dtype=torch.bool)
        self.mask[list(ids)] = True
        self.mask = self.mask.to(device)

    def __call__(self, logits: Tensor, index: int) -> Tensor:
        return logits.masked_fill(self.mask, _CUT)


class CoarseBins:
    """Sample coordinates over ``num_bins`` cells instead of all of the model's bins.

    Bin ``b`` of B lies in cell ``b * num_bins // B``: neighbours share a cell and cell sizes differ
    by one at most. A cell's probability is the sum of its bins' and stands on the bin in its
    middle, which is also the token that is fed back to the model. No mass is lost or moved to
    another kind of token, so this rule commutes with those that forbid whole kinds.
    """

    def __init__(self, tokenizer: Tokenizer, num_bins: int, device: torch.device) -> None:
        fine = tokenizer.num_bins
        cell = torch.arange(fine) * num_bins // fine  # (bins,)
        size = torch.bincount(cell, minlength=num_bins)  # (cells,)
        first = size.cumsum(0) - size
        offset = torch.arange(int(size.max()))
        inside = offset < size[:, None]  # (cells, largest size)
        coords = tokenizer.coord_ids
        # Id V points at an extra column that is always cut: it fills the cells that are smaller.
        members = torch.where(inside, coords.start + first[:, None] + offset, tokenizer.vocab_size)
        self.members = members.to(device)
        self.centres = (coords.start + first + (size - 1) // 2).to(device)  # (cells,)
        self.coords = coords

    def __call__(self, logits: Tensor, index: int) -> Tensor:
        padded = torch.nn.functional.pad(logits, (0, 1), value=_CUT)
        mass = padded[:, self.members].logsumexp(-1)  # (B, cells)
        coarse = logits.clone()
        coarse[:, self.coords.start : self.coords.stop] = _CUT
        coarse[:, self.centres] = mass
        return coarse


class Temperature:
    """Divide by the temperature; 0 leaves the likeliest token (the first of equals)."""

    def __init__(self, temperature: float) -> None:
        self.temperature = temperature

    def __call__(self, logits: Tensor, index: int) -> Tensor:
        if self.temperature == 1:
            return logits
        if self.temperature > 0:
            # The likeliest stands at 0, so that however cold it gets nothing overflows.
            return (logits - logits.amax(-1, keepdim=True)) / self.temperature
        best = logits.argmax(-1, keepdim=True)
        return torch.full_like(logits, _CUT).scatter(-1, best, logits.gather(-1, best))


class TopK:
    """The k likeliest tokens, and all that tie with the last of them."""

    def __init__(self, k: int) -> None:
        self.k = k

    def __call__(self, logits: Tensor, index: int) -> Tensor:
        if self.k >= logits.shape[-1]:
            return logits
        least = logits.topk(self.k, dim=-1).values[:, -1:]
        return logits.masked_fill(logits < least, _CUT)


class TopP:
    """Nucleus sampling (Holtzman et al., 2019) under one of two rules.

    ``nucleus`` keeps the smallest set of likeliest tokens with mass >= p. ``official`` keeps the
    longest list of likeliest tokens with mass <= p, the likeliest one in any case, and what ties
    with the last of them (google-research/pix2seq, whose checkpoints were evaluated with it).
    """

    def __init__(self, p: float, rule: TopPRule) -> None:
        self.p = p
        self.rule = rule

    def __call__(self, logits: Tensor, index: int) -> Tensor:
        ordered, order = logits.sort(dim=-1, descending=True, stable=True)
        mass = ordered.softmax(-1).cumsum(-1)
        if self.rule == "nucleus":
            # Cut those before which likelier tokens hold the mass already, and put all back.
            ordered[:, 1:].masked_fill_(mass[:, :-1] >= self.p, _CUT)
            return logits.scatter(-1, order, ordered)
        last = (mass <= self.p).sum(-1, keepdim=True).sub(1).clamp(min=0)
        return logits.masked_fill(logits < ordered.gather(-1, last), _CUT)


class FilterChain:
    """The rules of one run, in order, in three stages that an inspector can tell apart.

    Args:
        rules: what may be written at all; they depend on the slot and on nothing else.
        temperature: how sharp the distribution is.
        cuts: which unlikely tokens are left out.
        coarse: the rule that changes the resolution of coordinates, if there is one (it is also
            among ``rules``).
        open_ids: per slot, the ids that ``rules`` leave; ``None`` where they leave all.
    """

    def __init__(
        self,
        rules: Sequence[LogitFilter],
        temperature: LogitFilter,
        cuts: Sequence[LogitFilter],
        coarse: CoarseBins | None,
        open_ids: Sequence[Tensor | None],
    ) -> None:
        self.rules = tuple(rules)
        self.temperature = temperature
        self.cuts = tuple(cuts)
        self.coarse = coarse
        self.open_ids = tuple(open_ids)

    def allowed(self, logits: Tensor, index: int) -> Tensor:
        """Logits (B, V) after the rules."""
        for rule in self.rules:
            logits = rule(logits, index)
        return logits

    def cut(self, tempered: Tensor, index: int) -> Tensor:
        """Tempered logits (B, V) after top-k and top-p."""
        for cut in self.cuts:
            tempered = cut(tempered, index)
        return tempered

    def final(self, logits: Tensor, index: int) -> Tensor:
        """Raw logits (B, V) to the probabilities that token ``index`` is drawn from, float64."""
        return self._final(self.allowed(logits.double(), index), index)

    def pick(self, logits: Tensor, index: int, numbers: Tensor) -> Tensor:
        """Draw token ``index`` from raw logits (B, V) with numbers (B,) in [0, 1); returns (B,).

        The same as ``draw(final(...))``, but what the slot cannot hold is left out before the work
        begins.
        """
        ids = self.open_ids[index % len(self.open_ids)]
        if ids is None:
            return draw(self.final(logits, index), numbers)
        if self.coarse is not None:
            logits = self.coarse(logits.double(), index)
        final = self._final(logits.index_select(-1, ids).double(), index)
        return ids[draw(final, numbers)]

    def _final(self, allowed: Tensor, index: int) -> Tensor:
        return self.cut(self.temperature(allowed, index), index).softmax(-1)


def build_chain(
    tokenizer: Tokenizer, options: SamplingOptions, device: torch.device
) -> FilterChain:
    """Line up the rules that ``options`` (resolved) ask for."""
    vocab_size = tokenizer.vocab_size
    rules: list[LogitFilter] = []
    if options.grammar:
        rules.append(Grammar(tokenizer, device))
    if options.forbidden_labels:
        ids = tokenizer.class_tokens(torch.tensor(options.forbidden_labels)).tolist()
        rules.append(Forbid(ids, vocab_size, device))
    if options.eos == "delay":
        rules.append(Forbid([tokenizer.eos_id], vocab_size, device))
    coarse = None
    if options.num_bins < tokenizer.num_bins:
        coarse = CoarseBins(tokenizer, options.num_bins, device)
        rules.append(coarse)
    cuts: list[LogitFilter] = []
    if options.top_k > 0:
        cuts.append(TopK(options.top_k))
    if options.top_p < 1:
        cuts.append(TopP(options.top_p, options.top_p_rule))
    open_ids = [_open(rules, vocab_size, slot, device) for slot in range(len(tokenizer.slots))]
    return FilterChain(rules, Temperature(options.temperature), cuts, coarse, open_ids)


def _open(
    rules: Sequence[LogitFilter], vocab_size: int, slot: int, device: torch.device
) -> Tensor | None:
    """The ids that rules leave in a slot, found by asking them; ``None`` if it is all."""
    logits = torch.zeros(1, vocab_size, dtype=torch.float64, device=device)
    for rule in rules:
        logits = rule(logits, slot)
    left = logits[0] > _CUT
    return None if left.all() else left.nonzero()[:, 0]


def draw(final: Tensor, uniforms: Tensor) -> Tensor:
    """Pick tokens by inverse CDF, in the order of their ids.

    Neighbouring bins have neighbouring ids, so the same uniform under a slightly different
    distribution gives the same or a nearby coordinate: two settings stay comparable.

    Args:
        final: (B, V) float64 probabilities.
        uniforms: (B,) float64 in [0, 1).

    Returns:
        (B,) int64 ids; a token of probability 0 is never picked.
    """
    cumulative = final.cumsum(-1)
    target = uniforms[:, None] * cumulative[:, -1:]
    return torch.searchsorted(cumulative, target, right=True)[:, 0]


def uniforms(seed: int, count: int) -> Tensor:
    """One number in [0, 1) per position, (count,) float64. Position ``i`` of a seed has the same
    number whatever ``count`` is and whatever was sampled before it."""
    return torch.rand(count, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
