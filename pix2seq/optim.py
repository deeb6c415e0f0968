"""What moves the weights: AdamW, the rate's schedule, and the average that is kept."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from pix2seq.config import TrainConfig


class Clock:
    """How much of a run's time is over; what an interrupted run has spent counts.

    Args:
        agree: makes one answer of those of several processes, which must end together and have one
            rate; it is asked as often in each.
    """

    def __init__(
        self, minutes: float | None, agree: Callable[[float], float] = lambda share: share
    ) -> None:
        self._limit = 60 * minutes if minutes else math.inf
        self._agree = agree
        self._spent = 0.0
        self._started = time.monotonic()

    @property
    def share(self) -> float:
        """From 0 up; 1 when the time is over, always 0 without a limit."""
        if self._limit == math.inf:
            return 0.0
        return self._agree((self._spent + time.monotonic() - self._started) / self._limit)

    def state_dict(self) -> dict[str, float]:
        return {"spent": self._spent + time.monotonic() - self._started}

    def load_state_dict(self, state: dict[str, float]) -> None:
        self._spent, self._started = state["spent"], time.monotonic()


def learning_rate_share(step: int, config: TrainConfig, time_over: float = 0.0) -> float:
    """Share of the peak rate at a step: linear warm-up, then a cosine to ``final_lr``.

    Args:
        time_over: share of the run's time; the cosine follows it where it is ahead of the steps.
    """
    if step < config.warmup_steps:
        return (step + 1) / config.warmup_steps
    progress = (step - config.warmup_steps) / max(1, config.steps - config.warmup_steps)
    progress = max(progress, time_over)
    cosine = 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
    return config.final_lr + (1 - config.final_lr) * cosine


def build_optimizer(
    network: nn.Module, backbone: nn.Module, config: TrainConfig
) -> torch.optim.AdamW:
    """AdamW with one rate for the backbone and one for the rest; only matrices decay."""
    in_backbone = {id(p) for p in backbone.parameters()}
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for parameter in network.parameters():
        if parameter.requires_grad:
            key = id(parameter) in in_backbone, parameter.ndim >= 2
            groups.setdefault(key, []).append(parameter)
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "lr": config.backbone_lr if backbone_group else config.lr,
                "weight_decay": config.weight_decay if decays else 0.0,
            }
            for (backbone_group, decays), parameters in groups.items()
        ],
        betas=(0.9, 0.95),
    )


class WeightAverage:
    """Exponential moving average of a model's floating-point weights.

    The decay ramps up with the number of updates, so that the average forgets its random start.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.updates = 0
        self._live = self._floats(model)
        self.values = {name: value.detach().clone() for name, value in self._live.items()}

    @staticmethod
    def _floats(model: nn.Module) -> dict[str, Tensor]:
        return {k: v for k, v in model.state_dict().items() if v.is_floating_point()}

    @torch.no_grad()
    def update(self) -> None:
        """Move towards the model's present weights."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        live = [value.detach() for value in self._live.values()]
        torch._foreach_lerp_(list(self.values.values()), live, 1 - decay)

    def state_dict(self) -> dict[str, Any]:
        return {"updates": self.updates, "values": self.values}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.updates = state["updates"]
        for name, value in state["values"].items():
            self.values[name].copy_(value)
