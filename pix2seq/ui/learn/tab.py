"""The *Learn* tab: five pages on the visitor's own picture and boxes, drawn by the page's scripts.

One ``gr.HTML`` component with a constant template. Questions about boxes are answered at once by
``learn_answers``; sentences that a model must write go through the queue as an event whose lines,
one JSON object each, are appended to the component's value.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from itertools import zip_longest

import gradio as gr

from pix2seq.config import ConfigError, SamplingOptions
from pix2seq.predictor import ImageEncoding
from pix2seq.sampling import SamplingStep
from pix2seq.ui.learn.answers import Teacher
from pix2seq.ui.learn.subject import Subject, page_boxes, read_subject
from pix2seq.ui.visit.context import AppContext
from pix2seq.ui.visit.runs import Run, new_id
from pix2seq.ui.visit.writer import FLUSH_SECONDS

_TEMPLATE = '<div class="p2s p2s-learn" data-learn></div>'

# Gradio finds the names of the component's events where they stand in quotes.
_ON_LOAD = """
const events = ["learn_write"];
P2S.mountLearn(element, { props, server, trigger, watch, events });
"""

_LIMIT = 20  # objects per pane: enough to see the difference, short enough to wait for


def build_learn_tab(context: AppContext) -> None:
    """Place the tab; it follows the checkpoint menu of the header."""
    teacher = Teacher(context)
    learn = gr.HTML(
        value="",
        html_template=_TEMPLATE,
        js_on_load=_ON_LOAD,
        server_functions=teacher.functions(),
        apply_default_css=False,
        elem_id="learn",
        padding=False,
    )

    def write(event: gr.EventData):
        yield from write_lines(context, dict(event._data or {}))

    learn.learn_write(
        write,
        None,
        learn,
        concurrency_id="model",
        concurrency_limit=4,
        show_progress="hidden",
        trigger_mode="once",
        api_visibility="private",
    )
    if context.loaded is not None:
        context.loaded.change(
            None,
            context.checkpoint,
            js="(name) => P2S.emit('checkpoint', name)",
            api_visibility="private",
        )


def write_lines(context: AppContext, question: dict) -> Iterator[str]:
    """Let the model write, and yield the growing text that the page follows.

    ``question["ask"]`` is ``boxes`` (one sentence with the checkpoint's own settings, read as boxes
    to learn on) or ``compare`` (the three ways of page 5, token by token in turn).
    """
    text = _line("start", id=new_id(), ask=question.get("ask"))
    yield text  # the page reacts before the encoder has run
    try:
        subject = read_subject(context, question)
        if question.get("ask") == "boxes":
            text += _line("boxes", boxes=_detect(subject))
        else:
            for lines in _compare(context, subject, question):
                text += lines
                yield text
        text += _line("end")
    except (ConfigError, TypeError, ValueError, KeyError, OverflowError) as error:
        text += _line("error", message=str(error))
    yield text


def _line(kind: str, **data: object) -> str:
    return json.dumps({"k": kind, **data}, separators=(",", ":")) + "\n"


def _detect(subject: Subject) -> list[list]:
    predictor = subject.needs_model()
    found = predictor.detect(subject.picture.encoded_by(predictor))
    sure = found[found.scores >= found.noise_scores]
    return page_boxes(sure.boxes, sure.labels, predictor.categories)


def three_ways(subject: Subject, question: dict) -> list[tuple[str, SamplingOptions]]:
    """Argmax, nucleus (section 2.2) and altered inference (section 2.3) with one seed."""
    predictor = subject.needs_model()
    limit = min(_LIMIT, predictor.tokenizer.config.max_objects)
    top_p, seed = float(question.get("top_p", 0.4)), int(question.get("seed", 0))
    argmax = SamplingOptions(
        temperature=0.0,
        top_p=1.0,
        eos="model",
        seed=seed,
        max_objects=limit,
        score="class",
        score_threshold=0.0,
    )
    nucleus = argmax.replace(temperature=1.0, top_p=top_p)
    ways = {"argmax": argmax, "nucleus": nucleus, "altered": nucleus.replace(eos="delay")}
    return [(name, predictor.resolve(options)) for name, options in ways.items()]


def _compare(context: AppContext, subject: Subject, question: dict) -> Iterator[str]:
    """Three sentences in turn, a few tokens per flush; each becomes a run that can be read."""
    predictor = subject.needs_model()
    runs = [
        Run(subject.picture, predictor, options) for _, options in three_ways(subject, question)
    ]
    for run in runs:
        context.runs.add(run)
    encoding = subject.picture.encoded_by(predictor)
    streams = [predictor.stream(encoding, run.options) for run in runs]
    yield _line("panes", runs=[run.id for run in runs])
    try:
        lines = ""
        flushed = time.monotonic()
        for steps in zip_longest(*streams):
            for pane, (run, step) in enumerate(zip(runs, steps, strict=True)):
                if step is not None:
                    run.steps.append(step)
                    lines += _token_line(pane, run, step, encoding)
            if time.monotonic() - flushed >= FLUSH_SECONDS:
                yield lines
                flushed, lines = time.monotonic(), ""
        yield lines
    finally:
        for stream in streams:
            stream.close()


def _token_line(pane: int, run: Run, step: SamplingStep, encoding: ImageEncoding) -> str:
    tokenizer = run.predictor.tokenizer
    line = _line(
        "t",
        p=pane,
        slot=step.slot,
        text=tokenizer.describe(step.token_id).text,
        noise=step.token_id == tokenizer.noise_id,
        prob=round(math.exp(step.logprob), 4),
    )
    if step.slot == "class":
        object_steps = run.steps[-len(tokenizer.slots) :]
        found = run.predictor.read(encoding, object_steps, run.options.replace(noise="show"))
        line += _line(
            "o", p=pane, boxes=page_boxes(found.boxes, found.labels, tokenizer.categories)
        )
    return line
