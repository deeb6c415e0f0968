"""The named endpoints ``/detect`` and ``/detect_stream``: the same run as the page's, for programs.

``client.predict(handle_file("photo.jpg"), "mini", api_name="/detect")`` returns one JSON object;
``client.submit(..., api_name="/detect_stream")`` one per token. Parameters are the page's
controls, so their defaults are the ones that the page shows; their limits are those of the named
checkpoint.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import gradio as gr

from pix2seq.config import ConfigError
from pix2seq.images import load_image
from pix2seq.render import RunRecord, token_summary
from pix2seq.sampling import SamplingStep
from pix2seq.ui.context import AppContext
from pix2seq.ui.controls import Controls, options_from_values, photo_input


def build_api(context: AppContext) -> None:
    """Register both endpoints over the page's own controls; nothing of it is visible."""

    # The widgets' defaults are those of the checkpoint that the page opens with; left alone, they
    # mean "what the chosen checkpoint recommends".
    usual_values = [widget.value for widget in context.controls.widgets()]

    def prepare(image, checkpoint, values):
        try:
            predictor = context.shelf.get(checkpoint)
            if checkpoint != context.default_checkpoint:
                values = [
                    None if value == usual else value
                    for value, usual in zip(values, usual_values, strict=True)
                ]
            options = options_from_values(predictor, *values)
            return predictor, options, predictor.encode(load_image(image))
        except ConfigError as error:
            said = str(error)
            if image is not None:  # the file's own name, not where the server keeps it
                said = said.replace(str(image), Path(image).name)
            raise gr.Error(said, print_exception=False) from None

    def detect(
        image: str | None,
        checkpoint: str,
        temperature: float,
        top_p: float,
        top_k: int,
        num_bins: int,
        max_objects: int,
        eos: str,
        grammar: bool,
        noise: str,
        score: str,
        score_threshold: float,
        seed: int,
        forbid: list[int],
    ) -> dict:
        """Find the objects in an image: boxes in its own pixels, labels, scores, every token."""
        values = (temperature, top_p, top_k, num_bins, max_objects, eos, grammar, noise, score)
        predictor, options, encoding = prepare(
            image, checkpoint, (*values, score_threshold, seed, forbid)
        )
        started = time.perf_counter()
        steps = list(predictor.stream(encoding, options))
        seconds = time.perf_counter() - started
        found = predictor.read(encoding, steps, options)
        run = RunRecord.of(predictor, encoding, steps, found, options, seconds)
        return run.summary()

    def detect_stream(
        image: str | None,
        checkpoint: str,
        temperature: float,
        top_p: float,
        top_k: int,
        num_bins: int,
        max_objects: int,
        eos: str,
        grammar: bool,
        noise: str,
        score: str,
        score_threshold: float,
        seed: int,
        forbid: list[int],
    ) -> Iterator[dict]:
        """The same, token by token: each message is one token and the objects it completed."""
        values = (temperature, top_p, top_k, num_bins, max_objects, eos, grammar, noise, score)
        predictor, options, encoding = prepare(
            image, checkpoint, (*values, score_threshold, seed, forbid)
        )
        steps: list[SamplingStep] = []
        for step in predictor.stream(encoding, options):
            steps.append(step)
            found = predictor.read(encoding, steps, options)
            run = RunRecord.of(predictor, encoding, steps, found, options, 0.0)
            yield {
                "token": token_summary(run.tokens[-1]),
                "detections": run.summary()["detections"],
            }

    photo = photo_input(visible=False, label="image")
    # The page's sliders end at the limits of the checkpoint that it opens with; a program may name
    # another one, and is told by ``resolve`` what that one cannot do.
    free = {
        name: gr.Number(getattr(context.controls, name).value, label=name, visible=False)
        for name in ("num_bins", "max_objects")
    }
    controls = [
        free.get(field.name, getattr(context.controls, field.name)) for field in fields(Controls)
    ]
    inputs = [photo, context.checkpoint, *controls]
    shared = dict(concurrency_id="model", concurrency_limit=4)
    answer = gr.JSON(visible=False)
    gr.Button(visible=False).click(detect, inputs, answer, api_name="detect", **shared)
    gr.Button(visible=False).click(
        detect_stream, inputs, answer, api_name="detect_stream", **shared
    )
