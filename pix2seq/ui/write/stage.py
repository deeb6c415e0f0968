"""The live stage: one ``gr.HTML`` component whose drawing belongs to the page's scripts.

Python sends a text record as the component's value (see ``record.py``) and answers questions
through server functions; the template is a constant, so no text from a user or a model is ever
evaluated.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import gradio as gr

from pix2seq.ui.kit.controls import SETTINGS

_TEMPLATE = '<div class="p2s p2s-stage" data-stage data-state="idle"></div>'

READING = [setting.name for setting in SETTINGS if setting.reading]
WRITING = {
    setting.name: {"option": setting.field, "label": setting.label}
    for setting in SETTINGS
    if not setting.reading
}

# The component's events: Gradio finds their quoted names in the load hook. `reading` names the
# controls that only decide how what is written is read; `writing` the options and labels of others.
_ON_LOAD = f"""
const events = ["write_on", "forbid", "keep_going", "score_at_least"];
const reading = {json.dumps(READING)}, writing = {json.dumps(WRITING)};
P2S.call("mountStage", element, {{ props, server, trigger, watch, events, reading, writing }});
"""


def build_stage(value: str, server_functions: list[Callable]) -> gr.HTML:
    """Place the stage; ``value`` is the record that it opens with."""
    return gr.HTML(
        value=value,
        html_template=_TEMPLATE,
        js_on_load=_ON_LOAD,
        server_functions=server_functions,
        apply_default_css=False,
        elem_id="stage",
        padding=False,
    )
