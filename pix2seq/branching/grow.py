"""Growing a tree: one batch, in which a row is copied wherever its sentence hesitates.

All rows are at the same token at any time, so a branch that leaves its parent there takes over the
parent's keys and values and shares the passes of the network from then on. Twelve sentences cost
well under two.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from pix2seq.branching.choices import SHARE, Choice, hesitations
from pix2seq.branching.paths import Path, row_distributions
from pix2seq.branching.plain import plain_branches
from pix2seq.branching.tree import SentenceTree
from pix2seq.config import ConfigError, SamplingOptions
from pix2seq.predictor import ImageEncoding, Predictor
from pix2seq.render.fields import LONGEST_TEXT, RecordImage
from pix2seq.sampling import Rows
from pix2seq.sampling.filters import build_chain

LEAVES = 12
MOST_LEAVES = 64


def grow_tree(
    predictor: Predictor,
    encoding: ImageEncoding,
    options: SamplingOptions | None = None,
    prefix: Sequence[int] = (),
    leaves: int = LEAVES,
    share: float = SHARE,
    image_name: str = "image.jpg",
) -> SentenceTree:
    """Write the likeliest sentence and, where it hesitates, the others.

    The rules of ``options`` hold (grammar, forbidden classes, EOS, bins); temperature, top-k, top-p
    and the seed do not: nothing is drawn. Which alternatives are followed is decided token by
    token, the likeliest path first; half of the free leaves are kept for every object that is still
    to come, so that the order of the first objects does not use them up.

    Args:
        prefix: ids that every sentence begins with.
        leaves: sentences at most.
        share: from which probability on something counts as an alternative.

    Raises:
        ConfigError: a number is out of range, or the prefix is too long or goes on after EOS.
    """
    options = predictor.resolve(options)
    _check(predictor, options, prefix, leaves, share)
    paths = _write(predictor, encoding, options, list(prefix), leaves, share)
    height, width = encoding.orig_size
    return SentenceTree(
        checkpoint=predictor.name,
        image=RecordImage(width=width, height=height, name=image_name[-LONGEST_TEXT:]),
        options=options,
        num_bins=predictor.tokenizer.num_bins,
        branches=tuple(plain_branches(predictor, encoding, paths, options, len(prefix))),
    )


# ---- inside ---------------------------------------------------------------------------------


def _check(
    predictor: Predictor,
    options: SamplingOptions,
    prefix: Sequence[int],
    leaves: int,
    share: float,
) -> None:
    tokenizer = predictor.tokenizer
    if not 1 <= leaves <= MOST_LEAVES:
        raise ConfigError(f"leaves is {leaves}; use 1 to {MOST_LEAVES}")
    if not 0 < share < 1:
        raise ConfigError(f"share is {share}; use a probability between 0 and 1")
    room = tokenizer.sequence_length(options.max_objects)
    if len(prefix) >= room:
        raise ConfigError(
            f"the prefix has {len(prefix)} tokens; below {room} there is room to grow"
        )
    for token_id in prefix:
        if not 0 <= token_id < tokenizer.vocab_size:
            raise ConfigError(f"token {token_id} in the prefix is not in the vocabulary")
    if tokenizer.eos_id in prefix:
        raise ConfigError("the prefix ends the sentence with EOS; nothing grows behind it")


def _write(
    predictor: Predictor,
    encoding: ImageEncoding,
    options: SamplingOptions,
    prefix: list[int],
    leaves: int,
    share: float,
) -> list[Path]:
    """All paths to their ends, the trunk first."""
    tokenizer = predictor.tokenizer
    chain = build_chain(tokenizer, options, torch.device("cpu"))
    rows = Rows(predictor.model, encoding.memory, tokenizer, [prefix])
    paths = [Path(None, 0, 1.0)]
    for index, token_id in enumerate(prefix):
        logits = rows.past[:, index]
        logprobs, allowed = row_distributions(chain, logits, index)
        log = float(logprobs[0, token_id])
        if log == -np.inf:  # a given bin that is no cell's centre
            log = float(logits[0].double().log_softmax(-1)[token_id])
        doubts = hesitations(logprobs.exp().numpy(), allowed.numpy(), tokenizer, index, share)[0]
        if doubts and token_id in [choice.token_id for choice in doubts]:
            doubts.sort(key=lambda choice: choice.token_id != token_id)
            paths[0].doubts[index] = [(c, 0 if c.token_id == token_id else None) for c in doubts]
        paths[0].take(token_id, log, logits[0])
    writing = [0]  # the path of every row
    for index in range(len(prefix), tokenizer.sequence_length(options.max_objects)):
        logprobs, allowed = row_distributions(chain, rows.logits, index)
        written = torch.where(allowed, logprobs, -torch.inf).argmax(-1).tolist()
        room = _room(leaves, tokenizer.object_of(index)) - len(paths)
        doubts = hesitations(logprobs.exp().numpy(), allowed.numpy(), tokenizer, index, share)
        parents = list(range(len(writing)))
        before = len(writing)
        forks = _forks(paths, writing, doubts, least=1 / (3 * leaves))[: max(room, 0)]
        for row, choice in forks:
            parent = writing[row]
            paths.append(_fork(paths[parent], parent, index, choice))
            parents.append(row)
            written.append(choice.token_id)
            writing.append(len(paths) - 1)
        followed = {
            (row, c.token_id): len(paths) - len(forks) + n for n, (row, c) in enumerate(forks)
        }
        for row in range(before):
            own = writing[row]
            if doubts[row]:
                paths[own].doubts[index] = [
                    (c, own if c.token_id == written[row] else followed.get((row, c.token_id)))
                    for c in doubts[row]
                ]
        logs = logprobs[parents, written].tolist()
        for row, (own, parent) in enumerate(zip(writing, parents, strict=True)):
            paths[own].take(written[row], logs[row], rows.logits[parent])
        going = [row for row, token_id in enumerate(written) if token_id != tokenizer.eos_id]
        if not going or index + 1 == tokenizer.sequence_length(options.max_objects):
            break
        rows.fork([parents[row] for row in going])
        rows.write([written[row] for row in going])
        writing = [writing[row] for row in going]
    return paths


def _room(leaves: int, objects: int) -> int:
    """How many paths there may be while object number ``objects`` is written."""
    return leaves - int((leaves - 1) * 0.5 ** (objects + 1))


def _forks(
    paths: list[Path], writing: list[int], doubts: list[list[Choice]], least: float
) -> list[tuple[int, Choice]]:
    """What could be followed besides what is written, and weighs at least ``least``: (row, choice),
    the likeliest path first. A leaf spent on an unlikely path would be missed later."""
    found = [
        (paths[own].weight * choice.mass, row, choice)
        for row, own in enumerate(writing)
        for choice in doubts[row][1:]
    ]
    found.sort(key=lambda item: -item[0])
    return [(row, choice) for weight, row, choice in found if weight >= least]


def _fork(parent: Path, number: int, index: int, choice: Choice) -> Path:
    return Path(
        parent=number,
        start=index,
        weight=parent.weight * choice.mass,
        ids=parent.ids[:index],
        logprobs=parent.logprobs[:index],
        logits=parent.logits[:index],
    )
