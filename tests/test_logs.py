"""What the operator reads: a line of JSON per piece of work, and nothing of what visitors bring."""

from __future__ import annotations

import asyncio
import io
import json
import logging

import gradio as gr
import pytest

from pix2seq import logs
from pix2seq.config import ConfigError, SamplingOptions
from pix2seq.sampling.picking import compile_ahead
from pix2seq.ui import build_demo
from pix2seq.ui.compare.samples import SampleHandlers
from pix2seq.ui.lab.tab import LabHandlers
from pix2seq.ui.learn.tab import write_lines
from pix2seq.ui.visit.runs import Picture, Run
from pix2seq.ui.visit.writer import write
from tests import fakes, served
from tests.served import Visitor, control_values, load, scripted_predictor


@pytest.fixture
def told():
    """Every line since the last look, of a server that was asked for them."""
    compile_ahead()  # which has a line of its own, once in a process
    logger = logging.getLogger("pix2seq")
    before = logger.handlers, logger.level, logger.propagate
    logs.start("info")
    [handler] = logger.handlers

    def lines() -> list[dict]:
        written = handler.setStream(io.StringIO())
        return [json.loads(line) for line in written.getvalue().splitlines()]

    handler.setStream(io.StringIO())
    yield lines
    logger.handlers, logger.level, logger.propagate = before


@pytest.fixture(scope="module")
def demo() -> gr.Blocks:
    return build_demo("scripted", load=load, names=["missing"])


@pytest.fixture
def photo(tmp_path) -> str:
    fakes.draw_picture(96, 72).save(tmp_path / "my holiday.png")
    return str(tmp_path / "my holiday.png")


def endpoint(demo: gr.Blocks, name: str):
    [fn] = [fn for fn in demo.fns.values() if fn.api_name == name]
    return fn.fn


def usual(demo: gr.Blocks) -> list:
    return control_values(demo.context.predictor("scripted"))


def messages(stream, most: int | None = None) -> list:
    """What a stream sends, to its end, or to the moment when somebody leaves."""

    async def listen() -> list:
        heard = []
        async for message in stream:
            heard.append(message)
            if len(heard) == most:
                await stream.aclose()
        return heard

    return asyncio.run(listen())


OWN = {"tree": ([], 2), "ask": ([10, 10, 60, 50], [])}
"""What these endpoints want beside an image, a checkpoint and the controls."""


@pytest.mark.parametrize("name", ["detect", "detect_stream", "tree", "ask"])
def test_every_endpoint_writes_one_line_a_call(demo, photo, told, name):
    answer = endpoint(demo, name)(photo, "scripted", *OWN.get(name, ()), *usual(demo))
    if name == "detect_stream":
        answer = messages(answer)
    text = json.dumps(told_lines := told())
    [line] = told_lines
    assert (line["event"], line["endpoint"], line["ended"]) == ("call", f"/{name}", "done")
    assert (line["width"], line["height"], line["checkpoint"]) == (96, 72, "scripted")
    assert line["level"] == "info" and 0 < line["seconds"] < 60 and line["encoding_seconds"] >= 0
    if name.startswith("detect"):
        assert (line["tokens"], line["objects"]) == (16, 3)
    assert "holiday" not in text and "person" not in text and "token_id" not in text
    assert answer


def test_a_call_that_is_refused_says_so_and_not_what_was_brought(demo, photo, told):
    for image, checkpoint in ((None, "scripted"), (photo, "/etc/passwd"), (photo, "missing")):
        with pytest.raises(gr.Error):
            endpoint(demo, "detect")(image, checkpoint, *usual(demo))
        [line] = told()
        assert (line["endpoint"], line["ended"], line["level"]) == ("/detect", "refused", "info")
        assert "holiday" not in str(line) and "passwd" not in str(line)


def test_what_goes_wrong_later_reaches_a_program_in_one_line_too(demo, photo, told, monkeypatch):
    """The device's memory ends in the middle of a sentence."""
    predictor = demo.context.predictor("scripted")
    monkeypatch.setattr(predictor.model, "decode", _no_memory)
    for name in ("detect", "detect_stream"):
        with pytest.raises(gr.Error, match="smaller checkpoint") as refused:
            answer = endpoint(demo, name)(photo, "scripted", *usual(demo))
            messages(answer)
        assert "\n" not in str(refused.value)
        [line] = told()
        assert line["ended"] == "refused"


def _no_memory(*_, **__):
    raise MemoryError


def test_who_leaves_a_stream_is_told_as_one_who_left(demo, photo, told):
    stream = endpoint(demo, "detect_stream")(photo, "scripted", *usual(demo))
    assert len(messages(stream, most=6)) == 6
    [line] = told()
    assert line["ended"] == "left"
    assert line["tokens"] >= 6 and line["objects"] == line["tokens"] // 5  # written, sent or not


def test_an_error_of_ours_is_told_by_its_type(told):
    with pytest.raises(ZeroDivisionError), logs.work("call", endpoint="/detect"):
        1 / 0  # noqa: B018
    [line] = told()
    assert (line["level"], line["ended"], line["error"]) == ("error", "failed", "ZeroDivisionError")


# ---- the page -------------------------------------------------------------------------------


def a_run() -> Run:
    predictor = scripted_predictor()
    return Run(Picture(fakes.draw_picture()), predictor, predictor.resolve(SamplingOptions()))


def test_a_run_of_the_page_writes_one_line_however_it_ends(told):
    list(write(run := a_run()))
    [line] = told()
    assert (line["event"], line["ended"], line["tokens"]) == ("run", "eos", 16)
    assert (line["width"], line["height"]) == run.picture.image.size

    list(write(a_run(), limit=2))
    [line] = told()
    assert (line["ended"], line["tokens"]) == ("stopped", 2)

    left = write(a_run(), delay=lambda: 1e-6)
    while "\nT" not in next(left):
        pass
    left.close()
    [line] = told()
    assert (line["ended"], line["tokens"]) == ("left", 1)


def test_a_run_that_cannot_be_written_is_refused(told, monkeypatch):
    run = a_run()
    monkeypatch.setattr(run.predictor.model, "see", _no_memory)
    list(write(run))
    [line] = told()
    assert (line["event"], line["ended"]) == ("run", "refused")


def test_samples_sweeps_and_lessons_write_a_line_each(told, photo):
    context = served.app_context()
    values = control_values(context.predictor("scripted"))
    samples = SampleHandlers(context)
    list(samples.run(photo, None, "scripted", 3, *values, request=Visitor()))
    [line] = told()
    assert (line["event"], line["ended"], line["done"]) == ("samples", "done", 3)

    lab = LabHandlers(context)
    sweep = lab.run("top_p", 1, "scripted", *values, request=Visitor())
    next(sweep), next(sweep)
    sweep.close()
    [line] = told()
    assert (line["event"], line["ended"], line["images"]) == ("sweep", "left", 1)

    picture = context.picture_of(photo)
    question = {"picture": picture.id, "checkpoint": "scripted", "ask": "boxes"}
    list(write_lines(context, question))
    list(write_lines(context, {**question, "picture": "nobody's"}))
    assert [(line["event"], line["ended"]) for line in told()] == [
        ("lesson", "done"),
        ("lesson", "refused"),
    ]
    assert issubclass(ConfigError, ValueError), "a lesson tells its own errors from Python's"
