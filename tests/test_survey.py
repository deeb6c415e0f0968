"""What a run will learn from is said, or refused, before its first step; and how a run goes on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pix2seq.categories import Categories
from pix2seq.config import ConfigError, TrainConfig
from pix2seq.data import CocoDetection
from pix2seq.data.survey import listed, survey
from pix2seq.resume import resumed_step
from pix2seq.states import State
from pix2seq.train import run
from tests import fakes
from tests.test_annotations import content
from tests.test_data import train_config


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(1, 6):
        fakes.draw_picture().save(tmp_path / f"{number}.jpg")
    return tmp_path


def opened(folder: Path, data: dict) -> CocoDetection:
    path = folder / "labels.json"
    path.write_text(json.dumps(data))
    return CocoDetection(path, folder)


def test_a_survey_counts_what_is_there_and_what_is_lost(folder):
    data = content(count=5)
    data["categories"].append({"id": 2, "name": "nobody"})
    extra = {"image_id": 1, "category_id": 1}
    data["annotations"] += [
        {**extra, "bbox": [500, 500, 9, 9]},
        {**extra, "bbox": [5, 5, 0, 9]},
        {**extra, "bbox": [5, 5, 9, 9], "iscrowd": 1},
    ]
    found = survey(opened(folder, data))
    assert (found.images, found.boxes, found.crowds, found.dropped) == (5, 5, 1, 2)
    assert found.untaught == ("nobody",) and "annotation 5" in found.first_dropped
    said = "; ".join(found.lines())
    for words in ("5 images, 5 boxes", "2 boxes left out", "no box teaches nobody", "1 crowd"):
        assert words in said
    found.require_usable()


def test_every_missing_and_damaged_file_is_found(folder):
    photos = opened(folder, content(count=5))
    (folder / "2.jpg").unlink()
    (folder / "4.jpg").unlink()
    (folder / "5.jpg").write_bytes((folder / "5.jpg").read_bytes()[:300])
    found = survey(photos)
    assert len(found.missing) == 2 and len(found.damaged) == 1
    with pytest.raises(ConfigError) as caught:
        found.require_usable()
    assert all(name in str(caught.value) for name in ("2.jpg", "4.jpg", "5.jpg"))


@pytest.mark.parametrize(
    "change",
    [
        lambda c: [a.update(bbox=[900, 900, 5, 5]) for a in c["annotations"]],
        lambda c: [a.update(iscrowd=1) for a in c["annotations"]],
        lambda c: c["annotations"].clear(),
        lambda c: (c["annotations"].clear(), c["images"].clear()),
    ],
)
def test_a_data_set_that_teaches_nothing_is_refused(folder, change):
    data = content(count=2)
    change(data)
    with pytest.raises(ConfigError, match="nothing is left to learn from"):
        survey(opened(folder, data)).require_usable()


def test_a_long_list_says_how_many_more():
    assert listed(tuple("abc")) == "a, b, c"
    assert listed(tuple("abcdefghijk"), "; ").endswith("h and 3 more")


def test_a_file_that_is_lost_during_the_run_ends_in_its_own_line(folder, tmp_path, monkeypatch):
    """PyTorch hands over a worker's error with the worker's traceback in its message."""
    data = content(count=2)
    data["categories"][0]["name"] = "person"
    opened(folder, data)
    config = train_config((folder / "labels.json", folder), workers=1, steps=2)
    monkeypatch.setattr("pix2seq.train.survey", lambda photos, bar: _lose(folder, photos))
    with pytest.raises(ConfigError) as caught:
        run(config.replace(data=config.data[1:]), tmp_path / "run")
    assert "jpg" in str(caught.value) and "Traceback" not in str(caught.value)
    assert "\n" not in str(caught.value)


def _lose(folder: Path, photos: CocoDetection):
    found = survey(photos)
    for number in (1, 2):
        (folder / f"{number}.jpg").write_bytes(b"gone")
    return found


@pytest.fixture
def stored(folder, tmp_path) -> tuple[Path, State, TrainConfig]:
    opened(folder, content(count=2))
    config = train_config((folder / "labels.json", folder))
    out = tmp_path / "run"
    out.mkdir()
    (out / "train.json").write_text(config.to_json())
    return out, State(out / "state" / "step-00000003", 3, ("cat", "dog")), config


def test_changed_settings_are_named_and_the_run_goes_on(stored, capsys):
    out, state, config = stored
    classes = Categories.contiguous(["cat", "dog"])
    assert resumed_step(out, state, config.replace(steps=9), classes) == 3
    assert capsys.readouterr().err == ""
    assert resumed_step(out, state, config.replace(lr=0.01, seed=3), classes) == 3
    said = capsys.readouterr().err
    assert "lr" in said and "0.01" in said and "seed 0 -> 3" in said


def test_another_network_other_tokens_or_classes_are_refused(stored):
    out, state, config = stored
    classes = Categories.contiguous(["cat", "dog"])
    fewer = config.tokenizer.replace(max_objects=4)
    with pytest.raises(ConfigError, match=r"another tokenizer: tokenizer\.max_objects 8 -> 4"):
        resumed_step(out, state, config.replace(tokenizer=fewer), classes)
    for other in (["cat", "cow"], ["dog", "cat"], ["cat"]):
        with pytest.raises(ConfigError, match="learned the classes cat, dog"):
            resumed_step(out, state, config, Categories.contiguous(other))


def test_a_run_beyond_what_is_asked_for_is_refused_and_none_is_said(stored, tmp_path, capsys):
    out, state, config = stored
    classes = Categories.contiguous(["cat", "dog"])
    with pytest.raises(ConfigError, match="has 3 steps already, 2 are asked for"):
        resumed_step(out, state, config.replace(steps=2), classes)
    assert resumed_step(tmp_path / "new", None, config, classes) == 0
    assert "holds no run to resume" in capsys.readouterr().err
