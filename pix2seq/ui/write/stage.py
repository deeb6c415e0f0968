"""The live stage: one ``gr.HTML`` component whose drawing belongs to the page's scripts.

Python sends a text record as the component's value (see ``record.py``) and answers questions
through server functions; the template is a constant, so no text from a user or a model is ever
evaluated.
"""

from __future__ import annotations

from collections.abc import Callable

import gradio as gr

_TEMPLATE = '<div class="p2s p2s-stage" data-stage data-state="idle"></div>'

# The component's events: Gradio finds their quoted names in the load hook.
_ON_LOAD = """
const events = ["write_on", "forbid", "keep_going"];
P2S.call("mountStage", element, { props, server, trigger, watch, events });
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
