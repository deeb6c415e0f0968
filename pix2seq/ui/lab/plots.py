"""The lab's two figures: precision against recall, and the averages by setting."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence

import plotly.graph_objects as go
from plotly.colors import sample_colorscale

from pix2seq.sweep import Outcome

IN_ORDER = ("top_p", "max_objects", "num_bins")
"""Knobs whose settings are steps of one quantity; the others are alternatives."""

_ALTERNATIVES = ("#0072B2", "#D55E00", "#E69F00", "#009E73")
_DASHES = ("solid", "dash", "dashdot", "dot")
_METRICS = {"AP": "#0072B2", "AP50": "#D55E00", "AR100": "#009E73"}
_SYMBOLS = {"AP": "circle", "AP50": "square", "AR100": "diamond"}
_TICK_LETTERS = 12
_GRID = "rgba(128, 128, 128, 0.25)"
_INK = "#767676"  # readable on light and dark; the page's style sheet sharpens it


def plot_curves(
    outcomes: Sequence[Outcome], knob: str, settings: Sequence[str], threshold: float
) -> go.Figure:
    """Precision against recall at IoU 0.5, one curve per setting.

    Args:
        outcomes: of the first so many settings.
        settings: names of all of them; those to come are in the legend already, so that nothing
            moves while the sweep runs.
        threshold: marks the point of each curve that *Write* shows.
    """
    figure = _figure("recall", "precision")
    for place, name in enumerate(settings):
        colour = _colour(place, len(settings), knob)
        look = {"color": colour, "width": 2.5, "dash": _dash(place, knob)}
        if place >= len(outcomes):
            figure.add_scatter(x=[None], y=[None], name=name, mode="lines", line=look, opacity=0.4)
            continue
        outcome = outcomes[place]
        curve = outcome.curve.thinned()
        figure.add_scatter(
            x=curve.recall.tolist(),
            y=curve.precision.tolist(),
            customdata=curve.scores.tolist(),
            name=name,
            legendgroup=name,
            mode="lines",
            line=look,
            hovertemplate=(
                "score at least %{customdata:.2f}<br>recall %{x:.3f}<br>precision %{y:.3f}"
            ),
        )
        precision, recall = outcome.curve.at(threshold)
        if not math.isnan(precision):
            figure.add_scatter(
                x=[recall],
                y=[precision],
                name=name,
                legendgroup=name,
                showlegend=False,
                mode="markers",
                marker={"color": colour, "size": 10, "line": {"color": "white", "width": 1.5}},
                hovertemplate=(
                    f"score at least {threshold:.2f}, as in Write<br>"
                    "recall %{x:.3f}<br>precision %{y:.3f}"
                ),
            )
    figure.update_xaxes(range=[0, 1.02])
    figure.update_yaxes(range=[0, 1.02])
    return figure


def plot_averages(outcomes: Sequence[Outcome], knob: str, settings: Sequence[str]) -> go.Figure:
    """AP, AP50 and AR100 by setting: lines for steps of one quantity, points for alternatives."""
    figure = _figure("", "")
    figure.update_layout(margin={"b": 72})  # names take up to three lines
    names = [_wrapped(name) for name in settings]
    for metric, colour in _METRICS.items():
        figure.add_scatter(
            x=names[: len(outcomes)],
            y=[_number(outcome.metrics[metric]) for outcome in outcomes],
            name=metric,
            mode="lines+markers" if knob in IN_ORDER else "markers",
            line={"color": colour, "width": 2.5},
            marker={"color": colour, "size": 11, "symbol": _SYMBOLS[metric]},
            hovertemplate=f"{metric} %{{y:.3f}}",
        )
    figure.update_xaxes(
        type="category",
        categoryarray=names,
        range=[-0.5, max(len(names), 1) - 0.5],
        tickangle=0,
        showgrid=False,
    )
    figure.update_yaxes(rangemode="tozero", **({} if outcomes else {"range": [0, 1]}))
    return figure


def _figure(x: str, y: str) -> go.Figure:
    figure = go.Figure()
    figure.update_layout(
        template="none",
        height=380,
        margin={"l": 48, "r": 12, "t": 12, "b": 48},
        paper_bgcolor="rgba(0, 0, 0, 0)",
        plot_bgcolor="rgba(0, 0, 0, 0)",
        font={"color": _INK, "size": 13, "family": "system-ui, sans-serif"},
        hovermode="closest",
        dragmode=False,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        modebar={"remove": ["zoom", "pan", "select", "lasso2d", "zoomIn", "zoomOut", "autoScale"]},
    )
    axis = {"gridcolor": _GRID, "zeroline": False, "linecolor": _INK, "fixedrange": True}
    figure.update_xaxes(title={"text": x, "font": {"size": 13}}, **axis)
    figure.update_yaxes(title={"text": y, "font": {"size": 13}}, **axis)
    return figure


def _colour(place: int, count: int, knob: str) -> str:
    if knob not in IN_ORDER:
        return _ALTERNATIVES[place % len(_ALTERNATIVES)]
    share = place / max(count - 1, 1)
    return sample_colorscale("Viridis", [0.85 * (1 - share)])[0]


def _dash(place: int, knob: str) -> str:
    return "solid" if knob in IN_ORDER else _DASHES[place % len(_DASHES)]


def _wrapped(name: str) -> str:
    """A long name in several short lines, so that it fits under its tick on a phone."""
    return "<br>".join(textwrap.wrap(name, _TICK_LETTERS))


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
