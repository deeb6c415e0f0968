"""A teacher is a command: frames go in on its standard input, arrays come out on its output.

The conversation, in the machine's own byte order:

1. We write one line of JSON, ``{"height": 416, "width": 416}``: the size of every frame.
2. The teacher answers with one line, ``{"arrays": {NAME: [DTYPE, SHAPE], ...}}``: what it will say
   about each frame, in this order. It must have ``map8``, ``map16``, ``map32`` and ``map64``, each
   (channels, rows, columns) at that stride; ``classes``, (places, classes) probabilities; and
   ``boxes``, (places, 4) ``xyxy`` in pixels of the frame; places stride by stride, row by row.
3. For each frame we write height x width x 3 bytes of RGB, and it answers with the arrays' bytes.

It ends when its input ends. Whatever it is and needs stays in its own process.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from pix2seq.config import ConfigError
from pix2seq.model.places import STRIDES, place_grids

_MAPS = tuple(f"map{stride}" for stride in STRIDES)


class Teacher:
    """A running teacher; a context manager that ends it.

    Args:
        command: program and arguments.
        size: (height, width) of the frames.
        width, classes: channels of its maps and number of its classes, which must be ours.

    Raises:
        ConfigError: it cannot be started, or its answers do not fit.
    """

    def __init__(
        self, command: Sequence[str], size: tuple[int, int], width: int, classes: int
    ) -> None:
        self.name = " ".join(command)
        self.size = size
        if shutil.which(command[0]) is None:
            raise ConfigError(f"teacher {command[0]!r} is not a program that can be run")
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        hello = {"height": size[0], "width": size[1]}
        self._send(json.dumps(hello).encode() + b"\n")
        self._arrays = self._read_header()
        shapes = {name: shape for name, (_, shape) in self._arrays.items()}
        check_answers(self.name, shapes, size, width, classes)
        self._bytes = sum(
            kind.itemsize * int(np.prod(shape)) for kind, shape in self._arrays.values()
        )

    def __enter__(self) -> Teacher:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close its input, upon which it should end, and see that it does."""
        self._process.stdin.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def __call__(self, frame: Tensor) -> dict[str, Tensor]:
        """What it says about a frame, (3, H, W) uint8, by name."""
        self._send(frame.permute(1, 2, 0).contiguous().numpy().tobytes())
        answer = self._process.stdout.read(self._bytes)
        if len(answer) < self._bytes:
            raise self._gone()
        said, offset = {}, 0
        for name, (kind, shape) in self._arrays.items():
            count = int(np.prod(shape))
            values = np.frombuffer(answer, kind, count, offset).reshape(shape)
            offset += count * kind.itemsize
            if not np.isfinite(values).all():
                raise ConfigError(f"teacher {self.name!r}: {name} holds values that are no numbers")
            said[name] = torch.from_numpy(values.copy())
        return said

    def silence(self) -> dict[str, Tensor]:
        """Zeros in place of an answer."""
        return {
            name: torch.from_numpy(np.zeros(shape, kind))
            for name, (kind, shape) in self._arrays.items()
        }

    def _send(self, data: bytes) -> None:
        try:
            self._process.stdin.write(data)
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._gone() from None

    def _gone(self) -> ConfigError:
        code = self._process.wait()
        return ConfigError(f"teacher {self.name!r} ended with code {code}; see what it printed")

    def _read_header(self) -> dict[str, tuple[np.dtype, tuple[int, ...]]]:
        line = self._process.stdout.readline()
        if not line:
            raise self._gone()
        try:
            listed = json.loads(line)["arrays"].items()
            return {name: (np.dtype(kind), tuple(shape)) for name, (kind, shape) in listed}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigError(
                f"teacher {self.name!r} answered {line[:80]!r}; it must be one line of JSON that "
                'lists its "arrays"'
            ) from error


def check_answers(
    teacher: str,
    shapes: dict[str, tuple[int, ...]],
    size: tuple[int, int],
    width: int,
    classes: int,
) -> None:
    """Raises ``ConfigError`` unless a teacher's arrays have the shapes that they must have.

    Args:
        teacher: its name, for the message.
        shapes: of what it says about one frame, by name.
        size: (height, width) of the frame.
    """
    grids = place_grids(*size)
    places = sum(rows * columns for rows, columns in grids)
    wanted = {name: (width, *grid) for name, grid in zip(_MAPS, grids, strict=True)}
    wanted |= {"classes": (places, classes), "boxes": (places, 4)}
    for name, shape in wanted.items():
        found = shapes.get(name, "missing")
        if found != shape:
            raise ConfigError(f"teacher {teacher!r}: {name} is {found}; it must be {shape}")
