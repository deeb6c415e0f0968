"""``Readers``: processes that decode and letterbox while the network is at work."""

from __future__ import annotations

import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path

import torch

from pix2seq.config import ConfigError, PreprocessConfig
from pix2seq.many.frames import Failure, Frame, Source, Span, read_frame
from pix2seq.transforms import Letterbox

_START_S = 900.0  # importing torch on a very busy machine


class Readers:
    """A pool of reader processes, started as they are needed; call it from as many threads.

    Args:
        preprocess: the network's frame.
        workers: processes; 0 reads in the calling thread, which nothing can interrupt.
        timeout: seconds that one picture may take.
    """

    def __init__(self, preprocess: PreprocessConfig, workers: int = 2, timeout: float = 30) -> None:
        if workers < 0:
            raise ConfigError(f"workers is {workers}; use 0 or more")
        if not timeout > 0:
            raise ConfigError(f"timeout is {timeout:g}; use seconds above 0")
        self.preprocess = preprocess
        self.workers = workers
        self.timeout = timeout
        self._free: queue.SimpleQueue[_Process | None] = queue.SimpleQueue()
        self._all: set[_Process] = set()
        self._closed = False
        for _ in range(workers):
            self._free.put(None)

    def __enter__(self) -> Readers:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the processes, wherever they are."""
        self._closed = True
        for process in list(self._all):
            process.kill()  # a thread that waits for it finds its answer ended

    def __call__(self, source: Source | Failure) -> Frame | Failure:
        """Read one picture; waits for a free process."""
        if isinstance(source, Failure):
            return source
        if not self.workers or not isinstance(source, str | os.PathLike | bytes | Span):
            try:
                return read_frame(source, self.preprocess)
            except ConfigError as error:
                return Failure(" ".join(str(error).split()))
        process = self._free.get()
        try:
            if self._closed:
                return Failure("the run was stopped")
            if process is None:
                process = _Process(self.preprocess)
                self._all.add(process)
                process.answer(_START_S)
            answer = process.ask(source, self.timeout)
        except (EOFError, OSError, pickle.UnpicklingError):
            if process is None:  # there was none yet, and the system refused to start one
                raise
            ended, process = self._end(process), None
            return ended
        finally:
            self._free.put(process)
        if isinstance(answer, str):
            return Failure(answer)
        orig_size, pixels = answer
        return Frame(torch.from_numpy(pixels), Letterbox(self.preprocess, orig_size))

    def _end(self, process: _Process) -> Failure:
        """Put away a process that gave no answer; says what that means for its picture."""
        process.kill()
        self._all.discard(process)
        if self._closed:
            return Failure("the run was stopped")
        how = process.how_it_ended()
        if not process.started:
            raise RuntimeError(f"a reader process could not start ({how})")
        if process.timed_out:
            limit = f"{self.timeout:g} s"
            return Failure(f"took longer than {limit} to read; shrink it, or allow more time")
        return Failure(f"crashed its decoder ({how}); save it again in another format")


class _Process:
    """One reader process, and what it was last asked."""

    def __init__(self, preprocess: PreprocessConfig) -> None:
        package = str(Path(__file__).parents[2])
        paths = filter(None, (package, os.environ.get("PYTHONPATH")))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pix2seq.many.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"},
        )
        self.started = False
        self.timed_out = False
        self._send(preprocess)

    def ask(self, source: Source, timeout: float) -> object:
        """Send a picture's place, wait for its frame. Raises ``EOFError`` when the process ended
        instead, and ends it when ``timeout`` seconds are over."""
        self._send(source)
        return self.answer(timeout)

    def answer(self, timeout: float) -> object:
        alarm = threading.Timer(timeout, self._too_long)
        alarm.daemon = True
        alarm.start()
        try:
            answer = pickle.load(self._process.stdout)
        finally:
            alarm.cancel()
        self.started = True
        return answer

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def how_it_ended(self) -> str:
        code = self._process.returncode
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"

    def _send(self, value: object) -> None:
        pickle.dump(value, self._process.stdin, protocol=5)
        self._process.stdin.flush()

    def _too_long(self) -> None:
        self.timed_out = True
        self._process.kill()
