"""``Page``: what goes through Gradio between an event and our function, both ways.

Gradio reads the values of a message before it calls us. Where it trips, it prints a traceback for
the operator, who can do nothing about it, and says "Error" to the visitor, who could. Here that
becomes one line, which names the value.

What a generator yields it hands to a thread, and searches and copies three times for files that it
might name, which costs more than most tokens do. Plain values (``postprocess=False``) go as they
are.
"""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.processing_utils import check_all_files_in_cache

from pix2seq import logs
from pix2seq.config import short
from pix2seq.ui.page.gate import disk_full
from pix2seq.ui.visit.context import called

_NAMED = 6  # choices that a message lists
_KINDS = {
    "number": "a number",
    "integer": "a whole number",
    "string": "a text",
    "boolean": "true or false",
    "array": "a list",
}


class Page(gr.Blocks):
    """``gr.Blocks`` that refuses in one line what it cannot read, and passes plain values on."""

    async def process_api(self, *args: Any, **named: Any) -> dict:
        """One answer of an event, or the next message of its generator."""
        fn, iterator = named.get("block_fn"), named.get("iterator")
        if iterator is not None and not fn.postprocess and len(fn.outputs) == 1:
            try:
                value = await anext(iterator)
            except StopAsyncIteration:
                pass  # Gradio finds out itself, and tells the visitor
            else:
                return self._plain(fn, value, iterator, named)
        return await super().process_api(*args, **named)

    def _plain(self, fn: Any, value: Any, iterator: Any, named: dict) -> dict:
        """A message that nothing is searched in; clients of Gradio's own get what is new in it."""
        session = named.get("session_hash")
        data = self.handle_streaming_diffs(
            fn,
            [value],
            session_hash=session,
            run=None if session is None else self._stream_run_key(iterator),
            final=False,
            simple_format=named.get("simple_format", False),
        )
        return {"data": data, "is_generating": True, "iterator": iterator}

    async def preprocess_data(
        self, block_fn: Any, inputs: list, state: Any, explicit_call: bool = False
    ) -> list:
        """The values for our function; raises ``gr.Error`` without a traceback."""
        try:
            return await super().preprocess_data(block_fn, inputs, state, explicit_call)
        except Exception as error:
            # What is refused with a traceback or without a word was sent by no page of ours.
            logs.event("refused", door=f"/{block_fn.api_name}", error=type(error).__name__)
            said = disk_full(error) or _gone(error) or _unreadable(block_fn.inputs, inputs, state)
            if block_fn.api_visibility != "public":  # the page shows it as HTML
                said = html.escape(said, quote=False)
            raise gr.Error(said, print_exception=False) from None


def _gone(error: Exception) -> str:
    """A file that lies here no longer; empty if it is not that."""
    if isinstance(error, FileNotFoundError) and error.filename:
        return f"{called(Path(error.filename).name)} is no longer on the server; add it again"
    return ""


def _unreadable(blocks: list, values: list, state: Any) -> str:
    """Which of the values it is, and what it should be."""
    if len(values) < len(blocks):
        return f"there are {len(values)} values; this takes {len(blocks)}"
    for block, value in zip(blocks, values, strict=False):
        if block.stateful:
            continue  # the server's own
        block = state[block._id] if state is not None and block._id in state else block
        if not _reads(block, value):
            return f"{_name(block)} is {short(value)}; {_wanted(block)}"
    return "this message cannot be read; load the page again"


def _reads(block: Any, value: Any) -> bool:
    """Whether a component can read a value: its files, its shape, what it stands for."""
    try:
        check_all_files_in_cache(value)
        model = getattr(block, "data_model", None)
        if model is not None and value is not None:
            value = model.model_validate(value, context={"validate_meta": True})
        block.preprocess(value)
    except Exception:
        return False
    return True


def _name(block: Any) -> str:
    """What people call it: the page by its id, a program by its parameter."""
    return block.elem_id or block.label or block.get_block_name()


def _wanted(block: Any) -> str:
    if isinstance(block, gr.Image):
        return "upload a picture and give the path that comes back (handle_file('photo.jpg') does)"
    schema = block.api_info()
    choices = schema.get("enum") or schema.get("items", {}).get("enum")
    if choices:
        more = f", or another of its {len(choices)}" if len(choices) > _NAMED else ""
        some = "one" if "enum" in schema else "a list"
        return f"use {some} of {', '.join(map(short, choices[:_NAMED]))}{more}"
    if isinstance(block, gr.Slider):
        return f"it must be a number from {block.minimum} to {block.maximum}"
    return f"it must be {_KINDS.get(schema.get('type'), 'something else')}"
