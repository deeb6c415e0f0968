"""The *Write* tab: controls, live stage, and the wires between them."""

from __future__ import annotations

import html
import json

import gradio as gr

from pix2seq.config import SamplingOptions, TokenizerConfig, short
from pix2seq.examples import PHOTOS
from pix2seq.ui.kit.controls import (
    DEFAULT_SPEED,
    NAMES,
    SPEED_CHOICES,
    build_sampling_controls,
    class_choices,
    resolved_defaults,
)
from pix2seq.ui.kit.upload import photo_input
from pix2seq.ui.visit import record
from pix2seq.ui.visit.context import MODEL_QUEUE, AppContext
from pix2seq.ui.visit.visitor import said
from pix2seq.ui.write.answers import Answers
from pix2seq.ui.write.handlers import Handlers
from pix2seq.ui.write.stage import build_stage

_PRIVATE = "private"

# Without any checkpoint the controls still show, with the ranges of the paper's models.
_NO_MODEL = TokenizerConfig.compact(num_bins=1000, num_classes=80, max_objects=100)


def build_write_tab(context: AppContext) -> None:
    """Place the tab's components, wire them, and fill in the context's page side."""
    handlers = Handlers(context)
    predictor = context.default_predictor()
    with gr.Row(elem_classes="p2s-write", equal_height=False):
        with gr.Column(elem_classes="p2s-controls", elem_id="controls", min_width=240):
            context.image = photo_input(
                label="Photo",
                sources=["upload", "webcam", "clipboard"],
                height=168,
                elem_id="image",
                buttons=[],
            )
            gallery = gr.Gallery(
                [(str(photo.path), photo.title) for photo in PHOTOS],
                show_label=False,
                columns=4,
                height=64,
                object_fit="cover",
                allow_preview=False,
                interactive=False,
                elem_id="examples",
                buttons=[],
            )
            scene = gr.Button("Compose a scene", size="sm", elem_id="scene")
            with gr.Row(elem_classes="p2s-runbar", elem_id="runbar"):
                run = gr.Button("Run", variant="primary", elem_id="run", min_width=64)
                stop = gr.Button("Stop", elem_id="stop", min_width=64)
                step = gr.Button("Step", elem_id="step", min_width=64)
                sheet = gr.Button("Settings", elem_id="sheet", min_width=64)
            with gr.Column(elem_id="settings", elem_classes="p2s-settings", min_width=0):
                speed = gr.Dropdown(
                    SPEED_CHOICES,
                    value=DEFAULT_SPEED,
                    label="Speed",
                    elem_id="speed",
                    filterable=False,
                )
                if predictor is None:
                    usual = SamplingOptions().resolve(SamplingOptions(), _NO_MODEL)
                    controls = build_sampling_controls(usual, _NO_MODEL)
                else:
                    controls = build_sampling_controls(
                        resolved_defaults(predictor),
                        predictor.tokenizer.config,
                        class_choices(predictor),
                        predictor.model.drafts,
                    )
        opening = handlers.opening_record()
        context.stage = build_stage(opening, Answers(context).functions())
    context.controls = controls
    example = gr.Textbox(handlers.opening_example, visible=False)
    context.example = example
    cursor = gr.Textbox("{}", visible=False)
    linked = gr.Textbox("", visible=False)
    seed_of_scene = gr.State(1)
    loaded = context.loaded = gr.State(context.default_checkpoint)

    widgets = controls.widgets()
    sources = [context.image, example, context.checkpoint, *widgets]

    def start(request: gr.Request, path, example, checkpoint, *values):
        yield from handlers.run(path, example, checkpoint, *values, request=request)

    def go_on(request: gr.Request, cursor, path, example, checkpoint, *values):
        data = said(cursor)
        yield from handlers.write_on(data, path, example, checkpoint, *values, request=request)

    def edit(event: gr.EventData, request: gr.Request, path, example, checkpoint, *values):
        data = said(event._data)
        yield from handlers.write_on(data, path, example, checkpoint, *values, request=request)

    def forbid(event: gr.EventData, checkpoint: str, chosen: list[int]) -> list[int]:
        return handlers.forbidden(said(event._data), checkpoint, chosen)

    writing = dict(
        outputs=context.stage,
        **MODEL_QUEUE,
        show_progress="hidden",
        trigger_mode="multiple",
        api_visibility=_PRIVATE,
    )
    # However a request ends, the stage stops saying that it waits.
    settled = dict(js="() => P2S.call('settled')", api_visibility=_PRIVATE)
    run.click(start, sources, **writing).then(None, **settled)
    step.click(
        go_on,
        [cursor, *sources],
        js="async (_, ...rest) => [await P2S.call('cursor', { limit: 1 }), ...rest]",
        **writing,
    ).then(None, **settled)
    context.stage.write_on(edit, sources, **writing).then(None, **settled)
    at_once = dict(queue=False, show_progress="hidden", api_visibility=_PRIVATE)
    context.stage.forbid(
        forbid, [context.checkpoint, controls["forbid"]], controls["forbid"], **at_once
    )
    context.stage.keep_going(lambda: "delay", None, controls["eos"], **at_once)

    def score_at_least(event: gr.EventData) -> float:
        return handlers.score_at_least(said(event._data))

    context.stage.score_at_least(score_at_least, None, controls["score_threshold"], **at_once)

    # Nobody presses Run here, so the stage is told that it waits.
    by_itself = dict(
        js="""(wanted, ...rest) => {
            if (wanted) P2S.call("begun");
            return [wanted, ...rest];
        }"""
    )

    def start_if_linked(request: gr.Request, wanted, *values):
        if wanted:
            yield from start(request, *values)
        else:
            yield gr.skip()

    arrival = gr.on(
        None,
        handlers.open_page,
        None,
        [context.stage, context.image, example, context.checkpoint, loaded, linked, *widgets],
        show_progress="hidden",
        api_visibility=_PRIVATE,
    )
    once = writing | by_itself | {"trigger_mode": "once"}
    arrival.then(start_if_linked, [linked, *sources], **once).then(None, **settled)
    stop.click(handlers.stop, None, None, queue=False, api_visibility=_PRIVATE)

    quiet = dict(show_progress="hidden", api_visibility=_PRIVATE)
    speed.change(handlers.set_pace, speed, None, queue=False, **quiet)
    speed.change(None, speed, js="(pace) => P2S.call('setPace', pace)", api_visibility=_PRIVATE)

    def choose_example(event: gr.EventData, request: gr.Request):
        place = said(event._data).get("index")
        if place not in range(len(PHOTOS)):
            raise gr.Error(
                f"there is no example {html.escape(short(place))}", print_exception=False
            )
        photo = PHOTOS[int(place)]
        return str(photo.path), photo.name, handlers.show_example(photo.name, request)

    def compose(seed: int, request: gr.Request):
        name, image, shown = handlers.compose_scene(seed, request)
        return image, name, shown, seed + 1

    def own_photo(path, request: gr.Request):
        shown = handlers.show_picture(path, request)
        usable = record.has_picture(shown)
        kept = gr.skip() if usable else None  # no broken picture in its place
        return kept, shown, "", "run" if usable else ""

    gallery.select(choose_example, None, [context.image, example, context.stage], **quiet)
    scene.click(
        compose, seed_of_scene, [context.image, example, context.stage, seed_of_scene], **quiet
    )
    # Uploads, the webcam and the clipboard all fire `upload`. `input` would also fire when the
    # picture is removed, still with the old value.
    # A picture of one's own is written about at once.
    shown = context.image.upload(
        own_photo, context.image, [context.image, context.stage, example, linked], **quiet
    )
    asked = shown.then(start_if_linked, [linked, *sources], **(writing | by_itself))
    asked.then(None, **settled)
    context.image.clear(
        lambda: (record.picture_line(None), ""), None, [context.stage, example], **quiet
    )
    # The page's scripts follow the controls: the inspector and the filters react at once.
    gr.on(
        [widget.change for widget in [context.checkpoint, *widgets]],
        None,
        [context.checkpoint, *widgets],
        None,
        js=f"""(checkpoint, ...values) => {{
            const named = {json.dumps(NAMES)}.map((name, place) => [name, values[place]]);
            return P2S.call("settings", Object.fromEntries(named), checkpoint);
        }}""",
        api_visibility=_PRIVATE,
    )
    sheet.click(None, js="() => P2S.call('toggleSheet')", api_visibility=_PRIVATE)
    # Listeners of one event run one after the other, so the stage hears of the choice first.
    context.checkpoint.change(
        None, context.checkpoint, js="(name) => P2S.call('loading', name)", api_visibility=_PRIVATE
    )
    # Not `input`, which fires for the choice and again when the menu loses the focus; not `select`,
    # which misses choices by the keyboard. What Python put into the menu is loaded already.
    context.checkpoint.change(
        handlers.choose_checkpoint,
        [context.checkpoint, loaded],
        [context.checkpoint, loaded, *widgets],
        show_progress="hidden",  # the stage says what it waits for; the menu keeps its name
        concurrency_id="load",
        api_visibility=_PRIVATE,
    ).then(None, js="() => P2S.call('loaded')", api_visibility=_PRIVATE)
