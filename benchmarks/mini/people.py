"""Draw which people are found, by size: ``python benchmarks/mini/people.py LIMITS.json OUT.png``.

LIMITS.json is what ``limits.py`` writes. Recall at IoU 0.5 of all written boxes, whatever their
score, bounds average precision from above.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

_NAMES = {"train": "photos that were trained on", "val": "other photos"}
_COLORS = {"train": "#56B4E9", "val": "#0072B2"}


def main(limits: str, out: str) -> None:
    numbers = json.loads(Path(limits).read_text())
    figure, axes = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
    for name, data in numbers.items():
        sizes = data["by size"]
        people = sum(row["people"] for row in sizes.values())
        found = [row["people found"] for row in sizes.values()]
        share = [row["people"] / people for row in sizes.values()]
        recall = sum(part * value for part, value in zip(share, found, strict=True))
        color = _COLORS[name]
        axes.plot(list(sizes), found, "o-", color=color, label=f"{_NAMES[name]}: found")
        axes.axhline(recall, color=color, linestyle=":", label=f"all of them: {recall:.2f}")
        if name == "val":
            axes.bar(list(sizes), share, color="#DDDDDD", label="share of the people")
    axes.set(ylim=(0, 1), xlabel="square root of the area, pixels", ylabel="recall at IoU 0.5")
    axes.legend(frameon=False, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(out, dpi=110)


if __name__ == "__main__":
    main(*sys.argv[1:])
