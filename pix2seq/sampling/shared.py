"""``SharedBatch``: one batch that sentences of many threads are written in.

    visitor A ─ next ─┐                          ┌─▶ A's step
    visitor B ─ next ─┼─▶ one step of all rows ──┼─▶ B's step
    visitor C ─ next ─┘                          └─▶ C's step

No thread of its own runs the loop: whoever finds nothing written for them writes the next token of
everybody, and the others find theirs there. So a lone sentence pays for nobody, and is not written
ahead of whoever reads it; in company a step costs little more than alone (``batch`` says why, and
why no sentence notices).
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Condition

from pix2seq.sampling.batch import Batch, Row, Writer
from pix2seq.sampling.job import Job, checked_job
from pix2seq.sampling.steps import SamplingStep
from pix2seq.tokenizer import Tokenizer

MOST_ROWS = 16
"""Sentences written together; further ones wait until one ends."""


@dataclass(eq=False)
class _Seat:
    """A sentence that somebody reads.

    Attributes:
        row: its place in the batch, once it has one.
        ahead: tokens that are written and not read yet.
        ended: its last token is among them, or was.
        failure: why it cannot go on.
        gone: nobody reads it any more.
    """

    job: Job
    row: Row | None = None
    ahead: deque[SamplingStep] = field(default_factory=deque)
    ended: bool = False
    failure: BaseException | None = None
    gone: bool = False

    @property
    def waits(self) -> bool:
        """Whether only another step of the batch can help."""
        return not (self.ahead or self.ended or self.failure)


class SharedBatch:
    """Write sentences of any number of threads side by side.

    Args:
        model: writes.
        tokenizer: its vocabulary.
        max_rows: sentences written together at most.
    """

    def __init__(self, model: Writer, tokenizer: Tokenizer, max_rows: int = MOST_ROWS) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._max_rows = max_rows
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._batch = Batch(self._model, self._tokenizer)
        self._seats: dict[Row, _Seat] = {}
        self._arrived: deque[_Seat] = deque()
        self._changed = Condition()
        self._busy = False  # somebody is at the batch

    @property
    def writing(self) -> bool:
        """Whether there are sentences that are not finished."""
        return bool(self._seats or self._arrived)

    def stream(self, job: Job) -> Iterator[SamplingStep]:
        """The steps of one sentence, as ``sample_stream`` yields them; closing the iterator takes
        the sentence out.

        Raises:
            ConfigError: the job cannot be written (at once, not with the first step).
        """
        checked_job(job, self._tokenizer)
        if self._process != os.getpid():  # a fork has the sentences of threads that it has not
            self._begin()
        return self._read(_Seat(job))

    def _read(self, seat: _Seat) -> Iterator[SamplingStep]:
        self._arrived.append(seat)
        try:
            while (step := self._next(seat)) is not None:
                yield step
        finally:
            self._leave(seat)

    def _next(self, seat: _Seat) -> SamplingStep | None:
        while not seat.ahead:
            with self._changed:
                while self._busy and seat.waits:
                    self._changed.wait()
                if not seat.waits:
                    break
                self._busy = True
            try:
                self._step()
            finally:
                with self._changed:
                    self._busy = False
                    self._take_out([one for one in self._seats.values() if one.gone])
                    self._changed.notify_all()
        if seat.ahead:
            return seat.ahead.popleft()
        if seat.failure is not None:
            raise seat.failure
        return None

    def _step(self) -> None:
        """Let in who has arrived, and write one token of every sentence."""
        while self._arrived and len(self._batch) < self._max_rows:
            arrived = self._arrived.popleft()
            if arrived.gone:
                continue
            try:
                arrived.row = self._batch.join(arrived.job)
            except Exception as error:  # this sentence's alone
                arrived.failure = error
            else:
                self._seats[arrived.row] = arrived
        try:
            written = self._batch.step() if len(self._batch) else []
        except BaseException as error:  # half a step: nobody can go on from there
            for other in self._seats.values():
                other.failure = error
            self._seats.clear()
            self._batch = Batch(self._model, self._tokenizer)
            raise
        for row, step in written:
            seat = self._seats[row]
            seat.ahead.append(step)
            if row.finished:
                seat.ended = True
                del self._seats[row]

    def _leave(self, seat: _Seat) -> None:
        if sys.is_finalizing():  # a stream that nobody closed outlived the program
            return
        with self._changed:
            seat.gone = True
            if not self._busy:  # else whoever is at the batch does it
                self._take_out([seat])

    def _take_out(self, seats: list[_Seat]) -> None:
        for seat in seats:
            if seat.row is not None and self._seats.pop(seat.row, None) is not None:
                self._batch.leave(seat.row)
