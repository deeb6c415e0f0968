"""``Readers``: processes that decode pictures while the network is at work."""

from __future__ import annotations

import math
import os
import threading
import time

import numpy as np
from PIL import Image

from pix2seq.config import ConfigError, PreprocessConfig, out_of_memory
from pix2seq.device import one_thread
from pix2seq.many.frames import Failure, Frame, Source, frame_of
from pix2seq.many.process import ReadingProcess, cannot_start
from pix2seq.pictures import Place, Span, open_image

_START_S = 900.0  # on a very busy machine
_MOST_KILLED = 3
_STOOD_STILL_S = 1.0
_STOPPED = Failure("the run was stopped")
_NO_MEMORY = Failure("there is not enough memory to read it; shrink it, or close other programs")
_KILLED = (
    "the process that read it was killed {} times ({}), as a system does that runs out of memory; "
    "shrink it, or read in fewer processes (--workers, workers=)"
)


class Readers:
    """A pool of reader processes; call it from as many threads.

    One process reads faster than most networks write, and to start one costs as much as to read
    some ten pictures. So another is started only when pictures have waited, all together, as long
    as that takes. Letterboxing is left to the calling thread: it is PyTorch's, whose import would
    cost a process as much as some hundred pictures.

    Args:
        workers: processes at most; 0 reads in the calling thread, which nothing can interrupt.
        timeout: seconds that one picture may take.
    """

    def __init__(self, workers: int = 2, timeout: float = 30) -> None:
        if workers < 0:
            raise ConfigError(f"workers is {workers}; use 0 or more")
        if not timeout > 0:
            raise ConfigError(f"timeout is {timeout:g}; use seconds above 0")
        self.workers = workers
        self.timeout = timeout
        self._changed = threading.Condition()
        self._free: list[ReadingProcess] = []
        self._all: set[ReadingProcess] = set()
        self._most = workers  # fewer, where no more can start
        self._starting = False
        self._start_cost = 0.0  # seconds that starting the last one took
        self._last_start = 0.0  # when it was there
        self._waited = 0.0  # seconds that pictures waited since then
        self._closed = False
        self._watch: threading.Thread | None = None

    def __enter__(self) -> Readers:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Begin to start the first process, so that it is there when a picture is."""
        with self._changed:
            if self.workers and not self._all:
                self._free.append(self._new())

    def close(self) -> None:
        """End the processes, wherever they are."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for process in list(self._all):
            process.kill()  # a thread that waits for it finds its answer ended

    def __call__(self, source: Source | Failure, preprocess: PreprocessConfig) -> Frame | Failure:
        """Read one picture for a network's frame; waits for a free process.

        Raises:
            ConfigError: no process can start.
        """
        if isinstance(source, Failure):
            return source
        if isinstance(source, os.PathLike):  # of a class that only this process may know
            source = os.fsdecode(source)
        try:
            if self.workers and isinstance(source, str | bytes | Span):
                picture = self._elsewhere(source)
            else:
                picture = _here(source)
            if isinstance(picture, Failure):
                return picture
            with one_thread():  # the others are the network's
                return frame_of(picture, preprocess)
        except (MemoryError, RuntimeError) as error:
            if not out_of_memory(error):
                raise
            return _NO_MEMORY

    def _elsewhere(self, place: Place) -> np.ndarray | Failure:
        """Have a process read; another one, should somebody have killed it meanwhile."""
        killed = 0
        while process := self._take():
            alive = process.alive
            try:
                if not process.started:
                    self._grown(process.wait_for_start(_START_S))
                answer = process.read(place, self.timeout)
            except (EOFError, OSError):
                if failure := self._end(process):
                    return failure
                killed += alive
                if killed == _MOST_KILLED:
                    return Failure(_KILLED.format(killed, process.how_it_ended))
                continue
            except MemoryError:  # here, and its answer is still on the way
                self._end(process)
                raise
            with self._changed:
                self._free.append(process)
                self._changed.notify()
            return Failure(answer) if isinstance(answer, str) else answer
        return _STOPPED

    def _take(self) -> ReadingProcess | None:
        """A free process, or a new one; ``None`` when the run was stopped."""
        came = time.perf_counter()
        with self._changed:
            while not self._closed and not self._free:
                waited = time.perf_counter() - max(came, self._last_start)
                patience = self._patience() - waited
                if patience <= 0:
                    try:
                        return self._new()
                    except ConfigError:
                        if not self._all:
                            raise
                        self._most = len(self._all)  # those that are there have to do
                        continue
                self._changed.wait(None if math.isinf(patience) else patience)
            if self._closed:
                return None
            self._waited += time.perf_counter() - max(came, self._last_start)
            return self._free.pop()

    def _patience(self) -> float:
        """Seconds that a picture waits before another process is started."""
        if not self._all:
            return 0
        if self._starting or len(self._all) >= self._most:
            return math.inf
        return self._start_cost - self._waited

    def _new(self) -> ReadingProcess:
        process = ReadingProcess()
        if self._watch is None:
            self._watch = threading.Thread(target=self._end_what_is_late, daemon=True)
            self._watch.start()
        self._all.add(process)
        self._starting = True
        return process

    def _end_what_is_late(self) -> None:
        """One thread for all: a timer for each picture stops whoever writes for a moment."""
        while not self._closed:
            pause = min(max(self.timeout / 8, 0.01), 0.5)
            slept = time.monotonic()
            time.sleep(pause)
            stood_still = time.monotonic() - slept - pause
            for process in list(self._all):
                # While this process was stopped (Ctrl+Z), no answer could be taken.
                process.look_at_the_clock(stood_still if stood_still > _STOOD_STILL_S else 0.0)

    def _grown(self, cost: float) -> None:
        """The process that was being started is there."""
        with self._changed:
            self._starting = False
            self._start_cost, self._last_start, self._waited = cost, time.perf_counter(), 0.0
            self._changed.notify_all()

    def _end(self, process: ReadingProcess) -> Failure | None:
        """Put away a process that gave no answer; says what that means for its picture, ``None``
        if the picture is to be read by another."""
        process.kill()
        with self._changed:
            self._all.discard(process)
            self._starting = self._starting and process.started
            self._changed.notify_all()
            if self._closed:
                return _STOPPED
            if not process.started and not process.was_killed:
                if not self._all:
                    raise cannot_start(process.how_it_ended)
                self._most = len(self._all)
                return None
        if process.timed_out:
            limit = f"{self.timeout:g} s"
            return Failure(f"took longer than {limit} to read; shrink it, or allow more time")
        if process.was_killed:
            return None
        return Failure(
            f"crashed its decoder ({process.how_it_ended}); save it again in another format"
        )


def _here(source: Source) -> Image.Image | Failure:
    try:
        return open_image(source)
    except ConfigError as error:
        return Failure(" ".join(str(error).split()))
