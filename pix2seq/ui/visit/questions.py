"""Questions that the page asks beside Gradio's queue, and how a method comes to answer them.

A question is one dict from the page, its answer plain JSON. They bypass the queue, so they only do
what takes milliseconds.
"""

from __future__ import annotations

import base64
import functools
import io
from collections.abc import Callable
from typing import Any, TypeVar

from PIL import Image

from pix2seq.config import ConfigError, short

Owner = TypeVar("Owner")


def answering(method: Callable[[Owner, dict], dict]) -> Callable[[Owner, Any], dict]:
    """A mistake in the question comes back as ``{"error": ...}``, not as a server error."""

    @functools.wraps(method)
    def guarded(self: Owner, question: Any) -> dict:
        try:
            if not isinstance(question, dict):
                raise ConfigError("a question must be an object")
            return method(self, question)
        except ConfigError as error:
            return {"error": str(error)}
        except (TypeError, ValueError, LookupError, OverflowError) as error:
            return {"error": f"the question cannot be read: {short(error)}"}

    return guarded


def server_function(method: Callable[[dict], dict], prefix: str = "") -> Callable[[dict], dict]:
    """What a component registers as ``server.<prefix><method's name>``. Gradio marks these with an
    attribute, which a bound method cannot carry."""

    def answer(question: dict) -> dict:
        return method(question)

    answer.__name__ = prefix + method.__name__
    return answer


def whole_in(question: dict, name: str) -> int:
    """A question's whole number; raises ``ConfigError`` for anything else, also 1.0 and true."""
    value = question.get(name)
    if type(value) is not int:
        raise ConfigError(f"{name} is {short(value)}; it must be a whole number")
    return value


def data_url(image: Image.Image, side: int) -> str:
    """A JPEG for the page, at most ``side`` pixels on its longer side."""
    shown = image.copy()
    shown.thumbnail((side, side))
    buffer = io.BytesIO()
    shown.save(buffer, "JPEG", quality=90)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
