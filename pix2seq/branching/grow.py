"""Growing a tree: one batch, in which a row is copied wherever its sentence hesitates.

All rows are at the same token at any time, so a branch that leaves its parent there takes over the
parent's keys and values and shares the passes of the network from then on. While they are written
only what decides how they go on is worked out: the likeliest token, and the alternatives as long as
there is a leaf for them. The rest, prices and the other alternatives, is read off all rows at once
in the end.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from pix2seq.branching.choices import SHARE, Choice, hesitations
from pix2seq.branching.paths import Path, Told, allowed_ids, log_probs
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

    The rules of ``options`` hold (grammar, forbidden classes, bins); temperature, top-k, top-p and
    the seed do not: nothing is drawn. Nor does ``follow_drafts``: what hesitates is the decoder
    itself, and a pull would hide it. Nor does ``eos``: every path ends where the model itself says
    EOS, for the noise that is written when EOS is put off would hide what paths have in common, and
    be most of the work. Which alternatives are followed is decided token by
    token, the likeliest path first; half of the free leaves are kept for every object that is still
    to come, so that the order of the first objects does not use them up.

    Args:
        prefix: ids that every sentence begins with.
        leaves: sentences at most.
        share: from which probability on something counts as an alternative.

    Raises:
        ConfigError: a number is out of range, or the prefix is too long or goes on after EOS.
    """
    options = predictor.resolve(options).replace(eos="model", follow_drafts=False)
    _check(predictor, options, prefix, leaves, share)
    paths, told = _Growth(predictor, encoding, options, leaves, share).write(list(prefix))
    height, width = encoding.orig_size
    return SentenceTree(
        checkpoint=predictor.name,
        image=RecordImage(width=width, height=height, name=image_name[-LONGEST_TEXT:]),
        options=options,
        num_bins=predictor.tokenizer.num_bins,
        branches=tuple(plain_branches(predictor, encoding, paths, told, options, len(prefix))),
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


class _Growth:
    """One tree while it grows.

    Args:
        options: resolved.
    """

    def __init__(
        self,
        predictor: Predictor,
        encoding: ImageEncoding,
        options: SamplingOptions,
        leaves: int,
        share: float,
    ) -> None:
        self.predictor, self.encoding, self.options = predictor, encoding, options
        self.tokenizer = predictor.tokenizer
        self.leaves, self.share = leaves, share
        self.chain = build_chain(self.tokenizer, options, torch.device("cpu"))
        slots = range(len(self.tokenizer.slots))
        self.open = [allowed_ids(self.chain, slot, self.tokenizer.vocab_size) for slot in slots]
        self.paths = [Path()]
        self.told = Told()
        self.asked: set[int] = set()  # token indices whose alternatives could be followed

    def write(self, prefix: list[int]) -> tuple[list[Path], Tensor]:
        """All paths to their ends, the trunk first, and what their ``rows`` number."""
        rows = Rows(self.predictor.model, self.encoding.memory, self.tokenizer, [prefix])
        trunk = self.paths[0]
        trunk.ids, trunk.rows = prefix[:], list(range(len(prefix)))
        self.told.add(rows.past[0, : len(prefix)])
        writing = [trunk]  # the path of every row
        length = self.tokenizer.sequence_length(self.options.max_objects)
        for index in range(len(prefix), length):
            parents, writing = self._step(index, rows.logits, writing)
            going = [r for r, path in enumerate(writing) if path.ids[-1] != self.tokenizer.eos_id]
            if not going or index + 1 == length:
                break
            writing = [writing[row] for row in going]
            rows.fork([parents[row] for row in going])
            rows.write([path.ids[-1] for path in writing])
        told = self.told.logits()
        self._read(told)
        return self.paths, told

    def _step(
        self, index: int, logits: Tensor, writing: list[Path]
    ) -> tuple[list[int], list[Path]]:
        """Every path's token ``index``, those that fork there included, and the rows of ``logits``
        that they go on from."""
        first = self.told.add(logits)
        ids = self.open[index % len(self.open)]
        cells = logits if self.chain.coarse is None else self.chain.coarse(logits.double(), index)
        written = ids[cells[:, ids].argmax(-1)].tolist()
        parents = list(range(len(writing)))
        forks: list[tuple[int, Choice]] = []
        room = _room(self.leaves, self.tokenizer.object_of(index)) - len(self.paths)
        if room > 0:
            self.asked.add(index)
            doubts = self._doubts(log_probs(self.chain, logits, index), index)
            forks = _forks(writing, doubts, least=1 / (3 * self.leaves))[:room]
            number = {(r, c.token_id): len(self.paths) + n for n, (r, c) in enumerate(forks)}
            for row, path in enumerate(writing):
                if doubts[row]:
                    number[row, written[row]] = path.number
                    path.doubts[index] = [(c, number.get((row, c.token_id))) for c in doubts[row]]
        for row, choice in forks:
            path = writing[row].fork(len(self.paths), index, choice)
            self.paths.append(path)
            parents.append(row)
            written.append(choice.token_id)
            writing = [*writing, path]
        for row, path, token_id in zip(parents, writing, written, strict=True):
            path.ids.append(token_id)
            path.rows.append(first + row)
        return parents, writing

    def _doubts(self, logs: Tensor, index: int) -> list[list[Choice]]:
        allowed = np.zeros(self.tokenizer.vocab_size, dtype=bool)
        allowed[self.open[index % len(self.open)].numpy()] = True
        return hesitations(logs.exp().numpy(), allowed, self.tokenizer, index, self.share)

    def _read(self, told: Tensor) -> None:
        """What every token cost, and what else could have been said where nobody followed it."""
        for path in self.paths:
            path.logprobs = [0.0] * len(path.ids)
        for slot in range(len(self.open)):
            own = [
                (path, index)
                for path in self.paths
                for index in range(path.start, len(path.ids))
                if index % len(self.open) == slot
            ]
            if not own:
                continue
            rows = told[[path.rows[index] for path, index in own]]
            ids = torch.tensor([path.ids[index] for path, index in own])[:, None]
            logs = log_probs(self.chain, rows, slot)
            prices = logs.gather(1, ids)
            unread = prices == -torch.inf  # a given bin that is no cell's centre
            if unread.any():
                prices = prices.where(~unread, rows.double().log_softmax(-1).gather(1, ids))
            for (path, index), price in zip(own, prices[:, 0].tolist(), strict=True):
                path.logprobs[index] = price
            later = [n for n, (_, index) in enumerate(own) if index not in self.asked]
            for n, doubts in zip(later, self._doubts(logs[later], slot), strict=True):
                path, index = own[n]
                if path.ids[index] in [choice.token_id for choice in doubts]:
                    doubts.sort(key=lambda choice: choice.token_id != path.ids[index])
                    path.doubts[index] = [
                        (doubts[0], path.number),
                        *((c, None) for c in doubts[1:]),
                    ]
        for path in self.paths[1:]:
            path.logprobs[: path.start] = self.paths[path.parent].logprobs[: path.start]


def _room(leaves: int, objects: int) -> int:
    """How many paths there may be while object number ``objects`` is written."""
    return leaves - int((leaves - 1) * 0.5 ** (objects + 1))


def _forks(
    writing: list[Path], doubts: list[list[Choice]], least: float
) -> list[tuple[int, Choice]]:
    """What could be followed besides what is written, and weighs at least ``least``: (row, choice),
    the likeliest path first. A leaf spent on an unlikely path would be missed later."""
    found = [
        (path.weight * choice.mass, row, choice)
        for row, path in enumerate(writing)
        for choice in doubts[row][1:]
    ]
    found.sort(key=lambda item: -item[0])
    return [(row, choice) for weight, row, choice in found if weight >= least]
