"""Recorded trees of two examples: what the dock shows the moment it opens, without any model.

``python -m pix2seq.ui.fork.recordings`` makes them, again whenever the bundled checkpoint changes.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import pix2seq
from pix2seq import files
from pix2seq.branching import SentenceTree, grow_tree
from pix2seq.config import SamplingOptions
from pix2seq.examples import PREFIX, example_image, scene_name
from pix2seq.predictor import ImageEncoding, Predictor
from pix2seq.ui.fork.tree import FOLDER, whole_tree
from pix2seq.ui.visit.maker import maker_arguments

STORY = scene_name(275)
"""Two objects of this scene have their tops at one height: once the edge is written, the next
token, an xmin, decides which of them it was. Its tree begins there."""

EXAMPLES = (STORY, "coffee")


def make_recording(predictor: Predictor, example: str, leaves: int) -> SentenceTree:
    """The tree that the page would grow: from the story's fork, or from the first word."""
    encoding = predictor.encode(example_image(example))
    options = SamplingOptions(seed=0)
    prefix = before_fork(predictor, encoding, options) if example == STORY else []
    name = f"{PREFIX}{example}"
    return whole_tree(predictor, encoding, SamplingOptions(), prefix, leaves, name)


def before_fork(
    predictor: Predictor, encoding: ImageEncoding, options: SamplingOptions
) -> list[int]:
    """The beginning of the page's own sentence up to the first left edge that decides nothing but
    the order: two ways on, and both name one set of objects. Empty if there is none."""
    options = predictor.resolve(options)
    ids = [step.token_id for step in predictor.stream(encoding, options.replace(eos="model"))]
    tokenizer = predictor.tokenizer
    for index in range(len(ids)):
        if tokenizer.slot(index) != "xmin":
            continue
        tree = grow_tree(predictor, encoding, options, ids[:index], leaves=6)
        here = next(token for token in tree.branches[0].tokens if token.index == index)
        followed = [way.branch for way in here.alternatives if way.branch is not None]
        if len(followed) > 1 and len(tree.groups) == 1:
            return ids[:index]
    return []


def main(argv: Sequence[str] | None = None) -> int:
    """Record every tree with one checkpoint."""
    what = "Record the trees of sentences that the page shows without a model."
    arguments = maker_arguments(argv, what, FOLDER, "leaves", 12)
    predictor = pix2seq.load(arguments.checkpoint)
    for example in EXAMPLES:
        tree = make_recording(predictor, example, arguments.leaves)
        path = arguments.out / f"{example}.json"
        files.write_text(path, tree.to_json() + "\n")
        groups = len(tree.groups)
        print(f"{path}: {len(tree.branches)} paths, {groups} set{'s' if groups > 1 else ''}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
