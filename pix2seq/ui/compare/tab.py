"""The *Compare* tab: two settings on one picture and one seed, and many samples of one setting.

Both panels open with a recording, which needs no model (``recorded.py``). What they write anew is
about the picture of *Write*, and takes from there whatever they have no widget for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence

import gradio as gr

from pix2seq.config import ConfigError, SamplingOptions, TokenizerConfig
from pix2seq.predictor import Predictor
from pix2seq.ui.compare.recorded import (
    load_pair,
    recorded_options,
    recorded_text,
    thumbnails,
)
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
from pix2seq.ui.visit.questions import answering, server_function
from pix2seq.ui.visit.runs import Run
from pix2seq.ui.visit.visitor import said, session_of, toast

_OPENING_PRESET = "argmax"
_TEMPLATE = '<div class="p2s p2s-compare" data-compare data-state="idle"></div>'

# `look` asks for what is to be seen before anything is written, `wish` for the pair that a link
# names, `again` to write about the recorded picture; Gradio finds events by their quoted names.
_ON_LOAD = """
const events = ["look", "wish", "again"];
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

    def look(self, preset: object, path: str | None, example: str | None) -> str:
        """What there is before anything is written: the pair's recording, else the picture."""
        recording = load_pair(preset)
        try:
            if recording is not None:
                picture = self.context.example_picture(recording["example"])
                return recorded_text(preset, recording, picture)
            return empty_comparison(record.picture_line(self.context.picture(path, example)))
        except (ConfigError, TypeError):
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

    def wish(self, wanted: object, path: str | None, example: str | None) -> list:
        """The pair that a link names: its values for the menu, both sides and the view. Another
        name leaves them as they are, and the view has what it opens with."""
        try:
            if not isinstance(wanted, str) or wanted not in PRESETS:
                raise ConfigError(f"there is no pair {wanted!r}")
            widgets = self._widgets(wanted, self.context.default_checkpoint)
        except ConfigError:
            untouched = [gr.skip()] * (1 + 2 * len(Side.NAMES))
            return [*untouched, self.look(_OPENING_PRESET, path, example)]
        return [wanted, *widgets, self.look(wanted, path, example)]

    def choose_preset(
        self, preset: str, path: str | None, example: str | None, checkpoint: str, *values
    ) -> list:
        """Set both sides' widgets to a preset, on top of what *Write* has, and show what is
        recorded of it."""
        try:
            widgets = self._widgets(preset, checkpoint, values)
        except ConfigError as error:
            toast(error)
            return [gr.skip()] * (1 + 2 * len(Side.NAMES))
        return [*widgets, self.look(preset, path, example)]

    def _widgets(self, preset: str, checkpoint: str, values: Sequence = ()) -> list:
        """Both sides' widgets for a preset: on top of *Write*'s ``values`` or the checkpoint's own
        ones; without a model, as they were recorded. Raises ``ConfigError``."""
        recording = load_pair(preset)
        try:
            predictor = self.context.predictor(checkpoint)
        except ConfigError:
            if recording is None:
                raise
            return _side_updates(recorded_options(recording), WITHOUT_MODEL)
        base = (
            options_from_values(predictor, named_values(values))
            if values
            else resolved_defaults(predictor)
        )
        config = predictor.tokenizer.config
        return _side_updates(preset_options(preset, base, config), config)

    def follow_checkpoint(self, preset: str, checkpoint: str) -> list:
        """Another checkpoint: its defaults and limits."""
        try:
            self.context.predictor(checkpoint)
            return self._widgets(preset, checkpoint)
        except ConfigError:  # pushed off the shelf meanwhile, and gone from the disk
            return [gr.skip()] * (2 * len(Side.NAMES))


def side_options(predictor: Predictor, base, side, seed) -> SamplingOptions:
    """Checked options of one side: *Write*'s values, the side's own ones, the shared seed."""
    own = dict(zip(Side.NAMES, side, strict=True))
    return options_from_values(predictor, {**named_values(base), **own, "seed": seed})


def _side_updates(sides: tuple[SamplingOptions, SamplingOptions], config: TokenizerConfig) -> list:
    return [update for options in sides for update in side_updates(options, config)]


class CompareAnswers(PictureAnswers):
    """The panel's questions: pictures, and the thumbnails of what can be compared."""

    def functions(self) -> list[Callable[[dict], dict]]:
        return [*super().functions(), server_function(self.thumbnails)]

    @answering
    def thumbnails(self, question: dict) -> dict:
        """By the pair's name."""
        return thumbnails()


def build_two_settings(context: AppContext) -> None:
    """Place the panel and wire it."""
    handlers = CompareHandlers(context)
    predictor, recording = context.default_predictor(), load_pair(_OPENING_PRESET)
    if predictor is None and recording is not None:
        config = WITHOUT_MODEL
        left, right = recorded_options(recording)
    else:
        config = WITHOUT_MODEL if predictor is None else predictor.tokenizer.config
        base = (
            resolved_defaults(predictor)
            if predictor
            else SamplingOptions().resolve(SamplingOptions(), config)
        )
        left, right = preset_options(_OPENING_PRESET, base, config)
    preset = gr.Radio(
        [(shown, name) for name, (shown, _, _) in PRESETS.items()],
        value=_OPENING_PRESET,
        label="What to compare",
        elem_id="compare-preset",
        elem_classes="p2s-pairs",
    )
    with gr.Row(elem_classes="p2s-toolbar p2s-compact"):
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
                gr.Column(elem_classes="p2s-pair-side", min_width=280),
                gr.Accordion(f"Settings of {title}", open=False, elem_classes="p2s-group"),
            ):
                sides.append(build_side(name, options, config))
    view = gr.HTML(
        value=empty_comparison(record.picture_line(None)),
        html_template=_TEMPLATE,
        js_on_load=_ON_LOAD,
        server_functions=CompareAnswers(context).functions(),
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

    def start_again(request: gr.Request, event: gr.EventData, checkpoint, seed, *values):
        recording = load_pair(said(event._data).get("pair"))
        if recording is None:
            yield gr.skip()
            return
        example = recording["example"]
        yield from handlers.run(None, example, checkpoint, seed, *values, request=request)

    writing = dict(outputs=view, **MODEL_QUEUE, **quiet)
    pictured = [context.image, context.example]
    settings = [context.checkpoint, seed, *side_widgets, *base_widgets]
    run.click(start, [*pictured, *settings], **writing)
    view.again(start_again, settings, **writing)
    stop.click(stop_both, None, None, queue=False, api_visibility="private")
    compared = [seed, *side_widgets]
    # The page says where the widgets differ from what is recorded.
    noticed = dict(
        inputs=compared,
        js=f"(...values) => P2S.call('compared', {json.dumps(['seed', *Side.NAMES])}, values)",
        api_visibility="private",
    )
    view.look(handlers.look, [preset, *pictured], view, **quiet).then(None, **noticed)
    gr.on([widget.change for widget in compared], None, **noticed)
    preset.input(
        handlers.choose_preset,
        [preset, *pictured, context.loaded, *base_widgets],
        [*side_widgets, view],
        **quiet,
    )
    preset.change(
        None, preset, js="(name) => P2S.call('said', 'pair', name)", api_visibility="private"
    )

    def wish(event: gr.EventData, path, example):
        return handlers.wish(said(event._data).get("pair"), path, example)

    wished = view.wish(wish, pictured, [preset, *side_widgets, view], **quiet)
    wished.then(None, **noticed)
    context.loaded.change(
        handlers.follow_checkpoint, [preset, context.loaded], side_widgets, **quiet
    )
