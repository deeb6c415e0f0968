"""The *Learn* tab: five pages on the visitor's own picture and boxes, drawn by the page's scripts.

One ``gr.HTML`` component with a constant template. Questions about boxes are answered at once by
``answers``; sentences that a model must write go through the queue as an event whose lines,
one JSON object each, are appended to the component's value.
"""

from __future__ import annotations

from collections.abc import Iterator

import gradio as gr

from pix2seq import logs
from pix2seq.config import ConfigError, short
from pix2seq.ui.learn.answers import Teacher
from pix2seq.ui.learn.inference import write_three
from pix2seq.ui.learn.machine import build_machine
from pix2seq.ui.learn.subject import Subject, page_boxes, read_subject
from pix2seq.ui.learn.views import line
from pix2seq.ui.visit.context import MODEL_QUEUE, AppContext
from pix2seq.ui.visit.runs import new_id
from pix2seq.ui.visit.visitor import said, session_of

_TEMPLATE = '<div class="p2s p2s-learn" data-learn></div>'

# Gradio finds the names of the component's events where they stand in quotes.
_ON_LOAD = """
const events = ["learn_write"];
P2S.call("mountLearn", element, { props, server, trigger, watch, events });
"""


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

    build_machine()

    def write(event: gr.EventData, request: gr.Request):
        yield from write_lines(context, said(event._data), session_of(request))

    learn.learn_write(
        write,
        None,
        learn,
        **MODEL_QUEUE,
        show_progress="hidden",
        trigger_mode="once",
        api_visibility="private",
    )
    if context.loaded is not None:
        context.loaded.change(
            None,
            context.checkpoint,
            js="(name) => P2S.call('checkpoint', name)",
            api_visibility="private",
        )


def write_lines(context: AppContext, question: dict, session: str = "") -> Iterator[str]:
    """Let the model write, and yield the growing text that the page follows.

    ``question["ask"]`` is ``boxes`` (one sentence with the checkpoint's own settings, read as boxes
    to learn on) or ``compare`` (the three ways of page 5, token by token in turn).
    """
    text = line("start", id=new_id(), ask=question.get("ask"))
    yield text  # the page reacts before the encoder has run
    try:
        with logs.work("lesson"):
            for lines in _answer(context, question, session):
                text += lines
                yield text
        text += line("end")
    except ConfigError as error:
        text += line("error", message=str(error))
    yield text


def _answer(context: AppContext, question: dict, session: str) -> Iterator[str]:
    try:
        subject = read_subject(context, question)
        if question.get("ask") == "boxes":
            yield line("boxes", boxes=_detect(subject))
        else:
            yield from write_three(context, subject, question, session)
    except ConfigError:
        raise
    except (TypeError, ValueError, LookupError, OverflowError) as error:
        raise ConfigError(f"the question cannot be read: {short(error)}") from None


def _detect(subject: Subject) -> list[list]:
    predictor = subject.needs_model()
    found = predictor.detect(subject.picture.encoded_by(predictor))
    sure = found[found.scores >= found.noise_scores]
    return page_boxes(sure.boxes, sure.labels, predictor.categories)
