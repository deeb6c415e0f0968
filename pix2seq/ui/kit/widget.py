"""Widgets of our own: Gradio's, with some of their methods replaced."""

from __future__ import annotations

from abc import ABCMeta
from typing import Any

from gradio.components import Component


def widget_like(base: type[Component], name: str, module: str, **members: Any) -> type[Component]:
    """A class of widgets that the front end shows as it shows those of ``base``.

    Gradio makes a widget anew, from its class and arguments, for every visitor whose event has
    updated it, so what is set on one widget alone is lost then. Its metaclass, left out here, would
    write a stub file beside the module; ``is_template`` keeps the front end's widget.
    """
    own = {"__module__": module, "is_template": True, **members}
    return ABCMeta.__new__(type(base), name, (base,), own)
