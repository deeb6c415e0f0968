"""The model card's ten photos: labelled, credited, judged, and quoted as they were counted."""

from __future__ import annotations

import importlib.util
import json
import re
import sys

import pytest
import torch
from PIL import Image

from pix2seq.categories import COCO_80
from pix2seq.checkpoints import weights_checksum
from pix2seq.detections import Detections
from pix2seq.examples import PHOTOS
from tests.test_architecture import ROOT

HERE = ROOT / "benchmarks" / "mini"
CARD = ROOT / "checkpoints" / "mini" / "README.md"


@pytest.fixture(scope="module")
def ten():
    spec = importlib.util.spec_from_file_location("ten", HERE / "ten.py")
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "ten", module)  # where dataclasses look for it
        spec.loader.exec_module(module)
        yield module


def boxes_of(*items: tuple[str, list[float]]) -> Detections:
    """Found boxes, the surest first."""
    return Detections.of(
        torch.tensor([box for _, box in items]).float().reshape(-1, 4),
        torch.tensor([COCO_80.label_of_name(name) for name, _ in items]),
        torch.linspace(0.9, 0.4, len(items)),
    )


def test_the_ten_are_there_small_labelled_and_credited(ten):
    credits = (ROOT / "assets/CREDITS.md").read_text()
    examples = {photo.name for photo in PHOTOS}
    drawn = ten.true_boxes()
    assert len(drawn) == len(ten.TITLES) == 10
    assert {path.stem for path in ten.FOLDER.glob("*.jpg")} == set(ten.TITLES) - examples
    for name, items in drawn.items():
        path = ten.photo_path(name)
        assert f"`{path.name}`" in credits
        assert name in examples or path.stat().st_size < 60_000
        width, height = Image.open(path).size
        for item in items:
            x0, y0, x1, y1 = item["box"]
            assert 0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height
            assert item["label"] in COCO_80.names


def test_every_box_is_right_again_or_wrong_and_every_object_found_or_missed(ten):
    drawn = [
        {"label": "person", "box": [0, 0, 50, 100]},
        {"label": "dog", "box": [60, 50, 100, 100]},
        {"label": "car", "box": [200, 0, 300, 50], "crowd": True},
    ]
    found = boxes_of(
        ("person", [0, 0, 50, 95]),
        ("person", [0, 5, 50, 100]),
        ("cat", [60, 50, 100, 100]),
        ("car", [210, 10, 230, 30]),
    )
    told = ten.tell(found, ten.truth_of(drawn, (100, 300), COCO_80), COCO_80)
    assert told == ten.Told(right=("person",), double=("person",), wrong=("cat",), missed=("dog",))
    counts, faults = told.lines()
    assert counts == "1 right, 1 wrong, 1 missed, 1 again"
    assert faults == "wrong: cat · again: person · missed: dog"


def test_a_photo_without_a_word_of_the_vocabulary_has_nothing_to_find(ten):
    told = ten.tell(boxes_of(("cat", [0, 0, 9, 9])), ten.truth_of([], (9, 9), COCO_80), COCO_80)
    assert told == ten.Told((), (), ("cat",), ())
    empty = ten.tell(boxes_of(), ten.truth_of([], (9, 9), COCO_80), COCO_80)
    assert empty.lines() == ("0 right, 0 wrong, 0 missed", "")


def test_the_card_quotes_what_was_counted_with_the_weights_that_it_describes(ten):
    counts = json.loads((HERE / "ten.json").read_text())
    assert counts["weights"] == weights_checksum("mini"), "run anew.py --only ten"
    assert list(counts["photos"]) == list(ten.TITLES)
    for kind in ("right", "double", "wrong", "missed"):
        assert counts[kind] == sum(len(photo[kind]) for photo in counts["photos"].values())
    real = [item for items in ten.true_boxes().values() for item in items if not item.get("crowd")]
    assert counts["right"] + counts["missed"] == len(real)
    card = CARD.read_text()
    assert ten.sentence(counts) in card and ten.quoted(card, counts) == card
    assert re.search(r"!\[.*\]\(../../benchmarks/mini/ten\.webp\)", card)
    assert (HERE / "ten.webp").stat().st_size < 400_000


def test_new_counts_replace_the_cards_sentence_and_nothing_else(ten):
    counts = {"right": 3, "double": 1, "wrong": 2, "missed": 4}
    card = CARD.read_text()
    written = ten.quoted(card, counts)
    changed = [
        pair for pair in zip(card.split("\n"), written.split("\n"), strict=True) if len({*pair}) > 1
    ]
    assert [new for _, new in changed] == [ten.sentence(counts)]
    assert "Of the 7 objects" in written and "of the 6 boxes shown 3 are right" in written
    with pytest.raises(SystemExit, match="0 lines"):
        ten.quoted("a card of other photos", counts)
