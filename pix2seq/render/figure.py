"""Detections as a matplotlib figure, for papers, notebooks and ``detect --save``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from pix2seq.categories import Categories
from pix2seq.detections import Detections
from pix2seq.render.palette import QUIET, ROLE_COLORS, class_color

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_INCHES = 9.0
_DPI = 150
_TITLE_INCHES = 0.3
_HALO = 2.0


def draw_detections(
    image: Image.Image,
    detections: Detections,
    categories: Categories,
    title: str | None = None,
) -> Figure:
    """Draw boxes with labels and scores, each in its class's colour.

    Args:
        image: the photo that the boxes are in pixels of.
        detections: what to draw; noise objects are grey and dashed.
        categories: names of the labels.
        title: one line above the picture; by default it counts the objects.

    Returns:
        A figure without any global state; ``figure.savefig(path)`` writes it.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # half a second, if never used
    from matplotlib.figure import Figure

    scale = _INCHES / max(image.size)
    wide, high = max(image.width * scale, 0.5), max(image.height * scale, 0.5)
    figure = Figure(figsize=(wide, high + _TITLE_INCHES), dpi=_DPI)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, high / (high + _TITLE_INCHES)))
    axes.imshow(np.asarray(image.convert("RGB")))
    axes.set_axis_off()
    axes.set_xlim(-0.5, image.width - 0.5)
    axes.set_ylim(image.height - 0.5, -0.5)
    count = f"{len(detections)} object{'' if len(detections) == 1 else 's'}"
    axes.set_title(title or count, fontsize=9, color=QUIET, parse_math=False)
    for row, box in enumerate(detections.boxes.tolist()):
        is_noise = bool(detections.is_noise[row])
        name = categories.name(int(detections.labels[row]))
        color = ROLE_COLORS["noise"] if is_noise else class_color(name)
        _draw_box(axes, box, color, is_noise)
        axes.text(
            box[0],
            box[1],
            f"{int(detections.objects[row]) + 1} {detections.caption(row, categories)}",
            color="white",
            fontsize=8,
            fontweight="bold",
            va="bottom" if box[1] > 0.04 * image.height else "top",
            parse_math=False,
            clip_on=True,
            bbox={
                "facecolor": color,
                "edgecolor": "none",
                "alpha": 0.92,
                "pad": 1.5,
            },
        )
    return figure


def _draw_box(axes: Axes, box: list[float], color: str, is_noise: bool) -> None:
    from matplotlib.patches import Rectangle

    x0, y0, x1, y1 = box
    if is_noise:
        axes.add_patch(
            Rectangle(
                (x0, y0),
                x1 - x0,
                y1 - y0,
                fill=False,
                linestyle="--",
                linewidth=1.5,
                edgecolor=color,
                hatch="//",
                alpha=0.7,
            )
        )
        return
    for edge, width in (("#FFFFFFA6", 2.2 + _HALO), (color, 2.2)):
        axes.add_patch(
            Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, linewidth=width, edgecolor=edge)
        )
