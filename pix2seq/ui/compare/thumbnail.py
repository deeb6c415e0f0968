"""A pair of runs as a small picture: both sides beside each other, what only one has in orange."""

from __future__ import annotations

from PIL import Image, ImageDraw, ImageOps

from pix2seq.compare import match_objects
from pix2seq.detections import Detections
from pix2seq.render.palette import ROLE_COLORS
from pix2seq.ui.visit.runs import Run

SIDE = (220, 180)
"""Of one side, in pixels: twice what the page shows, for fine screens."""

_GAP = 6
_LINE, _HALO = 4, 8
_ONLY = ROLE_COLORS["xmin"]


def draw_pair(a: Run, b: Run) -> Image.Image:
    """Two whole runs about one picture."""
    found = [_objects(run) for run in (a, b)]
    real = [one[~one.is_noise] for one in found]
    matches = match_objects(*real)
    twins = (
        {int(real[0].objects[match.a]) for match in matches},
        {int(real[1].objects[match.b]) for match in matches},
    )
    pair = Image.new("RGB", (2 * SIDE[0] + _GAP, SIDE[1]), "white")
    for place, (objects, shared) in enumerate(zip(found, twins, strict=True)):
        side = _draw_side(a.picture.image, objects, shared)
        pair.paste(side, (place * (SIDE[0] + _GAP), 0))
    return pair


def _objects(run: Run) -> Detections:
    return run.predictor.read(run.picture.encoded_by(run.predictor), run.steps, run.options)


def _draw_side(image: Image.Image, objects: Detections, shared: set[int]) -> Image.Image:
    shown = ImageOps.fit(image, SIDE)  # cut to the frame's shape around the middle
    scale = max(SIDE[0] / image.width, SIDE[1] / image.height)
    left, top = (image.width * scale - SIDE[0]) / 2, (image.height * scale - SIDE[1]) / 2
    draw = ImageDraw.Draw(shown)
    for number, box, noise in zip(
        objects.objects.tolist(), objects.boxes.tolist(), objects.is_noise.tolist(), strict=True
    ):
        x0, y0, x1, y1 = (value * scale for value in box)
        corners = (x0 - left, y0 - top, x1 - left, y1 - top)
        colour = ROLE_COLORS["class"] if number in shared else _ONLY
        if noise:
            draw.rectangle(corners, outline=ROLE_COLORS["noise"], width=_LINE // 2)
            continue
        draw.rectangle(corners, outline="white", width=_HALO)
        draw.rectangle(
            [c + d for c, d in zip(corners, (2, 2, -2, -2), strict=True)],
            outline=colour,
            width=_LINE,
        )
    return shown
