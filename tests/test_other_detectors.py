"""Boxes of another detector in COCO's results format, scored like our own."""

from __future__ import annotations

import json

import pytest
import torch
from PIL import Image

from pix2seq.cli import main
from pix2seq.config import ConfigError
from pix2seq.data import CocoDetection
from pix2seq.evaluate import as_table, evaluate_detections
from pix2seq.evaluate.others import read_detections


@pytest.fixture
def photos(tmp_path):
    """Two photos: a dog (category 18) in the first, a cat (17) and a crowd of dogs in the other."""
    folder = tmp_path / "images"
    folder.mkdir()
    for number in (1, 2):
        Image.new("RGB", (80, 60)).save(folder / f"{number}.png")
    objects = [
        {"image_id": 1, "category_id": 18, "bbox": [10, 10, 40, 40]},
        {"image_id": 2, "category_id": 17, "bbox": [0, 0, 20, 20]},
        {"image_id": 2, "category_id": 18, "bbox": [40, 0, 40, 60], "iscrowd": 1},
    ]
    content = {
        "images": [{"id": n, "file_name": f"{n}.png", "width": 80, "height": 60} for n in (1, 2)],
        "annotations": [
            {"id": i, "area": o["bbox"][2] * o["bbox"][3], **{"iscrowd": 0}, **o}
            for i, o in enumerate(objects, start=1)
        ],
        "categories": [{"id": 17, "name": "cat"}, {"id": 18, "name": "dog"}],
    }
    (tmp_path / "annotations.json").write_text(json.dumps(content))
    return CocoDetection(tmp_path / "annotations.json", folder)


def box(image: int, category: int, bbox: list[float], score: float) -> dict:
    return {"image_id": image, "category_id": category, "bbox": bbox, "score": score}


@pytest.fixture
def results(tmp_path):
    def write(*entries):
        path = tmp_path / "results.json"
        path.write_text(json.dumps(entries))
        return path

    return write


def test_boxes_are_matched_with_objects_and_crowds_punish_nobody(photos, results):
    path = results(
        box(1, 18, [10, 10, 40, 40], 0.9),
        box(2, 18, [45, 5, 20, 40], 0.8),  # in the crowd
        box(2, 17, [40, 30, 20, 20], 0.7),  # wrong
        box(2, 17, [0, 0, 20, 20], 0.4),
    )
    result = evaluate_detections(path, photos, score_threshold=0.5)
    assert result.checkpoint == "results.json" and result.options is None
    assert result.per_class["dog"]["AP50"] == pytest.approx(1.0)
    assert result.per_class["cat"]["AP50"] == pytest.approx(0.5, abs=0.01)
    assert (result.precision, result.recall) == (pytest.approx(1 / 2), pytest.approx(1 / 2))
    assert result.by_input_size == {}
    assert "score >= 0.5" in as_table(result) and "encode" not in as_table(result)
    json.dumps(result.to_dict(), allow_nan=False)


def test_a_limit_leaves_out_the_boxes_of_later_photos(photos, results):
    path = results(box(1, 18, [10, 10, 40, 40], 0.9), box(2, 17, [0, 0, 9, 9], 0.9))
    result = evaluate_detections(path, photos, limit=1)
    assert result.images == 1 and result.metrics["AP"] == pytest.approx(1.0)


def test_boxes_without_area_are_left_out_and_counted(photos, results):
    found = read_detections(
        results(box(1, 18, [5, 5, 0, 9], 0.5), box(1, 17, [1, 2, 3, 4], 0.25)),
        [1, 2],
        photos.categories,
    )
    assert found[1].degenerate == 1 and len(found[2]) == 0
    assert torch.equal(found[1].boxes, torch.tensor([[1.0, 2.0, 4.0, 6.0]]))
    assert found[1].scores.tolist() == [0.25]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (box(7, 18, [0, 0, 1, 1], 0.5), "image 7"),
        (box(1, 3, [0, 0, 1, 1], 0.5), "category id 3"),
        (box(1, 18, [0, 0, 1], 0.5), "four numbers"),
        (box(1, 18, [0, 0, 1, float("nan")], 0.5), "four numbers"),
        (box(1, 18, [0, 0, 1, 1], 1.5), "score is 1.5"),
        ({"image_id": 1}, "lacks bbox, category_id, score"),
        ("box", "lacks"),
    ],
)
def test_a_box_that_cannot_be_used_is_named(photos, results, entry, message):
    with pytest.raises(ConfigError, match=message):
        evaluate_detections(results(entry), photos)


def test_a_file_that_is_no_list_is_named(photos, tmp_path):
    (tmp_path / "no.json").write_text("{}")
    for name in ("no.json", "missing.json"):
        with pytest.raises(ConfigError, match=name):
            evaluate_detections(tmp_path / name, photos)


def test_the_command_scores_a_file_without_loading_a_model(photos, results, tmp_path, capsys):
    path = results(box(1, 18, [10, 10, 40, 40], 0.9))
    words = ["--annotations", str(tmp_path / "annotations.json"), "--images", str(photos.images)]
    words = ["evaluate", "--detections", str(path), *words, "--checkpoint", "not-there"]
    assert main(words) == 0
    assert "results.json on 2 images, 2 objects" in capsys.readouterr().out
    assert main([*words, "--sweep", str(tmp_path)]) == 2
    assert "--detections" in capsys.readouterr().err
