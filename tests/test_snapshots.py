"""The training time machine: a tiny run, its history, and a file that replays it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from pix2seq import cli, train
from pix2seq.config import ConfigError
from pix2seq.predictor import load
from pix2seq.sampling import forced_logits
from pix2seq.snapshots import Snapshots, record_snapshots
from tests.fakes import draw_picture
from tests.test_train import config


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "history"
    train.run(config(snapshots=3), out)
    with (out / "metrics.jsonl").open("a") as file:
        for step in range(1, 301):
            line = {"step": step, "loss": 9 - step / 100, "coord_loss": 5.0, "class_loss": 4.0}
            file.write(json.dumps(line) + "\n")
    return out


@pytest.fixture(scope="module")
def recorded(run, tmp_path_factory) -> Snapshots:
    photo = tmp_path_factory.mktemp("photos") / "photo.png"
    draw_picture().save(photo)
    return record_snapshots([run], ["example:scene-26", str(photo)], objects=2)


def test_every_snapshot_reads_the_same_sentences(recorded):
    (history,) = recorded.runs
    assert (history.name, history.noise_objects) == ("history", True)
    assert [snapshot.step for snapshot in history.snapshots] == [0, 1, 4]
    scene, photo = recorded.pictures
    assert (scene.source, photo.source) == ("truth", "last")
    assert scene.slots[:5] == ("ymin", "xmin", "ymax", "xmax", "class")
    assert len(scene.token_ids) == len(scene.texts) == 10
    assert photo.token_ids == tuple(
        token_id
        for token_id in history.snapshots[-1].rows[1].own
        if token_id != recorded.tokenizer.eos_id
    )


def test_recorded_distributions_are_those_of_the_checkpoint(run, recorded):
    for number, step in enumerate((0, 1, 4)):
        predictor = load(train.snapshot_folder(run, step), device="cpu")
        encoding = predictor.encode(draw_picture())
        ids = recorded.pictures[1].token_ids
        logits = forced_logits(predictor.model, encoding.memory, predictor.tokenizer, [ids])[0]
        rows = recorded.rows(0, number, 1)
        assert rows.shape == (len(ids) + 1, recorded.tokenizer.vocab_size)
        torch.testing.assert_close(rows.sum(1), torch.ones(len(rows), dtype=torch.float64))
        # a byte is off by half of 1/255 of the root
        torch.testing.assert_close(rows, logits.double().softmax(-1), atol=6e-3, rtol=0)
    assert not torch.equal(recorded.rows(0, 0, 0), recorded.rows(0, 2, 0))


def test_the_curve_is_thinned_to_what_can_be_drawn(recorded):
    steps = [point.step for point in recorded.runs[0].curve]
    assert len(steps) == 150 and (steps[0], steps[-1]) == (1, 300)
    assert steps == sorted(set(steps))


def test_a_file_is_what_was_recorded(recorded):
    assert Snapshots.from_json(recorded.to_json()) == recorded


def test_a_dozen_snapshots_of_two_runs_are_small_enough():
    """256 bins, 80 classes, four objects, five pictures: what the bundled model's history takes."""
    per_picture = (4 * 5 + 1) * 340 * 4 / 3
    assert 2 * 12 * 5 * per_picture < 1_500_000


def test_a_file_that_is_too_large_says_what_to_leave_out(recorded, monkeypatch):
    monkeypatch.setattr("pix2seq.snapshots.LARGEST", 1000)
    with pytest.raises(ConfigError, match="take fewer pictures, objects or runs"):
        recorded.to_json()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.update(format="x/2"), "format 'x/2'"),
        (lambda d: d["runs"][0]["snapshots"][0]["rows"].pop(), "has 1 pictures; the file has 2"),
        (lambda d: d["runs"][0]["snapshots"][0]["rows"][0].update(data="AAAA"), "has not 11 rows"),
        (lambda d: d["runs"][0]["snapshots"][0]["rows"][0].update(data="?"), "not base64"),
        (lambda d: d.pop("tokenizer"), "lacks 'tokenizer'"),
    ],
)
def test_a_damaged_file_is_refused_in_one_line(recorded, change, words):
    data = json.loads(recorded.to_json())
    change(data)
    with pytest.raises(ConfigError, match=words):
        Snapshots.from_json(json.dumps(data))


def test_runs_that_cannot_be_recorded_say_why(run, tmp_path):
    with pytest.raises(ConfigError, match="has no snapshots/; train it with --set snapshots=12"):
        record_snapshots([tmp_path])
    with pytest.raises(ConfigError, match="objects is 0"):
        record_snapshots([run], objects=0)
    with pytest.raises(ConfigError, match="nothing to record"):
        record_snapshots([])
    other = tmp_path / "other"
    shutil.copytree(run / "snapshots" / "step-000004", other / "snapshots" / "half-way")
    (other / "snapshots" / "half-way").rename(other / "snapshots" / "step-half")
    with pytest.raises(ConfigError, match="step-half is no snapshot's folder"):
        record_snapshots([other])


def test_the_command_writes_the_file(run, tmp_path, capsys):
    out = tmp_path / "history.json"
    arguments = ["snapshots", str(run), "--out", str(out), "--picture", "example:scene-7"]
    assert cli.main([*arguments, "--objects", "1"]) == 0
    assert "3 snapshots of 1 pictures in" in capsys.readouterr().out
    assert len(Snapshots.from_json(out.read_text()).runs[0].snapshots) == 3
    assert cli.main(["snapshots", str(tmp_path), "--out", str(out)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
