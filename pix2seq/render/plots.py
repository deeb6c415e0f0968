"""Plots of evaluation results, as matplotlib figures without global state."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from pix2seq.evaluate import EvalResult
from pix2seq.evaluate.report import show_number
from pix2seq.render.palette import QUIET, ROLE_COLORS
from pix2seq.sweep import Setting


def plot_result(result: EvalResult) -> Figure:
    """Precision against recall, and the score's reliability."""
    figure = Figure(figsize=(9, 4), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    recall = [i / 100 for i in range(101)]
    left.plot(recall, result.precision_curve, color=ROLE_COLORS["ymin"], linewidth=2)
    left.fill_between(recall, result.precision_curve, color=ROLE_COLORS["ymin"], alpha=0.15)
    _frame(left, "recall", "precision", f"AP50 {show_number(result.metrics['AP50'])}")
    right.plot([0, 1], [0, 1], color=QUIET, linestyle="--", linewidth=1)
    most = max((b.count for b in result.calibration), default=1)
    right.bar(
        [(b.low + b.high) / 2 for b in result.calibration],
        [b.precision for b in result.calibration],
        width=[b.high - b.low for b in result.calibration],
        color=[(0, 0.62, 0.45, 0.25 + 0.7 * b.count / most) for b in result.calibration],
        edgecolor="white",
    )
    right.plot(
        [b.mean_score for b in result.calibration],
        [b.precision for b in result.calibration],
        color=ROLE_COLORS["xmin"],
        marker="o",
        linestyle="none",
        clip_on=False,
    )
    error = f"calibration error {show_number(result.calibration_error)}"
    _frame(right, "score", "precision at IoU 0.5", f"{error} (darker: more boxes)")
    return figure


def _frame(axes, x: str, y: str, title: str) -> None:
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel=x, ylabel=y)
    axes.set_title(title, fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)


def plot_table(rows: Sequence[tuple[Setting, EvalResult]]) -> Figure:
    """One panel per group: AP, AP50 and AR by setting."""
    groups: dict[str, list[tuple[Setting, EvalResult]]] = {}
    for row in rows:
        groups.setdefault(row[0].group, []).append(row)
    columns = min(2, max(1, len(groups)))
    lines = -(-max(1, len(groups)) // columns)
    figure = Figure(figsize=(5.6 * columns, 3.6 * lines), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    for axes, (group, members) in zip(panels, groups.items(), strict=False):
        names = [setting.name for setting, _ in members]
        for metric, role in (("AP", "ymin"), ("AP50", "ymax"), ("AR100", "xmin")):
            values = [result.metrics[metric] for _, result in members]
            axes.plot(names, values, marker="o", color=ROLE_COLORS[role], label=metric)
        axes.set_title(group, fontsize=11)
        axes.set_ylim(bottom=0)
        axes.grid(axis="y", color=QUIET, alpha=0.2)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(axis="x", labelrotation=30 if max(map(len, names)) > 5 else 0)
        axes.legend(frameon=False, fontsize=8)
    for axes in panels[len(groups) :]:
        axes.set_visible(False)
    return figure
