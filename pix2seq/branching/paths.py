"""``Path``: a sentence that is being written, with everything that its tree will say about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, pairwise

import torch
from torch import Tensor

from pix2seq.branching.choices import Choice
from pix2seq.config import SamplingOptions
from pix2seq.detections import Detections
from pix2seq.predictor import ImageEncoding, Predictor
from pix2seq.reading import read_sentence
from pix2seq.sampling.filters import FilterChain


class Told:
    """Everything that the network said while paths were written: raw logits, a row per place. Paths
    that share a beginning share its rows."""

    def __init__(self) -> None:
        self._parts: list[Tensor] = []
        self._rows = 0

    def add(self, logits: Tensor) -> int:
        """Keep (R, V) logits; returns the number of the first row."""
        self._parts.append(logits)
        self._rows += len(logits)
        return self._rows - len(logits)

    def logits(self) -> Tensor:
        """(rows, V) float32."""
        return torch.cat(self._parts)


@dataclass(eq=False)
class Path:
    """A sentence that is being written: a row of the batch, and later a branch.

    Attributes:
        number: which path it is.
        parent, start: which path it left, and at which token (``None``, 0: the trunk).
        weight: masses of the alternatives that led here, multiplied.
        ids, rows, logprobs: of the whole sentence; ``rows`` are numbers of a ``Told``.
        doubts: token index to what could have been said there, with the path that said it.
    """

    number: int = 0
    parent: int | None = None
    start: int = 0
    weight: float = 1.0
    ids: list[int] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    doubts: dict[int, list[tuple[Choice, int | None]]] = field(default_factory=dict)

    @property
    def surprise(self) -> float:
        """Σ −ln p so far, in nats."""
        return -sum(self.logprobs)

    def then(self, token_id: int, row: int, logprob: float) -> Path:
        """The sentence with one more token."""
        more = [*self.ids, token_id], [*self.rows, row], [*self.logprobs, logprob]
        return Path(self.number, self.parent, self.start, self.weight, *more)

    def fork(self, number: int, index: int, choice: Choice) -> Path:
        """Another path, which leaves this one at token ``index`` to say something else."""
        weight = self.weight * choice.mass
        return Path(number, self.number, index, weight, self.ids[:index], self.rows[:index])


def allowed_ids(chain: FilterChain, index: int, vocab_size: int) -> Tensor:
    """What the rules let stand at ``index``, ascending."""
    ids = chain.open_ids[index % len(chain.open_ids)]
    return torch.arange(vocab_size) if ids is None else ids


def log_probs(chain: FilterChain, logits: Tensor, index: int) -> Tensor:
    """Natural logs of the raw probabilities at the resolution that is written, (R, V) float64."""
    exact = logits.double()
    return (exact if chain.coarse is None else chain.coarse(exact, index)).log_softmax(-1)


def read_paths(
    predictor: Predictor,
    encoding: ImageEncoding,
    paths: Sequence[Path],
    told: Tensor,
    options: SamplingOptions,
) -> list[Detections]:
    """The objects that each sentence names, however low they score; those written as noise are left
    out.

    What an object is follows from its own five tokens, so all sentences are read as one; what
    depends on the others (``again``) is not told.

    Args:
        told: (rows, V), what the paths' ``rows`` number.
    """
    tokenizer = predictor.tokenizer
    step = tokenizer.sequence_length(1)
    whole = [(len(path.ids) - (path.ids[-1:] == [tokenizer.eos_id])) // step for path in paths]
    ids = [
        token_id for path, n in zip(paths, whole, strict=True) for token_id in path.ids[: n * step]
    ]
    rows = [row for path, n in zip(paths, whole, strict=True) for row in path.rows[: n * step]]
    noise = "drop" if tokenizer.noise_id is not None else "show"
    reading = read_sentence(
        token_ids=torch.tensor(ids, dtype=torch.long),
        logits=told[rows],
        forced=torch.zeros(len(ids), dtype=torch.bool),
        tokenizer=tokenizer,
        letterbox=encoding.letterbox,
        options=options.replace(noise=noise, score_threshold=0.0),
    ).detections()
    path_of = torch.tensor([number for number, n in enumerate(whole) for _ in range(n)]).long()
    first = torch.tensor(list(accumulate(whole, initial=0)))
    owner = path_of[reading.objects]
    own = replace(
        reading, objects=reading.objects - first[owner], again=torch.full_like(reading.again, -1)
    )
    ends = torch.searchsorted(owner, torch.arange(len(paths) + 1)).tolist()
    return [own[slice(*some)] for some in pairwise(ends)]
