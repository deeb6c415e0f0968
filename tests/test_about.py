"""About the model: facts, the picture of the vocabulary, the table of checkpoints."""

from __future__ import annotations

import json

import pytest

from pix2seq.categories import COCO_80, COCO_91, VOC_20
from pix2seq.checkpoints import CHECKPOINTS
from pix2seq.config import TokenizerConfig
from pix2seq.reading import DOUBLE_IOU
from pix2seq.tokenizer import Tokenizer
from pix2seq.ui.about import tab
from pix2seq.ui.about.tab import about_text, limits_text, model_card
from pix2seq.ui.about.vocabulary import vocabulary_stretches
from tests import fakes
from tests.served import scripted_predictor


@pytest.mark.parametrize(
    ("config", "categories"),
    [
        (TokenizerConfig.compact(32, 80), COCO_80),
        (fakes.OFFICIAL_LAYOUT, COCO_91),
        (fakes.VOC_LAYOUT, VOC_20),
    ],
)
def test_stretches_cover_the_vocabulary_without_gap_or_overlap(config, categories):
    stretches = vocabulary_stretches(Tokenizer(config, categories))
    after = 0
    for stretch in stretches:
        assert stretch.first == after
        after += stretch.count
    assert after == config.vocab_size
    bins = [stretch for stretch in stretches if stretch.kind == "coord"]
    assert [(one.first, one.count) for one in bins] == [(config.coord_offset, config.num_bins)]


def test_stretches_say_what_ids_mean():
    official = fakes.OFFICIAL_LAYOUT.replace(num_classes=91, num_bins=2000)
    texts = {s.first: s.text for s in vocabulary_stretches(Tokenizer(official, COCO_91))}
    assert texts[0] == "EOS and padding, one id for both"
    assert texts[100] == "80 class names (and 11 ids without one)"
    assert texts[1000] == "2000 coordinate bins, shared by x and y"


def test_the_table_has_the_menus_rows_and_the_loaded_ones_own_facts():
    names = ["scripted", *CHECKPOINTS, "/somewhere/mine"]
    data = json.loads(about_text(scripted_predictor(), "", names))
    assert [row["name"] for row in data["checkpoints"]] == names
    assert data["loaded"] == "scripted"
    facts = dict(data["facts"])
    assert facts["Writes"] == "up to 8 objects, with a noise class"
    assert facts["Sees"] == "64 × 64 pixels, letterbox"
    assert "temperature 1, top-p 0.9" in facts["Recommends"]
    assert "boxes whose class score 0 or more" in facts["Recommends"]
    assert "Licence" not in facts, "nothing is made up"


def test_without_a_checkpoint_the_table_still_stands_and_says_why():
    data = json.loads(about_text(None, "mini is not here", list(CHECKPOINTS)))
    assert (data["facts"], data["vocabulary"], data["problem"]) == ([], None, "mini is not here")
    assert len(data["checkpoints"]) == len(CHECKPOINTS)


def test_a_model_card_is_shown_without_pictures_and_metadata():
    assert model_card("") == ""
    words = "# Mine\n![curve](curve.png)\nTrained on *cats*."
    shown = "# Mine\n\nTrained on *cats*."
    assert model_card(words) == shown
    assert model_card(f"---\nlicense: mit\ntags: [x]\n---\n{words}") == shown


def test_on_a_space_the_page_says_what_the_frame_around_it_asks(monkeypatch):
    monkeypatch.delenv("SPACE_ID", raising=False)
    assert "huggingface.co" not in limits_text("mini")
    monkeypatch.setenv("SPACE_ID", "someone/space")
    assert "asks huggingface.co" in limits_text("mini")


def test_doubles_are_told_as_they_were_counted(monkeypatch):
    def counted(more: list[float]) -> dict:
        row = {"shown": 200, "doubles": 20, "share": 0.1, "more than the last": more}
        return {"photos": {"shown": {"iou": 0.6, "rows": [row, {**row, "share": 0.3}, row]}}}

    monkeypatch.setattr(tab, "load_doubles", lambda _: counted([0.1, 0.2]))
    assert "20 of 200 boxes shown" in limits_text("mini") and "would be more" in limits_text("mini")
    monkeypatch.setattr(tab, "load_doubles", lambda _: counted([-0.2, -0.1]))
    assert "would be less" in limits_text("mini")
    monkeypatch.setattr(tab, "load_doubles", lambda _: None)
    assert f"IoU above\n  {DOUBLE_IOU:g}" in limits_text("mini")
    assert "boxes shown" not in limits_text("mini"), "not counted, not told"


def test_the_bundled_doubles_are_of_the_bundled_weights():
    found = tab.load_doubles("mini")
    assert found is not None, "run benchmarks/mini/repetition.py"
    assert found.keys() == {"photos", "scenes"}
