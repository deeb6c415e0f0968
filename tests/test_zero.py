"""ZeroGPU: sentences are written in another process, and nobody can tell."""

from __future__ import annotations

import importlib
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import pix2seq
from pix2seq.config import SamplingOptions
from pix2seq.sampling import PlainStep
from pix2seq.ui.visit import sources, zero
from pix2seq.ui.visit.runs import Picture, Run
from pix2seq.ui.visit.writer import write
from tests import fakes
from tests.patience import PATIENCE
from tests.test_architecture import ROOT

STANDIN = Path(__file__).with_name("standin")


@pytest.fixture
def spaces(monkeypatch):
    """The page's modules as they are on ZeroGPU, over the stand-in."""
    monkeypatch.syspath_prepend(str(STANDIN))
    monkeypatch.setenv(zero.VARIABLE, "true")
    monkeypatch.delenv(zero.SECONDS_VARIABLE, raising=False)
    importlib.reload(zero)
    standin = importlib.import_module("spaces")
    standin.calls.clear()
    yield standin
    monkeypatch.undo()
    sys.modules.pop("spaces")
    importlib.reload(zero)


@pytest.fixture(scope="module")
def predictor(tiny_checkpoint) -> pix2seq.Predictor:
    return pix2seq.load(tiny_checkpoint, device="cpu")


def new_run(predictor, picture: Picture | None = None, **options) -> Run:
    wanted = {"temperature": 1.0, "top_p": 1.0, "eos": "delay", "seed": 3, **options}
    resolved = predictor.resolve(SamplingOptions(**wanted))
    return Run(picture or Picture(fakes.draw_picture(200, 140)), predictor, resolved)


def written(run: Run, **settings) -> list[str]:
    """The record's lines about tokens and objects, and how it ended."""
    list(write(run, **settings))
    return [line for line in run.lines if line[0] in "TBM"] + [run.lines[-1].split()[0]]


def test_without_the_package_nothing_changes():
    assert not zero.AVAILABLE and zero.write_on_gpu is zero.write_here
    assert sources.usual_source() is sources.here


def test_the_variable_without_the_package_changes_nothing_either(monkeypatch):
    monkeypatch.setenv(zero.VARIABLE, "true")
    monkeypatch.setitem(sys.modules, "spaces", None)
    importlib.reload(zero)
    assert not zero.AVAILABLE
    monkeypatch.undo()
    importlib.reload(zero)


def test_a_sentence_written_elsewhere_is_the_one_written_here(spaces, predictor):
    assert zero.AVAILABLE and sources.usual_source() is zero.lent
    mine, theirs = new_run(predictor), new_run(predictor)
    assert written(theirs) == written(mine, source=sources.here)
    [call] = spaces.calls
    assert call["pid"] != os.getpid() and call["exit"] == 0
    assert call["yields"] == len(theirs.steps) + 1  # what was seen, then a step per token
    for step, other in zip(theirs.steps, mine.steps, strict=True):
        assert torch.equal(step.logits, other.logits) and step.candidates == other.candidates


def test_what_crosses_is_small_and_plain(spaces, predictor):
    run = new_run(predictor)
    list(write(run))
    [call] = spaces.calls
    vocabulary = predictor.tokenizer.vocab_size
    step = pickle.dumps(run.steps[0].plain())
    assert len(step) < 4 * vocabulary + 500
    assert isinstance(pickle.loads(step), PlainStep)
    assert call["in"] < 200 * 140 * 3 + 2000  # the picture's pixels and little else


def test_a_picture_is_looked_at_once(spaces, predictor):
    picture = Picture(fakes.draw_picture(400, 300))
    first, second = new_run(predictor, picture), new_run(predictor, picture, seed=4)
    list(write(first))
    list(write(second))
    looked, knew = spaces.calls
    assert looked["in"] > 400 * 300 * 3 > knew["in"]
    assert knew["yields"] == len(second.steps)


def test_a_run_that_outlasts_its_time_goes_on_from_its_prefix(spaces, predictor, monkeypatch):
    whole = written(new_run(predictor), source=sources.here)
    # No time beyond the margin: every call writes one token and says that its time is up.
    monkeypatch.setenv(zero.SECONDS_VARIABLE, "2")
    run = new_run(predictor)
    assert written(run) == whole
    assert len(spaces.calls) == len(run.steps) == 40
    assert all(call["seconds"] == 2 and call["exit"] == 0 for call in spaces.calls)


def test_a_process_that_is_killed_is_gone_on_from_too(spaces, predictor, monkeypatch):
    whole = written(new_run(predictor), source=sources.here)
    real = zero.write_here

    def dies(order):
        for count, message in enumerate(real(order)):
            if count == 7 and not order.skip:
                os.kill(os.getpid(), 9)
            yield message

    on_gpu = spaces.GPU(dies, duration=60)
    monkeypatch.setattr(zero, "write_on_gpu", on_gpu)
    run = new_run(predictor)
    assert written(run) == whole
    assert [call["exit"] for call in spaces.calls] == [-9, 0]


def test_stop_gives_the_gpu_back_and_continue_goes_on(spaces, predictor):
    whole = written(new_run(predictor), source=sources.here)
    run = new_run(predictor)
    for text in write(run, delay=lambda: 1e-4):
        if text.count("\nT") == 6:
            run.cancelled.set()
    assert len(run.steps) == 6 and run.lines[-1].startswith("Estopped")
    assert spaces.calls[0]["stopped"] and not run.writing
    assert written(run) == whole


def test_what_a_person_gave_crosses_too(spaces, predictor):
    ids = new_run(predictor)
    list(write(ids, source=sources.here))
    prompt = tuple(ids.token_ids[:7])
    runs = [new_run(predictor) for _ in range(2)]
    for run in runs:
        run.prompt, run.forced = prompt, frozenset({2, 6})
    assert written(runs[0]) == written(runs[1], source=sources.here)
    assert [step.forced for step in runs[0].steps[:7]].count(True) == 2


def test_a_refusal_is_told_on_the_stage_and_the_next_run_works(spaces, predictor):
    spaces.refusals[:] = ["You have exceeded your GPU quota (15s requested vs. 3s left)"]
    run = new_run(predictor)
    list(write(run))
    assert run.lines[-1].startswith("Eerror") and "15s requested vs. 3s left" in run.lines[-1]
    assert written(new_run(predictor))[-1] == "Efull"


def test_the_time_asked_for_follows_pixels_and_objects(spaces, predictor):
    few, many = new_run(predictor, max_objects=1), new_run(predictor, max_objects=8)
    for run in (few, many):
        list(write(run))
    asked = [call["seconds"] for call in spaces.calls]
    assert asked == [zero.seconds_for(64 * 64, 6), zero.seconds_for(64 * 64, 41)]
    assert asked[0] < asked[1]
    assert zero.seconds_for(1333 * 1333, 501) > zero.seconds_for(640 * 640, 501)
    assert zero.seconds_for(10**9, 10**6) == zero.MOST_SECONDS


def test_orders_hold_plain_values(predictor):
    picture = np.zeros((4, 6, 3), dtype=np.uint8)
    order = zero.Order("mini", picture, SamplingOptions(), (1, 2), (1,), 0, 15)
    assert pickle.loads(pickle.dumps(order)).prefix == (1, 2)


def test_no_token_in_the_time_is_said_with_its_remedy(spaces, predictor, monkeypatch):
    monkeypatch.setattr(zero, "write_on_gpu", lambda order: iter_of(zero.TimeUp()))
    run = new_run(predictor)
    run.picture.encoded_by(predictor)
    list(write(run))
    assert zero.SECONDS_VARIABLE in run.lines[-1]


def iter_of(*values):
    yield from values


@pytest.mark.slow
def test_the_whole_app_starts_and_writes_on_zero_gpu(tmp_path, tiny_checkpoint):
    """As a Space does: the package is there from the start, and a program asks the page."""
    code = """
import threading
from gradio_client import Client
from pix2seq.ui import build_demo, launch_options
from pix2seq.ui.visit import zero
assert zero.AVAILABLE
demo = build_demo(CHECKPOINT)
_, url, _ = demo.launch(server_name="127.0.0.1", prevent_thread_lock=True, **launch_options())
import urllib.request
page = urllib.request.urlopen(url).read().decode()
assert "lent (ZeroGPU)" in page, "the header says so"
from pix2seq.ui.visit.runs import Run
from pix2seq.ui.visit.writer import write
picture = demo.context.example_picture("coffee")
predictor = demo.context.shelf.get(CHECKPOINT)
run = Run(picture, predictor, predictor.resolve())
done = []
thread = threading.Thread(target=lambda: done.extend(write(run)))
thread.start(); thread.join(200)
print(len(run.steps), run.lines[-1])
demo.close()
""".replace("CHECKPOINT", repr(str(tiny_checkpoint)))
    notes = tmp_path / "notes"
    environment = {
        **os.environ,
        "PYTHONPATH": f"{STANDIN}{os.pathsep}{ROOT}",
        zero.VARIABLE: "true",
        "STANDIN_NOTES": str(notes),
        "GRADIO_ANALYTICS_ENABLED": "False",
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert " Efull" in done.stdout or " Eeos" in done.stdout
    assert notes.read_text().count('"pid"') == 1
