"""Draw loss curves: ``python benchmarks/training/plot.py RUN.jsonl ... OUT.png``.

Each RUN.jsonl is the ``metrics.jsonl`` that ``python -m pix2seq train`` or ``distill`` writes; a
panel is drawn for every loss that one of them has. Coordinates and classes are over hard targets,
in nats per token; the losses at a teacher's places are those of ``pix2seq/distill/places.py``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

_PANELS = {
    "maps": "places: maps, squared deviations",
    "classes": "places: classes",
    "boxes": "places: boxes",
    "coord_loss": "coordinate tokens, nats",
    "class_loss": "class tokens and EOS, nats",
    "pointing": "looking at the draft, nats",
    "reward": "reward of sampled sentences",
}
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
    columns = {run.stem: read(run) for run in runs}
    panels = [key for key in _PANELS if any(key in one for one in columns.values())]
    figure, axes = plt.subplots(1, len(panels), figsize=(4 * len(panels), 3.6), squeeze=False)
    figure.set_layout_engine("constrained")
    for axis, key in zip(axes[0], panels, strict=True):
        for number, (name, one) in enumerate(columns.items()):
            if key in one:
                axis.plot(one["step"], smooth(one[key]), f"C{number}", label=name)
        axis.set(title=_PANELS[key], xlabel="step")
        axis.grid(alpha=0.3)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=6)
    figure.savefig(out, dpi=110)


if __name__ == "__main__":
    main(sys.argv[1:])
