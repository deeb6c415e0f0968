"""Two runs written at once, and what there is to say about them.

The text that feeds the comparison only grows, like a run's own record (``record.py``):

=====  ============================================================================================
line   meaning
=====  ============================================================================================
``C``  JSON: the settings in which the two differ, and what was recorded, if it was; always the
       first line
``a``  a line of the left run's record
``b``  a line of the right run's record
``P``  the position of the first divergence, as soon as both sides are there
``V``  JSON: the verdict, when both have ended
=====  ============================================================================================
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator

from pix2seq.compare import (
    Divergence,
    align,
    differences,
    explain_divergence,
    first_divergence,
    match_objects,
    segments,
)
from pix2seq.config import SamplingOptions
from pix2seq.detections import Detections
from pix2seq.ui.visit.runs import Run
from pix2seq.ui.visit.writer import FLUSH_SECONDS, write

_A_MOMENT = 1e-9  # makes the writer hand over every single token


def write_both(
    a: Run,
    b: Run,
    delay: Callable[[], float] = lambda: 0.0,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[str]:
    """Write two sentences about one picture, token by token in turn.

    Args:
        a, b: fresh runs of one picture with one seed. Cancelling ``a`` stops both.
        delay: seconds to wait after each pair of tokens; asked anew each time.

    Yields:
        The whole comparison text so far, each time longer.
    """
    lines = [first_line(a.options, b.options)]
    sides = {"a": a, "b": b}
    writers = {name: write(run, delay=lambda: _A_MOMENT) for name, run in sides.items()}
    sent = dict.fromkeys(sides, 0)
    parted = False
    flushed = clock()
    try:
        while writers:
            for name in list(writers):
                if next(writers[name], None) is None:
                    del writers[name]
                run = sides[name]
                lines += [name + line for line in run.lines[sent[name] :]]
                sent[name] = len(run.lines)
            if not parted and (index := _parting(a, b, bool(writers))) is not None:
                parted = True
                lines.append(f"P{index}\n")
            pause = delay()
            if pause or clock() - flushed >= FLUSH_SECONDS:
                yield "".join(lines)
                flushed = clock()
            if a.cancelled.wait(pause) if pause else a.cancelled.is_set():
                b.cancelled.set()
    finally:
        for writer in writers.values():
            writer.close()
    if a.steps and b.steps:
        lines.append(_line("V", verdict(a, b)))
    yield "".join(lines)


def first_line(a: SamplingOptions, b: SamplingOptions, **more: object) -> str:
    """The text's first line; ``more`` is what else it says."""
    return _line("C", {"differ": [list(item) for item in differences(a, b)], **more})


def empty_comparison(picture: str) -> str:
    """The text of a comparison in which nothing is written yet; ``picture`` is a record's line."""
    return _line("C", {"differ": []}) + f"a{picture}b{picture}"


def verdict(a: Run, b: Run) -> dict:
    """What the page says about two runs: how their tokens relate, why they part, and which objects
    they share."""
    tokenizer = a.predictor.tokenizer
    pairs = align(a.token_ids, b.token_ids, tokenizer)
    why = explain_divergence(a.steps, b.steps, a.options, b.options, tokenizer)
    found_a, found_b = _objects(a), _objects(b)
    return {
        "pairs": [[pair.relation, pair.shift] for pair in pairs],
        "parted": next((pair.index for pair in pairs if pair.relation != "same"), None),
        "why": None if why is None else _why(why),
        "matches": [
            [int(found_a.objects[m.a]), int(found_b.objects[m.b]), round(m.iou, 4)]
            for m in match_objects(found_a, found_b)
        ],
    }


def _parting(a: Run, b: Run, writing: bool) -> int | None:
    """Where the sentences part as far as that is known; an end only counts when both have ended."""
    index = first_divergence(a.token_ids, b.token_ids)
    if index is None or (writing and index >= min(len(a.steps), len(b.steps))):
        return None
    return index


def _objects(run: Run) -> Detections:
    """The objects on view; noise names nothing that two sentences could share."""
    found = run.predictor.read(run.picture.encoded_by(run.predictor), run.steps, run.options)
    return found[~found.is_noise]


def _why(why: Divergence) -> dict:
    return {
        "index": why.index,
        "number": round(why.number, 4),
        "a": _bar(why.final_a, why.token_a, why.below_a),
        "b": _bar(why.final_b, why.token_b, why.below_b),
    }


def _bar(final, token_id: int, below: float) -> dict:
    return {
        "token": token_id,
        "below": round(below, 6),
        "prob": round(float(final[token_id]), 6),
        "segments": [[s.first, s.last, round(s.prob, 6)] for s in segments(final, token_id)],
    }


def _line(kind: str, data: dict) -> str:
    return f"{kind}{json.dumps(data, separators=(',', ':'))}\n"
