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
from datetime import UTC, datetime

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
