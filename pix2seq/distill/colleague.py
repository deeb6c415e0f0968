"""A teacher in this process: a Python file that answers for whole batches, on the run's device.

The file defines ``load(device, size, *words)``: where to run, the (height, width) of every frame,
and the rest of the setting ``teacher``. What it returns is called with frames (B, 3, H, W) uint8
RGB and gives a dictionary of the arrays of ``distill.teacher``, (B, ...) each: ``map8``, ``map16``,
``map32``, ``map64``, ``classes`` and ``boxes``.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from pix2seq.config import ConfigError
from pix2seq.distill.teacher import check_answers


class Colleague:
    """A loaded teacher.

    Args:
        words: the file and the arguments of its ``load``.
        size: (height, width) of the frames.
        width, classes: channels of its maps and number of its classes, which must be ours.

    Raises:
        ConfigError: the file has no ``load``, or the answers do not fit.
    """

    def __init__(
        self,
        words: Sequence[str],
        device: torch.device,
        size: tuple[int, int],
        width: int,
        classes: int,
    ) -> None:
        path, *rest = words
        if not Path(path).is_file():
            raise ConfigError(f"teacher {path} is not a file")
        spec = importlib.util.spec_from_file_location(Path(path).stem, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        if not hasattr(module, "load"):
            raise ConfigError(f"teacher {path} has no load(device, size, ...)")
        self._on_gpu = device.type == "cuda"
        try:
            self._answer = module.load(device, size, *rest)
        except (OSError, ValueError, TypeError) as error:
            raise ConfigError(f"teacher {path}: {error}") from error
        said = self(torch.zeros(1, 3, *size, dtype=torch.uint8, device=device))
        check_answers(path, {n: tuple(a.shape[1:]) for n, a in said.items()}, size, width, classes)

    @torch.no_grad()
    def __call__(self, frames: Tensor) -> dict[str, Tensor]:
        """What it says about frames (B, 3, H, W) uint8, by name; on a GPU in fp16, which is a
        twelfth as far from fp32 as bf16."""
        with torch.autocast("cuda", torch.float16, enabled=self._on_gpu):
            return self._answer(frames)
