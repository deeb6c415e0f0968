"""``Readers``: processes that decode and letterbox while the network is at work."""

from __future__ import annotations

import contextlib
import math
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import torch

from pix2seq.config import ConfigError, PreprocessConfig
from pix2seq.many.frames import Failure, Frame, Source, Span, read_frame
from pix2seq.transforms import Letterbox

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

_START_S = 900.0  # importing torch on a very busy machine
_PIPE = 2**20  # bytes; what Linux lets everybody have
_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "PYTHONSAFEPATH": "1",  # the folder where a run starts may hold a torch.py of its own
}
_STOPPED = Failure("the run was stopped")


class Readers:
    """A pool of reader processes; call it from as many threads.

    One process reads faster than most networks write, and to start one costs as much as to read
    some hundred pictures. So another is started only when pictures have waited, all together, as
    long as that takes.

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
        self._free: list[_Process] = []
        self._all: set[_Process] = set()
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
        """Read one picture for a network's frame; waits for a free process."""
        if isinstance(source, Failure):
            return source
        if not self.workers or not isinstance(source, str | os.PathLike | bytes | Span):
            try:
                return read_frame(source, preprocess)
            except ConfigError as error:
                return Failure(" ".join(str(error).split()))
        process = self._take()
        if process is None:
            return _STOPPED
        try:
            if not process.started:
                self._grown(process.answer(_START_S))
            answer = process.ask((source, preprocess), self.timeout)
        except (EOFError, OSError, pickle.UnpicklingError):
            return self._end(process)
        with self._changed:
            self._free.append(process)
            self._changed.notify()
        if isinstance(answer, str):
            return Failure(answer)
        orig_size, pixels = answer
        return Frame(pixels, Letterbox(preprocess, orig_size))

    def _take(self) -> _Process | None:
        """A free process, or a new one; ``None`` when the run was stopped."""
        came = time.perf_counter()
        with self._changed:
            while not self._closed and not self._free:
                waited = time.perf_counter() - max(came, self._last_start)
                patience = self._patience() - waited
                if patience <= 0:
                    return self._new()
                self._changed.wait(None if math.isinf(patience) else patience)
            if self._closed:
                return None
            self._waited += time.perf_counter() - max(came, self._last_start)
            return self._free.pop()

    def _patience(self) -> float:
        """Seconds that a picture waits before another process is started."""
        if not self._all:
            return 0
        if self._starting or len(self._all) == self.workers:
            return math.inf
        return self._start_cost - self._waited

    def _new(self) -> _Process:
        process = _Process()
        if self._watch is None:
            self._watch = threading.Thread(target=self._end_what_is_late, daemon=True)
            self._watch.start()
        self._all.add(process)
        self._starting = True
        return process

    def _end_what_is_late(self) -> None:
        """One thread for all: a timer for each picture stops whoever writes for a moment."""
        while not self._closed:
            time.sleep(min(max(self.timeout / 8, 0.01), 0.5))
            for process in list(self._all):
                process.look_at_the_clock()

    def _grown(self, cost: float) -> None:
        """The process that was being started is there."""
        with self._changed:
            self._starting = False
            self._start_cost, self._last_start, self._waited = cost, time.perf_counter(), 0.0
            self._changed.notify_all()

    def _end(self, process: _Process) -> Failure:
        """Put away a process that gave no answer; says what that means for its picture."""
        process.kill()
        with self._changed:
            self._all.discard(process)
            self._starting = self._starting and process.started
            self._changed.notify_all()
        if self._closed:
            return _STOPPED
        how = process.how_it_ended()
        if not process.started:
            raise RuntimeError(f"a reader process could not start ({how})")
        if process.timed_out:
            limit = f"{self.timeout:g} s"
            return Failure(f"took longer than {limit} to read; shrink it, or allow more time")
        return Failure(f"crashed its decoder ({how}); save it again in another format")


class _Process:
    """One reader process, and what it was last asked."""

    def __init__(self) -> None:
        package = str(Path(__file__).parents[2])
        paths = filter(None, (package, os.environ.get("PYTHONPATH")))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pix2seq.many.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | _ENVIRONMENT | {"PYTHONPATH": os.pathsep.join(paths)},
        )
        if hasattr(fcntl, "F_SETPIPE_SZ"):
            with contextlib.suppress(OSError):  # more than this user may have
                fcntl.fcntl(self._process.stdout, fcntl.F_SETPIPE_SZ, _PIPE)
        self.started = False
        self.timed_out = False
        self._deadline = math.inf

    def ask(self, question: object, timeout: float) -> object:
        """Send a picture's place, wait for its size and pixels. Raises ``EOFError`` when the
        process ended instead, as it does when ``timeout`` seconds are over."""
        self._send(question)
        return self.answer(timeout)

    def answer(self, timeout: float) -> object:
        self._deadline = time.monotonic() + timeout
        try:
            answer = pickle.load(self._process.stdout)
            if isinstance(answer, tuple):
                orig_size, shape = answer
                pixels = torch.empty(shape)
                # In one go: every part that comes by itself stops whoever writes for a moment.
                if self._process.stdout.readinto(pixels.numpy().data.cast("B")) < pixels.nbytes:
                    raise EOFError
                answer = orig_size, pixels
        finally:
            self._deadline = math.inf
        if self.timed_out:  # while the answer came: no other picture is to answer for it
            raise EOFError
        self.started = True
        return answer

    def look_at_the_clock(self) -> None:
        """End the process if its answer is overdue."""
        if time.monotonic() > self._deadline:
            self.timed_out = True
            self._process.kill()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def how_it_ended(self) -> str:
        code = self._process.returncode
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"

    def _send(self, value: object) -> None:
        pickle.dump(value, self._process.stdin, protocol=5)
        self._process.stdin.flush()
