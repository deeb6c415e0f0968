"""The *Compare* tab: two settings on one picture and one seed, and many samples of one setting.

Both panels take the picture and whatever they have no widget for from *Write*.
"""

from __future__ import annotations

from collections.abc import Iterator

import gradio as gr

from pix2seq.config import ConfigError, SamplingOptions
from pix2seq.predictor import Predictor
from pix2seq.ui.compare.runs import empty_comparison, write_both
from pix2seq.ui.compare.samples import build_samples_panel
from pix2seq.ui.compare.sides import (
    PRESETS,
    WITHOUT_MODEL,
    Side,
    build_side,
    preset_options,
    side_updates,
)
from pix2seq.ui.kit.controls import named_values, options_from_values, resolved_defaults
from pix2seq.ui.visit import record
from pix2seq.ui.visit.context import MODEL_QUEUE, AppContext
from pix2seq.ui.visit.pictures import PictureAnswers
from pix2seq.ui.visit.runs import Run
from pix2seq.ui.visit.visitor import said, session_of, toast

_OPENING_PRESET = "argmax"
_TEMPLATE = '<div class="p2s p2s-compare" data-compare data-state="idle"></div>'

# `look` asks for the picture on view, `wish` for the pair that a link names; Gradio finds a
# component's events by their quoted names.
_ON_LOAD = """
const events = ["look", "wish"];
P2S.call("mountCompare", element, { props, server, trigger, watch, events });
"""


def build_compare_tab(context: AppContext) -> None:
    """Place both panels."""
    with gr.Tabs(elem_id="compare-tabs", elem_classes="p2s-subtabs"):
        with gr.Tab("Two settings", id="two-settings"):
            build_two_settings(context)
        with gr.Tab("Many samples", id="many-samples"):
            build_samples_panel(context)


class CompareHandlers:
    """Events of the *Two settings* panel."""

    def __init__(self, context: AppContext) -> None:
        self.context = context

    def look(self, path: str | None, example: str | None) -> str:
        """Show the picture before anything is written about it."""
        try:
            return empty_comparison(record.picture_line(self.context.picture(path, example)))
        except ConfigError:
            return empty_comparison(record.picture_line(None))

    def run(self, path, example, checkpoint, seed, *values, request: gr.Request) -> Iterator[str]:
        """Write both sides; ``values`` are those of the left, the right and *Write*."""
        count = len(Side.NAMES)
        left, right, base = values[:count], values[count : 2 * count], values[2 * count :]
        try:
            predictor = self.context.predictor(checkpoint)
            picture = self.context.picture(path, example)
            a, b = (
                Run(picture, predictor, side_options(predictor, base, side, seed))
                for side in (left, right)
            )
        except ConfigError as error:
            toast(error)
            yield gr.skip()
            return
        session, sessions = session_of(request), self.context.sessions
        sessions.begin(session, a)
        for run in (a, b):
            self.context.keep(run, session)
        try:
            yield from write_both(a, b, delay=lambda: sessions.delay(session))
        finally:
            sessions.end(session, a)

    def wish(self, wanted: object) -> list:
        """The pair that a link names, as its values for the menu and both sides; no other name
        changes anything."""
        predictor = self.context.default_predictor()
        if not isinstance(wanted, str) or wanted not in PRESETS or predictor is None:
            return [gr.skip()] * (1 + 2 * len(Side.NAMES))
        return [wanted, *_updates(wanted, resolved_defaults(predictor), predictor)]

    def choose_preset(self, preset: str, checkpoint: str, *values) -> list:
        """Set both sides' widgets to a preset, on top of what *Write* has."""
        try:
            predictor = self.context.predictor(checkpoint)
            base = options_from_values(predictor, named_values(values))
            return _updates(preset, base, predictor)
        except ConfigError as error:
            toast(error)
            return [gr.skip()] * (2 * len(Side.NAMES))

    def follow_checkpoint(self, preset: str, checkpoint: str) -> list:
        """Another checkpoint: its defaults and limits."""
        try:
            predictor = self.context.predictor(checkpoint)
            return _updates(preset, resolved_defaults(predictor), predictor)
        except ConfigError:  # pushed off the shelf meanwhile, and gone from the disk
            return [gr.skip()] * (2 * len(Side.NAMES))


def side_options(predictor: Predictor, base, side, seed) -> SamplingOptions:
    """Checked options of one side: *Write*'s values, the side's own ones, the shared seed."""
    own = dict(zip(Side.NAMES, side, strict=True))
    return options_from_values(predictor, {**named_values(base), **own, "seed": seed})


def _updates(preset: str, base: SamplingOptions, predictor: Predictor) -> list:
    config = predictor.tokenizer.config
    left, right = preset_options(preset, base, config)
    return [*side_updates(left, config), *side_updates(right, config)]


def build_two_settings(context: AppContext) -> None:
    """Place the panel and wire it."""
    handlers = CompareHandlers(context)
    predictor = context.default_predictor()
    if predictor is None:
        config = WITHOUT_MODEL
        base = SamplingOptions().resolve(SamplingOptions(), config)
    else:
        config, base = predictor.tokenizer.config, resolved_defaults(predictor)
    left, right = preset_options(_OPENING_PRESET, base, config)
    with gr.Row(elem_classes="p2s-toolbar p2s-compact"):
        preset = gr.Dropdown(
            [(shown, name) for name, (shown, _, _) in PRESETS.items()],
            value=_OPENING_PRESET,
            label="What to compare",
            elem_id="compare-preset",
            filterable=False,
            scale=3,
            min_width=200,
        )
        seed = gr.Number(
            0,
            label="Seed for both",
            precision=0,
            minimum=0,
            elem_id="compare-seed",
            min_width=90,
        )
        run = gr.Button("Write both", variant="primary", elem_id="compare-run", min_width=96)
        stop = gr.Button("Stop", elem_id="compare-stop", min_width=72)
    with gr.Row(elem_classes="p2s-sides p2s-compact"):
        sides = []
        for name, title, options in (("a", "A, left", left), ("b", "B, right", right)):
            with (
                gr.Column(elem_classes="p2s-side", min_width=280),
                gr.Accordion(f"Settings of {title}", open=False, elem_classes="p2s-group"),
            ):
                sides.append(build_side(name, options, config))
    view = gr.HTML(
        value=empty_comparison(record.picture_line(None)),
        html_template=_TEMPLATE,
        js_on_load=_ON_LOAD,
        server_functions=PictureAnswers(context).functions(),
        apply_default_css=False,
        elem_id="compare",
        padding=False,
    )
    side_widgets = [widget for side in sides for widget in side.widgets()]
    base_widgets = context.controls.widgets()
    quiet = dict(show_progress="hidden", api_visibility="private")

    def start(request: gr.Request, path, example, checkpoint, seed, *values):
        yield from handlers.run(path, example, checkpoint, seed, *values, request=request)

    def stop_both(request: gr.Request):
        context.sessions.stop(session_of(request))

    run.click(
        start,
        [context.image, context.example, context.checkpoint, seed, *side_widgets, *base_widgets],
        view,
        **MODEL_QUEUE,
        **quiet,
    )
    stop.click(stop_both, None, None, queue=False, api_visibility="private")
    view.look(handlers.look, [context.image, context.example], view, **quiet)
    preset.input(
        handlers.choose_preset, [preset, context.checkpoint, *base_widgets], side_widgets, **quiet
    )
    preset.change(
        None, preset, js="(name) => P2S.call('said', 'pair', name)", api_visibility="private"
    )

    def wish(event: gr.EventData):
        return handlers.wish(said(event._data).get("pair"))

    view.wish(wish, None, [preset, *side_widgets], **quiet)
    context.loaded.change(
        handlers.follow_checkpoint, [preset, context.loaded], side_widgets, **quiet
    )
