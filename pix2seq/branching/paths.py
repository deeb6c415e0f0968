"""``Path``: a sentence that is being written, with everything that its tree will say about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pix2seq.branching.choices import Choice
from pix2seq.config import SamplingOptions
from pix2seq.detections import Detections
from pix2seq.predictor import ImageEncoding, Predictor
from pix2seq.sampling import SampledBatch
from pix2seq.sampling.filters import FilterChain


@dataclass(eq=False)
class Path:
    """A sentence that is being written: a row of the batch, and later a branch.

    Attributes:
        parent, start: which path it left, and at which token (``None``, 0: the trunk).
        ids, logprobs, logits: of the whole sentence; logits (V,) each, raw.
        weight: masses of the alternatives that led here, multiplied.
        doubts: token index to what could have been said there, with the path that said it.
    """

    parent: int | None
    start: int
    weight: float
    ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    logits: list[Tensor] = field(default_factory=list)
    doubts: dict[int, list[tuple[Choice, int | None]]] = field(default_factory=dict)

    @property
    def surprise(self) -> float:
        """Σ −ln p so far, in nats."""
        return -sum(self.logprobs)

    def take(self, token_id: int, logprob: float, logits: Tensor) -> None:
        self.ids.append(token_id)
        self.logprobs.append(logprob)
        self.logits.append(logits)


def row_distributions(chain: FilterChain, logits: Tensor, index: int) -> tuple[Tensor, Tensor]:
    """What R rows could say at ``index``: natural logs of the raw probabilities at the resolution
    that is written, and which tokens the rules allow, both (R, V)."""
    exact = logits.double()
    cells = exact if chain.coarse is None else chain.coarse(exact, index)
    return cells.log_softmax(-1), chain.allowed(exact, index) > -torch.inf


def read_paths(
    predictor: Predictor,
    encoding: ImageEncoding,
    paths: Sequence[Path],
    options: SamplingOptions,
) -> list[Detections]:
    """The objects that each sentence names, however low they score; those written as noise are left
    out."""
    eos = predictor.tokenizer.eos_id
    lengths = [len(path.ids) - (path.ids[-1:] == [eos]) for path in paths]
    longest = max(lengths)
    ids = torch.full((len(paths), longest), predictor.tokenizer.pad_id)
    logits = torch.zeros(len(paths), longest, predictor.tokenizer.vocab_size)
    for row, (path, length) in enumerate(zip(paths, lengths, strict=True)):
        if length:
            ids[row, :length] = torch.tensor(path.ids[:length])
            logits[row, :length] = torch.stack(path.logits[:length])
    batch = SampledBatch(ids, logits, torch.tensor(lengths))
    noise = "drop" if predictor.tokenizer.noise_id is not None else "show"
    named = options.replace(noise=noise, score_threshold=0.0)
    return predictor.read_batch([encoding] * len(paths), batch, named)
