"""The page's head: title, checkpoint menu, device, and the buttons that concern the whole page."""

from __future__ import annotations

import json

import gradio as gr

from pix2seq.ui.kit.controls import SETTINGS
from pix2seq.ui.visit import zero
from pix2seq.ui.visit.context import AppContext

_ACTIONS = """
<div class="p2s p2s-actions" data-actions></div>
"""


def build_header(context: AppContext, title: str) -> None:
    """Place the header and fill in ``context.checkpoint``."""
    with gr.Row(elem_classes="p2s-header", elem_id="header"):
        gr.HTML(
            f'<h1 class="p2s p2s-title">{title}</h1>',
            apply_default_css=False,
            js_on_load=None,
        )
        context.checkpoint = gr.Dropdown(
            context.choices,
            value=context.default_checkpoint,
            label="Checkpoint",
            elem_id="checkpoint",
            filterable=False,
            container=False,
            min_width=160,
        )
        gr.HTML(
            _device(context),
            apply_default_css=False,
            js_on_load=None,
            elem_id="device",
        )
        gr.HTML(
            value=json.dumps({setting.field: setting.link for setting in SETTINGS}),
            html_template=_ACTIONS,
            js_on_load="P2S.call('mountActions', element, { props });",
            apply_default_css=False,
            elem_id="actions",
        )


def _device(context: AppContext) -> str:
    """Where the model runs, or that there is none: two words, for that much room is there beside
    the tabs, and more when they are pointed at. Our own words only, this is markup."""
    predictor = context.default_predictor()
    if predictor is None:
        short, more = "no model", "no model here: recorded examples only"
    elif zero.AVAILABLE:
        short, more = "ZeroGPU", "on a GPU that is lent (ZeroGPU)"
    else:
        short = "on the CPU" if predictor.device.type == "cpu" else "on the GPU"
        more = f"the model runs {short} of the computer that serves this page"
    return f'<span class="p2s p2s-small p2s-soft" data-device title="{more}">{short}</span>'
