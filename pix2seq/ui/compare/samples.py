"""The *Many samples* panel: one setting, N seeds, all objects over one another.

What comes back is one JSON text per batch of samples: the samples' boxes grouped into objects, how
many samples agree on each, and how many objects more samples find.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence

import gradio as gr
import torch
from torch import Tensor

from pix2seq import logs
from pix2seq.agreement import (
    Cluster,
    Sample,
    cluster,
    discovery_curve,
    true_object_counts,
    write_samples,
)
from pix2seq.boxes import box_iou
from pix2seq.categories import COCO_80
from pix2seq.config import ConfigError, SamplingOptions
from pix2seq.detections import Detections
from pix2seq.evaluate import match_labels
from pix2seq.examples import scene_sample
from pix2seq.predictor import Predictor
from pix2seq.ui.compare.recorded import load_samples
from pix2seq.ui.kit.controls import named_values, options_from_values
from pix2seq.ui.visit import record
from pix2seq.ui.visit.context import MODEL_QUEUE, AppContext
from pix2seq.ui.visit.jobs import Jobs
from pix2seq.ui.visit.pictures import PictureAnswers
from pix2seq.ui.visit.runs import Picture
from pix2seq.ui.visit.visitor import session_of, toast

MOST_SAMPLES = 24
_TEMPLATE = '<div class="p2s p2s-samples" data-samples data-state="idle"></div>'
_ON_LOAD = """
const events = ["look"];
P2S.call("mountSamples", element, { props, server, trigger, watch, events });
"""


def samples_json(state: str, picture_line: str, **more: object) -> str:
    """The panel's value; ``picture_line`` is a record's first line."""
    value = {"state": state, "record": picture_line, **more}
    return json.dumps(value, separators=(",", ":"))


def recorded_json(recording: dict, picture: Picture) -> str:
    """The panel's value that shows a recording (``recorded.py``) of ``picture``."""
    facts = {name: recording[name] for name in ("wanted", "options")}
    said = {name: recording[name] for name in ("checkpoint", "example")}
    return samples_json(
        "done", record.picture_line(picture), **facts, **recording["summary"], recorded=said
    )


class SampleHandlers:
    """Events of the panel over one ``AppContext``."""

    def __init__(self, context: AppContext) -> None:
        self.context = context
        self.jobs = Jobs()

    def look(self, path: str | None, example: str | None) -> str:
        """What there is before anything is written about the picture: recorded samples of another
        one; else the picture."""
        recording = load_samples()
        try:
            if recording is not None:
                return recorded_json(recording, self.context.example_picture(recording["example"]))
            return samples_json("idle", record.picture_line(self.context.picture(path, example)))
        except ConfigError:
            return samples_json("idle", record.picture_line(None))

    def run(self, path, example, checkpoint, count, *values, request: gr.Request) -> Iterator[str]:
        """Write ``count`` samples, with the seeds from *Write*'s on."""
        try:
            predictor = self.context.predictor(checkpoint)
            options = options_from_values(predictor, named_values(values))
            picture = self.context.picture(path, example)
        except ConfigError as error:
            toast(error)
            yield gr.skip()
            return
        cancelled = self.jobs.begin(session_of(request))
        shown = record.picture_line(picture)
        seeds = [options.seed + i for i in range(min(max(int(count), 2), MOST_SAMPLES))]
        facts = {"wanted": len(seeds), "options": record.options_json(options)}
        yield samples_json("encoding", shown, **facts)
        summary: dict = {"done": 0}
        try:
            with logs.work("samples", checkpoint=predictor.name, wanted=len(seeds)) as told:
                for before in picture.approach(predictor, cancelled):
                    yield samples_json("encoding", shown, **facts, before=before)
                if not cancelled.is_set():
                    for summary in summaries(predictor, picture, options, seeds, cancelled.is_set):
                        told["done"] = summary["done"]
                        if "argmax" not in summary:  # what is written last comes with the end
                            yield samples_json("writing", shown, **facts, **summary)
                state = "done" if summary["done"] == len(seeds) else "stopped"
                told["ended"] = state
        except ConfigError as error:
            yield samples_json("error", shown, message=str(error))
            return
        yield samples_json(state, shown, **facts, **summary)

    def stop(self, request: gr.Request) -> None:
        self.jobs.stop(session_of(request))


def summaries(
    predictor: Predictor,
    picture: Picture,
    options: SamplingOptions,
    seeds: Sequence[int],
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[dict]:
    """What the page draws while samples are written, each time of more; in the end also what the
    sentence of likeliest tokens costs."""
    encoding = picture.encoded_by(predictor)
    summary: dict = {"done": 0}
    yield summary
    truth = true_objects(picture, predictor)
    for samples in write_samples(predictor, encoding, options, seeds, stopped):
        costs = zip(seeds, samples, strict=False)
        summary = {
            **summarize([one.found for one in samples], predictor, truth),
            "costs": [_cost(one, seed=seed) for seed, one in costs],
        }
        yield summary
    greedy = options.replace(temperature=0.0)
    for [one] in write_samples(predictor, encoding, greedy, seeds[:1], stopped):
        yield {**summary, "argmax": _cost(one)}


def true_objects(picture: Picture, predictor: Predictor) -> tuple[Tensor, Tensor] | None:
    """Boxes and labels of a generated scene, in the predictor's label space; ``None`` for a photo,
    or if the predictor knows none of the scene's classes."""
    scene = scene_sample(picture.example)
    if scene is None:
        return None
    try:
        label_map, _ = match_labels(COCO_80, predictor.categories)
    except ConfigError:
        return None
    if label_map is None:
        return scene.boxes, scene.labels
    known = torch.tensor([label in label_map for label in scene.labels.tolist()]).bool()
    labels = [label_map[label] for label in scene.labels[known].tolist()]
    return scene.boxes[known], torch.tensor(labels, dtype=torch.long)


def summarize(
    samples: Sequence[Detections], predictor: Predictor, truth: tuple[Tensor, Tensor] | None
) -> dict:
    """What the page draws of the samples so far."""
    samples = [found[~found.is_noise] for found in samples]  # noise is no object to agree on
    count = len(samples)
    clusters = cluster(samples)
    summary = {
        "done": count,
        "objects": [len(sample) for sample in samples],
        "clusters": [_plain(found, samples, predictor) for found in clusters],
        "curve": _rounded(discovery_curve([found.count for found in clusters], count)),
    }
    if truth is not None and len(truth[0]):
        counts = true_object_counts(samples, *truth)
        curve = [found / len(counts) for found in discovery_curve(counts, count)]
        right = _right(clusters, *truth)
        summary["truth"] = {
            "objects": len(counts),
            "recall": _rounded(curve),
            "right": right,
            "others": len(clusters) - right,
        }
    return summary


def _right(clusters: Sequence[Cluster], boxes: Tensor, labels: Tensor) -> int:
    """How many of the different objects are true ones: same class, overlap above one half."""
    return sum(
        bool(((box_iou(found.box[None], boxes)[0] > 0.5) & (labels == found.label)).any())
        for found in clusters
    )


def _cost(one: Sample, **more: int) -> dict:
    """What a whole sentence costs."""
    return {"tokens": one.tokens, "nats": round(one.nats, 4), **more}


def _plain(found: Cluster, samples: Sequence[Detections], predictor: Predictor) -> dict:
    return {
        "label": predictor.categories.name(found.label),
        "count": found.count,
        "score": round(found.score, 4),
        "box": _rounded(found.box.tolist(), 1),
        "spread": _rounded(found.spread.tolist(), 1),
        "members": [
            [sample, *_rounded(samples[sample].boxes[row].tolist(), 1)]
            for sample, row in found.members
        ],
    }


def _rounded(values: Sequence[float], digits: int = 4) -> list[float]:
    return [round(value, digits) for value in values]


def build_samples_panel(context: AppContext) -> None:
    """Place the panel and wire it."""
    handlers = SampleHandlers(context)
    with gr.Row(elem_classes="p2s-toolbar p2s-compact"):
        count = gr.Slider(
            2,
            MOST_SAMPLES,
            value=8,
            step=1,
            label="Samples",
            info="Same picture, same settings as in Write, one seed each.",
            elem_id="samples-count",
            scale=3,
            min_width=200,
        )
        run = gr.Button("Write samples", variant="primary", elem_id="samples-run", min_width=112)
        stop = gr.Button("Stop", elem_id="samples-stop", min_width=72)
    view = gr.HTML(
        value=samples_json("idle", record.picture_line(None)),
        html_template=_TEMPLATE,
        js_on_load=_ON_LOAD,
        server_functions=PictureAnswers(context).functions(),
        apply_default_css=False,
        elem_id="samples",
        padding=False,
    )
    quiet = dict(show_progress="hidden", api_visibility="private")

    def start(request: gr.Request, path, example, checkpoint, count, *values):
        yield from handlers.run(path, example, checkpoint, count, *values, request=request)

    run.click(
        start,
        [
            context.image,
            context.example,
            context.checkpoint,
            count,
            *context.controls.widgets(),
        ],
        view,
        **MODEL_QUEUE,
        **quiet,
    )
    stop.click(handlers.stop, None, None, queue=False, api_visibility="private")
    view.look(handlers.look, [context.image, context.example], view, **quiet)
