"""What following the encoder's drafts costs a token: a sentence that does, one that does not, and a
bare loop of the same decoder, in turn, in one thread.

    python benchmarks/speed/following.py [CHECKPOINT]

With ``PYTHONPATH`` another checkout's package is measured.
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import pix2seq
from pix2seq.bench.subject import subject_of
from pix2seq.bench.timing import mean, step_times
from pix2seq.device import one_thread

MINI = Path(__file__).resolve().parents[2] / "checkpoints" / "mini"
ROUNDS = 16


def main(checkpoint: str) -> None:
    follows = subject_of(pix2seq.load(checkpoint, device="cpu"))
    options = follows.options.replace(follow_drafts=False)
    alone = dataclasses.replace(follows, options=options)
    with one_thread():
        runs = step_times([follows.stream, alone.stream, follows.bare], ROUNDS)
    bare = runs[-1]
    for name, steps in zip(("follows drafts", "alone", "bare loop"), runs, strict=True):
        print(
            f"{name:<16}{1000 * mean(steps):.3f} ms a token, {mean(steps) / mean(bare):.2f} x the "
            f"bare loop; its first {1000 * steps[0]:.2f} ms"
        )


if __name__ == "__main__":
    main(*(sys.argv[1:] or [str(MINI)]))
