"""Pure views of a run: figure, SVG, PNG, GIF, record, snippets. No model, no gradio.

``RunRecord`` is the hub: a predictor's run becomes a record, and a record with its photo becomes
any picture, now or years later on a machine without weights.
"""

from pix2seq.render.figure import draw_detections
from pix2seq.render.gif import writing_gif
from pix2seq.render.raster import Painter, stage_image
from pix2seq.render.record import (
    RunRecord,
    detection_summary,
    record_detections,
    record_token,
    record_tokens,
    token_summary,
)
from pix2seq.render.snippets import as_command, as_python
from pix2seq.render.svg import stage_svg

__all__ = [
    "Painter",
    "RunRecord",
    "as_command",
    "as_python",
    "detection_summary",
    "draw_detections",
    "record_detections",
    "record_token",
    "record_tokens",
    "stage_image",
    "stage_svg",
    "token_summary",
    "writing_gif",
]
