"""Several processes that share one job, as ``torchrun`` (and whatever calls it) starts them.

They are told apart by the environment variables ``RANK`` and ``WORLD_SIZE``; a lone process needs
neither. What they say to each other goes over gloo on the CPU, whatever device the network is on.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist

from pix2seq.config import ConfigError

_PATIENCE = timedelta(days=7)  # one process may have the slow pictures


@dataclass(frozen=True)
class Processes:
    """This process among the others.

    Attributes:
        rank: its number, from 0; process 0 writes what is written once.
        count: how many there are.
    """

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        return self.rank == 0

    def mine(self, place: int) -> bool:
        """Whether work number ``place`` is this process's."""
        return place % self.count == self.rank

    def wait(self) -> None:
        """Go on when all processes have come here."""
        if self.count > 1:
            dist.barrier()

    def gather(self, value: Any) -> list[Any]:
        """Every process's value, by rank, in process 0; elsewhere an empty list."""
        if self.count == 1:
            return [value]
        values = [None] * self.count if self.first else None
        dist.gather_object(value, values)
        return values or []

    def agree(self, value: Any) -> Any:
        """Process 0's value, in all of them."""
        if self.count == 1:
            return value
        values = [value]
        dist.broadcast_object_list(values)
        return values[0]

    def device(self, name: str) -> str:
        """The device of this process: with ``auto`` and GPUs, one for each."""
        if self.count == 1 or name != "auto" or not torch.cuda.is_available():
            return name
        local = int(os.environ.get("LOCAL_RANK", self.rank))
        return f"cuda:{local % torch.cuda.device_count()}"


@contextmanager
def joined() -> Iterator[Processes]:
    """The processes that this one was started with, connected while the block runs.

    Raises:
        ConfigError: the launcher's environment variables contradict each other.
    """
    try:
        rank, count = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    except ValueError:
        rank, count = 0, 0
    if not 0 <= rank < count:
        raise ConfigError(
            f"RANK is {os.environ.get('RANK')} of WORLD_SIZE {os.environ.get('WORLD_SIZE')}; start "
            "the processes with torchrun, or unset both"
        )
    if count == 1:
        yield Processes()
        return
    try:
        dist.init_process_group("gloo", timeout=_PATIENCE)
    except (ValueError, RuntimeError) as error:
        raise ConfigError(
            f"process {rank} of {count} cannot reach the others: {str(error).splitlines()[0]}"
        ) from None
    try:
        yield Processes(rank, count)
        dist.barrier()  # who leaves while others still talk can abort their process
    finally:
        dist.destroy_process_group()
