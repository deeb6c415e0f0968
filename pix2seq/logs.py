"""What a server tells its operator: one JSON object per line, on standard error.

    {"time": "2026-11-27T03:16:37Z", "level": "info", "event": "run", "tokens": 81, ...}

An event is a word and plain values: counts, seconds, sizes, names of checkpoints, our own messages.
What visitors bring stays out: no pixels, no file names, no tokens (a sentence describes a picture).
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from pix2seq.config import ConfigError

LEVELS = ("debug", "info", "warning", "error")
LEVEL_VARIABLE = "PIX2SEQ_LOG_LEVEL"

_LOGGER = logging.getLogger("pix2seq")
_LOGGER.addHandler(logging.NullHandler())  # silent as a library, until somebody asks


class JsonLines(logging.Formatter):
    """A log record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {
            "time": time.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "facts", {}),
        }
        return json.dumps(line, ensure_ascii=False, default=str)


def default_level() -> str:
    """``$PIX2SEQ_LOG_LEVEL``, else ``warning``: on a laptop nobody reads a log."""
    return os.environ.get(LEVEL_VARIABLE, "").lower() or "warning"


def start(level: str) -> None:
    """Log events of that level or above to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    _LOGGER.handlers = [handler]
    _LOGGER.setLevel(level.upper())
    _LOGGER.propagate = False


def event(name: str, level: str = "info", **facts: object) -> None:
    """Tell that something happened."""
    _LOGGER.log(getattr(logging, level.upper()), name, extra={"facts": facts})


class Caution(UserWarning):
    """Something goes on, though worse than it should; the message is one line for people."""


def caution(name: str, message: str) -> None:
    """Tell what goes on worse than it should: a server's operator by an event, others by a Python
    warning, which the command line prints as its own words."""
    if not _LOGGER.propagate:  # somebody has started the log
        event(name, "warning", message=message)
    else:
        warnings.warn(message, Caution, stacklevel=3)


@contextmanager
def work(name: str, **facts: object) -> Iterator[dict]:
    """Tell of a piece of work when it ends, however it ends.

    The block may add facts to what it gets. Those that it leaves open are told here: ``seconds``,
    of all of it, and ``ended``: ``done``; ``refused``, with one of our own messages; ``left``, by
    who no longer listens; ``failed``, with the error's type.
    """
    started = time.perf_counter()
    level, ended = "info", "done"
    try:
        yield facts
    except GeneratorExit:
        ended = "left"
        raise
    except ConfigError:
        ended = "refused"
        raise
    except BaseException as error:
        level, ended, facts["error"] = "error", "failed", type(error).__name__
        raise
    finally:
        facts.setdefault("seconds", round(time.perf_counter() - started, 4))
        facts.setdefault("ended", ended)
        event(name, level, **facts)
