"""The near end of one reading process; ``pictures.worker`` is the far one."""

from __future__ import annotations

import contextlib
import math
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from pix2seq.config import ConfigError
from pix2seq.pictures import Place

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

_PIPE = 2**20  # bytes; what Linux lets everybody have
_FROM_OUTSIDE = ("SIGKILL", "SIGTERM", "SIGHUP", "SIGINT", "SIGQUIT", "SIGXCPU")
_BY_ALARM = -getattr(signal, "SIGALRM", 0) or None  # Windows has none
_ENVIRONMENT = {"PYTHONSAFEPATH": "1"}  # the folder where a run starts may hold a PIL.py of its own


class ReadingProcess:
    """One process, and what it was last asked.

    Attributes:
        started: whether it has ever answered.

    Raises:
        ConfigError: this machine lets no more processes start.
    """

    def __init__(self) -> None:
        package = str(Path(__file__).parents[2])
        paths = filter(None, (package, os.environ.get("PYTHONPATH")))
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "pix2seq.pictures.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=os.environ | _ENVIRONMENT | {"PYTHONPATH": os.pathsep.join(paths)},
                # Ctrl+C is told to a terminal's whole group, at whatever line this one is.
                process_group=0 if os.name == "posix" else None,
            )
        except OSError as error:
            raise cannot_start(error.strerror or str(error)) from None
        if hasattr(fcntl, "F_SETPIPE_SZ"):
            with contextlib.suppress(OSError):  # more than this user may have
                fcntl.fcntl(self._process.stdout, fcntl.F_SETPIPE_SZ, _PIPE)
        self.started = False
        self._timed_out = False
        self._deadline = math.inf

    def wait_for_start(self, timeout: float) -> float:
        """Seconds of the processor that starting has cost. Raises ``EOFError`` as ``read`` does."""
        cost = self._answer(timeout)
        self.started = True
        return cost

    def read(self, place: Place, timeout: float) -> np.ndarray | str:
        """A picture as (H, W, 3) uint8, or why there is none.

        Raises:
            EOFError: the process ended instead, as it does when ``timeout`` seconds are over.
            OSError: it had ended before.
        """
        pickle.dump((place, timeout), self._process.stdin, protocol=5)
        self._process.stdin.flush()
        return self._answer(timeout)

    def look_at_the_clock(self, more: float = 0.0) -> None:
        """End the process if its answer is overdue, by ``more`` seconds than it was given."""
        self._deadline += more
        if time.monotonic() > self._deadline:
            self._timed_out = True
            self._process.kill()

    def kill(self) -> None:
        """End it; its pipes are left to those who may be waiting at them."""
        self._process.kill()
        self._process.wait()

    @property
    def alive(self) -> bool:
        """Whether it is there to be asked."""
        return self._process.poll() is None

    @property
    def timed_out(self) -> bool:
        """Whether it was ended because an answer took too long: by this process or, had that been
        away, by its own alarm."""
        return self._timed_out or self._process.returncode == _BY_ALARM

    @property
    def was_killed(self) -> bool:
        """Whether somebody else ended it, as a system does that runs out of memory."""
        return not self.timed_out and self.how_it_ended in _FROM_OUTSIDE

    @property
    def how_it_ended(self) -> str:
        """Once it was killed or has ended: a signal's name, or its exit code in words."""
        code = self._process.returncode
        if code >= 0:
            return f"exit code {code}"
        try:
            return signal.Signals(-code).name
        except ValueError:  # one that has no name
            return f"signal {-code}"

    def _answer(self, timeout: float) -> np.ndarray | str | float:
        self._deadline = time.monotonic() + timeout
        try:
            answer = pickle.load(self._process.stdout)
            if isinstance(answer, tuple):
                pixels = np.empty((*answer, 3), np.uint8)
                # In one go: every part that comes by itself stops whoever writes for a moment.
                if self._process.stdout.readinto(pixels.data.cast("B")) < pixels.nbytes:
                    raise EOFError
                answer = pixels
        except pickle.UnpicklingError:  # cut off in the middle
            raise EOFError from None
        finally:
            self._deadline = math.inf
        if self._timed_out:  # while the answer came: no other picture is to answer for it
            raise EOFError
        return answer


def cannot_start(reason: str) -> ConfigError:
    """What a run is told that has no reading process."""
    return ConfigError(
        f"a reading process could not start ({reason}); free some memory, or read without one "
        "(--workers 0, workers=0)"
    )
