"""Where a sentence's steps come from: this process, or a GPU that is lent for seconds.

A source is a generator function: it yields how many pictures are looked at before this one, now and
then until its turn comes; the picture's encoding, once; then plain sampling steps. The writer does
not know which one it consumes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

from pix2seq.encoding import ImageEncoding
from pix2seq.sampling import SamplingStep
from pix2seq.ui.visit import zero
from pix2seq.ui.visit.runs import Run

Told = int | ImageEncoding | SamplingStep

Source = Callable[[Run, Sequence[int], Collection[int]], Iterator[Told]]
"""``source(run, prefix, forced)``; ``prefix`` and ``forced`` as in ``Predictor.stream``."""


def here(run: Run, prefix: Sequence[int], forced: Collection[int]) -> Iterator[Told]:
    """This process looks and writes."""
    yield from run.picture.approach(run.predictor, run.cancelled)
    if run.cancelled.is_set():
        return
    encoding = run.picture.encoded_by(run.predictor)
    yield encoding
    yield from run.predictor.stream(encoding, run.options, prefix=prefix, forced=forced)


def usual_source() -> Source:
    """On ZeroGPU the lent GPU, anywhere else this process."""
    return zero.lent if zero.AVAILABLE else here
