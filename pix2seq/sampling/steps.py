"""What sampling tells: one ``SamplingStep`` per token, a ``SampledBatch`` per batch.

Probabilities called *raw* are the softmax of the model's logits over its whole vocabulary, at
temperature 1 and before any rule, but after the pull towards a draft (``guide``). When ``num_bins``
makes the coordinates coarser, the tokens that can be written stand for their cells, and the raw
probability of such a token is its cell's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from pix2seq.sampling.filters import FilterChain
from pix2seq.sampling.guide import Pull
from pix2seq.sampling.picking import CompiledRules, compiled_rules
from pix2seq.tokenizer import Tokenizer

_CANDIDATES = 5
StepSlot = Literal["ymin", "xmin", "ymax", "xmax", "class", "eos"]
Arithmetic = Literal["compiled", "PyTorch"]
"""Who computed logits: the compiled step (``model.native``) or PyTorch's operations, which are
asked about every token that the last bits would decide (``sampling.batch``)."""


@dataclass(frozen=True)
class Candidate:
    """A token that might have been written.

    Attributes:
        prob: raw probability.
        final_prob: probability after every rule; 0 means that it was cut.
    """

    token_id: int
    prob: float
    final_prob: float


@dataclass(frozen=True, eq=False)
class SamplingStep:
    """One written token and what the model thought there.

    What it thought is worked out when somebody asks: writing does not wait for it.

    Attributes:
        index: position after the prompt, from 0.
        token_id: what was written.
        slot: the role that the position has; ``eos`` when the token is EOS, wherever it stands.
        drawn: this run drew the token; otherwise it stood in the prefix.
        forced: a person gave the token, whatever the model thought. The other tokens of a prefix
            are an earlier run's own.
        logits: (V,) float32 on the CPU, as the model gave them, after the pull if there is one.
        rules: what the run does between logits and tokens.
        arithmetic: who computed the logits.
        pull: where the encoder's drafts pulled the token, if they did.
    """

    index: int
    token_id: int
    slot: StepSlot
    drawn: bool
    forced: bool
    logits: Tensor
    rules: StepRules
    arithmetic: Arithmetic = "PyTorch"
    pull: Pull | None = None

    def plain(self) -> PlainStep:
        """The step without the run's rules, which ``StepRules.step`` puts back."""
        return PlainStep(
            self.index,
            self.token_id,
            self.slot,
            self.drawn,
            self.forced,
            self.logits.numpy(),
            self.arithmetic,
            self.pull,
        )

    @property
    def logprob(self) -> float:
        """Natural log of the token's raw probability."""
        return self._told.logprob

    @property
    def prob(self) -> float:
        """Probability that it was, or would have been, drawn with (0 for a token of the prefix that
        the rules would cut)."""
        return self._told.prob

    @property
    def entropy(self) -> float:
        """Of the raw distribution, in nats."""
        return self._told.entropy

    @property
    def kept(self) -> int:
        """How many tokens could be drawn."""
        return self._told.kept

    @property
    def kept_mass(self) -> float:
        """Raw probability that these tokens hold together."""
        return self._told.kept_mass

    @property
    def grammar_mass(self) -> float:
        """Raw probability of everything that the grammar lets stand here, whether or not it is
        switched on."""
        return self._told.grammar_mass

    @property
    def eos_prob(self) -> float:
        """Raw probability of EOS."""
        return self._told.eos_prob

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """The five likeliest tokens, best first; the written one takes the last place if it is not
        among them."""
        return self._told.candidates

    @cached_property
    def _told(self) -> StepNumbers:
        return self.rules.tell(self.logits, self.index, self.token_id, self.drawn)


@dataclass(frozen=True, eq=False)
class PlainStep:
    """What one process tells another of a ``SamplingStep``: small, and made of plain values.

    Attributes:
        logits: (V,) float32.
    """

    index: int
    token_id: int
    slot: StepSlot
    drawn: bool
    forced: bool
    logits: np.ndarray
    arithmetic: Arithmetic = "PyTorch"
    pull: Pull | None = None


@dataclass(frozen=True)
class StepNumbers:
    """What a ``SamplingStep`` tells about its distribution, all at once; see there."""

    logprob: float
    prob: float
    entropy: float
    kept: int
    kept_mass: float
    grammar_mass: float
    eos_prob: float
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, eq=False)
class StepPipeline:
    """The distribution at one position, stage by stage; every array (V,), probabilities float64.

    Attributes:
        raw: over the model's own bins, before any rule.
        cells: the same at the resolution that is written: a token that stands for a coarse cell
            has its cell's probability, the cell's other bins have none. With the model's own bins
            it is ``raw``.
        allowed: after grammar, forbidden ids and coarse bins, at temperature 1.
        tempered: after the temperature.
        kept: bool, what top-k and top-p leave (of what is allowed).
        final: what the token is drawn from.
    """

    raw: Tensor
    cells: Tensor
    allowed: Tensor
    tempered: Tensor
    kept: Tensor
    final: Tensor


@dataclass(frozen=True, eq=False)
class StepRules:
    """One run's way from logits to tokens, and what can be said about it afterwards.

    Attributes:
        chain: the rules, on the CPU.
    """

    tokenizer: Tokenizer
    chain: FilterChain

    def step(self, plain: PlainStep) -> SamplingStep:
        """A step that another process took under these rules."""
        logits = torch.from_numpy(plain.logits)
        return SamplingStep(
            plain.index,
            plain.token_id,
            plain.slot,
            plain.drawn,
            plain.forced,
            logits,
            self,
            plain.arithmetic,
            plain.pull,
        )

    def pipeline(self, logits: Tensor, index: int) -> StepPipeline:
        """Every stage for token ``index`` with raw logits (V,)."""
        chain = self.chain
        logits = logits[None].double()
        allowed = chain.allowed(logits, index)
        tempered = chain.temperature(allowed, index)
        final = chain.cut(tempered, index)
        raw = logits.softmax(-1)[0]
        return StepPipeline(
            raw=raw,
            cells=raw if chain.coarse is None else chain.coarse(logits, index).softmax(-1)[0],
            allowed=allowed.softmax(-1)[0],
            tempered=tempered.softmax(-1)[0],
            kept=final[0] > -math.inf,
            final=final.softmax(-1)[0],
        )

    def tell(self, logits: Tensor, index: int, token_id: int, drawn: bool) -> StepNumbers:
        """The numbers of one token, drawn or from a prefix."""
        if self.compiled is None:
            return self._tell(logits, index, token_id, drawn)
        allowed, eos_id = self.tokenizer.allowed(index).numpy(), self.tokenizer.eos_id
        told, best, probs = self.compiled.tell(
            logits.float().contiguous().numpy(),
            index,
            token_id,
            drawn,
            allowed,
            eos_id,
            _CANDIDATES,
        )
        return StepNumbers(*told, tuple(map(Candidate, best, *probs)))

    @cached_property
    def compiled(self) -> CompiledRules | None:
        """The same rules as machine code, where that works."""
        return compiled_rules(self.chain, self.tokenizer.vocab_size)

    def _tell(self, logits: Tensor, index: int, token_id: int, drawn: bool) -> StepNumbers:
        """``tell`` in PyTorch's operations."""
        tokenizer, coarse = self.tokenizer, self.chain.coarse
        logits = logits[None].double()
        tempered = self.chain.temperature(self.chain.allowed(logits, index), index)
        left = self.chain.cut(tempered, index)[0]
        final, kept = left.softmax(-1), left > -math.inf
        log_raw = (logits if coarse is None else coarse(logits, index)).log_softmax(-1)[0]  # (V,)
        if not drawn and log_raw[token_id] == -math.inf:
            log_raw = logits.log_softmax(-1)[0]  # a bin of the prefix that is no cell's centre
        raw = log_raw.exp()
        best = raw.topk(min(_CANDIDATES, len(raw))).indices.tolist()
        if token_id not in best:
            best[-1] = token_id
        return StepNumbers(
            logprob=log_raw[token_id].item(),
            prob=final[token_id].item(),
            entropy=-torch.xlogy(raw, raw).sum().item() + 0.0,  # + 0.0 turns -0.0 into 0.0
            kept=int(kept.sum()),
            kept_mass=raw[kept].sum().clamp(max=1).item(),
            grammar_mass=raw[tokenizer.allowed(index)].sum().clamp(max=1).item(),
            eos_prob=raw[tokenizer.eos_id].item(),
            candidates=tuple(Candidate(i, raw[i].item(), final[i].item()) for i in best),
        )


@dataclass(frozen=True, eq=False)
class SampledBatch:
    """B sentences, on the CPU.

    Attributes:
        token_ids: (B, L) int64; padded after EOS. L is the longest sentence, its EOS included.
        logits: (B, L, V) float32, raw, of every token; after a sentence's end they mean nothing.
        lengths: (B,) int64, tokens before EOS.
    """

    token_ids: Tensor
    logits: Tensor
    lengths: Tensor

    @property
    def nats(self) -> Tensor:
        """(B,) the sum of -ln p over each sentence's tokens, its EOS included, as the model itself
        gave them before any filter: the smaller, the likelier the sentence."""
        logprobs = self.logits.log_softmax(-1).gather(-1, self.token_ids[..., None])[..., 0]
        places = torch.arange(self.token_ids.shape[1])
        return -(logprobs * (places <= self.lengths[:, None])).sum(-1)
