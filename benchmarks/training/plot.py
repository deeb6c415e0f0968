"""Draw loss curves: ``python benchmarks/training/plot.py RUN.jsonl ... OUT.png``.

Each RUN.jsonl is the ``metrics.jsonl`` that ``python -m pix2seq train`` writes. Coordinates and
classes are drawn apart, over hard targets, in nats per token.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

_SMOOTH = 10  # reports in the running mean; one report is 20 steps


def read(path: Path) -> dict[str, np.ndarray]:
    """The columns of a metrics file; of steps written twice (after a resume) the last counts."""
    rows = {row["step"]: row for row in map(json.loads, path.read_text().splitlines())}
    ordered = [rows[step] for step in sorted(rows)]
    return {name: np.array([row[name] for row in ordered]) for name in ordered[0]}


def smooth(values: np.ndarray) -> np.ndarray:
    """Mean over the last ``_SMOOTH`` reports."""
    sums = np.cumsum(np.insert(values, 0, 0.0))
    start = np.maximum(np.arange(1, len(sums)) - _SMOOTH, 0)
    return (sums[1:] - sums[start]) / (np.arange(1, len(sums)) - start)


def main(arguments: list[str]) -> None:
    *runs, out = map(Path, arguments)
    figure, axes = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
    for axis, key, title in zip(
        axes,
        ("coord_loss", "class_loss"),
        ("coordinate tokens", "class tokens and EOS"),
        strict=True,
    ):
        for run in runs:
            columns = read(run)
            axis.plot(columns["step"], smooth(columns[key]), label=run.stem)
        axis.set(title=title, xlabel="step", ylabel="cross-entropy, nats per token")
        axis.grid(alpha=0.3)
    axes[0].legend(frameon=False)
    figure.savefig(out, dpi=110)


if __name__ == "__main__":
    main(sys.argv[1:])
