"""Modules that are imported when something in them is asked for.

Gradio imports pandas, and pandas Arrow, to look whether a value is a table: seventy megabytes and a
second of a server that never has one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any


class _Postponed(ModuleType):
    """Stands for a module; becomes like it when it is asked for the first of its names."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__path__":  # whoever looks at all modules
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        real = import_module(self.__name__)
        self.__dict__.update(real.__dict__)
        return getattr(real, name)


@contextmanager
def postponed(name: str) -> Iterator[None]:
    """What is imported in this block, and imports the module ``name`` itself, gets it later: when
    it asks for something in it. Nobody else notices."""
    if name in sys.modules:
        yield
        return
    stand_in = sys.modules[name] = _Postponed(name)
    try:
        yield
    finally:
        if sys.modules.get(name) is stand_in:
            del sys.modules[name]
