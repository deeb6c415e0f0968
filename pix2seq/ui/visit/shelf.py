"""``ModelShelf``: the checkpoints that this server has loaded, by name.

Every visitor may look through another checkpoint, so nothing here is "current". Two visitors asking
for one checkpoint load it once; meanwhile the loaded ones stay in use, since a load may be a
download of minutes. The least recently used one goes when the shelf is full.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from pix2seq.predictor import Predictor


@dataclass(frozen=True)
class Loading:
    """A checkpoint on its way; counts in bytes, ``done`` is 0 before (or without) a download.

    Attributes:
        total: the file's size, if its server told it.
    """

    done: int = 0
    total: int | None = None


class ModelShelf:
    """Loaded predictors.

    Args:
        load: ``load(name) -> Predictor``; raises ``ConfigError`` for what it cannot load.
        capacity: predictors kept in memory.
    """

    def __init__(self, load: Callable[[str], Predictor], capacity: int = 2) -> None:
        self._load = load
        self._capacity = capacity
        self._loaded: OrderedDict[str, Predictor] = OrderedDict()
        self._loading: dict[str, Lock] = {}
        self._progress: dict[str, Loading] = {}
        self._lock = Lock()

    def get(self, name: str) -> Predictor:
        """The predictor of that name, loaded if need be; raises what ``load`` raises."""
        with self._lock:
            loading = self._loading.setdefault(name, Lock())
            if name in self._loaded:
                self._loaded.move_to_end(name)
                return self._loaded[name]
        with loading:
            predictor = self.peek(name) or self._load_now(name)
            with self._lock:
                self._loaded[name] = predictor
                self._loaded.move_to_end(name)
                while len(self._loaded) > self._capacity:
                    self._loaded.popitem(last=False)
                return predictor

    def peek(self, name: str) -> Predictor | None:
        """The predictor if it is loaded; never waits for a load."""
        return self._loaded.get(name)

    def loading(self, name: str) -> Loading | None:
        """How far a load has come; ``None`` if nobody is loading that name now."""
        return self._progress.get(name)

    def report(self, name: str) -> Callable[[str, int, int | None], None]:
        """The ``progress`` callback with which ``load`` tells how far a download of ``name`` is."""

        def told(file: str, done: int, total: int | None) -> None:
            if name in self._progress:
                self._progress[name] = Loading(done, total)

        return told

    def _load_now(self, name: str) -> Predictor:
        self._progress[name] = Loading()
        try:
            return self._load(name)
        finally:
            del self._progress[name]
