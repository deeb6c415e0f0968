"""A parameter of an endpoint: whatever a program says reaches our own checks as it was said."""

from __future__ import annotations

import gradio as gr

from pix2seq.ui.kit.widget import widget_like


def _as_it_is(_parameter: gr.JSON, value: object) -> object:
    return value


def _schema(parameter: gr.JSON) -> dict:
    return parameter.schema


def _usual(parameter: gr.JSON) -> object:
    return parameter.value


# Without a data model, nothing is turned into something else, or refused, before we are asked.
_Parameter = widget_like(
    gr.JSON,
    "Parameter",
    __name__,
    data_model=None,
    preprocess=_as_it_is,
    postprocess=_as_it_is,
    api_info=_schema,
    example_payload=_usual,
    example_value=_usual,
)


def parameter(name: str, usual: object, schema: dict) -> gr.JSON:
    """An input that no page shows.

    A widget in its place would round, or compare what cannot be compared, and refuse with words
    about itself; and its limits are those of the checkpoint that the page opens with, where a
    program may name another.

    Args:
        usual: its value where a program says nothing.
        schema: what it takes, as JSON Schema says it; for people who read the documentation.
    """
    made = _Parameter(usual, label=name, visible=False)
    made.schema = schema
    return made
