"""Growing a tree: one batch, in which a row is copied wherever its sentence hesitates.

All rows are at the same token at any time, so a branch that leaves its parent there takes over the
parent's keys and values and shares the passes of the network from then on. Twelve sentences cost
well under two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from pix2seq.boxes import box_iou, clip_boxes
from pix2seq.branching.choices import SHARE, Choice, hesitations
from pix2seq.branching.sets import group_by_set
from pix2seq.branching.tree import Alternative, Branch, SentenceTree, TreeObject, TreeToken
from pix2seq.config import ConfigError, SamplingOptions
from pix2seq.detections import Detections
from pix2seq.predictor import ImageEncoding, Predictor
from pix2seq.render.fields import LONGEST_TEXT, RecordImage
from pix2seq.sampling import Rows, SampledBatch
from pix2seq.sampling.filters import FilterChain, build_chain

LEAVES = 12
MOST_LEAVES = 64

_SIDE = {"xmin": 0, "ymin": 1, "xmax": 2, "ymax": 3}  # column of an xyxy box


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
    found = read_paths(predictor, encoding, paths, options)
    height, width = encoding.orig_size
    return SentenceTree(
        checkpoint=predictor.name,
        image=RecordImage(width=width, height=height, name=image_name[-LONGEST_TEXT:]),
        options=options,
        num_bins=predictor.tokenizer.num_bins,
        branches=tuple(_branches(predictor, encoding, paths, found, len(prefix))),
    )


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


def plain_objects(predictor: Predictor, found: Detections) -> tuple[TreeObject, ...]:
    """Detections as a tree keeps them."""
    return tuple(
        TreeObject(
            object=int(found.objects[i]),
            box=tuple(_rounded(value) for value in found.boxes[i].tolist()),
            label=label,
            name=predictor.categories.name(label),
            score=_rounded(float(found.scores[i])),
        )
        for i, label in enumerate(found.labels.tolist())
    )


def row_distributions(chain: FilterChain, logits: Tensor, index: int) -> tuple[Tensor, Tensor]:
    """What R rows could say at ``index``: natural logs of the raw probabilities at the resolution
    that is written, and which tokens the rules allow, both (R, V)."""
    exact = logits.double()
    cells = exact if chain.coarse is None else chain.coarse(exact, index)
    return cells.log_softmax(-1), chain.allowed(exact, index) > -torch.inf


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
        for row, (own, parent) in enumerate(zip(writing, parents, strict=True)):
            log = float(logprobs[parent, written[row]])
            paths[own].take(written[row], log, rows.logits[parent])
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


def _branches(
    predictor: Predictor,
    encoding: ImageEncoding,
    paths: list[Path],
    found: list[Detections],
    given: int,
) -> list[Branch]:
    tokens = _Tokens(predictor, encoding)
    groups = group_by_set(found)
    branches = []
    for number, path in enumerate(paths):
        own = []
        for index in range(path.start, len(path.ids)):
            alternatives = tuple(
                tokens.alternative(
                    choice, index, branch, _kind(predictor, paths, number, choice, branch, index)
                )
                for choice, branch in path.doubts.get(index, ())
            )
            own.append(
                tokens.token(
                    path.ids[index], index, path.logprobs[index], index < given, alternatives
                )
            )
        branches.append(
            Branch(
                parent=path.parent,
                tokens=tuple(own),
                surprise=_rounded(path.surprise),
                objects=plain_objects(predictor, found[number]),
                group=groups[number],
            )
        )
    return branches


def _kind(
    predictor: Predictor,
    paths: list[Path],
    number: int,
    choice: Choice,
    branch: int | None,
    index: int,
) -> str:
    """What an alternative changes. Where it was followed, the finished object says so: nearly the
    same box under the same name is another edge, under another name another class."""
    tokenizer = predictor.tokenizer
    if branch is None or branch == number or choice.kind in ("end", "class"):
        return choice.kind
    at = tokenizer.object_of(index)
    part = slice(tokenizer.sequence_length(at), tokenizer.sequence_length(at + 1))
    ours, theirs = (paths[n].ids[part] for n in (number, branch))
    if len(ours) != len(theirs) or tokenizer.eos_id in (*ours, *theirs):
        return choice.kind
    boxes, names = tokenizer.decode(torch.tensor([ours, theirs]))
    if float(box_iou(boxes[0], boxes[1])) > 0.5:
        return "edge" if names[0] == names[1] else "class"
    return "object"


class _Tokens:
    """Ids as a page shows them; the pixel of every bin on every side is worked out once."""

    def __init__(self, predictor: Predictor, encoding: ImageEncoding) -> None:
        self.tokenizer = predictor.tokenizer
        values = self.tokenizer.dequantize(torch.arange(self.tokenizer.num_bins))
        boxes = encoding.letterbox.invert_boxes(values[:, None].expand(-1, 4))
        self.pixels = clip_boxes(boxes, encoding.orig_size).tolist()

    def _place(self, token_id: int, index: int) -> tuple[str, float | None, int | None]:
        """Text, pixel and label of an id at ``index``."""
        info = self.tokenizer.describe(token_id)
        side = _SIDE.get(self.tokenizer.slot(index))
        coord = info.kind == "coord" and side is not None
        pixel = _rounded(self.pixels[info.value][side]) if coord else None
        return info.text, pixel, info.value if info.kind == "class" else None

    def token(
        self,
        token_id: int,
        index: int,
        logprob: float,
        forced: bool,
        alternatives: tuple[Alternative, ...],
    ) -> TreeToken:
        text, pixel, label = self._place(token_id, index)
        listed = sum(alternative.mass for alternative in alternatives)
        return TreeToken(
            index=index,
            id=token_id,
            slot="eos" if token_id == self.tokenizer.eos_id else self.tokenizer.slot(index),
            text=text,
            logprob=_rounded(logprob),
            pixel=pixel,
            label=label,
            forced=forced,
            alternatives=alternatives,
            rest=_rounded(max(0.0, 1 - listed)) if alternatives else 0.0,
        )

    def alternative(self, choice: Choice, index: int, branch: int | None, kind: str) -> Alternative:
        text, pixel, label = self._place(choice.token_id, index)
        prob, mass = _rounded(choice.prob), _rounded(choice.mass)
        return Alternative(choice.token_id, text, kind, prob, mass, pixel, label, branch)


def _rounded(value: float) -> float:
    """Six significant digits, as records have."""
    return float(f"{value:.6g}")
