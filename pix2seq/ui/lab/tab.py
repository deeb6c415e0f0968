"""*Experiments*: the paper's argument for noise objects, then a sweep of any setting over labelled
scenes, with precision, recall and AP.

The scenes are generated, so their true boxes are known and nothing has to be downloaded. Their
seed is not one that training uses.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from threading import Lock

import gradio as gr

from pix2seq import logs
from pix2seq.config import ConfigError
from pix2seq.data.scenes import Scenes
from pix2seq.predictor import Predictor
from pix2seq.sweep import KNOBS, Bench, Outcome, plan_sweep, run_sweep
from pix2seq.ui.kit.controls import named_values, options_from_values
from pix2seq.ui.lab.argument import place_argument
from pix2seq.ui.lab.recordings import LAB_SEED
from pix2seq.ui.lab.sheet import Sheet, doubles_text, empty_figures, idle_text
from pix2seq.ui.visit.context import MODEL_QUEUE, AppContext
from pix2seq.ui.visit.evidence import load_doubles, load_recording
from pix2seq.ui.visit.jobs import Jobs
from pix2seq.ui.visit.visitor import said, session_of, toast

MOST_IMAGES = 64
_IMAGES = 16
_FLUSH_SECONDS = 0.15
_TEMPLATE = '<div class="p2s p2s-lab" data-lab data-state="idle"></div>'
# `wish` asks for the sweep that a link names; Gradio finds a component's events by quoted names.
_ON_LOAD = """
const events = ["wish"];
P2S.call("mountLab", element, { props, watch, trigger, events });
"""


class Benches:
    """Sets of scenes that a model has looked at in full, the most recently used ones.

    Args:
        loaded: the predictor of a name, ``None`` if it has been unloaded: its benches go, too, so
            that they do not keep its weights in memory.
    """

    def __init__(self, loaded: Callable[[str], Predictor | None], capacity: int = 4) -> None:
        self._loaded = loaded
        self._kept: OrderedDict[tuple[str, int], Bench] = OrderedDict()
        self._capacity = capacity
        self._lock = Lock()

    def get(self, predictor: Predictor, images: int) -> Bench:
        """A bench of that many scenes; a kept one, or one that has to look first."""
        with self._lock:
            self._forget_the_unloaded()
            kept = self._kept.get((predictor.name, images))
        if kept is not None and kept.predictor is predictor:
            return kept
        return Bench(predictor, Scenes(LAB_SEED, images))

    def _forget_the_unloaded(self) -> None:
        for key, bench in list(self._kept.items()):
            if self._loaded(key[0]) is not bench.predictor:
                del self._kept[key]

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
        self.benches = Benches(context.shelf.peek)

    def run(self, knob, images, checkpoint, *values, request: gr.Request) -> Iterator[tuple]:
        """Sweep; yields (the lab's text, curves, averages) whenever there is something new."""
        try:
            predictor = self.context.predictor(checkpoint)
            base = options_from_values(predictor, named_values(values))
            settings = plan_sweep(knob, base, predictor.tokenizer.config)
            bench = self.benches.get(predictor, min(max(int(images), 1), MOST_IMAGES))
        except ConfigError as error:
            toast(error)
            yield gr.skip(), gr.skip(), gr.skip()
            return
        cancelled = self.jobs.begin(session_of(request))
        names = [setting.name for setting in settings]
        sheet = Sheet(knob, names, predictor.name, len(bench), base.score_threshold)
        yield sheet.text("looking"), *sheet.figures()
        facts = dict(checkpoint=predictor.name, images=len(bench), settings=len(settings))
        try:
            with logs.work("sweep", knob=knob, **facts) as told:
                yield from self._sweep(sheet, bench, settings, cancelled, base.score_threshold)
                state = "done" if len(sheet.outcomes) == len(settings) else "stopped"
                told["ended"] = state
        except ConfigError as error:
            yield sheet.text("error", message=str(error)), gr.skip(), gr.skip()
            return
        finally:
            self.benches.keep(bench)
        yield sheet.text(state), gr.skip(), gr.skip()

    def _sweep(self, sheet, bench, settings, cancelled, threshold) -> Iterator[tuple]:
        shown = 0.0
        for event in run_sweep(bench, settings, cancelled.is_set, threshold):
            sheet.objects = sum(len(truth.boxes) for truth in bench.truths)
            sheet.missing = bench.missing
            if isinstance(event, Outcome):
                sheet.outcomes.append(event)
                yield sheet.text("writing"), *sheet.figures()
            else:
                sheet.progress = event
                if time.monotonic() - shown < _FLUSH_SECONDS:
                    continue
                yield sheet.text("writing"), gr.skip(), gr.skip()
            shown = time.monotonic()

    def stop(self, request: gr.Request) -> None:
        self.jobs.stop(session_of(request))

    def wish(self, wanted: object, checkpoint: str) -> tuple:
        """The sweep that a link names, for the menu and the sheet; no other changes anything."""
        if not isinstance(wanted, str) or wanted not in KNOBS:
            return (gr.skip(),) * 4
        return wanted, *self.describe(wanted, checkpoint)

    def describe(self, knob: str, checkpoint: str) -> tuple:
        """A sweep that has not run yet: its recording if there is one, else its question."""
        if knob not in KNOBS:  # the menu was emptied
            return gr.skip(), gr.skip(), gr.skip()
        recording = load_recording(checkpoint)
        sheet = Sheet.recorded(recording, knob) if recording else None
        if sheet is None:
            return idle_text(knob), *empty_figures(knob)
        return sheet.text("recorded"), *sheet.figures()


def build_lab_tab(context: AppContext) -> None:
    """Place the tab and wire it."""
    handlers = LabHandlers(context)
    first = next(iter(KNOBS))
    opening, *figures = handlers.describe(first, context.default_checkpoint)
    place_argument()
    gr.HTML(
        '<h2 class="p2s p2s-lab-heading">One setting at a time</h2>',
        apply_default_css=False,
        js_on_load=None,
        padding=False,
    )
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
        value=opening,
        html_template=_TEMPLATE,
        js_on_load=_ON_LOAD,
        apply_default_css=False,
        elem_id="lab-sheet",
        padding=False,
    )
    with gr.Row(elem_classes="p2s-lab-plots"):
        with gr.Column(min_width=320):
            gr.Markdown("**Precision against recall**, IoU 0.5, every score threshold")
            curves = gr.Plot(figures[0], show_label=False, elem_id="lab-curves")
        with gr.Column(min_width=320):
            gr.Markdown("**AP, AP50 and AR100** by setting")
            averages = gr.Plot(figures[1], show_label=False, elem_id="lab-averages")
    doubles = gr.HTML(
        value=doubles_text(load_doubles(context.default_checkpoint)),
        html_template='<div class="p2s p2s-lab" data-doubles-root></div>',
        js_on_load="P2S.call('mountDoubles', element, { props, watch });",
        apply_default_css=False,
        elem_id="lab-doubles",
        padding=False,
    )
    quiet = dict(show_progress="hidden", api_visibility="private")

    def start(request: gr.Request, knob, images, checkpoint, *values):
        yield from handlers.run(knob, images, checkpoint, *values, request=request)

    run.click(
        start,
        [knob, images, context.checkpoint, *context.controls.widgets()],
        [sheet, curves, averages],
        **MODEL_QUEUE,
        **quiet,
    )
    stop.click(handlers.stop, None, None, queue=False, api_visibility="private")
    gr.on(
        [knob.input, context.loaded.change],
        handlers.describe,
        [knob, context.loaded],
        [sheet, curves, averages],
        **quiet,
    )
    context.loaded.change(
        lambda name: doubles_text(load_doubles(name)), context.loaded, doubles, **quiet
    )

    def wish(event: gr.EventData, checkpoint):
        return handlers.wish(said(event._data).get("sweep"), checkpoint)

    sheet.wish(wish, context.loaded, [knob, sheet, curves, averages], **quiet)
    knob.change(
        None, knob, js="(name) => P2S.call('said', 'sweep', name)", api_visibility="private"
    )
