"""The training time machine: what a model thought of five pictures while it learned.

The page gets the whole recording once (``pix2seq.snapshots``) and moves through it without asking
again. ``python -m pix2seq snapshots RUN… --out assets/learn/snapshots.json`` makes it from runs
that kept their snapshots.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import gradio as gr

from pix2seq.categories import COCO_80
from pix2seq.config import ConfigError
from pix2seq.examples import example_image, example_of
from pix2seq.resources import ASSETS
from pix2seq.snapshots import Snapshots
from pix2seq.ui.visit.questions import answering, data_url, server_function

FILE = ASSETS / "learn" / "snapshots.json"

_SIDE = 480
_TEMPLATE = '<div class="p2s p2s-machine" data-machine></div>'
_ON_LOAD = 'P2S.call("mountMachine", element, { props, server, trigger, watch });'


def build_machine() -> None:
    """Place the panel; it needs no model."""
    gr.HTML(
        value="",
        html_template=_TEMPLATE,
        js_on_load=_ON_LOAD,
        server_functions=Machine(FILE).functions(),
        apply_default_css=False,
        elem_id="machine",
        padding=False,
    )


class Machine:
    """The server function of the panel over one recording."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def functions(self) -> list[Callable[[dict], dict]]:
        """What the component registers: ``server.learn_history``."""
        return [server_function(self.history, prefix="learn_")]

    @answering
    def history(self, question: dict) -> dict:
        """The whole recording with its pictures and the names of its classes."""
        if not self.file.is_file():
            raise ConfigError(
                "no training is recorded here; train with --set snapshots=12, then record it with "
                "python -m pix2seq snapshots"
            )
        return _history(self.file, self.file.stat().st_mtime_ns)


@cache
def _history(file: Path, changed: int) -> dict:
    """Read once per version of the file."""
    recorded = Snapshots.from_json(file.read_text(encoding="utf-8"))
    answer = recorded.to_dict()
    for picture in answer["pictures"]:
        picture["src"] = data_url(example_image(example_of(picture["name"])), _SIDE)
    known = recorded.tokenizer.num_classes == len(COCO_80.names)
    answer["classes"] = list(COCO_80.names) if known else []
    return answer
