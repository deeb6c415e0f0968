"""The loop: one generator that writes a sentence about an image, token by token.

``sample_stream`` yields each token before it pays for the next forward pass, so a consumer shows it
at once and may close the generator at any step. ``sample_batch`` runs the same rules for many
sequences.

Tokens are drawn by inverse CDF from one uniform number per position, which the seed alone decides:
the same seed gives the same tokens, and two settings can be compared position by position.

Rules are in ``filters``, what a step tells is in ``steps``.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from typing import Protocol

import torch
from torch import Tensor

from pix2seq.config import ConfigError, SamplingOptions
from pix2seq.device import inference
from pix2seq.model.cache import KVCache
from pix2seq.sampling.filters import FilterChain, build_chain, draw, uniforms
from pix2seq.sampling.steps import Candidate, SampledBatch, SamplingStep, StepPipeline
from pix2seq.tokenizer import Tokenizer

_CANDIDATES = 5
_CPU = torch.device("cpu")


class Writer(Protocol):
    """What sampling needs of a model; ``Pix2Seq`` has it, and so has a scripted one in a test."""

    def new_cache(self, memory: Tensor, batch_size: int | None = None) -> KVCache: ...

    def decode(
        self, input_ids: Tensor, memory: Tensor | None = None, cache: KVCache | None = None
    ) -> Tensor: ...


def sample_stream(
    model: Writer,
    memory: Tensor,
    tokenizer: Tokenizer,
    options: SamplingOptions,
    prefix: Sequence[int] = (),
    forced: Collection[int] = (),
) -> Iterator[SamplingStep]:
    """Write about one image (paper, section 2.2).

    With the grammar on, every slot holds its own kind of token and EOS stands only where an object
    would start. With it off, the model may write anything anywhere: such tokens are yielded like
    all others, a coordinate slot then reads as ``Tokenizer.coord_values`` says, and an EOS at any
    place ends the sentence, leaving an unfinished object unread.

    Args:
        memory: (1, N, D) from ``encode_image``.
        options: ``None`` fields take the general defaults.
        prefix: ids after the prompt that are there already, not drawn: an earlier run's, with or
            without a person's changes. They are read in one forward pass and still yield one step
            each; with the ids of an earlier run of the same seed, the sentence goes on as that run
            did.
        forced: which positions of the prefix hold a token that a person gave. Only these are told
            apart from what a model wrote itself.

    Yields:
        One step per token, EOS included, ``max_objects`` objects at most.

    Raises:
        ConfigError: an option exceeds the model, the prefix is too long, holds an unknown id or
            goes on after EOS, or a forced position is not in it.
    """
    options = options.resolve(SamplingOptions(), tokenizer.config)
    if memory.shape[0] != 1:
        raise ValueError(f"sample_stream writes about one image, memory holds {memory.shape[0]}")
    prefix = _checked_prefix(prefix, tokenizer, options)
    return _stream(model, memory, tokenizer, options, prefix, _checked_forced(forced, prefix))


def _stream(
    model: Writer,
    memory: Tensor,
    tokenizer: Tokenizer,
    options: SamplingOptions,
    prefix: list[int],
    forced: frozenset[int],
) -> Iterator[SamplingStep]:
    forward = _Forward(model, memory, rows=1)
    chain = build_chain(tokenizer, options, _CPU)
    length = tokenizer.sequence_length(options.max_objects)
    numbers = uniforms(options.seed, length)
    prompt = torch.tensor([[tokenizer.bos_id, *prefix]])[:, :length]  # (1, P)
    ahead = list(forward(prompt).cpu().unbind(1))  # P rows of (1, V); row i belongs to token i
    token_id = tokenizer.bos_id
    for index in range(length):
        row = (
            ahead[index] if index < len(ahead) else forward(torch.tensor([[token_id]]))[:, 0].cpu()
        )
        known = prefix[index] if index < len(prefix) else None
        number = numbers[index : index + 1]
        step = _take_step(chain, tokenizer, row, index, number, known, index in forced)
        yield step
        token_id = step.token_id
        if token_id == tokenizer.eos_id:
            return


def sample_batch(
    model: Writer,
    memory: Tensor,
    tokenizer: Tokenizer,
    options: SamplingOptions,
    seeds: Sequence[int],
) -> SampledBatch:
    """Write one sentence per seed: about one image each, or all about the same one.

    Each row has the tokens that ``sample_stream`` gives with its seed (``options.seed`` is not
    used), up to rounding in the network. Rows that reach EOS are padded until the last one has.

    Args:
        memory: (B, N, D) for B seeds, or (1, N, D) for any number of seeds.

    Raises:
        ConfigError: an option exceeds the model.
        ValueError: the counts of memories and seeds do not fit.
    """
    options = options.resolve(SamplingOptions(), tokenizer.config)
    rows = len(seeds)
    if rows == 0 or memory.shape[0] not in (1, rows):
        raise ValueError(f"{rows} seeds for {memory.shape[0]} memories; use as many, or one memory")
    # Rules need float64, which MPS does not have; on CUDA they stay beside the network.
    device = memory.device if memory.device.type == "cuda" else _CPU
    forward = _Forward(model, memory, rows)
    chain = build_chain(tokenizer, options, device)
    length = tokenizer.sequence_length(options.max_objects)
    numbers = torch.stack([uniforms(seed, length) for seed in seeds]).to(device)  # (B, length)
    tokens = torch.full((rows,), tokenizer.bos_id, device=device)
    lengths = torch.full((rows,), length, device=device)
    finished = torch.zeros(rows, dtype=torch.bool, device=device)
    written: list[Tensor] = []
    all_logits: list[Tensor] = []
    for index in range(length):
        logits = forward(tokens[:, None])[:, 0].to(device)  # (B, V)
        all_logits.append(logits)
        drawn = draw(chain.final(logits, index), numbers[:, index])
        tokens = torch.where(finished, tokenizer.pad_id, drawn)
        written.append(tokens)
        ended = ~finished & (drawn == tokenizer.eos_id)
        lengths[ended] = index
        finished |= ended
        if finished.all():
            break
    return SampledBatch(
        token_ids=torch.stack(written, dim=1).cpu(),
        logits=torch.stack(all_logits, dim=1).cpu(),
        lengths=lengths.cpu(),
    )


def explain_step(
    logits: Tensor, tokenizer: Tokenizer, index: int, options: SamplingOptions
) -> StepPipeline:
    """What the rules do to one position, without running the model.

    Args:
        logits: (V,) raw, a step's.
        index: the token's position after the prompt.
        options: may differ from those of the run: that is how a slider is tried out.
    """
    options = options.resolve(SamplingOptions(), tokenizer.config)
    chain = build_chain(tokenizer, options, _CPU)
    return _pipeline(chain, logits[None].double(), index)


def drawn_token(stages: StepPipeline, seed: int, index: int) -> int:
    """What a run with that seed writes at ``index`` when this is its distribution there.

    Together with ``explain_step`` it tells what a moved slider would have changed about a token,
    without running the model.
    """
    return int(draw(stages.final[None], uniforms(seed, index + 1)[index:])[0])


def _pipeline(chain: FilterChain, logits: Tensor, index: int) -> StepPipeline:
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


def _take_step(
    chain: FilterChain,
    tokenizer: Tokenizer,
    row: Tensor,
    index: int,
    number: Tensor,
    known: int | None,
    forced: bool,
) -> SamplingStep:
    """Draw token ``index`` from raw logits ``row`` (1, V), or accept the ``known`` one, and
    describe it."""
    logits = row.double()
    final = _pipeline(chain, logits, index)
    token_id = int(draw(final.final[None], number)) if known is None else known
    coarse = chain.coarse
    log_raw = (logits if coarse is None else coarse(logits, index)).log_softmax(-1)[0]  # (V,)
    if known is not None and log_raw[token_id] == -math.inf:
        log_raw = logits.log_softmax(-1)[0]  # a bin of the prefix that is no cell's centre
    raw = log_raw.exp()
    best = raw.topk(min(_CANDIDATES, len(raw))).indices.tolist()
    if token_id not in best:
        best[-1] = token_id
    at_eos = token_id == tokenizer.eos_id
    return SamplingStep(
        index=index,
        token_id=token_id,
        slot="eos" if at_eos else tokenizer.slot(index),
        logprob=log_raw[token_id].item(),
        prob=final.final[token_id].item(),
        entropy=-torch.xlogy(raw, raw).sum().item() + 0.0,  # + 0.0 turns -0.0 into 0.0
        kept=int(final.kept.sum()),
        kept_mass=raw[final.kept].sum().clamp(max=1).item(),
        grammar_mass=raw[tokenizer.allowed(index)].sum().clamp(max=1).item(),
        eos_prob=raw[tokenizer.eos_id].item(),
        candidates=tuple(Candidate(i, raw[i].item(), final.final[i].item()) for i in best),
        drawn=known is None,
        forced=forced,
        logits=row[0].clone(),
    )


def _checked_prefix(
    prefix: Sequence[int], tokenizer: Tokenizer, options: SamplingOptions
) -> list[int]:
    prefix = [int(token_id) for token_id in prefix]
    length = tokenizer.sequence_length(options.max_objects)
    if len(prefix) > length:
        raise ConfigError(
            f"the prefix has {len(prefix)} tokens, but max_objects = {options.max_objects} leaves "
            f"room for {length}; shorten the one or raise the other"
        )
    for token_id in prefix:
        if not 0 <= token_id < tokenizer.vocab_size:
            raise ConfigError(
                f"token {token_id} in the prefix is not in the vocabulary; use 0 to "
                f"{tokenizer.vocab_size - 1}"
            )
    if tokenizer.eos_id in prefix[:-1]:
        raise ConfigError("the prefix goes on after EOS; end it there")
    return prefix


def _checked_forced(forced: Collection[int], prefix: list[int]) -> frozenset[int]:
    for index in forced:
        if not 0 <= index < len(prefix):
            raise ConfigError(
                f"position {index} is said to be given, but the prefix has {len(prefix)} tokens; "
                "count them from 0"
            )
    return frozenset(map(int, forced))


class _Forward:
    """The model with its cache: new ids in, their float32 logits out.

    The inference mode is entered per call and its tensors are copied out of it, so neither the mode
    nor tensors that autograd refuses reach the consumer of a generator.
    """

    def __init__(self, model: Writer, memory: Tensor, rows: int) -> None:
        self.model = model
        self.device = memory.device
        with inference(self.device):
            self.cache = model.new_cache(memory, batch_size=rows)

    def __call__(self, ids: Tensor) -> Tensor:
        """ids (B, L) -> logits (B, L, V)."""
        with inference(self.device):
            logits = self.model.decode(ids.to(self.device), cache=self.cache).float()
        if logits.isnan().any():
            raise ConfigError("the model's logits are not numbers; its weights must be damaged")
        return logits.clone()
