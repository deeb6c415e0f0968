"""Where the network runs and in which number format: CUDA (bf16), MPS or CPU (fp32)."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from threading import Lock

import torch

from pix2seq.config import ConfigError, out_of_memory

DEVICE_VARIABLE = "PIX2SEQ_DEVICE"
"""What ``auto`` means here, where it is set: configures a server without options."""


def pick_device(name: str | torch.device = "auto") -> torch.device:
    """The device that ``name`` asks for; ``auto`` takes ``$PIX2SEQ_DEVICE``, then CUDA, then MPS,
    then the CPU.

    Raises:
        ConfigError: the name is not a device, or this machine does not have it.
    """
    if name == "auto":
        name = os.environ.get(DEVICE_VARIABLE) or "auto"
    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if name == "auto":
        return torch.device("cuda" if cuda else "mps" if mps else "cpu")
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError):
        raise ConfigError(f"device is {name!r}; use auto, cpu, cuda, cuda:0 or mps") from None
    there = {"cpu": True, "cuda": cuda, "mps": mps}.get(device.type, False)
    if device.type == "cuda" and cuda and (device.index or 0) >= torch.cuda.device_count():
        there = False
    if not there:
        raise ConfigError(f"device is '{device}', which is not on this machine; use auto or cpu")
    return device


@contextlib.contextmanager
def inference(device: torch.device) -> Iterator[None]:
    """Run the network without gradients, in bf16 on a CUDA device that has it.

    Enter it around one forward pass, never around a ``yield``: both modes belong to the thread and
    would leak into whoever consumes the generator.

    Raises:
        ConfigError: the device's memory does not suffice; the message says what to lower.
    """
    bf16 = device.type == "cuda" and torch.cuda.is_bf16_supported()
    mixed = torch.autocast("cuda", torch.bfloat16) if bf16 else contextlib.nullcontext()
    try:
        with torch.inference_mode(), mixed:
            yield
    except (MemoryError, RuntimeError) as error:
        said = out_of_memory(error)
        if not said:
            raise
        if device.type == "cuda":
            torch.cuda.empty_cache()  # what failed must not fail the next one, too
        raise ConfigError(said) from None


def one_thread() -> contextlib.AbstractContextManager[None]:
    """Run PyTorch's operations in the calling thread alone, on a CPU; see ``at_most``."""
    return at_most(1)


@contextlib.contextmanager
def at_most(count: int) -> Iterator[None]:
    """Run PyTorch's operations in so many threads, the calling one among them, on a CPU.

    Threads that touch PyTorch for the first time meanwhile may also be left with as many.
    """
    threads = torch.get_num_threads()
    if threads <= count:
        yield
        return
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextlib.contextmanager
def every_core(device: torch.device) -> Iterator[float]:
    """Take turns with other threads that work on all cores, on a CPU: two of them at once would
    wait for each other at every operation. Yields the seconds that this one had to wait."""
    asked = time.perf_counter()
    with _cores if device.type == "cpu" else contextlib.nullcontext():
        yield time.perf_counter() - asked


def _nobody_works() -> None:
    global _cores
    _cores = Lock()


_nobody_works()
if hasattr(os, "register_at_fork"):  # whoever had the cores is not in the child
    os.register_at_fork(after_in_child=_nobody_works)
