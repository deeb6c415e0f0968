"""What following the encoder's drafts costs a token: a sentence that does, one that does not, and a
bare loop of the same decoder, in turn, in one thread.

    python benchmarks/speed/following.py [CHECKPOINT]

With ``PYTHONPATH`` another checkout's package is measured. The last column is the Python beside a
step: the same sentences once more, with the compiled step replaced by the logits that it gave the
first time. What others do to the machine's memory hardly shows there.
"""

from __future__ import annotations

import dataclasses
import itertools
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pix2seq
from pix2seq.bench.subject import subject_of
from pix2seq.bench.timing import Steps, mean, step_times
from pix2seq.device import one_thread

MINI = Path(__file__).resolve().parents[2] / "checkpoints" / "mini"
ROUNDS = 16


@contextmanager
def replayed(decoder: object, run: Steps) -> Iterator[None]:
    """The decoder's compiled step only hands out what it worked out for ``run``."""
    compute, kept = decoder._run, []

    def keep(*arguments: object) -> bool:
        told = compute(*arguments)
        kept.append(arguments[-1].copy())
        return told

    def hand_out(*arguments: object) -> bool:
        arguments[-1][:] = next(again)
        return True

    try:
        decoder._run = keep
        for _ in run():
            pass
        again = itertools.cycle(kept)
        decoder._run = hand_out
        yield
    finally:
        decoder._run = compute


def main(checkpoint: str) -> None:
    follows = subject_of(pix2seq.load(checkpoint, device="cpu"))
    options = follows.options.replace(follow_drafts=False)
    alone = dataclasses.replace(follows, options=options)
    with one_thread():
        whole = [follows.stream, alone.stream, follows.bare]
        runs, beside = step_times(whole, ROUNDS), []
        for run in whole:
            with replayed(follows.model._packed, run):
                beside.append(mean(step_times([run], ROUNDS)[0][1:]))
    names, bare = ("follows drafts", "alone", "bare loop"), runs[-1]
    for name, steps, python in zip(names, runs, beside, strict=True):
        print(
            f"{name:<16}{1000 * mean(steps):.3f} ms a token, {mean(steps) / mean(bare):.2f} x the "
            f"bare loop; its first {1000 * steps[0]:.2f} ms; Python {1e6 * python:.0f} us a token"
        )


if __name__ == "__main__":
    main(*(sys.argv[1:] or [str(MINI)]))
