"""The *P-R lab*: sweep a setting over labelled scenes and watch precision, recall and AP.

The scenes are generated, so their true boxes are known and nothing has to be downloaded. Their
seed is not one that training uses.
"""

from __future__ import annotations

import json
import math
import time
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from threading import Lock

import gradio as gr

from pix2seq.config import ConfigError, SamplingOptions
from pix2seq.data.scenes import Scenes
from pix2seq.predictor import Predictor
from pix2seq.sweep import KNOBS, Bench, Outcome, Progress, Setting, plan_sweep, run_sweep
from pix2seq.ui.context import AppContext
from pix2seq.ui.controls import options_from_values
from pix2seq.ui.handlers import session_of, toast
from pix2seq.ui.jobs import Jobs
from pix2seq.ui.lab_plots import plot_averages, plot_curves

LAB_SEED = 73_110
MOST_IMAGES = 64
_IMAGES = 16
_FLUSH_SECONDS = 0.15
_TEMPLATE = '<div class="p2s p2s-lab" data-lab data-state="idle"></div>'
_ON_LOAD = "P2S.mountLab(element, { props, watch });"


class Benches:
    """Sets of scenes that a model has looked at in full, the most recently used ones."""

    def __init__(self, capacity: int = 4) -> None:
        self._kept: OrderedDict[tuple[str, int], Bench] = OrderedDict()
        self._capacity = capacity
        self._lock = Lock()

    def get(self, predictor: Predictor, images: int) -> Bench:
        """A bench of that many scenes; a kept one, or one that has to look first."""
        with self._lock:
            kept = self._kept.get((predictor.name, images))
        if kept is not None and kept.predictor is predictor:
            return kept
        return Bench(predictor, Scenes(LAB_SEED, images))

    def keep(self, bench: Bench) -> None:
        """Remember a bench for the next sweep if it has looked at all of its images."""
        if len(bench.encodings) < len(bench):
            return
        with self._lock:
            self._kept[bench.predictor.name, len(bench)] = bench
            self._kept.move_to_end((bench.predictor.name, len(bench)))
            while len(self._kept) > self._capacity:
                self._kept.popitem(last=False)


class LabHandlers:
    """Events of the tab over one ``AppContext``."""

    def __init__(self, context: AppContext) -> None:
        self.context = context
        self.jobs = Jobs()
        self.benches = Benches()

    def run(self, knob, images, checkpoint, *values, request: gr.Request) -> Iterator[tuple]:
        """Sweep; yields (the lab's text, curves, averages) whenever there is something new."""
        try:
            predictor = self.context.shelf.get(checkpoint)
            base = options_from_values(predictor, *values)
            settings = plan_sweep(knob, base, predictor.tokenizer.config)
            bench = self.benches.get(predictor, min(max(int(images), 1), MOST_IMAGES))
        except ConfigError as error:
            toast(error)
            yield gr.skip(), gr.skip(), gr.skip()
            return
        cancelled = self.jobs.begin(session_of(request))
        sheet = Sheet(knob, settings, bench, base)
        yield sheet.text("looking"), *sheet.figures()
        shown = 0.0
        try:
            for event in run_sweep(bench, settings, cancelled.is_set):
                if isinstance(event, Outcome):
                    sheet.outcomes.append(event)
                    yield sheet.text("writing"), *sheet.figures()
                else:
                    sheet.progress = event
                    if time.monotonic() - shown < _FLUSH_SECONDS:
                        continue
                    yield sheet.text("writing"), gr.skip(), gr.skip()
                shown = time.monotonic()
        except ConfigError as error:
            yield sheet.text("error", message=str(error)), gr.skip(), gr.skip()
            return
        finally:
            self.benches.keep(bench)
        done = len(sheet.outcomes) == len(settings)
        yield sheet.text("done" if done else "stopped"), gr.skip(), gr.skip()

    def stop(self, request: gr.Request) -> None:
        self.jobs.stop(session_of(request))

    def describe(self, knob: str) -> str:
        """A sweep that has not run yet: its question."""
        return idle_text(knob)


class Sheet:
    """What one sweep has shown so far."""

    def __init__(
        self, knob: str, settings: Sequence[Setting], bench: Bench, base: SamplingOptions
    ) -> None:
        self.knob = knob
        self.settings = settings
        self.bench = bench
        self.threshold = base.score_threshold
        self.outcomes: list[Outcome] = []
        self.progress = Progress(None, len(bench.encodings), len(bench))

    def text(self, state: str, **more: object) -> str:
        """The component's value."""
        progress = self.progress
        looking = progress.setting is None and not self.outcomes
        return json.dumps(
            {
                **_about(self.knob),
                "state": "looking" if state == "writing" and looking else state,
                "checkpoint": self.bench.predictor.name,
                "images": len(self.bench),
                "objects": sum(len(truth.boxes) for truth in self.bench.truths),
                "missing": list(self.bench.missing),
                "threshold": self.threshold,
                "settings": [setting.name for setting in self.settings],
                "done": progress.done,
                "setting": None if progress.setting is None else progress.setting.name,
                "rows": [self._row(outcome) for outcome in self.outcomes],
                **more,
            },
            separators=(",", ":"),
        )

    def figures(self) -> tuple:
        """Curves and averages."""
        return (
            plot_curves(self.outcomes, self.knob, len(self.settings), self.threshold),
            plot_averages(self.outcomes, self.knob),
        )

    def _row(self, outcome: Outcome) -> dict:
        precision, recall = outcome.curve.at(self.threshold)
        numbers = {
            "AP": outcome.metrics["AP"],
            "AP50": outcome.metrics["AP50"],
            "AR100": outcome.metrics["AR100"],
            "precision": precision,
            "recall": recall,
            "objects": outcome.objects_per_image,
            "seconds": outcome.seconds,
        }
        row = {name: _rounded(value) for name, value in numbers.items()}
        return {"name": outcome.setting.name, **row}


def idle_text(knob: str) -> str:
    """The component's value before a sweep."""
    return json.dumps({**_about(knob), "state": "idle", "rows": [], "settings": []})


def _about(knob: str) -> dict:
    known = KNOBS[knob]
    return {
        "knob": knob,
        "title": known.title,
        "question": known.question,
        "expect": known.expect,
    }


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 4)


def build_lab_tab(context: AppContext) -> None:
    """Place the tab and wire it."""
    handlers = LabHandlers(context)
    first = next(iter(KNOBS))
    with gr.Row(elem_classes="p2s-toolbar p2s-compact"):
        knob = gr.Dropdown(
            [(known.title, name) for name, known in KNOBS.items()],
            value=first,
            label="Sweep",
            elem_id="lab-knob",
            filterable=False,
            scale=2,
            min_width=200,
        )
        images = gr.Slider(
            4,
            MOST_IMAGES,
            value=_IMAGES,
            step=4,
            label="Generated scenes",
            elem_id="lab-images",
            scale=2,
            min_width=180,
        )
        run = gr.Button("Run the sweep", variant="primary", elem_id="lab-run", min_width=120)
        stop = gr.Button("Stop", elem_id="lab-stop", min_width=72)
    sheet = gr.HTML(
        value=idle_text(first),
        html_template=_TEMPLATE,
        js_on_load=_ON_LOAD,
        apply_default_css=False,
        elem_id="lab-sheet",
        padding=False,
    )
    with gr.Row(elem_classes="p2s-lab-plots"):
        empty = plot_curves([], first, 1, 0.0), plot_averages([], first)
        with gr.Column(min_width=320):
            gr.Markdown("**Precision against recall**, IoU 0.5, every score threshold")
            curves = gr.Plot(empty[0], show_label=False, elem_id="lab-curves")
        with gr.Column(min_width=320):
            gr.Markdown("**AP, AP50 and AR100** by setting")
            averages = gr.Plot(empty[1], show_label=False, elem_id="lab-averages")
    quiet = dict(show_progress="hidden", api_visibility="private")

    def start(request: gr.Request, knob, images, checkpoint, *values):
        yield from handlers.run(knob, images, checkpoint, *values, request=request)

    run.click(
        start,
        [knob, images, context.checkpoint, *context.controls.widgets()],
        [sheet, curves, averages],
        concurrency_id="model",
        concurrency_limit=4,
        **quiet,
    )
    stop.click(handlers.stop, None, None, queue=False, api_visibility="private")
    knob.input(handlers.describe, knob, sheet, **quiet)
