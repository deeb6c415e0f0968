"""What a training run says of itself: a progress bar, and ``metrics.jsonl`` that survives a cut."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from torch import Tensor
from tqdm import tqdm

from pix2seq import files
from pix2seq.config import TrainConfig

T = TypeVar("T")

_REPORT_EVERY = 20


class Reporter:
    """Progress bar and ``metrics.jsonl``: means of the losses since the last line, images per
    second, and the share of the time that went into waiting for them."""

    def __init__(self, path: Path, config: TrainConfig, active: bool) -> None:
        self.path = path
        self.active = active
        self.batch_size = config.batch_size
        self.bar = tqdm(total=config.steps, disable=not active, unit="step")
        self.rows: list[Mapping[str, Tensor | float]] = []
        self.images = 0
        self.waited = 0.0
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
        return {"rows": [_numbers(row) for row in self.rows], "images": self.images}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.rows, self.images = list(state["rows"]), state["images"]

    def add(self, step: int, losses: Mapping[str, Tensor], rate: float) -> None:
        """What a step cost, by name.

        Args:
            rate: the highest learning rate in it.
        """
        if not self.active:
            return
        self.rows.append({name: value.detach() for name, value in losses.items()})
        self.images += self.batch_size
        self.bar.update()
        if (step + 1) % _REPORT_EVERY:
            return
        seconds = time.perf_counter() - self.started
        rows = [_numbers(row) for row in self.rows]
        means = {name: round(sum(row[name] for row in rows) / len(rows), 4) for name in rows[0]}
        record = {
            "step": step + 1,
            **means,
            "lr": rate,
            "images_per_s": round(self.images / seconds, 2),
            "waiting": round(self.waited / seconds, 3),
        }
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")
        except OSError as error:
            raise files.cannot_write(self.path, error) from None
        self.bar.set_postfix({name: f"{value:.3f}" for name, value in means.items()})
        self.rows, self.images, self.waited = [], 0, 0.0
        self.started = time.perf_counter()

    def timed(self, batches: Iterable[T]) -> Iterator[T]:
        """The batches; the time until each comes counts as waiting."""
        coming = iter(batches)
        while True:
            asked = time.perf_counter()
            try:
                batch = next(coming)
            except StopIteration:
                return
            self.waited += time.perf_counter() - asked
            yield batch

    def close(self) -> None:
        self.bar.close()


def _numbers(row: Mapping[str, Tensor | float]) -> dict[str, float]:
    """Values of a step as numbers; only now is a GPU waited for."""
    return {name: float(value) for name, value in row.items()}


def _step_of(line: str) -> float:
    """The step that a line of ``metrics.jsonl`` reports; one that was cut off is after all."""
    try:
        return json.loads(line)["step"]
    except (ValueError, KeyError, TypeError):
        return float("inf")
