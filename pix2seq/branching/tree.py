"""``SentenceTree``: sentences that part where the model hesitates, as plain data.

Every branch is one sentence to its end, which is where the model itself says EOS. Branch 0 is what
the likeliest tokens say; any other leaves its parent at one token, where it follows an alternative,
and shares everything before. A tree holds all that a page shows of it, so a recorded one replays
without a model.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from pix2seq.config import ConfigError, SamplingOptions, parse_json
from pix2seq.render.fields import Plain, RecordImage

TREE_FORMAT = 1
KINDS = ("object", "edge", "class", "end")
RIVALS = ("argmax", "beam", "sample")
_LARGEST_TREE = 8 * 2**20


@dataclass(frozen=True)
class Alternative(Plain):
    """One of the things that a slot could say.

    Attributes:
        id, text: its likeliest token.
        kind: what it changes: another ``object``, another ``edge`` of the same one, another name
            (``class``), or the ``end`` of the sentence.
        prob: raw probability of that token; its −ln is what a path along it pays.
        mass: raw probability of all tokens that mean the same (the bins under one peak).
        pixel: where a coordinate lies along its axis, in pixels of the original image.
        label: of a real class, else ``None``.
        branch: the branch that goes on with it; ``None`` if nobody followed it.
    """

    id: int
    text: str
    kind: str
    prob: float
    mass: float
    pixel: float | None = None
    label: int | None = None
    branch: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.kind not in KINDS:
            raise ConfigError(f"an alternative is of kind {self.kind!r}; use {', '.join(KINDS)}")
        if not 0 <= self.prob <= self.mass + 1e-6 or self.mass > 1 + 1e-6:
            raise ConfigError(f"alternative {self.text!r} has p = {self.prob} of {self.mass}")


@dataclass(frozen=True)
class TreeToken(Plain):
    """One token of a branch.

    Attributes:
        index: position after the prompt.
        pixel, label: as in ``Alternative``.
        logprob: natural log of its raw probability.
        forced: the token was given, not written.
        alternatives: where the model hesitates, two or more, the written one first; their masses
            and ``rest`` add up to 1.
        rest: raw probability of everything else; 0 where nothing is listed.
    """

    index: int
    id: int
    slot: str
    text: str
    logprob: float
    pixel: float | None = None
    label: int | None = None
    forced: bool = False
    alternatives: tuple[Alternative, ...] = ()
    rest: float = 0.0


@dataclass(frozen=True)
class TreeObject(Plain):
    """An object that a sentence names: ``xyxy`` in pixels of the original image."""

    object: int
    box: tuple[float, ...]
    label: int
    name: str
    score: float

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.box) != 4:
            raise ConfigError(f"object {self.object} has a box of {len(self.box)} numbers")


@dataclass(frozen=True)
class Branch(Plain):
    """One sentence, from where it leaves its parent.

    Attributes:
        parent: the branch it leaves; ``None`` for branch 0.
        tokens: its own tokens; those before are its parent's.
        surprise: Σ −ln p over the whole sentence, its parent's part included, in nats.
        objects: what the whole sentence says is there, noise left out.
        group: sentences with the same set of objects have the same number.
    """

    parent: int | None
    tokens: tuple[TreeToken, ...]
    surprise: float
    objects: tuple[TreeObject, ...]
    group: int

    @property
    def start(self) -> int:
        """Position of its first own token."""
        return self.tokens[0].index


@dataclass(frozen=True)
class Rival(Plain):
    """A whole sentence from another way of writing, to compare sums with.

    Attributes:
        kind: ``argmax``, ``beam`` (the likeliest that beam search found) or ``sample``.
        seed: of a sample, else ``None``.
        surprise: Σ −ln p in nats.
        group: as of ``Branch``.
    """

    kind: str
    seed: int | None
    token_ids: tuple[int, ...]
    surprise: float
    objects: tuple[TreeObject, ...]
    group: int

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.kind not in RIVALS:
            raise ConfigError(f"a rival is of kind {self.kind!r}; use {', '.join(RIVALS)}")


@dataclass(frozen=True)
class SentenceTree(Plain):
    """All branches about one image; ``options`` are resolved, with ``eos`` left to the model."""

    checkpoint: str
    image: RecordImage
    options: SamplingOptions
    num_bins: int
    branches: tuple[Branch, ...]
    rivals: tuple[Rival, ...] = ()
    format: int = TREE_FORMAT

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.format != TREE_FORMAT:
            raise ConfigError(
                f"the tree has format {self.format}; this version reads {TREE_FORMAT}"
            )
        for number, branch in enumerate(self.branches):
            self._check(number, branch)

    def _check(self, number: int, branch: Branch) -> None:
        if (branch.parent is None) != (number == 0):
            raise ConfigError(f"branch {number} has parent {branch.parent}; only branch 0 has none")
        if not branch.tokens:
            raise ConfigError(f"branch {number} has no tokens")
        for at, token in enumerate(branch.tokens, start=branch.start):
            if token.index != at:
                raise ConfigError(f"branch {number} has token {token.index} in place {at}")
            for alternative in token.alternatives:
                if not -1 < (alternative.branch or 0) < len(self.branches):
                    raise ConfigError(
                        f"token {at} of branch {number} leads to branch {alternative.branch}; "
                        f"there are {len(self.branches)}"
                    )
        if branch.parent is None:
            if branch.start:
                raise ConfigError(f"branch 0 starts at token {branch.start}; it must start at 0")
            return
        if not 0 <= branch.parent < number:
            raise ConfigError(f"branch {number} has parent {branch.parent}; parents come first")
        parent = self.branches[branch.parent]
        if not parent.start <= branch.start <= parent.tokens[-1].index:
            raise ConfigError(f"branch {number} leaves its parent where that has no token")

    def path(self, number: int) -> list[TreeToken]:
        """The whole sentence of a branch."""
        branch = self.branches[number]
        if branch.parent is None:
            return list(branch.tokens)
        return self.path(branch.parent)[: branch.start] + list(branch.tokens)

    def hesitations(self) -> Iterator[tuple[int, TreeToken]]:
        """Every place where the model could have said something else: (branch, token)."""
        for number, branch in enumerate(self.branches):
            yield from ((number, token) for token in branch.tokens if token.alternatives)

    @property
    def groups(self) -> list[list[int]]:
        """Branches by the set of objects that they name, largest group first."""
        found: dict[int, list[int]] = {}
        for number, branch in enumerate(self.branches):
            found.setdefault(branch.group, []).append(number)
        return sorted(found.values(), key=len, reverse=True)

    def to_json(self) -> str:
        """One compact line; NaN and infinity cannot occur."""
        return json.dumps(self.to_dict(), separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> SentenceTree:
        """Read a tree. Raises ``ConfigError`` saying what is wrong with it."""
        if len(text) > _LARGEST_TREE:
            raise ConfigError(f"the tree has {len(text) >> 20} MiB; at most {_LARGEST_TREE >> 20}")
        try:
            return cls.from_dict(parse_json(text))
        except ConfigError as error:
            raise ConfigError(f"this is not a tree of sentences: {str(error)[:200]}") from None
        except (TypeError, ValueError, AttributeError, RecursionError, KeyError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise ConfigError(f"this is not a tree of sentences: {reason[:120]}") from None
