"""Recorded runs: what the page plays without a model."""

from __future__ import annotations

import json

import pytest

import pix2seq
from pix2seq.config import ConfigError, SamplingOptions
from pix2seq.ui.fork import recordings as trees
from pix2seq.ui.visit.examples import open_example
from pix2seq.ui.write.recordings import (
    FOLDER,
    RECORDED,
    make_recording,
    recorded_run,
    recorded_text,
    recording_path,
)
from tests.served import SENTENCE, scripted_predictor


@pytest.fixture
def folder(tmp_path):
    recording = make_recording(scripted_predictor(), "chelsea", SamplingOptions(seed=5))
    recording_path("chelsea", tmp_path).write_text(json.dumps(recording))
    return tmp_path


def test_a_recording_plays_as_a_record(folder):
    picture = open_example("chelsea")
    text = recorded_text(picture, "some-id", folder)
    header = json.loads(text.split("\n")[0][1:])
    assert header["replay"] and header["image"]["id"] == picture.id
    assert header["options"]["seed"] == 5
    assert text.count("\nT") == len(SENTENCE)
    assert text.splitlines()[-1].startswith("Eeos")


def test_without_a_recording_nothing_plays(tmp_path):
    assert recorded_text(open_example("chelsea"), "id", tmp_path) is None
    recording_path("chelsea", tmp_path).write_text("{")
    assert recorded_text(open_example("chelsea"), "id", tmp_path) is None


def test_a_recorded_run_can_be_looked_into(folder):
    run = recorded_run(open_example("chelsea"), scripted_predictor(), folder)
    assert run.steps == []
    assert [step.token_id for step in run.restore().steps] == SENTENCE


def test_a_recording_of_other_weights_is_only_played(folder):
    picture = open_example("chelsea")
    assert recorded_run(picture, scripted_predictor("another"), folder) is None
    other = scripted_predictor(objects=[((0.2, 0.2, 0.4, 0.4), 1)])
    with pytest.raises(ConfigError, match="other weights"):
        recorded_run(picture, other, folder).restore()


def test_every_recorded_example_can_be_opened():
    for name in RECORDED:
        assert open_example(name).example == name


@pytest.mark.slow
def test_no_recording_is_left_of_what_is_not_shown():
    assert {path.stem for path in FOLDER.iterdir()} == set(RECORDED)
    assert {path.stem for path in trees.FOLDER.iterdir()} == set(trees.EXAMPLES)


def test_the_page_opens_with_what_its_controls_say():
    """Run with untouched controls writes the recorded sentence again."""
    predictor = pix2seq.load("mini", "cpu")
    usual = predictor.resolve(SamplingOptions())
    for name in RECORDED:
        run = recorded_run(open_example(name), predictor)
        assert run.options.replace(seed=0) == usual
        assert len(run.restore().steps) == len(run.recorded_ids)


@pytest.mark.parametrize("name", RECORDED)
def test_a_bundled_recording_is_in_the_format_of_today(name, folder):
    """One that was made before a line got another field would be misread by the page."""

    def shape(text: str) -> tuple[set[str], set[int]]:
        lines = text.splitlines()
        options = json.loads(lines[0][1:])["options"]
        return set(options), {len(line.split()) for line in lines if line[0] == "B"}

    bundled = recorded_text(open_example(name), "some-id")
    assert shape(bundled) == shape(recorded_text(open_example("chelsea"), "some-id", folder))
