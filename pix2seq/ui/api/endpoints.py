"""The named endpoints ``/detect`` and ``/detect_stream``: the same run as the page's, for programs.

``client.predict(handle_file("photo.jpg"), "mini", api_name="/detect")`` returns one JSON object;
``client.submit(..., api_name="/detect_stream")`` one per token. Parameters are the page's
controls, so their defaults are the ones that the page shows; their limits are those of the named
checkpoint.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Iterator
from pathlib import Path

import gradio as gr

from pix2seq.config import ConfigError
from pix2seq.images import load_image
from pix2seq.render import (
    RunRecord,
    detection_summary,
    record_detections,
    record_token,
    token_summary,
)
from pix2seq.sampling import SamplingStep
from pix2seq.ui.kit.controls import (
    NAMES,
    SETTINGS,
    named_values,
    options_from_values,
    photo_input,
)
from pix2seq.ui.visit.context import AppContext


def signature_of(returns: object) -> inspect.Signature:
    """What a program may say: an image, a checkpoint, and every sampling control by its name.
    Gradio reads parameters off a function's signature."""
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [
        inspect.Parameter("image", kind, annotation=str | None),
        inspect.Parameter("checkpoint", kind, annotation=str),
        *(inspect.Parameter(one.name, kind, annotation=one.type) for one in SETTINGS),
    ]
    return inspect.Signature(parameters, return_annotation=returns)


def build_api(context: AppContext) -> None:
    """Register both endpoints over the page's own controls; nothing of it is visible."""

    # The widgets' defaults are those of the checkpoint that the page opens with; left alone, they
    # mean "what the chosen checkpoint recommends".
    usual = {name: widget.value for name, widget in context.controls.items()}

    def prepare(image, checkpoint, values):
        asked = named_values(values)
        try:
            predictor = context.shelf.get(checkpoint)
            if checkpoint != context.default_checkpoint:
                asked = {
                    name: None if value == usual[name] else value for name, value in asked.items()
                }
            options = options_from_values(predictor, asked)
            return predictor, options, predictor.encode(load_image(image))
        except ConfigError as error:
            said = str(error)
            if image is not None:  # the file's own name, not where the server keeps it
                said = said.replace(str(image), Path(image).name)
            raise gr.Error(said, print_exception=False) from None

    def detect(image, checkpoint, *values):
        """Find the objects in an image: boxes in its own pixels, labels, scores, every token."""
        predictor, options, encoding = prepare(image, checkpoint, values)
        started = time.perf_counter()
        steps = list(predictor.stream(encoding, options))
        seconds = time.perf_counter() - started
        found = predictor.read(encoding, steps, options)
        run = RunRecord.of(predictor, encoding, steps, found, options, seconds)
        return run.summary()

    def detect_stream(image, checkpoint, *values):
        """The same, token by token: each message is one token and the objects it completed."""
        predictor, options, encoding = prepare(image, checkpoint, values)
        written: list[SamplingStep] = []
        detections: list[dict] = []
        for step in predictor.stream(encoding, options):
            written.append(step)
            if step.slot == "class":  # an object is complete; it may repeat an earlier one
                found = predictor.read(encoding, written, options)
                read = record_detections(predictor, written, found)
                detections = [detection_summary(one) for one in read]
            token = token_summary(record_token(predictor, encoding, step))
            yield {"token": token, "detections": list(detections)}

    detect.__signature__ = signature_of(dict)
    detect_stream.__signature__ = signature_of(Iterator[dict])

    photo = photo_input(visible=False, label="image")
    # The page's sliders end at the limits of the checkpoint that it opens with; a program may name
    # another one, and is told by ``resolve`` what that one cannot do.
    free = {
        one.name: gr.Number(context.controls[one.name].value, label=one.name, visible=False)
        for one in SETTINGS
        if one.limit
    }
    inputs = [photo, context.checkpoint, *({**context.controls, **free}[name] for name in NAMES)]
    shared = dict(concurrency_id="model", concurrency_limit=4)
    answer = gr.JSON(visible=False)
    gr.Button(visible=False).click(detect, inputs, answer, api_name="detect", **shared)
    gr.Button(visible=False).click(
        detect_stream, inputs, answer, api_name="detect_stream", **shared
    )
