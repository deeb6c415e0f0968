"""``Limits``: how much of the server a visitor may have, and all of them together.

Every limit has a variable of the environment, and whoever meets one is told which.
"""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass

from pix2seq.config import ConfigError, short

_VARIABLES = {
    "at_once": "PIX2SEQ_MAX_AT_ONCE",
    "waiting": "PIX2SEQ_MAX_WAITING",
    "per_visitor": "PIX2SEQ_MAX_PER_VISITOR",
    "kept_mb": "PIX2SEQ_MAX_KEPT_MB",
    "kept_seconds": "PIX2SEQ_MAX_KEPT_SECONDS",
    "tabs": "PIX2SEQ_MAX_TABS",
    "upload_mb": "PIX2SEQ_MAX_UPLOAD_MB",
    "message_mb": "PIX2SEQ_MAX_MESSAGE_MB",
}


@dataclass(frozen=True)
class Limits:
    """What a server gives.

    Attributes:
        at_once: requests that the network works on, of all visitors and programs together.
        waiting: requests that wait for that, of all.
        per_visitor: requests of one browser tab or program that wait or are worked on.
        kept_mb: megabytes of pictures and sentences that are kept for questions and edits.
        kept_seconds: how long what nobody uses is kept once its visitor has left.
        tabs: browser tabs and programs whose state is kept; the one that was quiet longest goes.
        upload_mb: megabytes of one picture's file.
        message_mb: megabytes of anything else that is sent.
    """

    at_once: int = 16
    waiting: int = 200
    per_visitor: int = 8
    kept_mb: int = 1024
    kept_seconds: int = 600
    tabs: int = 400
    upload_mb: int = 32
    message_mb: int = 4

    @classmethod
    def of_this_server(cls) -> Limits:
        """The limits that the environment sets; the usual ones for the rest.

        Raises:
            ConfigError: a variable is no whole number above 0.
        """
        given = {}
        for field in dataclasses.fields(cls):
            text = os.environ.get(variable(field.name), "")
            if not text:
                continue
            if not text.isdecimal() or not 0 < int(text[:9]):
                raise ConfigError(
                    f"{variable(field.name)} is {short(text)}; it must be a whole number above 0"
                )
            given[field.name] = int(text[:9])
        return cls(**given)


def variable(limit: str) -> str:
    """The environment variable that sets a limit."""
    return _VARIABLES[limit]
