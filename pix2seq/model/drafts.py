"""What the places of a pyramid would write by themselves, as tokens that a decoder can copy.

The surest guesses without doubles, five tokens each: four edges and a class, as in a sentence.
Every token tells all of its guess, which is what a query looks for, and its own part of it, edges
as the same sin-cos codes that coordinate tokens are made of, which is what it finds. So a decoder
that has chosen an object copies a token; without drafts it has to single one out among hundreds of
neighbours that each hold a version of it. All that is added to the grid's token at the same place:
a decoder that has learned to look at the grid looks at drafts, too, and has a gradient from the
first step on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pix2seq.boxes import box_iou
from pix2seq.config import SLOTS_PER_OBJECT
from pix2seq.model.places import Places, home_tokens, relative_edges
from pix2seq.model.positions import line_codes

EDGE_CODE = 48  # numbers per guessed edge
_DISTINCT = 512  # candidates, among which enough differ
_DOUBLE = 0.5  # the overlap from which on two guesses are one
_AT_ONCE = 256  # candidates that are compared with each other before more are
_YXYX = [1, 0, 3, 2]  # edges in the order of a sentence


@dataclass(frozen=True, eq=False)
class Drafted:
    """What the drafts of some images say, surest first.

    Attributes:
        boxes: (B, K, 4) ``xyxy`` in [0, 1] of the input.
        sure: (B, K) the probability of the likeliest class.
        classes: (B, K) that class, counted in the pyramid's classes.
    """

    boxes: Tensor
    sure: Tensor
    classes: Tensor

    @classmethod
    def cat(cls, parts: Sequence[Drafted]) -> Drafted:
        """Of all images that the parts are about."""
        fields = [(part.boxes, part.sure, part.classes) for part in parts]
        return cls(*map(torch.cat, zip(*fields, strict=True)))

    def cpu(self) -> Drafted:
        """The same where sentences are sampled."""
        # A copy leaves inference mode, whose tensors autograd would refuse elsewhere.
        return Drafted(*(x.clone().cpu() for x in (self.boxes, self.sure, self.classes)))

    def each(self, count: int) -> list[Drafted]:
        """What they say of each of ``count`` images, one of which may stand for all."""
        if len(self.boxes) == 1:
            return [self] * count
        parts = (self.boxes.split(1), self.sure.split(1), self.classes.split(1))
        return [Drafted(*one) for one in zip(*parts, strict=True)]


@dataclass(frozen=True, eq=False)
class Look:
    """What one look at B images gave.

    Attributes:
        memory: (B, N, D), what a decoder reads.
        drafts: what the drafts in the memory say, if the encoder has any.
        distinct: the same without doubles, which a sentence may follow (``sampling.guide``). Where
            the memory's drafts have none, they are these.
    """

    memory: Tensor
    drafts: Drafted | None = None
    distinct: Drafted | None = None

    @classmethod
    def cat(cls, parts: Sequence[Look]) -> Look:
        """Of all images that the parts are about, by one model."""
        memory = torch.cat([part.memory for part in parts])
        if parts[0].drafts is None or parts[0].distinct is None:
            return cls(memory)
        drafts = Drafted.cat([part.drafts for part in parts])
        return cls(memory, drafts, Drafted.cat([part.distinct for part in parts]))


def told_edges(edges: Tensor, sure: Tensor) -> Tensor:
    """Codes of guessed edges, fainter the less sure: (..., 4) in [0, 1] and (...) -> (..., C)."""
    codes = line_codes(edges.flatten(), EDGE_CODE).view(*edges.shape[:-1], -1)
    return sure[..., None].sqrt() * codes


@torch.no_grad()
def surest(class_logits: Tensor, boxes: Tensor, count: int, candidates: int) -> Tensor:
    """The places whose guesses are drafts, surest first.

    Greedy non-maximum suppression, whatever the classes. Where fewer guesses are left than drafts,
    doubles fill up.

    Args:
        class_logits: (B, P, classes).
        boxes: (B, P, 4) ``xyxy``.
        count: how many, no more than there are places.
        candidates: how many of the surest guesses they are chosen among.

    Returns:
        (B, count) indices of places.
    """
    sure = class_logits.amax(-1).float()
    sure, order = sure.topk(min(max(candidates, count), sure.shape[1]), dim=1)
    boxes = boxes.float().take_along_dim(order[..., None], 1)
    some = 0
    while True:  # who is a double is up to the surer ones, so the first are often enough
        some = min(some + _AT_ONCE, sure.shape[1])
        kept = _distinct(boxes[:, :some])
        if some == sure.shape[1] or (kept.sum(1) >= count).all():
            break
    first = (~kept).int().argsort(dim=1, stable=True)[:, :count]
    return order.gather(1, first)


def _distinct(boxes: Tensor) -> Tensor:
    """Which boxes (B, C, 4), surest first, are no doubles of a surer one that is none, (B, C)."""
    # (B, i, j): i, the surer, is where j is. As numbers, for products count faster than masks.
    above = (box_iou(boxes, boxes) > _DOUBLE).triu(1).float()
    kept = torch.ones_like(boxes[..., 0], dtype=torch.bool)
    while True:  # each round settles at least one more; a handful settles all
        now = torch.bmm(kept[:, None].float(), above)[:, 0] == 0
        if torch.equal(now, kept):
            return kept
        kept = now


class Drafts(nn.Module):
    """Guesses of places to tokens.

    Args:
        count: drafts per image.
        width: channels of the pyramid's maps.
        candidates: how many of the surest guesses they are chosen among.
        ranked: whether tokens tell which draft they are of. Drafts stand in order, but attention
            sees no order: without it "the surest that is not yet written" has to be worked out.
    """

    def __init__(
        self,
        count: int,
        dim: int,
        width: int,
        classes: int,
        candidates: int = 128,
        ranked: bool = False,
    ) -> None:
        super().__init__()
        self.count = count
        self.candidates = candidates
        self.from_guess = nn.Linear(classes + 4 * EDGE_CODE, dim)
        self.from_features = nn.Linear(width, dim)
        self.from_edge = nn.Linear(dim, dim)
        self.from_class = nn.Linear(classes, dim)
        self.slot = nn.Parameter(torch.empty(SLOTS_PER_OBJECT, dim))
        self.rank = nn.Parameter(torch.empty(count, dim)) if ranked else None
        self.norm = nn.LayerNorm(dim)
        if self.rank is not None:
            nn.init.normal_(self.rank, std=0.3)
        nn.init.normal_(self.from_guess.weight, std=0.15)
        nn.init.normal_(self.from_edge.weight, std=0.1)  # a code of dim numbers: deviation 1
        nn.init.normal_(self.from_class.weight, std=1.0)  # one class out of all
        nn.init.normal_(self.slot, std=0.5)
        nn.init.constant_(self.norm.weight, 0.5)  # at first much like the grid's own token

    @torch.no_grad()
    def spell(self, edge_map: Tensor, class_rows: Tensor) -> None:
        """Say edges and classes in the words of a decoder, so that to copy one is the same for all.

        Args:
            edge_map: (D, D), what turns a point's code into its token's row of output.
            class_rows: (classes, D), the classes' rows of output.
        """
        for linear, words in ((self.from_edge, edge_map), (self.from_class, class_rows.T)):
            linear.weight.copy_(words * (linear.weight.std() / words.std()))

    @torch.no_grad()
    def say(self, places: Places, size: tuple[int, int], candidates: int | None = None) -> Drafted:
        """What the drafts of these places say.

        Args:
            size: (height, width) of the input in pixels.
            candidates: how many of the surest guesses they are chosen among, if not as many as
                those in the memory.
        """
        among = candidates or self.candidates
        picked = surest(places.class_logits, places.boxes, self.count, among)
        logits, classes = places.class_logits.take_along_dim(picked[..., None], 1).max(-1)
        boxes = relative_edges(places.boxes.take_along_dim(picked[..., None], 1), size)
        return Drafted(boxes, logits.sigmoid(), classes)

    def say_distinct(self, said: Drafted, places: Places, size: tuple[int, int]) -> Drafted:
        """What as many guesses that differ say, whatever the memory's drafts are chosen among: a
        decoder may have learned with doubles, a sentence that follows them may not repeat itself.

        Args:
            said: from ``say``, the answer where the drafts are chosen among enough.
        """
        if self.candidates >= _DISTINCT:
            return said
        return self.say(places, size, _DISTINCT)

    def forward(
        self,
        grid: Tensor,
        places: Places,
        size: tuple[int, int],
        memory: tuple[int, int] | None = None,
    ) -> Tensor:
        """The tokens of an image's drafts, (B, count * 5, D).

        Args:
            grid: (B, N, D), the memory's tokens.
            size: (height, width) of the input in pixels.
            memory: rows and columns of the grid, where they do not follow from ``size``.
        """
        picked = surest(places.class_logits, places.boxes, self.count, self.candidates)
        home = home_tokens(size, memory).to(picked.device)[picked][..., None]  # (B, K, 1)
        picked = picked[..., None]
        probability = places.class_logits.take_along_dim(picked, 1).sigmoid()  # (B, K, classes)
        edges = relative_edges(places.boxes.detach().take_along_dim(picked, 1), size)
        features = torch.cat([m.flatten(2) for m in places.maps], dim=2).transpose(1, 2)
        features = features.take_along_dim(picked, 1)
        told = told_edges(edges, probability.detach().amax(-1))
        guess = self.from_guess(torch.cat([probability, told], dim=-1))
        whole = guess + self.from_features(features)  # (B, K, D)
        codes = line_codes(edges[..., _YXYX].flatten(), whole.shape[-1])
        codes = codes.view(*edges.shape, -1).to(whole.dtype)  # (B, K, 4, D)
        own = torch.cat([self.from_edge(codes), self.from_class(probability)[:, :, None]], dim=2)
        token = self.norm(whole[:, :, None] + own + self.slot)
        if self.rank is not None:
            token = token + self.rank[: token.shape[1], None]
        return (grid.take_along_dim(home, 1)[:, :, None] + token).flatten(1, 2)
