"""``Job``: one sentence to write, and what makes it one that can be written."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass

from torch import Tensor

from pix2seq.config import ConfigError, SamplingOptions
from pix2seq.model.drafts import Drafted
from pix2seq.tokenizer import Tokenizer

_GENERAL = SamplingOptions()


@dataclass(frozen=True, eq=False)
class Job:
    """One sentence to write.

    Attributes:
        memory: (1, N, D) from ``encode_image``. Jobs that hand over the same tensor share what is
            computed from it.
        options: ``None`` fields take the general defaults.
        prefix: ids after the prompt that are there already; see ``sample_stream``.
        forced: which of their positions hold a token that a person gave.
        drafts: what the encoder drafted of the image; needed to follow them.
        key: the caller's name for it.
    """

    memory: Tensor
    options: SamplingOptions
    prefix: Sequence[int] = ()
    forced: Collection[int] = ()
    drafts: Drafted | None = None
    key: Hashable = None


def checked_job(
    job: Job, tokenizer: Tokenizer
) -> tuple[SamplingOptions, list[int], frozenset[int]]:
    """A job's options, resolved, its prefix and the positions in it that a person gave.

    Raises:
        ConfigError: an option exceeds the model, the prefix is too long, holds an unknown id or
            goes on after EOS, a forced position is not in it, or there are no drafts to follow.
    """
    drafts = 0 if job.drafts is None else job.drafts.boxes.shape[1]
    options = job.options.resolve(_GENERAL, tokenizer.config, drafts)
    prefix = _checked_prefix(job.prefix, tokenizer, options)
    return options, prefix, _checked_forced(job.forced, prefix)


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


def _checked_forced(forced: Collection[int], prefix: Sequence[int]) -> frozenset[int]:
    for index in forced:
        if not 0 <= index < len(prefix):
            raise ConfigError(
                f"position {index} is said to be given, but the prefix has {len(prefix)} tokens; "
                "count them from 0"
            )
    return frozenset(map(int, forced))
