"""COCO JSON from strangers."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2seq.config import ConfigError
from pix2seq.data.annotations import forget, read_annotations
from tests.hostile.guard import attempt, hostile
from tests.hostile.values import broken

GOOD = {
    "images": [
        {"id": 1, "file_name": "a.jpg", "width": 20, "height": 10},
        {"id": 2, "file_name": "b.jpg", "width": 20, "height": 10},
    ],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 3, "bbox": [1, 2, 5, 6], "area": 30, "iscrowd": 0},
        {"id": 2, "image_id": 2, "category_id": 4, "bbox": [0, 0, 4, 4], "area": 16, "iscrowd": 1},
    ],
    "categories": [{"id": 3, "name": "cat"}, {"id": 4, "name": "dog", "supercategory": "animal"}],
}


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "instances.json"


def read(path: Path, text: str) -> object:
    forget()
    path.write_text(text, "utf-8", "surrogatepass")
    return attempt(lambda: read_annotations(path))


@hostile(cases=230)
@given(data=st.data())
def test_values_of_every_kind_anywhere(tmp_path_factory, data):
    document = data.draw(broken(GOOD, most=3))
    path = tmp_path_factory.getbasetemp() / "values.json"
    read(path, json.dumps(document))


@hostile(cases=50)
@given(data=st.data())
def test_text_that_is_no_json(tmp_path_factory, data):
    text = json.dumps(GOOD)
    at = data.draw(st.integers(0, len(text)))
    more = data.draw(st.sampled_from(("", "NaN", "}", "[", '"', "\\ud800", "1e999", "//", "\0")))
    kept = text[at + data.draw(st.integers(0, 30)) :] if data.draw(st.booleans()) else ""
    read(tmp_path_factory.getbasetemp() / "text.json", text[:at] + more + kept)


@pytest.mark.parametrize("depth", [1000, 100_000, 3_000_000])
@pytest.mark.parametrize("opening", ["[", '{"images":', '[{"annotations":['])
def test_nesting_to_the_sky(path, depth, opening):
    assert isinstance(read(path, opening * depth), ConfigError)


def test_numbers_of_a_million_digits(path):
    text = json.dumps(GOOD).replace("30", "9" * 1_000_000)
    assert isinstance(read(path, text), ConfigError)


def test_a_million_boxes(path):
    """Five seconds of the processor, and less than two gigabytes."""
    box = '{"id":%d,"image_id":1,"category_id":3,"bbox":[1,2,5,6],"area":30,"iscrowd":0}'
    boxes = ",".join(box % number for number in range(1_000_000))
    text = '{"images":%s,"categories":%s,"annotations":[%s]}'
    parts = json.dumps(GOOD["images"]), json.dumps(GOOD["categories"]), boxes
    started = time.process_time()
    found = read(path, text % parts)
    assert len(found.boxes) == 1_000_000
    print(f"a million boxes in {time.process_time() - started:.1f} s")
