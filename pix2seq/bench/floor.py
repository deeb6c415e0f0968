"""The floor under a step: the time in which one thread reads, and does nothing else.

A step reads the decoder's weights, the photo's keys and values and the sentence's own, and the next
step reads them again. How fast that goes depends on how many bytes they are: a set that a cache
holds comes from there, a larger one from memory, and one about as large as the last cache partly
from each. So the floor reads a set of that size, again and again as steps do, in turn with the
steps. It is neither the memory's rate, which such a set beats, nor that of the nearest cache.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch

from pix2seq.model import native


def readings(size: int, times: int, device: torch.device) -> Iterator[None]:
    """Read ``size`` bytes from end to end, so many times; each ``next`` is one time.

    On a CPU compiled code reads at four places at once, the fastest way that was found: one place
    alone does not keep memory busy, and ``torch.sum`` adds more slowly than that. It takes
    PyTorch's place only where the decoder's step is compiled, too.
    """
    numbers = torch.ones(size // 4, device=device)
    read = _reader(numbers)
    for _ in range(times):
        read()
        yield


def _reader(numbers: torch.Tensor) -> Callable[[], object]:
    if numbers.device.type == "cuda":

        def read() -> None:
            numbers.sum()
            torch.cuda.synchronize(numbers.device)

        return read
    if native.is_wanted() and native.works():
        from pix2seq.bench.kernels import total

        array = numbers.numpy()
        return lambda: total(array)
    return numbers.sum
