"""What a training run says of itself: a progress bar, and ``metrics.jsonl`` that survives a cut."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from pix2seq import files
from pix2seq.config import TrainConfig
from pix2seq.objective import weighted_mean
from pix2seq.tokenizer import Tokenizer

_REPORT_EVERY = 20


class Reporter:
    """Progress bar and ``metrics.jsonl``: means since the last line, coordinates and classes apart.

    The split is over hard targets, so that runs with different softening compare.
    """

    def __init__(self, path: Path, config: TrainConfig, active: bool) -> None:
        self.path = path
        self.active = active
        self.batch_size = config.batch_size
        self.bar = tqdm(total=config.steps, disable=not active, unit="step")
        self.rows: list[tuple[float, float, float]] = []
        self.images = 0
        self.started = time.perf_counter()

    def begin(self, first: int) -> None:
        """Go on after ``first`` steps; what was reported of later ones will be made again."""
        self.bar.update(first)
        if self.path.is_file():
            lines = self.path.read_text(encoding="utf-8").splitlines(keepends=True)
            kept = [line for line in lines if _step_of(line) <= first]
            files.write_text(self.path, "".join(kept))

    def state_dict(self) -> dict[str, Any]:
        """What has come in since the last line, so that a resumed run writes the same next one."""
        return {"rows": self.rows, "images": self.images}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.rows, self.images = list(state["rows"]), state["images"]

    @torch.no_grad()
    def add(
        self,
        step: int,
        loss: Tensor,
        losses: Tensor,
        batch: dict[str, Tensor],
        tokenizer: Tokenizer,
        rate: float,
    ) -> None:
        if not self.active:
            return
        weights = batch["token_weights"]
        is_coord = tokenizer.is_coord(batch["target_ids"])
        self.rows.append(
            (
                loss.item(),
                weighted_mean(losses, weights * is_coord).item(),
                weighted_mean(losses, weights * ~is_coord).item(),
            )
        )
        self.images += self.batch_size
        self.bar.update()
        if (step + 1) % _REPORT_EVERY:
            return
        mean = torch.tensor(self.rows).mean(0).tolist()
        seconds = time.perf_counter() - self.started
        record = {
            "step": step + 1,
            "loss": round(mean[0], 4),
            "coord_loss": round(mean[1], 4),
            "class_loss": round(mean[2], 4),
            "lr": rate,
            "images_per_s": round(self.images / seconds, 2),
        }
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")
        except OSError as error:
            raise files.cannot_write(self.path, error) from None
        self.bar.set_postfix(coord=f"{mean[1]:.3f}", cls=f"{mean[2]:.3f}")
        self.rows, self.images, self.started = [], 0, time.perf_counter()

    def close(self) -> None:
        self.bar.close()


def _step_of(line: str) -> float:
    """The step that a line of ``metrics.jsonl`` reports; one that was cut off is after all."""
    try:
        return json.loads(line)["step"]
    except (ValueError, KeyError, TypeError):
        return float("inf")
