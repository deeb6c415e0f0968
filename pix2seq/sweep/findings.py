"""What a table of settings says, in words.

A sentence takes its numbers and its direction from the rows that it stands over. Two rows differ
where the 95 % interval of their difference, image by image, excludes zero; where it does not, the
sentence is silent. The same intervals decide what a table may print in bold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from pix2seq.evaluate.bootstrap import interval

METRICS = ("AP", "AP50", "AR100", "precision", "recall")
"""What rows are compared in."""

NOTHING = "No two rows differ by more than chance would make them; more images would tell."


class Row(Protocol):
    """A row of a table: its name, its numbers, and their values over resampled images."""

    @property
    def name(self) -> str: ...
    @property
    def values(self) -> Mapping[str, float]: ...
    @property
    def draws(self) -> Mapping[str, np.ndarray]: ...


@dataclass(frozen=True)
class Contrast:
    """One number of two rows.

    Attributes:
        before, after: of the first and of the second row.
        low, high: 95 % interval of ``after - before``; NaN where it was not measured.
    """

    metric: str
    before: float
    after: float
    low: float
    high: float

    @property
    def direction(self) -> int:
        """1 if it is higher in the second row, -1 if lower, 0 if nobody can tell."""
        return int(self.low > 0) - int(self.high < 0)

    def said(self, up: str, down: str) -> str:
        """``up`` or ``down`` with the numbers; empty where nobody can tell."""
        words = {1: up, -1: down}.get(self.direction)
        return f"{words} ({self.numbers})" if words else ""

    @property
    def numbers(self) -> str:
        change, low, high = map(_signed, (self.after - self.before, self.low, self.high))
        return f"{self.metric} {self.before:.3f} → {self.after:.3f}, {change} [{low}, {high}]"


def contrast(first: Row, second: Row, metric: str) -> Contrast:
    """Compare two rows that were measured on the same images."""
    before, after = (row.values.get(metric, np.nan) for row in (first, second))
    low = high = float("nan")
    if metric in first.draws and metric in second.draws:
        low, high = interval(second.draws[metric] - first.draws[metric])
    return Contrast(metric, before, after, low, high)


def best_row(rows: Sequence[Row], metric: str) -> int | None:
    """The row that may be printed in bold: above every other one by more than chance."""
    for i, row in enumerate(rows):
        others = [other for other in rows if other is not row]
        if others and all(contrast(one, row, metric).direction > 0 for one in others):
            return i
    return None


def finding(knob: str, rows: Sequence[Row]) -> str:
    """What a finished sweep says; empty while there is nothing to compare."""
    if len(rows) < 2:
        return ""
    said = [f"{text[0].upper()}{text[1:]}" for text in FINDINGS[knob](rows) if text]
    return f"{'. '.join(said)}." if said else NOTHING


# ---- one sentence or two per sweep ---------------------------------------------------------------


def _argument(rows: Sequence[Row]) -> list[str]:
    stop, blind, *_, paper = rows
    return [
        contrast(stop, paper, "recall").said("Keep going finds more", "Keep going finds less"),
        contrast(stop, paper, "AP").said("It pays", "It does not pay"),
        contrast(blind, paper, "precision").said(
            "With the noise class more of what is shown is right",
            "With the noise class less of what is shown is right",
        ),
        contrast(blind, paper, "AP").said(
            "Over all scores the noise class helps", "Over all scores the noise class costs"
        ),
    ]


def _top_p(rows: Sequence[Row]) -> list[str]:
    sharp, *_, wide = rows
    loose = contrast(sharp, wide, "AP")
    shown = contrast(sharp, wide, "precision")
    return [
        loose.said(f"{wide.name} beats {sharp.name}", f"{wide.name} loses against {sharp.name}"),
        _edges(sharp, wide),
        shown.said("More of what it shows is right", "Less of what it shows is right"),
    ]


def _edges(first: Row, second: Row) -> str:
    """Whether AP changed by more than AP50 did: then it is the fit of the edges."""
    ap, ap50 = contrast(first, second, "AP"), contrast(first, second, "AP50")
    if not ap.direction or not {"AP", "AP50"} <= first.draws.keys() & second.draws.keys():
        return ""
    low, high = interval(
        (second.draws["AP"] - first.draws["AP"]) - (second.draws["AP50"] - first.draws["AP50"])
    )
    if ap.direction * low <= 0 or ap.direction * high <= 0:
        return ""
    fit = "tighter" if ap.direction > 0 else "looser"
    change = _signed(ap50.after - ap50.before)
    return f"Mostly its boxes are {fit}: AP50, which forgives that, changes by {change} only"


def _max_objects(rows: Sequence[Row]) -> list[str]:
    return [_plateau(rows, "recall"), _plateau(rows, "AP")]


def _eos(rows: Sequence[Row]) -> list[str]:
    stop, on = rows
    more = contrast(stop, on, "recall")
    why = (
        "The paper guesses at two reasons for stopping early: annotators leave things out, and "
        "the model is not sure. These scenes are labelled by their generator, so here only doubt "
        "is left"
    )
    return [
        more.said("Keep going finds more", "Keep going finds less"),
        contrast(stop, on, "precision").said(
            "More of what it shows is right", "Less of what it shows is right"
        ),
        why if more.direction > 0 else "",
    ]


def _noise(rows: Sequence[Row]) -> list[str]:
    paper, drop, *_ = rows
    return [
        contrast(paper, drop, "AR100").said("Dropping finds more", "Dropping finds less"),
        contrast(paper, drop, "AP").said("AP gains", "AP loses"),
        contrast(paper, drop, "precision").said(
            "More of what is shown is right", "Less of what is shown is right"
        ),
    ]


def _num_bins(rows: Sequence[Row]) -> list[str]:
    return [_plateau(rows, "AP50"), _plateau(rows, "AP")]


def _plateau(rows: Sequence[Row], metric: str) -> str:
    """From which row on a number is no longer told apart from the last row's."""
    last = rows[-1]
    apart = [contrast(row, last, metric).direction for row in rows[:-1]]
    if not any(apart):
        return ""
    first = len(apart) - next(i for i, one in enumerate(reversed(apart)) if one)
    before, after = rows[first - 1], rows[first]
    rises = apart[first - 1] > 0
    start = f"{before.values[metric]:.3f} with {before.name}"
    end = f"{last.values[metric]:.3f} with {last.name}"
    if after is last:
        return f"{metric} {'rises' if rises else 'falls'} to the end: {start}, {end}"
    return (
        f"{metric} is {start}, measurably {'below' if rises else 'above'} the {end}; "
        f"from {after.name} on ({after.values[metric]:.3f}) it is not told apart from that"
    )


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")


FINDINGS: dict[str, Callable[[Sequence[Row]], list[str]]] = {
    "argument": _argument,
    "top_p": _top_p,
    "max_objects": _max_objects,
    "eos": _eos,
    "noise": _noise,
    "num_bins": _num_bins,
}
"""By the names of the sweeps."""
