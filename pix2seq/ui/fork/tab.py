"""The dock under the stage of *Write*: panels about the sentence on view, one component.

The template is a constant; the scripts draw, and ask through the component's server functions.
"""

from __future__ import annotations

import gradio as gr

from pix2seq.ui.fork.answers import Forks
from pix2seq.ui.visit.context import AppContext

_TEMPLATE = '<div class="p2s p2s-fork" data-fork></div>'
_ON_LOAD = 'P2S.call("mountFork", element, { props, server, trigger, watch });'


def build_fork(context: AppContext) -> None:
    """Place the dock; it follows what is on the stage."""
    gr.HTML(
        value="",
        html_template=_TEMPLATE,
        js_on_load=_ON_LOAD,
        server_functions=Forks(context).functions(),
        apply_default_css=False,
        elem_id="fork",
        padding=False,
    )
