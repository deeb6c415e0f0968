"""Photos decoded once and kept: a run that reads each of them a hundred times decodes it once."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from pix2seq.config import ConfigError
from pix2seq.images import Photo, read_photo

_TOGETHER = 16  # photos per job


class Decoded:
    """The pixels of some files in memory that every process of a loader reads from.

    Args:
        files: pictures.
        sizes: (height, width) of each in pixels, upright or as stored.
        processes: how many decode them; 0 is this one.

    Raises:
        ConfigError: a file cannot be read as a picture, or is of another size.
    """

    def __init__(
        self, files: Sequence[Path], sizes: Sequence[tuple[int, int]], processes: int = 0
    ) -> None:
        counts = [height * width * 3 for height, width in sizes]
        self._starts = np.concatenate([[0], np.cumsum(counts)]).tolist()
        self._pixels = torch.empty(self._starts[-1], dtype=torch.uint8).share_memory_()
        places = list(zip(files, self._starts[:-1], counts, strict=True))
        jobs = [
            (self._pixels, places[first : first + _TOGETHER])
            for first in range(0, len(files), _TOGETHER)
        ]
        if processes:
            context = torch.multiprocessing.get_context()
            with ProcessPoolExecutor(processes, context) as pool:
                done = list(pool.map(_decode, jobs))
        else:
            done = list(map(_decode, jobs))
        self._how = [how for some in done for how in some]

    def __getitem__(self, index: int) -> Photo:
        shape, stored, orientation = self._how[index]
        pixels = self._pixels[self._starts[index] : self._starts[index + 1]]
        return Photo(Image.fromarray(pixels.view(shape).numpy()), stored, orientation)


def _decode(
    job: tuple[Tensor, list[tuple[Path, int, int]]],
) -> list[tuple[tuple[int, int, int], tuple[int, int], int]]:
    """Write some files' pixels to where they belong, and tell how each of them lies."""
    pixels, places = job
    how = []
    for file, start, size in places:
        photo = read_photo(file)
        array = torch.from_numpy(np.array(photo.image))
        if array.numel() != size:
            raise ConfigError(
                f"{file} is {photo.image.width} x {photo.image.height} pixels, which is not the "
                "size that its annotations state; correct width and height"
            )
        pixels[start : start + size] = array.flatten()
        how.append((tuple(array.shape), photo.stored_size, photo.orientation))
    return how
