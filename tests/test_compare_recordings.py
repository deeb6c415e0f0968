"""Recorded comparisons: what *Compare* shows without a model, and what its controls say then."""

from __future__ import annotations

import json

import pytest

import pix2seq
from pix2seq.config import SamplingOptions
from pix2seq.ui.compare import recorded, recordings
from pix2seq.ui.compare.recorded import load_pair, load_samples, recorded_options, recorded_text
from pix2seq.ui.compare.samples import SampleHandlers
from pix2seq.ui.compare.sides import PRESETS, Side, preset_options
from pix2seq.ui.compare.tab import CompareHandlers
from pix2seq.ui.kit.controls import BY_NAME
from pix2seq.ui.visit.context import AppContext
from pix2seq.ui.visit.examples import open_example
from pix2seq.ui.visit.shelf import ModelShelf
from tests import fakes
from tests.served import app_context, control_values, scripted_predictor

SAME = "write"
"""The pair of equal settings: it is there to show that one seed gives one sentence."""


def text_of(preset: str) -> str:
    recording = load_pair(preset)
    return recorded_text(preset, recording, open_example(recording["example"]))


def verdict(text: str) -> dict:
    (line,) = (line[1:] for line in text.splitlines() if line[0] == "V")
    return json.loads(line)


def on_view(text: str, side: str) -> list[tuple[str, str]]:
    """(what, where) of every box that one side shows."""
    found = [line.split(" ") for line in text.splitlines() if line.startswith(f"{side}B")]
    return [(one[-1], " ".join(one[1:6])) for one in found if one[-1] in ("ok", "noise")]


def test_every_pair_is_recorded_about_a_picture_of_ours():
    assert set(recordings.PICTURES) == set(PRESETS)
    for preset, example in recordings.PICTURES.items():
        assert load_pair(preset)["example"] == example
        assert open_example(example).example == example


@pytest.mark.parametrize("preset", PRESETS)
def test_the_sides_of_a_recorded_pair_show_different_things(preset):
    text = text_of(preset)
    same = on_view(text, "a") == on_view(text, "b")
    assert same is (preset == SAME)
    if preset not in (SAME, "noise"):  # noise is a matter of reading, not of writing
        assert verdict(text)["parted"] is not None


@pytest.mark.parametrize("preset", PRESETS)
def test_a_recorded_pair_was_written_with_the_settings_of_its_name(preset):
    sides = recorded_options(load_pair(preset))
    for options, changes in zip(sides, PRESETS[preset][1:], strict=True):
        assert {name: getattr(options, name) for name in changes} == changes
    changed = set(PRESETS[preset][1]) | set(PRESETS[preset][2])
    left, right = (
        {name: value for name, value in side.to_dict().items() if name not in changed}
        for side in sides
    )
    assert left == right


@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS)
def test_a_pair_that_is_written_with_untouched_controls_is_the_recorded_one(preset):
    predictor = pix2seq.load("mini", "cpu")
    recording, _ = recordings.record_pair(predictor, preset, seed=0)
    kept = load_pair(preset)
    base = predictor.resolve(SamplingOptions())
    assert recorded_options(kept) == preset_options(preset, base, predictor.tokenizer.config)
    assert recording["ids"] == kept["ids"]


@pytest.mark.parametrize("preset", PRESETS)
def test_a_bundled_pair_is_in_the_format_of_today(preset):
    """One that was made before a line got another field would be misread by the page."""
    made, _ = recordings.record_pair(scripted_predictor(), preset, seed=0)
    kept = load_pair(preset)
    assert set(made["options"]["a"]) == set(kept["options"]["a"])
    for start, fields in (("aT", 11), ("bT", 11), ("aB", 20), ("bB", 20)):
        shapes = [
            {len(line.split(" ")[:fields]) for line in one["lines"] if line.startswith(start)}
            for one in (made, kept)
        ]
        assert shapes[0] == shapes[1], start
    assert set(verdict("".join(made["lines"]))) == set(verdict("".join(kept["lines"])))


def test_a_missing_or_damaged_recording_shows_nothing(tmp_path):
    assert load_pair("argmax", tmp_path) is None
    for content in ("{", "[]", "{}", "null"):
        recorded.recording_path("argmax", tmp_path).write_text(content)
        assert load_pair("argmax", tmp_path) is None
    for name in (None, 3, "no such pair", "../lab/mini", ["argmax"]):
        assert load_pair(name) is None
    assert recorded.thumbnails(tmp_path) == {}


def test_every_pair_has_a_thumbnail_and_all_are_small():
    assert set(recorded.thumbnails()) == set(PRESETS)
    sizes = [path.stat().st_size for path in recorded.FOLDER.iterdir()]
    assert sum(sizes) < 500_000


def test_a_thumbnail_shows_both_sides():
    _, runs = recordings.record_pair(scripted_predictor(), "eos", seed=0)
    picture = recordings.draw_pair(*runs)
    width, height = picture.size
    colours = {picture.getpixel((x, y)) for x in range(width) for y in range(0, height, 3)}
    assert (0x00, 0x9E, 0x73) in colours, "what both have is green"


def widget_values(updates: list) -> dict[str, list]:
    names = [*Side.NAMES, *Side.NAMES]
    values: dict[str, list] = {name: [] for name in Side.NAMES}
    for name, update in zip(names, updates, strict=True):
        values[name].append(update["value"])
    return values


@pytest.mark.parametrize("preset", PRESETS)
def test_without_a_model_the_controls_say_what_was_recorded(preset):
    context = AppContext(ModelShelf(fakes.no_model), "mini", [("mini", "mini")])
    handlers = CompareHandlers(context)
    values = control_values(scripted_predictor())
    wished = handlers.wish(preset, None, "")
    chosen = handlers.choose_preset(preset, None, "", "mini", *values)
    assert wished[0] == preset and wished[1:] == chosen
    *updates, text = chosen
    assert json.loads(text.split("\n")[0][1:])["recorded"]["preset"] == preset
    for name, (left, right) in widget_values(updates).items():
        sides = recorded_options(load_pair(preset))
        assert [left, right] == [BY_NAME[name].value(options) for options in sides]


def test_a_link_to_no_pair_changes_nothing_and_still_shows_something():
    handlers = CompareHandlers(app_context())
    for wanted in (None, "no such pair", 5, ["argmax"]):
        *updates, text = handlers.wish(wanted, None, "")
        assert all("value" not in update for update in updates)
        assert json.loads(text.split("\n")[0][1:])["recorded"]["preset"] == "argmax"


def test_samples_open_with_recorded_ones():
    shown = json.loads(SampleHandlers(app_context()).look(None, ""))
    kept = load_samples()
    assert (shown["state"], shown["done"]) == ("done", recordings.SAMPLES)
    assert shown["recorded"] == {"checkpoint": "mini", "example": recordings.SAMPLED}
    assert len(kept["summary"]["objects"]) == recordings.SAMPLES
    counts = {found["count"] for found in kept["summary"]["clusters"]}
    assert len(counts) > 1, "on this picture the samples do not all agree"


def test_without_recorded_samples_the_panel_shows_the_picture(monkeypatch):
    monkeypatch.setattr("pix2seq.ui.compare.samples.load_samples", lambda: None)
    handlers = SampleHandlers(app_context())
    assert json.loads(handlers.look(None, "chelsea"))["state"] == "idle"
    assert json.loads(handlers.look(None, ""))["state"] == "idle"


@pytest.mark.slow
def test_the_recorded_samples_are_what_untouched_controls_write():
    predictor = pix2seq.load("mini", "cpu")
    made = recordings.record_samples(predictor, seed=0)
    kept = load_samples()
    assert SamplingOptions.from_dict(kept["options"]).to_dict() == made["options"]
    assert made["summary"]["objects"] == kept["summary"]["objects"]
