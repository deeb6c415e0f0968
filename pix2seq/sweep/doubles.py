"""How often one object is shown twice, and what the noise class does about it.

Nothing suppresses duplicates after the fact, so this is the number that the method stands on: of
the boxes that a visitor is shown, how many repeat a better one of their class.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pix2seq.detections import Detections
from pix2seq.evaluate.bootstrap import interval, resample, shares
from pix2seq.evaluate.quality import count_duplicates
from pix2seq.reading import DOUBLE_IOU
from pix2seq.sweep.bench import Bench, Tried, try_settings
from pix2seq.sweep.plan import plan_sweep

_DRAWS = 1000


@dataclass(frozen=True, eq=False)
class Doubles:
    """What one setting shows.

    Attributes:
        name: of the setting.
        shown: (I,) boxes per image that a visitor sees; noise is none.
        doubles: (I,) how many of them repeat a better one of their class.
    """

    name: str
    shown: np.ndarray
    doubles: np.ndarray

    @classmethod
    def count(cls, name: str, found: Sequence[Detections], threshold: float) -> Doubles:
        """Count in what was found in each image; boxes that score less are not shown."""
        seen = [one[(one.scores >= threshold) & ~one.is_noise] for one in found]
        return cls(
            name,
            np.array([len(one) for one in seen]),
            np.array([count_duplicates(one) for one in seen]),
        )

    @property
    def share(self) -> float:
        """Of the shown boxes; NaN if none is."""
        total = int(self.shown.sum())
        return float(self.doubles.sum() / total) if total else float("nan")

    def shares(self, weights: np.ndarray) -> np.ndarray:
        """The share in every set of images that ``weights`` (B, I) describes, (B,)."""
        return shares(weights @ self.doubles, weights @ self.shown)


def count_doubles(bench: Bench) -> Iterator[Doubles]:
    """Doubles under the settings of the paper's argument: stop at EOS, keep going with the noise
    class left out of the account, and with it, as the checkpoint recommends."""
    base = bench.predictor.resolve()
    settings = plan_sweep("argument", base, bench.predictor.tokenizer.config)
    for event in try_settings(bench, settings):
        if isinstance(event, Tried):
            yield Doubles.count(event.setting.name, event.found, base.score_threshold)


def doubles_table(rows: Sequence[Doubles]) -> dict[str, Any]:
    """Plain numbers: counts, shares with 95 % intervals by resampling the images, and each row's
    difference from the last one, image by image."""
    weights = resample(len(rows[-1].shown), _DRAWS)
    last = rows[-1].shares(weights)
    return {
        "images": len(rows[-1].shown),
        "iou": DOUBLE_IOU,
        "rows": [
            {
                "name": row.name,
                "shown": int(row.shown.sum()),
                "doubles": int(row.doubles.sum()),
                "share": round(row.share, 4),
                "interval": _rounded(interval(row.shares(weights))),
                "more than the last": _rounded(interval(row.shares(weights) - last)),
            }
            for row in rows
        ],
    }


def _rounded(values: tuple[float, float]) -> list[float]:
    return [round(value, 4) for value in values]


def doubles_in_words(table: dict[str, Any]) -> str:
    """How often an object is shown twice, and whether the noise class changes that: it is said to
    where the interval of the difference excludes zero, and not mentioned otherwise."""
    _, blind, *_, last = table["rows"]
    said = (
        f"{last['doubles']} of {last['shown']} boxes shown repeat a better one of their class "
        f"(IoU over {table['iou']:g}): {_percent(last['share'])}"
    )
    low, high = blind["more than the last"]
    if low > 0:
        return f"{said}. Without the noise class it would be more: {_percent(blind['share'])}."
    if high < 0:
        return f"{said}. Without the noise class it would be less: {_percent(blind['share'])}."
    return f"{said}. Whether the noise class changes that cannot be told from these images."


def _percent(share: float) -> str:
    return f"{100 * share:.1f}\u00a0%"  # the sign never begins a line
