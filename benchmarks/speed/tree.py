"""What a tree of sentences costs, in sentences.

``python benchmarks/speed/tree.py [picture…]`` prints, for examples or photos, milliseconds of one
thread's processor time, the shortest of several: encoding; the page's own sentence; the likeliest
sentence under the tree's rule (it ends where the model says EOS); the tree of 12 leaves. What is
written first about a photo also works out the decoder's keys and values of it; what follows finds
them, as a tree does that grows from a sentence on view.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import torch

import pix2seq
from pix2seq.branching import grow_tree
from pix2seq.config import SamplingOptions
from pix2seq.encoding import ImageEncoding
from pix2seq.examples import example_image
from pix2seq.predictor import Predictor
from pix2seq.sampling import Rows

PICTURES = ("scene-792", "coffee", "astronaut")
LEAVES = 12
REPEATS = 15


def cost(write: Callable[[], object]) -> float:
    """Milliseconds of processor time, the shortest of several."""
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        write()
        times.append(time.process_time() - start)
    return 1e3 * min(times)


def passes(predictor: Predictor, encoding: ImageEncoding, rows: list[int]) -> float:
    """What the network alone takes for steps of so many rows."""
    token = predictor.tokenizer.coord_ids.start

    def write() -> None:
        batch = Rows(predictor.model, encoding.memory, predictor.tokenizer)
        for count in rows[1:]:
            if count != len(batch):
                batch.fork([min(row, len(batch) - 1) for row in range(count)])
            batch.write([token] * count)

    return cost(write)


def measure(predictor: Predictor, name: str) -> str:
    """One picture's line."""
    image = example_image(name) if name in PICTURES else name
    encoding = predictor.encode(image)
    likeliest = SamplingOptions(temperature=0.0, eos="model")
    tree = grow_tree(predictor, encoding, leaves=LEAVES)
    spans = [(branch.start, branch.tokens[-1].index) for branch in tree.branches]
    longest = max(last for _, last in spans) + 1
    rows = [sum(first <= i <= last for first, last in spans) for i in range(longest)]
    sentence = len(list(predictor.stream(encoding, likeliest)))
    first = cost(lambda: predictor.model._packed.look(encoding.memory))
    figures = {
        "encode": cost(lambda: predictor.encode(image)),
        "keys and values": first,
        "page's sentence": cost(lambda: list(predictor.stream(encoding, SamplingOptions(seed=0)))),
        "likeliest sentence": cost(lambda: list(predictor.stream(encoding, likeliest))),
        "its network alone": passes(predictor, encoding, [1] * sentence),
        "tree": cost(lambda: grow_tree(predictor, encoding, leaves=LEAVES)),
        "tree's network alone": passes(predictor, encoding, rows),
    }
    page, own, whole = (figures[k] for k in ("page's sentence", "likeliest sentence", "tree"))
    before = figures["encode"] + first
    ratios = {
        "the page's sentence": whole / page,
        "the same where it is the first about the photo": whole / (page + first),
        "the likeliest": whole / own,
        "photo and page's sentence, as a visitor waits": (before + whole) / (before + page),
    }
    size = f"{len(tree.branches)} leaves, {sum(rows)} tokens in {longest} steps"
    return "\n".join(
        [
            f"{name}: {size}; the likeliest sentence has {sentence} tokens",
            "  ms: " + ", ".join(f"{what} {ms:.1f}" for what, ms in figures.items()),
            "  tree against " + ", ".join(f"{what}: {x:.2f} x" for what, x in ratios.items()),
        ]
    )


def main(argv: list[str]) -> None:
    torch.set_num_threads(1)
    predictor = pix2seq.load("mini", device="cpu")
    for name in argv or PICTURES:
        print(measure(predictor, name), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
