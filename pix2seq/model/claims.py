"""What a configuration claims: a network with names and shapes and no values, which costs nothing.

PyTorch's meta device is made for it, but works some values out in Python, and imports its compiler
for that: a second, and a quarter of a gigabyte. Values that nobody will read are not worked out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from pix2seq.config import ModelConfig
from pix2seq.model.pix2seq import Pix2Seq

_ARITHMETIC = {"add", "sub", "mul", "div", "sqrt"}  # of numbers, element by element


class _Valueless(TorchFunctionMode):
    """What only writes values into a tensor does nothing; what reckons with them gives a shape."""

    def __torch_function__(
        self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name.endswith("_") and not name.startswith("_") and name != "requires_grad_":
            return args[0] if args else kwargs["tensor"]  # nn.init names it
        if name.strip("_").replace("true", "") in _ARITHMETIC:
            return torch.empty(np.broadcast_shapes(*(np.shape(x) for x in args)))
        if func is torch.linspace and "device" not in kwargs:  # (start, end, steps)
            return torch.empty(args[2])
        return func(*args, **kwargs)


@contextmanager
def valueless() -> Iterator[None]:
    """Networks that are made inside take no memory, and cannot be run."""
    with torch.device("meta"), _Valueless():
        yield


def claimed_state(config: ModelConfig) -> dict[str, Tensor]:
    """Names and shapes of the tensors of the network that ``config`` describes.

    Raises:
        ConfigError: it is contradictory. PyTorch and timm have errors of their own for others.
    """
    with valueless():
        return Pix2Seq(config).state_dict()
