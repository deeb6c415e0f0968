"""The named endpoints ``/detect`` and ``/detect_stream``: the same run as the page's, for programs.

``client.predict(handle_file("photo.jpg"), "mini", api_name="/detect")`` returns one JSON object;
``client.submit(..., api_name="/detect_stream")`` one per token. Parameters are the page's
controls, so their defaults are the ones that the page shows.
"""

from __future__ import annotations

from collections.abc import Iterator

import gradio as gr

from pix2seq.config import ConfigError
from pix2seq.detections import Detections
from pix2seq.images import load_image
from pix2seq.predictor import ImageEncoding, Predictor
from pix2seq.sampling import SamplingStep
from pix2seq.ui.context import AppContext
from pix2seq.ui.controls import options_from_values, photo_input
from pix2seq.ui.record import step_to_json


def build_api(context: AppContext) -> None:
    """Register both endpoints over the page's own controls; nothing of it is visible."""

    def prepare(image, checkpoint, values):
        try:
            predictor = context.shelf.get(checkpoint)
            options = options_from_values(predictor, *values)
            return predictor, options, predictor.encode(load_image(image))
        except ConfigError as error:
            raise gr.Error(str(error), print_exception=False) from None

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
        score_threshold: float,
        seed: int,
        forbid: list[int],
    ) -> dict:
        """Find the objects in an image: boxes in its own pixels, labels, scores, every token."""
        values = (temperature, top_p, top_k, num_bins, max_objects, eos, grammar, noise)
        predictor, options, encoding = prepare(
            image, checkpoint, (*values, score_threshold, seed, forbid)
        )
        steps = list(predictor.stream(encoding, options))
        return {
            "checkpoint": predictor.name,
            "image": {"width": encoding.orig_size[1], "height": encoding.orig_size[0]},
            "options": options.to_dict(),
            "detections": _objects(predictor, encoding, steps, options),
            "tokens": [_token(predictor, step) for step in steps],
        }

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
        score_threshold: float,
        seed: int,
        forbid: list[int],
    ) -> Iterator[dict]:
        """The same, token by token: each message is one token and the objects it completed."""
        values = (temperature, top_p, top_k, num_bins, max_objects, eos, grammar, noise)
        predictor, options, encoding = prepare(
            image, checkpoint, (*values, score_threshold, seed, forbid)
        )
        steps: list[SamplingStep] = []
        for step in predictor.stream(encoding, options):
            steps.append(step)
            yield {
                "token": _token(predictor, step),
                "detections": _objects(predictor, encoding, steps, options),
            }

    photo = photo_input(visible=False, label="image")
    inputs = [photo, context.checkpoint, *context.controls.widgets()]
    shared = dict(concurrency_id="model", concurrency_limit=4)
    answer = gr.JSON(visible=False)
    gr.Button(visible=False).click(detect, inputs, answer, api_name="detect", **shared)
    gr.Button(visible=False).click(
        detect_stream, inputs, answer, api_name="detect_stream", **shared
    )


def _token(predictor: Predictor, step: SamplingStep) -> dict:
    return {**step_to_json(step), "text": predictor.tokenizer.describe(step.token_id).text}


def _objects(
    predictor: Predictor, encoding: ImageEncoding, steps: list[SamplingStep], options
) -> list[dict]:
    found: Detections = predictor.read(encoding, steps, options)
    return [
        {
            "box": [round(value, 2) for value in box],
            "label": predictor.categories.name(label),
            "label_id": label,
            "score": score,
            "noise_probability": noise,
            "is_noise": is_noise,
            "object": obj,
        }
        for box, label, score, noise, is_noise, obj in zip(
            found.boxes.tolist(),
            found.labels.tolist(),
            found.scores.tolist(),
            found.noise_scores.tolist(),
            found.is_noise.tolist(),
            found.objects.tolist(),
            strict=True,
        )
    ]
