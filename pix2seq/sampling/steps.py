"""What sampling tells: one ``SamplingStep`` per token, a ``SampledBatch`` per batch.

Probabilities called *raw* are the softmax of the model's logits over its whole vocabulary, at
temperature 1 and before any rule. When ``num_bins`` makes the coordinates coarser, the tokens that
can be written stand for their cells, and the raw probability of such a token is its cell's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

StepSlot = Literal["ymin", "xmin", "ymax", "xmax", "class", "eos"]


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

    Attributes:
        index: position after the prompt, from 0.
        slot: the role that the position has; ``eos`` when the token is EOS, wherever it stands.
        logprob: natural log of the token's raw probability.
        prob: probability that it was, or would have been, drawn with (0 for a token of the prefix
            that the rules would cut).
        entropy: of the raw distribution, in nats.
        kept: how many tokens could be drawn.
        kept_mass: raw probability that these tokens hold together.
        grammar_mass: raw probability of everything that the grammar lets stand here, whether or
            not it is switched on.
        eos_prob: raw probability of EOS.
        candidates: the five likeliest tokens, best first; the written one takes the last place if
            it is not among them.
        drawn: this run drew the token; otherwise it stood in the prefix.
        forced: a person gave the token, whatever the model thought. The other tokens of a prefix
            are an earlier run's own.
        logits: (V,) float32 on the CPU, as the model gave them.
    """

    index: int
    token_id: int
    slot: StepSlot
    logprob: float
    prob: float
    entropy: float
    kept: int
    kept_mass: float
    grammar_mass: float
    eos_prob: float
    candidates: tuple[Candidate, ...]
    drawn: bool
    forced: bool
    logits: Tensor


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
