"""The lab's opening: the paper's argument for noise objects, measured by ``pix2seq argument``."""

from __future__ import annotations

import json

import gradio as gr

from pix2seq.argument import FORMAT
from pix2seq.config import ConfigError
from pix2seq.ui.lab.recordings import FOLDER
from pix2seq.ui.visit.questions import answering, server_function

RECORDED = FOLDER / "argument.json"
COMMAND = "python -m pix2seq argument --annotations instances.json --images photos/ --out mine.json"

_TEMPLATE = '<div class="p2s p2s-argument" data-argument></div>'
_ON_LOAD = "P2S.call('mountArgument', element, { props, server });"


class Argument:
    """Answers the page's one question."""

    @answering
    def recorded(self, question: dict) -> dict:
        """The recorded file; it is large, so it waits until somebody looks."""
        if not RECORDED.is_file():
            raise ConfigError("this installation has no recorded argument")
        record = json.loads(RECORDED.read_text(encoding="utf-8"))
        if record.get("format") != FORMAT:
            raise ConfigError(f"{RECORDED.name} is no recorded argument")
        return {"record": record}


def place_argument() -> None:
    """Put it on the tab."""
    argument = Argument()
    gr.HTML(
        value=COMMAND,
        html_template=_TEMPLATE,
        js_on_load=_ON_LOAD,
        server_functions=[server_function(argument.recorded, "argument_")],
        apply_default_css=False,
        elem_id="argument",
        padding=False,
    )
