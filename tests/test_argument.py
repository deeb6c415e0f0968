"""The paper's argument, measured: verdicts, counts, intervals, the recorded file, its command."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pix2seq.argument import SIDES, THRESHOLDS, Pair, as_record, judge, measure, set_record, tell
from pix2seq.argument.verdicts import CROWD, RIGHT
from pix2seq.categories import COCO_80
from pix2seq.cli import main
from pix2seq.config import ConfigError
from pix2seq.data.scenes import HARD, Scenes
from pix2seq.detections import Detections
from pix2seq.evaluate import Truth, score
from tests import fakes
from tests.browser import storyteller
from tests.served import scripted_predictor

corner = st.integers(0, 6)
side = st.integers(2, 6)
label = st.integers(0, 1)
box = st.tuples(corner, corner, side, side, label)


def truth_of(rows: list, crowds: list[bool] | None = None) -> Truth:
    boxes = torch.tensor([[x, y, x + w, y + h] for x, y, w, h, _ in rows]).float().reshape(-1, 4)
    labels = torch.tensor([row[-1] for row in rows], dtype=torch.long)
    is_crowd = torch.tensor(crowds or [False] * len(rows), dtype=torch.bool)
    return Truth(0, (16, 16), boxes, labels, is_crowd)


def found_of(rows: list) -> Detections:
    truth = truth_of(rows)
    scores = torch.tensor([1 / (2 + i) for i in range(len(rows))])
    return Detections.of(truth.boxes, truth.labels, scores)


@given(st.lists(box, max_size=7), st.lists(st.tuples(box, st.booleans()), max_size=5))
def test_what_is_right_and_what_counts_for_nothing_is_as_in_cocos_evaluation(boxes, objects):
    found = found_of(boxes)
    truth = truth_of([row for row, _ in objects], [crowd for _, crowd in objects])
    judged = judge(found, truth)
    coco = score([truth], [found], COCO_80)
    tables = [coco.table(label) for label in coco.labels]
    ignored = sum(int(table.ignored[0].sum()) for table in tables)
    hits = sum(int((table.hit[0] & ~table.ignored[0]).sum()) for table in tables)
    assert (judged.kinds == RIGHT).sum() == hits
    assert (judged.kinds == CROWD).sum() == ignored


@given(st.lists(box, max_size=7), st.lists(box, max_size=5), st.integers(0, 7))
def test_what_scores_lower_changes_no_verdict(boxes, objects, kept):
    found, truth = found_of(boxes), truth_of(objects)
    every, few = judge(found, truth), judge(found[:kept], truth)
    assert few.kinds.tolist() == every.kinds[:kept].tolist()


def test_a_second_box_on_an_object_is_a_double_and_another_name_is_wrong():
    thing = (1, 1, 5, 5, 0)
    judged = judge(found_of([thing, thing, (1, 1, 5, 5, 1)]), truth_of([thing, (9, 9, 5, 5, 0)]))
    assert judged.kinds.tolist() == [0, 1, 2]
    assert judged.objects.tolist() == [0, 0, -1]
    assert (judged.taken >= 0).tolist() == [True, False]


@pytest.fixture(scope="module")
def pair() -> Pair:
    return Pair.of(storyteller(), storyteller())


@pytest.fixture(scope="module")
def record(pair) -> dict:
    scenes = Scenes(5, 4, size=64, kind=HARD)
    told = tell(pair, scenes)
    compared = measure(told, pair.control.categories, draws=30)
    one = set_record("hard scenes", pair, scenes, told, compared, pictures=2)
    return as_record(pair, ("a", "b"), [one])


def test_stopping_early_writes_less_than_going_on(pair):
    told = tell(pair, Scenes(5, 2, size=64))
    stop, on, noise = (told.sentences[side.name] for side in SIDES)
    assert all(len(one) < len(other) for one, other in zip(stop, on, strict=True))
    assert all(len(one) == len(other) for one, other in zip(on, noise, strict=True))


def test_without_a_noise_class_every_object_is_named_and_noise_has_no_mass(pair):
    told = tell(pair, Scenes(5, 1, size=64))
    noise_id = pair.control.tokenizer.noise_id
    assert noise_id not in told.sentences["on"][0]
    assert noise_id in told.sentences["noise"][0]
    assert float(told.found["on"][0].noise_scores.max()) == 0
    last = told.found["on"][0].scores[-1], told.found["noise"][0].scores[-1]
    assert last[0] > last[1], "what was called noise ranks higher where there is no such word"


def test_counts_precision_and_recall_are_one_table(record):
    one = record["sets"][0]
    for name in ("stop", "on", "noise"):
        counts = {kind: np.array(values) for kind, values in one["sides"][name]["counts"].items()}
        shown = counts["right"] + counts["double"] + counts["wrong"]
        precision = one["sides"][name]["precision"][0]
        for at, value in enumerate(precision):
            if value is None:
                assert shown[at] == 0
            else:
                assert value == pytest.approx(counts["right"][at] / shown[at], abs=1e-4)
        recall = np.array(one["sides"][name]["recall"][0])
        assert recall == pytest.approx(counts["right"] / one["objects"], abs=1e-4)
        assert (np.diff(shown) <= 0).all() and len(shown) == len(THRESHOLDS)


def test_an_interval_holds_its_value(record):
    for side in record["sets"][0]["sides"].values():
        middle, low, high = (np.array(row, dtype=float) for row in side["recall"])
        assert (low <= middle + 1e-6).all() and (middle <= high + 1e-6).all()


def test_the_same_side_twice_differs_by_nothing():
    same = scripted_predictor()
    pair = Pair.of(same, same)
    told = tell(pair, Scenes(5, 3, size=64))
    told.found["on"][:] = told.found["stop"]
    compared = measure(told, pair.control.categories, draws=20)
    assert np.nanmax(np.abs(compared.differences["on-stop"])) == 0


def test_every_box_of_the_gallery_has_its_five_words(record):
    gallery = record["sets"][0]["gallery"]
    assert len(gallery) == 2
    for picture in gallery:
        assert picture["image"].startswith("data:image/webp;base64,")
        for rows in picture["sides"].values():
            assert all(len(row["words"]) == 5 for row in rows)
            assert len({row["place"] for row in rows}) == len(rows)


def test_the_file_is_plain_json(record):
    read = json.loads(json.dumps(record, allow_nan=False))
    assert read["sets"] == record["sets"]


def test_a_control_without_a_noise_class_is_refused():
    from pix2seq.tokenizer import Tokenizer

    silent = Tokenizer(fakes.TINY_TOKENIZER.replace(noise_id=None), COCO_80)
    with pytest.raises(ConfigError, match="noise class"):
        Pair.of(scripted_predictor(), scripted_predictor(tokenizer=silent))


class TestCommand:
    def test_it_writes_the_file_and_prints_the_table(self, tiny_checkpoint, tmp_path, capsys):
        out = tmp_path / "argument.json"
        words = ["argument", "--plain", str(tiny_checkpoint), "--control", str(tiny_checkpoint)]
        assert main([*words, "--scenes", "2", "--bootstrap", "20", "--out", str(out)]) == 0
        record = json.loads(out.read_text())
        assert record["plain"]["weights"] == record["control"]["weights"] != ""
        assert "keep going, no noise class" in capsys.readouterr().out

    def test_photos_of_the_data_stay_out_of_the_file(self, tiny_checkpoint, tmp_path, capsys):
        data, out = tmp_path / "data", tmp_path / "argument.json"
        assert main(["scenes", str(data), "--count", "2", "--size", "64"]) == 0
        words = ["argument", "--plain", str(tiny_checkpoint), "--control", str(tiny_checkpoint)]
        words += ["--annotations", str(data / "annotations.json"), "--images", str(data / "images")]
        assert main([*words, "--bootstrap", "20", "--out", str(out)]) == 0
        assert json.loads(out.read_text())["sets"][0]["gallery"] == []

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            ([], "name the data"),
            (["--scenes", "0"], "--scenes is 0"),
            (["--annotations", "a.json"], "go together"),
            (["--scenes", "2", "--bootstrap", "3"], "--bootstrap is 3"),
            (["--scenes", "2", "--limit", "3"], "--limit counts labelled photos"),
            (["--scenes", "2", "--plain", "nobody"], "no checkpoint 'nobody'"),
        ],
    )
    def test_a_mistake_is_one_line(self, words, said, tiny_checkpoint, tmp_path, capsys):
        pair = ["--plain", str(tiny_checkpoint), "--control", str(tiny_checkpoint)]
        assert main(["argument", "--out", str(tmp_path / "x.json"), *pair, *words]) == 2
        err = capsys.readouterr().err
        assert said in err and err.count("\n") == 1


def test_the_recorded_argument_is_of_the_bundled_pair_and_small():
    """New weights want a new recording; README, Development, has the command."""
    from pix2seq.checkpoints import weights_checksum
    from pix2seq.ui.lab.argument import RECORDED

    record = json.loads(RECORDED.read_text(encoding="utf-8"))
    for role in ("plain", "control"):
        assert record[role]["weights"] == weights_checksum(record[role]["name"]) != ""
    assert RECORDED.stat().st_size < 250_000
    scenes, photos = record["sets"]
    assert scenes["gallery"] and photos["gallery"] == [], "no photo of the data is shipped"
