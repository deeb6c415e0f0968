"""Other ways to write: is the likeliest token at each step the likeliest sentence?

It is not, and the sums say so: argmax, a small beam and samples, each with its Σ −ln p. Beam search
prefers short sentences, since every token costs something; where EOS may stand, that shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from pix2seq.branching.paths import Path, Told, allowed_ids, log_probs, read_paths
from pix2seq.branching.plain import plain_objects, rounded
from pix2seq.branching.sets import group_by_set, same_set
from pix2seq.branching.tree import Rival, SentenceTree, TreeObject
from pix2seq.config import ConfigError, SamplingOptions
from pix2seq.detections import Detections
from pix2seq.predictor import ImageEncoding, Predictor
from pix2seq.sampling import Rows, sample_batch
from pix2seq.sampling.filters import build_chain

BEAM = 4
MOST_ROWS = 32


def write_rivals(
    predictor: Predictor,
    encoding: ImageEncoding,
    options: SamplingOptions | None = None,
    beam: int = BEAM,
    seeds: Sequence[int] = tuple(range(8)),
) -> list[Rival]:
    """Argmax first, then the beam's best, then one sentence per seed with the options' temperature
    and filters. All sums are of raw probabilities, and all sentences end where the model says EOS
    and follow no drafts, as a tree's paths do, so that they compare.

    Raises:
        ConfigError: the beam or the samples are too many.
    """
    options = predictor.resolve(options).replace(eos="model", follow_drafts=False)
    for name, count, least in (("beam", beam, 1), ("number of samples", len(seeds), 0)):
        if not least <= count <= MOST_ROWS:
            raise ConfigError(f"the {name} is {count}; use {least} to {MOST_ROWS}")
    told = Told()
    paths = [
        beam_search(predictor, encoding, options, 1, told)[0],
        beam_search(predictor, encoding, options, beam, told)[0],
        *_samples(predictor, encoding, options, seeds, told),
    ]
    found = read_paths(predictor, encoding, paths, told.logits(), options)
    groups = group_by_set(found)
    who = [("argmax", None), ("beam", None), *(("sample", seed) for seed in seeds)]
    return [
        Rival(
            kind=kind,
            seed=seed,
            token_ids=tuple(path.ids),
            surprise=rounded(path.surprise),
            objects=plain_objects(predictor, objects),
            group=group,
        )
        for (kind, seed), path, objects, group in zip(who, paths, found, groups, strict=True)
    ]


def beam_search(
    predictor: Predictor,
    encoding: ImageEncoding,
    options: SamplingOptions,
    width: int,
    told: Told | None = None,
) -> list[Path]:
    """The ``width`` likeliest sentences that a beam of that width finds, likeliest first.

    At every token all rows are extended by all allowed tokens and the ``width`` smallest sums go
    on; a sentence that ended competes with its sum. Width 1 is argmax.

    Args:
        options: resolved; their rules hold, temperature and filters do not.
        told: where the logits are kept that the paths' ``rows`` number.
    """
    told = Told() if told is None else told
    tokenizer = predictor.tokenizer
    chain = build_chain(tokenizer, options, torch.device("cpu"))
    rows = Rows(predictor.model, encoding.memory, tokenizer)
    going, ended = [Path()], []
    length = tokenizer.sequence_length(options.max_objects)
    for index in range(length):
        first = told.add(rows.logits)
        ids = allowed_ids(chain, index, tokenizer.vocab_size)
        logprobs = log_probs(chain, rows.logits, index)[:, ids]
        sums = torch.tensor([-path.surprise for path in going], dtype=torch.float64)
        best = (logprobs + sums[:, None]).flatten()
        best = best.topk(min(width, best.numel()))
        following, parents = [], []
        for total, place in zip(best.values.tolist(), best.indices.tolist(), strict=True):
            if total == -torch.inf:
                continue
            row, at = divmod(place, len(ids))
            path = going[row].then(int(ids[at]), first + row, float(logprobs[row, at]))
            if path.ids[-1] == tokenizer.eos_id or index + 1 == length:
                ended.append(path)
            else:
                following.append(path)
                parents.append(row)
        ended = sorted(ended, key=lambda path: path.surprise)[:width]
        full = len(ended) == width
        if full:  # sums only grow
            kept = [n for n, p in enumerate(following) if p.surprise < ended[-1].surprise]
            following, parents = [following[n] for n in kept], [parents[n] for n in kept]
        going = following
        if not going:
            break
        rows.fork(parents)
        rows.write([path.ids[-1] for path in going])
    return ended


def with_rivals(tree: SentenceTree, rivals: Sequence[Rival]) -> SentenceTree:
    """A copy of a tree that carries ``rivals``, their groups renumbered to the tree's: a rival that
    names the same set as a branch has that branch's group."""
    renumbered: dict[int, int] = {}
    next_group = max(branch.group for branch in tree.branches) + 1
    for rival in rivals:
        if rival.group in renumbered:
            continue
        found = _detections(rival.objects)
        same = [b.group for b in tree.branches if same_set(_detections(b.objects), found)]
        renumbered[rival.group] = same[0] if same else next_group
        next_group += not same
    return replace(tree, rivals=tuple(replace(r, group=renumbered[r.group]) for r in rivals))


# ---- inside ---------------------------------------------------------------------------------


def _samples(
    predictor: Predictor,
    encoding: ImageEncoding,
    options: SamplingOptions,
    seeds: Sequence[int],
    told: Told,
) -> list[Path]:
    if not seeds:
        return []
    tokenizer = predictor.tokenizer
    chain = build_chain(tokenizer, options, torch.device("cpu"))
    batch = sample_batch(predictor.model, encoding.memory, tokenizer, options, list(seeds))
    paths = [Path() for _ in seeds]
    for index in range(batch.token_ids.shape[1]):
        first = told.add(batch.logits[:, index])
        logprobs = log_probs(chain, batch.logits[:, index], index)
        for row, path in enumerate(paths):
            if index <= int(batch.lengths[row]):  # EOS is part of the sentence
                token_id = int(batch.token_ids[row, index])
                price = float(logprobs[row, token_id])
                paths[row] = path.then(token_id, first + row, price)
    return paths


def _detections(objects: Sequence[TreeObject]) -> Detections:
    """A tree's objects as arrays again."""
    return Detections.of(
        torch.tensor([found.box for found in objects]).reshape(-1, 4),
        torch.tensor([found.label for found in objects], dtype=torch.long),
        torch.tensor([found.score for found in objects]),
    )
