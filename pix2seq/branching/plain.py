"""Paths as the plain data of a tree: texts, pixels, sums, sets."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor

from pix2seq.boxes import box_iou, clip_boxes
from pix2seq.branching.choices import Choice
from pix2seq.branching.paths import Path, read_paths
from pix2seq.branching.sets import group_by_set
from pix2seq.branching.tree import Alternative, Branch, TreeObject, TreeToken
from pix2seq.config import SamplingOptions
from pix2seq.detections import Detections
from pix2seq.predictor import ImageEncoding, Predictor

_SIDE = {"xmin": 0, "ymin": 1, "xmax": 2, "ymax": 3}  # column of an xyxy box


def plain_branches(
    predictor: Predictor,
    encoding: ImageEncoding,
    paths: Sequence[Path],
    told: Tensor,
    options: SamplingOptions,
    given: int,
) -> list[Branch]:
    """The branches of a tree, one per path, trunk first.

    Args:
        told: what the paths' ``rows`` number.
        options: resolved.
        given: tokens that every path begins with.
    """
    found = read_paths(predictor, encoding, paths, told, options)
    tokens = _Tokens(predictor, encoding)
    groups = group_by_set(found)
    branches = []
    for number, path in enumerate(paths):
        own = []
        for index in range(path.start, len(path.ids)):
            alternatives: tuple[Alternative, ...] = ()
            if index in path.doubts:
                alternatives = tuple(
                    tokens.alternative(
                        choice, index, to, _kind(predictor, paths, number, choice, to, index)
                    )
                    for choice, to in path.doubts[index]
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
                surprise=rounded(path.surprise),
                objects=plain_objects(predictor, found[number]),
                group=groups[number],
            )
        )
    return branches


def _kind(
    predictor: Predictor,
    paths: Sequence[Path],
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
    """Ids as a page shows them; what an id means in a slot is worked out once."""

    def __init__(self, predictor: Predictor, encoding: ImageEncoding) -> None:
        self.tokenizer = predictor.tokenizer
        values = self.tokenizer.dequantize(torch.arange(self.tokenizer.num_bins))
        boxes = encoding.letterbox.invert_boxes(values[:, None].expand(-1, 4))
        self.sides = clip_boxes(boxes, encoding.orig_size).T.tolist()
        self.place = cache(self._place)

    def _place(self, token_id: int, slot: str) -> tuple[str, float | None, int | None]:
        """Text, pixel and label of an id in a slot."""
        info = self.tokenizer.describe(token_id)
        side = _SIDE.get(slot)
        coord = info.kind == "coord" and side is not None
        pixel = rounded(self.sides[side][info.value]) if coord else None
        return info.text, pixel, info.value if info.kind == "class" else None

    def token(
        self,
        token_id: int,
        index: int,
        logprob: float,
        forced: bool,
        alternatives: tuple[Alternative, ...],
    ) -> TreeToken:
        slot = self.tokenizer.slot(index)
        text, pixel, label = self.place(token_id, slot)
        rest = 0.0
        if alternatives:
            rest = rounded(max(0.0, 1 - sum(alternative.mass for alternative in alternatives)))
        return TreeToken(
            index=index,
            id=token_id,
            slot="eos" if token_id == self.tokenizer.eos_id else slot,
            text=text,
            logprob=rounded(logprob),
            pixel=pixel,
            label=label,
            forced=forced,
            alternatives=alternatives,
            rest=rest,
        )

    def alternative(self, choice: Choice, index: int, branch: int | None, kind: str) -> Alternative:
        text, pixel, label = self.place(choice.token_id, self.tokenizer.slot(index))
        prob, mass = rounded(choice.prob), rounded(choice.mass)
        return Alternative(choice.token_id, text, kind, prob, mass, pixel, label, branch)


def plain_objects(predictor: Predictor, found: Detections) -> tuple[TreeObject, ...]:
    """Detections as a tree keeps them."""
    columns = (found.objects, found.boxes, found.labels, found.scores)
    return tuple(
        TreeObject(
            object=number,
            box=tuple(map(rounded, box)),
            label=label,
            name=predictor.categories.name(label),
            score=rounded(score),
        )
        for number, box, label, score in zip(*(c.tolist() for c in columns), strict=True)
    )


def rounded(value: float) -> float:
    """Six significant digits, as records have."""
    return float(f"{value:.6g}")
