"""``Batch``: sentences written side by side that begin and end independently.

    jobs ─▶ join ─▶ [ rows ] ─ step: one forward pass, one token each ─▶ steps
                       │
                       └─▶ a row that has ended leaves, the next job joins (``write_many``)

Every row has its own image, options, seed and prefix. It writes what it would write alone: its
numbers come from its seed, its probabilities from its own logits, and those do not depend on its
neighbours (``model.packed`` says where that holds to the last bit).

The compiled step's logits differ from PyTorch's in the last bits. A draw that these could decide
(``kernels`` says which) is not made from them: PyTorch reads the sentence so far, and the token is
drawn from its logits, by its operations. So what is written is what PyTorch writes, as long as
logits differ by no more than ``native.MARGIN``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from pix2seq.config import ConfigError, SamplingOptions
from pix2seq.device import inference
from pix2seq.model import native
from pix2seq.model.cache import Cross, KVCache
from pix2seq.sampling.filters import FilterChain, build_chain, uniforms
from pix2seq.sampling.guide import Guide, Pull
from pix2seq.sampling.job import Job, checked_job
from pix2seq.sampling.picking import CompiledRules
from pix2seq.sampling.steps import Arithmetic, SamplingStep, StepRules
from pix2seq.tokenizer import Tokenizer

_CPU = torch.device("cpu")
_MOST_RULES = 32  # different options whose rules are kept, for any sentence that begins
_DAMAGED = "the model's logits are not numbers; its weights must be damaged"


class Writer(Protocol):
    """What sampling needs of a model; ``Pix2Seq`` has it, and so has a scripted one in a test."""

    def new_cache(self, memory: Tensor, batch_size: int | None = None) -> KVCache: ...

    def reference_cache(self, memory: Tensor) -> KVCache | None: ...

    def decode(
        self, input_ids: Tensor, memory: Tensor | None = None, cache: KVCache | None = None
    ) -> Tensor: ...


@dataclass(eq=False)
class Row:
    """A sentence that is being written.

    Attributes:
        job: whose sentence it is.
        guide: what pulls its tokens, if it follows the encoder's drafts.
        read_again: what PyTorch has read of it, where a draw needed its logits.
        steps: what is written so far.
        finished: EOS or the last object is written; the row has left its batch.
    """

    job: Job
    length: int
    prefix: list[int]
    forced: frozenset[int]
    numbers: list[float]
    chain: FilterChain
    compiled: CompiledRules | None
    rules: StepRules
    image: Cross
    arithmetic: Arithmetic
    last_id: int
    own_cache: KVCache | None
    guide: Guide | None = None
    read_again: KVCache | None = None
    ahead: deque[Tensor] = field(default_factory=deque)
    steps: list[SamplingStep] = field(default_factory=list)
    finished: bool = False


class Batch:
    """Rows that one network writes together.

    Args:
        model: writes.
        tokenizer: its vocabulary.
    """

    def __init__(self, model: Writer, tokenizer: Tokenizer) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self._reading: list[Row] = []  # tokens of a prefix are still being yielded
        self._writing: list[Row] = []  # one row of the shared cache each
        self._cache: KVCache | None = None
        self._capacity = 0

    def __len__(self) -> int:
        return len(self._reading) + len(self._writing)

    def join(self, job: Job) -> Row:
        """Begin a sentence; its prefix is read at once.

        Raises:
            ConfigError: an option exceeds the model, the prefix is too long, holds an unknown id
                or goes on after EOS, or a forced position is not in it.
        """
        options, prefix, forced = checked_job(job, self.tokenizer)
        length = self.tokenizer.sequence_length(options.max_objects)
        # Rows with the same options, whatever their seed, share their rules.
        alike = options.replace(seed=0)
        chain, rules = _rules(self.tokenizer, alike, job.memory.device, native.is_wanted())
        cache = self._new_cache(job.memory)
        row = Row(
            job,
            length,
            prefix,
            forced,
            uniforms(options.seed, length).tolist(),
            chain,
            rules.compiled if chain is rules.chain else None,
            rules,
            image=cache.cross[0],
            arithmetic="compiled" if cache.compiled else "PyTorch",
            last_id=self.tokenizer.bos_id,
            own_cache=cache,
            guide=Guide(job.drafts, self.tokenizer) if options.follow_drafts else None,
        )
        if prefix:
            ids = torch.tensor([[row.last_id, *prefix]])[:, :length]
            row.ahead.extend(_numbers(self._forward(ids, cache))[0].unbind(0))
            self._reading.append(row)
        else:
            self._admit(row)
        return row

    def step(self) -> list[tuple[Row, SamplingStep]]:
        """The next token of every row; rows that end with it leave."""
        for row in [row for row in self._reading if not row.ahead]:
            self._reading.remove(row)
            self._admit(row)
        rows = self._writing + self._reading
        parts = []
        if self._writing:
            ids = np.array([[row.last_id] for row in self._writing], np.int64)
            parts.append(self._forward(torch.from_numpy(ids), self._cache).squeeze(1))
        if self._reading:
            parts.append(torch.stack([row.ahead.popleft() for row in self._reading]))
        logits = parts[0] if len(parts) == 1 else torch.cat(parts)  # (R, V)
        here = logits.numpy() if logits.is_cpu else None  # in the same memory
        pulls = [self._pull(row, logits, here, i) for i, row in enumerate(rows)]
        tokens, again = self._draw(rows, logits, here, pulls)
        told = logits.cpu().numpy() if here is None else here
        steps = []
        for i, row in enumerate(rows):
            if i in again:
                seen, arithmetic = again[i], "PyTorch"
            else:  # a step may be kept for long, and must not keep its neighbours
                alone = told[i] if len(rows) == 1 else told[i].copy()
                seen, arithmetic = torch.from_numpy(alone), row.arithmetic
            steps.append((row, self._take(row, seen, tokens[i], arithmetic, pulls[i])))
        return steps

    def leave(self, row: Row) -> None:
        """Take a sentence out before its end."""
        row.own_cache = row.read_again = None  # a finished row may be kept for long
        row.image = []
        if row in self._reading:
            self._reading.remove(row)
        elif row in self._writing:
            place = self._writing.index(row)
            self._cache.leave(place)
            self._writing[place] = self._writing[-1]
            self._writing.pop()
            if not self._writing:
                self._cache = None

    # ---- inside -----------------------------------------------------------------------------

    def _new_cache(self, memory: Tensor) -> KVCache:
        for row in (*self._writing, *self._reading):
            if row.job.memory is memory:
                return KVCache([row.image], self._capacity)
        with inference(memory.device):
            cache = self.model.new_cache(memory)
        self._capacity = cache.capacity
        return cache

    def _admit(self, row: Row) -> None:
        """From now on the row is one of the shared cache's."""
        if self._cache is None:
            self._cache = row.own_cache
        else:
            self._cache.join(row.own_cache)
        row.own_cache = None
        self._writing.append(row)

    def _forward(self, ids: Tensor, cache: KVCache) -> Tensor:
        """New ids (B, L) to float32 logits (B, L, V).

        The inference mode is entered per call and its tensors are copied out of it, so neither the
        mode nor tensors that autograd refuses reach the consumer of a generator. What compiled code
        writes is of no mode.
        """
        if cache.compiled:
            return self.model.decode(ids, cache=cache)
        device = cache.device
        with inference(device):
            logits = self.model.decode(ids.to(device), cache=cache).float()
        return logits.clone() if device.type == "cuda" else logits.clone().cpu()

    def _pull(self, row: Row, logits: Tensor, here: np.ndarray | None, place: int) -> Pull | None:
        """Pull a row of logits (R, V), in place, as its guide says."""
        pull = None if row.guide is None else row.guide.pull()
        if pull is None:
            return None
        if here is not None:
            row.guide.apply(pull, here[place])
        else:
            logits[place] = pull.pulled(logits[place], self.tokenizer)
        return pull

    def _draw(
        self,
        rows: list[Row],
        logits: Tensor,
        here: np.ndarray | None,
        pulls: list[Pull | None],
    ) -> tuple[list[int], dict[int, Tensor]]:
        """One token per row of logits (R, V), ``here`` on a CPU: the prefix's, or one by its rules
        and its number; and the logits of rows whose token had to be drawn from PyTorch's."""
        tokens, again = [-1] * len(rows), {}
        alike: dict[tuple[int, int], list[int]] = {}  # rows with the same rules in the same slot
        for i, row in enumerate(rows):
            index = len(row.steps)
            if index < len(row.prefix):
                tokens[i] = row.prefix[index]
            elif row.compiled is not None:
                margin = native.MARGIN if row.arithmetic == "compiled" else 0.0
                tokens[i], settled = row.compiled.pick(here[i], index, row.numbers[index], margin)
                if tokens[i] < 0:
                    raise ConfigError(_DAMAGED)
                if not settled and (exact := self._read_again(row, pulls[i])) is not None:
                    number = torch.tensor([row.numbers[index]], dtype=torch.float64)
                    tokens[i] = row.chain.pick(exact[None], index, number).item()
                    again[i] = exact
            else:
                alike.setdefault((id(row.chain), index % len(self.tokenizer.slots)), []).append(i)
        for (_, slot), members in alike.items():
            some = _numbers(logits if len(members) == len(rows) else logits[members])
            numbers = [rows[i].numbers[len(rows[i].steps)] for i in members]
            numbers = torch.tensor(numbers, dtype=torch.float64, device=some.device)
            drawn = rows[members[0]].chain.pick(some, slot, numbers).tolist()
            for i, token_id in zip(members, drawn, strict=True):
                tokens[i] = token_id
        return tokens, again

    def _read_again(self, row: Row, pull: Pull | None) -> Tensor | None:
        """PyTorch's logits (V,) for a row's next token, pulled; ``None`` if the weights have
        changed."""
        if row.read_again is None:
            with inference(_CPU):
                row.read_again = self.model.reference_cache(row.job.memory)
        if row.read_again is None:
            return None
        ids = [self.tokenizer.bos_id, *(step.token_id for step in row.steps)]
        new = torch.tensor([ids[row.read_again.length :]])
        exact = _numbers(self._forward(new, row.read_again))[0, -1]
        return exact if pull is None else pull.pulled(exact, self.tokenizer)

    def _take(
        self, row: Row, logits: Tensor, token_id: int, arithmetic: Arithmetic, pull: Pull | None
    ) -> SamplingStep:
        index = len(row.steps)
        at_eos = token_id == self.tokenizer.eos_id
        step = SamplingStep(
            index=index,
            token_id=token_id,
            slot="eos" if at_eos else self.tokenizer.slot(index),
            drawn=index >= len(row.prefix),
            forced=index in row.forced,
            logits=logits,
            rules=row.rules,
            arithmetic=arithmetic,
            pull=pull,
        )
        row.steps.append(step)
        row.last_id = token_id
        if row.guide is not None:
            row.guide.read(token_id)
        if at_eos or len(row.steps) == row.length:
            row.finished = True
            self.leave(row)
        return step


@lru_cache(maxsize=_MOST_RULES)
def _rules(
    tokenizer: Tokenizer, options: SamplingOptions, device: torch.device, compiled: bool
) -> tuple[FilterChain, StepRules]:
    """What draws a token, and what tells about it; ``compiled`` says whether code that is compiled
    may, which ``StepRules.compiled`` finds out by itself."""
    # Rules need float64, which MPS does not have; on CUDA they stay beside the network.
    told = build_chain(tokenizer, options, _CPU)
    chain = build_chain(tokenizer, options, device) if device.type == "cuda" else told
    return chain, StepRules(tokenizer, told)


def write_many(
    model: Writer, tokenizer: Tokenizer, jobs: Iterable[Job], max_rows: int = 8
) -> Iterator[Row]:
    """Write any number of sentences, ``max_rows`` at a time; yields each when it is finished.

    Jobs are taken from the iterable only when there is room for them, so a generator that encodes
    images as it goes holds no more than ``max_rows`` of them. Sentences end in any order;
    ``row.job.key`` tells them apart.
    """
    if max_rows < 1:
        raise ConfigError(f"max_rows is {max_rows}; write at least one sentence at a time")
    batch, waiting = Batch(model, tokenizer), iter(jobs)
    while True:
        while len(batch) < max_rows and (job := next(waiting, None)) is not None:
            batch.join(job)
        if not len(batch):
            return
        yield from [row for row, _ in batch.step() if row.finished]


def _numbers(logits: Tensor) -> Tensor:
    if logits.sum().isnan():
        raise ConfigError(_DAMAGED)
    return logits
