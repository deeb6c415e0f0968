"""The loop: one generator that writes a sentence about an image, token by token.

``sample_stream`` yields each token before it pays for the next forward pass, so a consumer shows
it at once and may close the generator at any step. ``sample_batch`` writes many sentences and waits
for the last. Both are a ``Batch`` of rows (``batch``), which many threads may share (``shared``).

Tokens are drawn by inverse CDF from one uniform number per position, which the seed alone decides:
the same seed gives the same tokens, and two settings can be compared position by position.

Rules are in ``filters``, what a step tells is in ``steps``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import torch
from torch import Tensor

from pix2seq.config import SamplingOptions
from pix2seq.model.drafts import Drafted
from pix2seq.sampling.batch import Batch, Writer
from pix2seq.sampling.filters import build_chain, draw, uniforms
from pix2seq.sampling.job import Job
from pix2seq.sampling.shared import SharedBatch
from pix2seq.sampling.steps import SampledBatch, SamplingStep, StepPipeline, StepRules
from pix2seq.tokenizer import Tokenizer

_CPU = torch.device("cpu")


def sample_stream(
    model: Writer,
    memory: Tensor,
    tokenizer: Tokenizer,
    options: SamplingOptions,
    prefix: Sequence[int] = (),
    forced: Collection[int] = (),
    drafts: Drafted | None = None,
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
        drafts: what the encoder drafted of the image; needed if ``follow_drafts`` is on.

    Yields:
        One step per token, EOS included, ``max_objects`` objects at most.

    Raises:
        ConfigError: an option exceeds the model, the prefix is too long, holds an unknown id or
            goes on after EOS, a forced position is not in it, or there are no drafts to follow.
    """
    if memory.shape[0] != 1:
        raise ValueError(f"sample_stream writes about one image, memory holds {memory.shape[0]}")
    return SharedBatch(model, tokenizer).stream(Job(memory, options, prefix, forced, drafts))


def sample_batch(
    model: Writer,
    memory: Tensor,
    tokenizer: Tokenizer,
    options: SamplingOptions,
    seeds: Sequence[int],
    drafts: Drafted | None = None,
) -> SampledBatch:
    """Write one sentence per seed: about one image each, or all about the same one.

    Each row has the tokens that ``sample_stream`` gives with its seed (``options.seed`` is not
    used). Rows that reach EOS are padded to the length of the last one that does.

    Args:
        memory: (B, N, D) for B seeds, or (1, N, D) for any number of seeds.
        drafts: what the encoder drafted of these images; needed if ``follow_drafts`` is on.

    Raises:
        ConfigError: an option exceeds the model, or there are no drafts to follow.
        ValueError: the counts of memories and seeds do not fit.
    """
    count = len(seeds)
    if count == 0 or memory.shape[0] not in (1, count):
        raise ValueError(
            f"{count} seeds for {memory.shape[0]} memories; use as many, or one memory"
        )
    memories = [memory] * count if memory.shape[0] == 1 else memory.split(1)
    drafted = [None] * count if drafts is None else drafts.each(count)
    batch = Batch(model, tokenizer)
    rows = [
        batch.join(Job(one, options.replace(seed=seed), drafts=some))
        for one, seed, some in zip(memories, seeds, drafted, strict=True)
    ]
    while len(batch):
        batch.step()
    longest = max(len(row.steps) for row in rows)
    token_ids = torch.full((count, longest), tokenizer.pad_id)
    logits = torch.zeros(count, longest, tokenizer.vocab_size)
    for i, row in enumerate(rows):
        token_ids[i, : len(row.steps)] = torch.tensor([step.token_id for step in row.steps])
        logits[i, : len(row.steps)] = torch.stack([step.logits for step in row.steps])
    lengths = [len(row.steps) - (row.steps[-1].slot == "eos") for row in rows]
    return SampledBatch(token_ids, logits, torch.tensor(lengths))


def explain_step(
    logits: Tensor, tokenizer: Tokenizer, index: int, options: SamplingOptions
) -> StepPipeline:
    """What the rules do to one position, without running the model.

    Args:
        logits: (V,) raw, a step's.
        index: the token's position after the prompt.
        options: may differ from those of the run: that is how a slider is tried out.
    """
    return rules_of(tokenizer, options).pipeline(logits, index)


def rules_of(tokenizer: Tokenizer, options: SamplingOptions) -> StepRules:
    """A run's way from logits to tokens."""
    options = options.resolve(SamplingOptions(), tokenizer.config)
    return StepRules(tokenizer, build_chain(tokenizer, options, _CPU))


def drawn_token(stages: StepPipeline, seed: int, index: int) -> int:
    """What a run with that seed writes at ``index`` when this is its distribution there.

    Together with ``explain_step`` it tells what a moved slider would have changed about a token,
    without running the model.
    """
    return int(draw(stages.final[None], uniforms(seed, index + 1)[index:])[0])
