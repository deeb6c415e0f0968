"""The experiments without a server: rows as they finish, stopping, plots."""

from __future__ import annotations

import gc
import json
import weakref
from pathlib import Path

import numpy as np
import pytest
from gradio.blocks import Blocks

from pix2seq.checkpoints import weights_checksum
from pix2seq.config import TrainConfig
from pix2seq.data.scenes import Scenes
from pix2seq.sweep import KNOBS, Bench, Curve, Outcome, finding, plan_sweep, run_sweep
from pix2seq.sweep.findings import METRICS
from pix2seq.ui import build_demo
from pix2seq.ui.lab import tab as lab_tab
from pix2seq.ui.lab.plots import plot_averages, plot_curves
from pix2seq.ui.lab.recordings import LAB_SEED, make_recording
from pix2seq.ui.lab.sheet import Sheet, doubles_text, idle_text
from pix2seq.ui.lab.tab import Benches, LabHandlers
from pix2seq.ui.visit.evidence import (
    load_doubles,
    load_recording,
    recorded_outcomes,
    recording_path,
)
from tests import fakes
from tests.served import Visitor, app_context, control_values, load, scripted_predictor


@pytest.fixture
def toasts(monkeypatch) -> list[str]:
    """Messages that visitors see."""
    seen: list[str] = []
    monkeypatch.setattr(lab_tab, "toast", lambda error: seen.append(str(error)))
    return seen


def sweep(handlers: LabHandlers, knob="max_objects", images=4, session="tab", **changes):
    """Yields (text as data, curves, averages)."""
    values = control_values(scripted_predictor(), **{"max_objects": 2, **changes})
    visitor = Visitor(session)
    for text, *figures in handlers.run(knob, images, "scripted", *values, request=visitor):
        yield json.loads(text), *figures


def test_rows_appear_one_by_one_and_both_figures_with_them():
    counts, figures = [], 0
    for data, curves, _ in sweep(LabHandlers(app_context())):
        counts.append(len(data["rows"]))
        if hasattr(curves, "data"):
            figures += 1
            drawn = {trace.name for trace in curves.data if trace.x != (None,)}
            assert drawn == {row["name"] for row in data["rows"]}
    assert sorted(set(counts)) == [0, 1, 2, 3, 4]
    assert figures == 5
    assert data["state"] == "done"
    assert [row["name"] for row in data["rows"]] == data["settings"]
    assert (data["images"], data["done"]) == (4, 4)
    assert data["objects"] > 4


def test_the_second_sweep_does_not_look_again():
    handlers = LabHandlers(app_context())
    predictor = handlers.context.shelf.get("scripted")
    states = [data["state"] for data, *_ in sweep(handlers)]
    assert states[0] == "looking"
    assert predictor.model.images_encoded == 4
    *_, (last, *_) = sweep(handlers, knob="eos")
    assert (last["state"], predictor.model.images_encoded) == ("done", 4)


def test_stopping_keeps_the_finished_rows():
    handlers = LabHandlers(app_context())
    for data, *_ in sweep(handlers):
        if len(data["rows"]) == 2:
            handlers.stop(Visitor("somebody else"))
            handlers.stop(Visitor("tab"))
    assert (data["state"], len(data["rows"])) == ("stopped", 2)


def test_a_new_sweep_of_the_same_visitor_ends_the_old_one():
    handlers = LabHandlers(app_context())
    old = sweep(handlers)
    next(old)
    *_, (new, *_) = sweep(handlers, knob="eos")
    *_, (last, *_) = old
    assert (new["state"], last["state"]) == ("done", "stopped")


def test_a_sentence_stands_over_a_whole_table_only():
    *before, (last, *_) = sweep(LabHandlers(app_context()), images=8)
    assert {data["finding"] for data, *_ in before if len(data["rows"]) < 4} == {""}
    assert last["finding"]
    for row in last["rows"]:
        for name in METRICS:
            low, high = row["spans"][name]
            assert low is None or low <= row[name] <= high


def test_what_cannot_be_swept_is_said(toasts):
    handlers = LabHandlers(app_context())
    values = control_values(scripted_predictor())
    for knob, checkpoint in (("colour", "scripted"), ("eos", "missing")):
        shown = list(handlers.run(knob, 4, checkpoint, *values, request=Visitor()))
        assert len(shown) == 1
    assert "no sweep 'colour'" in toasts[0]
    assert "not on this machine" in toasts[1]


def test_the_score_threshold_of_write_marks_the_curves_but_does_not_cut_them():
    *_, (data, *_) = sweep(LabHandlers(app_context()), score_threshold=1.0)
    assert data["threshold"] == 1
    assert {row["recall"] for row in data["rows"]} == {0}
    assert all(row["objects"] > 0 for row in data["rows"])


@pytest.mark.parametrize("knob", KNOBS)
def test_before_a_sweep_its_question_is_shown(knob):
    data = json.loads(idle_text(knob))
    assert (data["state"], data["question"], data["rows"]) == ("idle", KNOBS[knob].question, [])


def test_only_benches_that_have_seen_everything_are_kept():
    predictor = scripted_predictor()
    benches = Benches({"scripted": predictor}.get, capacity=1)
    half = benches.get(predictor, 2)
    next(half.look())
    benches.keep(half)
    assert benches.get(predictor, 2) is not half
    list(half.look())
    benches.keep(half)
    assert benches.get(predictor, 2) is half
    assert benches.get(scripted_predictor(), 2) is not half, "another model of the same name"
    other = benches.get(predictor, 3)
    list(other.look())
    benches.keep(other)
    assert benches.get(predictor, 2) is not half, "the oldest one had to go"


def test_an_unloaded_model_is_not_kept_in_memory():
    loaded = {"scripted": scripted_predictor()}
    benches = Benches(loaded.get)
    model = weakref.ref(loaded["scripted"])
    bench = benches.get(loaded["scripted"], 1)
    list(bench.look())
    benches.keep(bench)
    del bench
    gc.collect()
    assert model() is not None
    loaded.clear()
    benches.get(scripted_predictor("other"), 1)
    gc.collect()
    assert model() is None


def test_the_labs_scenes_are_not_those_of_the_bundled_recipes():
    for path in (Path(lab_tab.__file__).parents[1] / "configs").glob("*.json"):
        config = TrainConfig.load(path)
        assert LAB_SEED not in {config.seed, *(data.seed for data in config.data)}


# ---- recordings ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def recording() -> dict:
    return make_recording(scripted_predictor(), "abc", 2)


def test_a_recording_has_every_sweep_and_reads_as_what_was_measured(recording):
    assert list(recording["sweeps"]) == list(KNOBS)
    predictor = scripted_predictor()
    bench = Bench(predictor, Scenes(LAB_SEED, 2))
    settings = plan_sweep("max_objects", predictor.resolve(), predictor.tokenizer.config)
    live = [event for event in run_sweep(bench, settings) if isinstance(event, Outcome)]
    for old, new in zip(recorded_outcomes(recording, "max_objects"), live, strict=True):
        assert old.setting == new.setting
        assert old.metrics == pytest.approx({name: new.metrics[name] for name in old.metrics})
        assert old.curve.at(0.0) == pytest.approx(new.curve.at(0.0), abs=1e-4, nan_ok=True)


def test_a_recorded_sheet_says_so_and_has_rows_and_curves(recording):
    sheet = Sheet.recorded(recording, "eos")
    data = json.loads(sheet.text("recorded"))
    assert (data["state"], data["images"], len(data["rows"])) == ("recorded", 2, 2)
    assert data["objects"] == recording["objects"] > 0
    curves, averages = sheet.figures()
    assert len(curves.data) >= 2
    assert len(averages.data[0].x) == 2
    assert Sheet.recorded({**recording, "sweeps": {}}, "eos") is None


def test_a_recording_is_shown_for_its_own_weights_only(recording, tmp_path, tiny_checkpoint):
    name = str(tiny_checkpoint)
    path = recording_path(name, tmp_path)
    assert load_recording(name, tmp_path) is None
    path.write_text(json.dumps(recording))
    assert load_recording(name, tmp_path) is None, "of other weights"
    path.write_text(json.dumps({**recording, "weights": weights_checksum(name)}))
    assert load_recording(name, tmp_path)["images"] == 2
    for damaged in ("", "{", "[]", "{}"):
        path.write_text(damaged)
        assert load_recording(name, tmp_path) is None


def test_a_checkpoint_that_is_not_here_has_no_recording(recording, tmp_path):
    recording_path("nowhere", tmp_path).write_text(json.dumps({**recording, "weights": ""}))
    assert load_recording("nowhere", tmp_path) is None
    text, *figures = LabHandlers(app_context()).describe("eos", "nowhere")
    assert json.loads(text)["state"] == "idle"
    assert [len(figure.data) for figure in figures] == [0, 3]


def test_the_bundled_recording_is_of_the_bundled_weights():
    recording = load_recording("mini")
    assert recording is not None, "run `python -m pix2seq.ui.lab.recordings`"
    assert list(recording["sweeps"]) == list(KNOBS)


def test_the_page_opens_with_the_recording():
    text, curves, averages = LabHandlers(app_context()).describe("argument", "mini")
    data = json.loads(text)
    assert data["state"] == "recorded"
    assert data["finding"] == finding(
        "argument", recorded_outcomes(load_recording("mini"), "argument")
    )
    assert data["best"].keys() == set(METRICS)
    groups = [group["group"] for group in data["rows"][-1]["trust"]]
    assert groups[0] == "all objects" and len(groups) > 1, "also by place in the sentence"
    assert len(data["rows"]) == len(averages.data[0].x) == 4
    assert len(curves.data) == 8, "a curve and a dot per setting"


def test_the_bundled_doubles_are_shown_with_a_sentence_each():
    told = json.loads(doubles_text(load_doubles("mini")))
    assert told.keys() == {"photos", "scenes"}
    for one in told.values():
        last = one["shown"]["rows"][-1]
        assert f"{last['doubles']} of {last['shown']} boxes" in one["words"]
    assert json.loads(doubles_text(None)) == {}


# ---- plots --------------------------------------------------------------------------------------


def resolved_base():
    return scripted_predictor().resolve()


def outcome(setting, points: int = 300, ap: float = 0.5) -> Outcome:
    line = np.linspace(1, 0, points)
    metrics = {"AP": ap, "AP50": 0.7, "AR100": 0.6}
    return Outcome(setting, metrics, Curve(line, line, 1 - line), 3.0, 1.0)


@pytest.mark.parametrize("knob", KNOBS)
def test_every_sweep_can_be_drawn_from_nothing_to_its_end(knob):
    base = resolved_base()
    settings = plan_sweep(knob, base, fakes.TINY_TOKENIZER)
    for count in (0, 1, len(settings)):
        outcomes = [outcome(setting) for setting in settings[:count]]
        names = [setting.name for setting in settings]
        curves = plot_curves(outcomes, knob, names, 0.5)
        lines = [trace for trace in curves.data if trace.mode == "lines"]
        assert [trace.name for trace in lines] == names, "the legend is whole from the start"
        assert sum(trace.x != (None,) for trace in lines) == count
        averages = plot_averages(outcomes, knob, names)
        assert [trace.name for trace in averages.data] == ["AP", "AP50", "AR100"]
        assert all(len(trace.y) == count for trace in averages.data)
    looks = {(trace.line.color, trace.line.dash) for trace in lines}
    assert len(looks) == len(settings), "curves can be told apart"


def test_a_number_that_could_not_be_measured_is_left_out():
    setting = plan_sweep("eos", resolved_base(), fakes.TINY_TOKENIZER)[0]
    figure = plot_averages([outcome(setting, ap=float("nan"))], "eos", [setting.name])
    assert figure.data[0].y == (None,)
    nothing = Outcome(setting, {}, Curve(np.zeros(0), np.zeros(0), np.zeros(0)), 0.0, 0.0)
    assert len(plot_curves([nothing], "eos", [setting.name], 0.5).data) == 1, "no dot"


def test_the_tab_stands_without_any_checkpoint():
    assert isinstance(build_demo("missing", load=load), Blocks)
