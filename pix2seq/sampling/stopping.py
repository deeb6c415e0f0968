"""Stopping a batch between two tokens: a model that refuses to go on when asked to stop.

A stream stops when nobody asks for its next token; ``sample_batch`` runs to its end on its own, so
the one thing that it waits for, the network, has to say no.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from pix2seq.model.cache import KVCache
from pix2seq.sampling.batch import Writer


class Stopped(Exception):
    """A batch was cancelled; its sentences are unfinished and lost."""


class Stoppable:
    """Wraps a model for sampling.

    Args:
        stopped: asked before every forward pass; ``decode`` raises ``Stopped`` when it says so.
    """

    def __init__(self, model: Writer, stopped: Callable[[], bool]) -> None:
        self._model = model
        self._stopped = stopped

    def new_cache(self, memory: Tensor, batch_size: int | None = None) -> KVCache:
        return self._model.new_cache(memory, batch_size)

    def reference_cache(self, memory: Tensor) -> KVCache | None:
        return self._model.reference_cache(memory)

    def decode(
        self, input_ids: Tensor, memory: Tensor | None = None, cache: KVCache | None = None
    ) -> Tensor:
        if self._stopped():
            raise Stopped
        return self._model.decode(input_ids, memory, cache)
