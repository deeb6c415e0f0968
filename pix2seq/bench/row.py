"""``Row``: one figure, its goal and the verdict; and rows as a table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        key: short name, the same in every run and on every machine.
        what: for people.
        figure: what was measured; ``None`` if it could not be.
        unit: of figure and goal; ``x`` for a ratio.
        goal: where it should be.
        higher: more is better.
        note: how it was measured, or why it was not.
    """

    key: str
    what: str
    figure: float | None
    unit: str
    goal: float
    higher: bool = False
    note: str = ""

    @property
    def verdict(self) -> str:
        """``met``, ``missed`` or ``not measured``."""
        if self.figure is None:
            return "not measured"
        met = self.figure >= self.goal if self.higher else self.figure <= self.goal
        return "met" if met else "missed"

    @property
    def goal_text(self) -> str:
        return f"{'≥' if self.higher else '≤'} {self.goal:g} {self.unit}"

    def to_dict(self) -> dict[str, Any]:
        figure = None if self.figure is None else round(self.figure, 4)
        return {
            "key": self.key,
            "what": self.what,
            "figure": figure,
            "unit": self.unit,
            "goal": self.goal_text,
            "verdict": self.verdict,
            "note": self.note,
        }


def table(rows: Iterable[Row]) -> str:
    """Rows for a terminal."""
    lines = []
    for row in rows:
        figure = "-" if row.figure is None else f"{row.figure:.3g} {row.unit}"
        lines.append(f"{row.what:<62} {figure:>11}  {row.goal_text:<10} {row.verdict}")
        if row.note:
            lines.append(f"    {row.note}")
    return "\n".join(lines)


def compared(rows: Iterable[Row], before: dict[str, Any]) -> str:
    """What changed since an earlier run's JSON, where both have a figure."""
    old = {row["key"]: row for row in before["rows"]}
    lines = []
    for row in rows:
        earlier = old.get(row.key, {}).get("figure")
        if row.figure is not None and earlier:
            lines.append(f"{row.what:<62} {earlier:>9.3g} -> {row.figure:.3g} {row.unit}")
    return "\n".join(lines)
