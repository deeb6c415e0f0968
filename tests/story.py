"""The story that the page, the tour and the lesson plan tell, read off its recordings: what the
opening sentence says, and where its tree forks. Other weights write another sentence."""

from __future__ import annotations

from dataclasses import dataclass

from pix2seq.branching import SentenceTree
from pix2seq.ui.fork.recordings import STORY
from pix2seq.ui.fork.tree import recorded_tree
from pix2seq.ui.write.recordings import load_recording

OBJECT = 5  # words


@dataclass(frozen=True)
class Told:
    """A recorded token: what it says, what it cost, what was kept to draw from, EOS's probability
    and the likeliest words there, by text."""

    text: str
    surprise: float
    kept: int
    eos: float
    likeliest: tuple[tuple[str, float], ...]


def tokens(example: str = STORY) -> list[Told]:
    """The recorded sentence about an example."""
    recording = load_recording(example)
    vocab = recording["vocab"]

    def text(token_id: int) -> str:
        if token_id == vocab["noise"]:
            return "noise"
        if token_id == vocab["eos"]:
            return "EOS"
        label = token_id - vocab["cls"]
        return vocab["classes"][label] if label >= 0 else str(token_id - vocab["coord"])

    told = []
    for line in recording["lines"]:
        if line[0] != "T":
            continue
        _, token_id, _, logprob, *numbers = line[1:].split()
        candidates = [one.split(":") for one in numbers[7:]]
        likeliest = tuple((text(int(i)), int(p) / 1e4) for i, p, _ in candidates)
        kept, eos = int(numbers[2]), int(numbers[5]) / 1e4
        told.append(Told(text(int(token_id)), -float(logprob), kept, eos, likeliest))
    return told


def names(example: str = STORY) -> list[str]:
    """What the sentence calls its objects, noise included."""
    return [token.text for token in tokens(example)[OBJECT - 1 :: OBJECT]]


def fork() -> tuple[SentenceTree, int, list[str]]:
    """The opening's tree, the token where it forks, and the names that its ways lead to."""
    tree = recorded_tree(STORY)
    token = next(one for one in tree.path(0) if one.alternatives and not one.forced)
    end = token.index // OBJECT * OBJECT + OBJECT - 1
    followed = [way.branch for way in token.alternatives if way.branch is not None]
    return tree, token.index, [tree.path(branch)[end].text for branch in followed]
