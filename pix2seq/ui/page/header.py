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
            f'<span class="p2s p2s-small p2s-soft" data-device>{_device(context)}</span>',
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
    """Where the model runs, or that there is none; our own words only, this goes into markup."""
    predictor = context.default_predictor()
    if predictor is None:
        return "no model here: recorded examples only"
    if zero.AVAILABLE:
        return "on a GPU that is lent (ZeroGPU)"
    return {"cpu": "on the CPU", "cuda": "on the GPU", "mps": "on the GPU"}[predictor.device.type]
