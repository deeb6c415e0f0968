"""Draw what further training brought: ``python benchmarks/training/hours.py HOURS.json OUT.png``.

HOURS.json is a list of ``{"name", "minutes", "AP50": [...], "person": [...], "large": [...]}``: the
AP50s of one checkpoint by ``python -m pix2seq evaluate``, one for each ``--sampling-seed``, and the
minutes of one core until then. The first is what the others are compared with.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

_CURVES = {"large": "large boxes", "person": "people", "AP50": "all classes"}


def main(source: str, out: str) -> None:
    start, *later = json.loads(Path(source).read_text())
    figure, axis = plt.subplots(figsize=(7, 3.6), layout="constrained")
    for number, (key, name) in enumerate(_CURVES.items()):
        minutes = [row["minutes"] for row in later]
        values = np.array([row[key] for row in later])  # (checkpoints, seeds)
        axis.axhline(np.mean(start[key]), color=f"C{number}", linestyle=":")
        axis.plot(minutes, values.mean(1), f"C{number}o-", label=name)
        axis.vlines(minutes, values.min(1), values.max(1), f"C{number}", alpha=0.5)
    axis.set(xlabel="minutes of one core", ylabel="AP50, 300 photos", ylim=(0.2, 0.55))
    axis.set_title(f"dotted: {start['name']}; bars: the sampling seeds", fontsize=10)
    axis.grid(alpha=0.3)
    axis.legend(loc="lower right", ncols=3)
    figure.savefig(out, dpi=110)


if __name__ == "__main__":
    main(*sys.argv[1:])
