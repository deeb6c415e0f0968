"""A stand-in for Hugging Face's package ``spaces`` on ZeroGPU, for tests.

A decorated generator function really runs in a forked child process; its arguments and everything
that it yields are pickled, and what was yielded is sent before the child goes on, so a child that
dies has told it. It does not wait for whoever consumes (beyond what a pipe holds), stops after its
next yield when the consumer leaves, and is killed when its time is over. As there, what the child
does to its globals is lost.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import pickle
import time
from collections.abc import Callable

_FORK = multiprocessing.get_context("fork")
NOTES = os.environ.get("STANDIN_NOTES", "")
"""A file to which one JSON line is added per call: pid, seconds asked for, bytes either way."""


class GPUError(Exception):
    """What the real package says through ``gr.Error``."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


calls: list[dict] = []
"""The same, for a test in the same process."""

refusals: list[str] = []
"""Messages with which the next calls are refused, before anything runs."""


def GPU(task: Callable | None = None, *, duration=60):
    """The decorator, for generator functions."""
    if task is None:
        return lambda function: GPU(function, duration=duration)

    def lent(*args):
        if refusals:
            raise GPUError(refusals.pop(0))
        seconds = duration(*args) if callable(duration) else duration
        sent = pickle.dumps(args)
        results, told = _FORK.Pipe(duplex=False)
        stop = _FORK.Event()
        child = _FORK.Process(target=_run, args=(task, sent, results, told, stop), daemon=True)
        child.start()
        told.close()  # only the child's end is left, so its death is the end of what is told
        note = {"pid": child.pid, "seconds": seconds, "in": len(sent), "out": 0, "yields": 0}
        note |= {"stopped": False, "killed": False, "largest": 0}
        calls.append(note)
        ends = time.monotonic() + seconds
        try:
            while True:
                if not results.poll(max(ends - time.monotonic(), 0)):
                    note["killed"] = True
                    raise GPUError("GPU task aborted")
                try:
                    kind, body = results.recv()
                except EOFError:
                    raise GPUError("GPU task aborted") from None
                if kind == "end":
                    return
                if kind == "error":
                    raise GPUError(body)
                note["out"] += len(body)
                note["largest"] = max(note["largest"], len(body))
                note["yields"] += 1
                yield pickle.loads(body)
        except GeneratorExit:
            note["stopped"] = True
            raise
        finally:
            stop.set()
            results.close()
            child.join(5 if not note["killed"] else 0)
            if child.is_alive():
                child.kill()
                child.join()
            note["exit"] = child.exitcode
            if NOTES:
                with open(NOTES, "a") as file:
                    file.write(json.dumps(note) + "\n")

    return lent


def _run(task, sent, results, told, stop) -> None:
    results.close()
    try:
        for value in task(*pickle.loads(sent)):
            told.send(("value", pickle.dumps(value)))
            if stop.is_set():
                break
        told.send(("end", b""))
    except BrokenPipeError:  # nobody reads any more
        return
    except Exception as error:
        told.send(("error", type(error).__name__))
