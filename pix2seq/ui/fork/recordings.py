"""Recorded trees of two examples: what the dock shows the moment it opens, without any model.

``python -m pix2seq.ui.fork.recordings`` makes them, again whenever the bundled checkpoint changes.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import pix2seq
from pix2seq import files
from pix2seq.branching import SentenceTree
from pix2seq.config import SamplingOptions
from pix2seq.examples import PREFIX, example_image, scene_name
from pix2seq.predictor import Predictor
from pix2seq.ui.fork.tree import FOLDER, whole_tree
from pix2seq.ui.visit.maker import maker_arguments

AT = {scene_name(26): 6, "coffee": 0}
"""Behind how many tokens of the page's own sentence each tree begins. In the scene the seventh
token, an xmin, decides between two objects whose tops are at one height."""


def make_recording(predictor: Predictor, example: str, leaves: int) -> SentenceTree:
    """The tree that the page would grow there."""
    encoding = predictor.encode(example_image(example))
    steps = predictor.stream(encoding, SamplingOptions(seed=0))
    prefix = [step.token_id for step, _ in zip(steps, range(AT[example]), strict=False)]
    name = f"{PREFIX}{example}"
    return whole_tree(predictor, encoding, SamplingOptions(), prefix, leaves, name)


def main(argv: Sequence[str] | None = None) -> int:
    """Record every tree with one checkpoint."""
    what = "Record the trees of sentences that the page shows without a model."
    arguments = maker_arguments(argv, what, FOLDER, "leaves", 12)
    predictor = pix2seq.load(arguments.checkpoint)
    for example in AT:
        tree = make_recording(predictor, example, arguments.leaves)
        path = arguments.out / f"{example}.json"
        files.write_text(path, tree.to_json() + "\n")
        groups = len(tree.groups)
        print(f"{path}: {len(tree.branches)} paths, {groups} set{'s' if groups > 1 else ''}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
