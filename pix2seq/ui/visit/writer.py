"""From a run to a growing record: the generator behind Run, Step, "write on" and the API.

It folds a source of steps (``sources.py``) and yields the whole record text so far, at most some
twenty times a second unless a slower pace was asked for. Between two tokens it looks whether Stop
was pressed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing

from pix2seq import logs
from pix2seq.config import ConfigError
from pix2seq.sampling import SamplingStep
from pix2seq.ui.visit import record
from pix2seq.ui.visit.bursts import FLUSH_SECONDS
from pix2seq.ui.visit.runs import Run
from pix2seq.ui.visit.sources import Source, usual_source


def write(
    run: Run,
    delay: Callable[[], float] = lambda: 0.0,
    limit: int | None = None,
    clock: Callable[[], float] = time.monotonic,
    source: Source | None = None,
) -> Iterator[str]:
    """Write a sentence, or write on in one that was stopped.

    Args:
        run: fresh, or with tokens already in it; grows with every token.
        delay: seconds to wait after each token; asked anew each time.
        limit: stop after this many new tokens (Step).
        source: where the steps come from; by default this process, or the GPU lent to it.

    Yields:
        The run's record, each time longer.
    """
    run.cancelled.clear()
    if not run.lines:
        run.lines.append(record.header_line(run))
    run.lines.append(record.encoding_line())
    yield run.text  # the stage reacts before the encoder has run
    width, height = run.picture.image.size
    try:
        run.writing = True
        given = [*run.token_ids] or [*run.prompt]
        forced = [index for index in run.forced if index < len(given)]
        with (
            logs.work("run", checkpoint=run.predictor.name, width=width, height=height) as told,
            closing((source or usual_source())(run, given, forced)) as stream,
        ):
            for news in stream:
                if isinstance(news, int):
                    run.lines += _in_line(run, news)
                    yield run.text  # the same again is a sign of life
                    continue
                told["encoding_seconds"] = round(news.seconds, 4)
                run.lines.append(record.writing_line(news, run.predictor.model.drafts))
                yield run.text
                yield from _write_tokens(run, news, stream, delay, limit, clock, told)
                break
            else:  # stopped before it was looked at
                told["ended"] = "stopped"
                run.lines.append(record.end_line("stopped", tokens=0, seconds=0.0, rate=0.0))
    except ConfigError as error:
        run.lines.append(record.end_line("error", message=str(error)))
    finally:
        run.writing = False
    yield run.text


def _in_line(run: Run, before: int) -> list[str]:
    """What is new to the record about the pictures before this one."""
    line = record.encoding_line(before)
    return [] if run.lines[-1] == line else [line]


def _write_tokens(run, encoding, stream, delay, limit, clock, told) -> Iterator[str]:
    """``told`` is what the log will say."""
    predictor, options = run.predictor, run.options
    done = len(run.steps)
    reader = predictor.reader(encoding, options)
    reader.add(run.steps)
    started = flushed = clock()
    fresh = 0
    waited = 0.0
    stopped = False
    unrecorded: list[SamplingStep] = []

    def record_them() -> None:
        run.lines += record.step_lines(unrecorded, reader.add(unrecorded))
        unrecorded.clear()

    try:
        for step in stream:
            if step.index < done:
                continue  # already in the record
            run.steps.append(step)
            unrecorded.append(step)
            if not step.drawn:
                continue
            fresh += 1
            told["tokens"] = fresh
            pause = delay()
            if pause or clock() - flushed >= FLUSH_SECONDS:
                record_them()
                yield run.text
                flushed = clock()
            before = clock()
            if run.cancelled.wait(pause) if pause else run.cancelled.is_set():
                stopped = True
            waited += clock() - before
            if stopped or (limit is not None and fresh >= limit):
                break
    finally:
        record_them()
    seconds = max(clock() - started - waited, 1e-9)
    run.seconds += seconds
    reason = "stopped"
    if run.ended:
        reason = "eos" if run.steps[-1].slot == "eos" else "full"
    told.update(tokens=fresh, seconds=round(seconds, 4), ended=reason)
    run.lines.append(
        record.end_line(
            reason, tokens=fresh, seconds=round(seconds, 4), rate=round(fresh / seconds, 1)
        )
    )
