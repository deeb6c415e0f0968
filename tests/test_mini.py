"""The bundled checkpoint keeps what the README promises of it."""

from __future__ import annotations

import re

import pytest

import pix2seq
from pix2seq import checkpoints
from pix2seq.categories import COCO_80
from pix2seq.data import Scenes
from pix2seq.evaluate import evaluate
from pix2seq.predictor import Predictor
from tests.test_architecture import ROOT

FOLDER = ROOT / "checkpoints" / "mini"
PHOTOS = ROOT / "assets" / "examples"


@pytest.fixture(scope="module")
def mini() -> Predictor:
    return pix2seq.load("mini", device="cpu")


def test_it_is_bundled_and_small():
    assert checkpoints.find("mini") == FOLDER
    assert (FOLDER / "model.safetensors").stat().st_size < 25e6


def test_its_model_card_states_data_recipe_and_numbers():
    card = (FOLDER / "README.md").read_text()
    for subject in ("AP50", "COCO", "Fluent Emoji", "pix2seq/configs/", "licen"):
        assert re.search(subject, card, re.IGNORECASE), f"the card does not mention {subject}"


def test_it_speaks_coco_with_a_noise_class(mini):
    assert mini.name == "mini" and mini.categories == COCO_80
    assert mini.tokenizer.noise_id is not None


@pytest.mark.slow
def test_it_finds_the_objects_of_unseen_scenes(mini):
    result = evaluate(mini, Scenes(seed=12345, count=24))
    assert result.metrics["AP50"] > 0.85
    assert result.violations == 0


@pytest.mark.slow
def test_it_keeps_the_grammar_where_nothing_makes_it(mini):
    """Noise objects' coordinates were once taught nothing, and 12 % of all tokens were wrong."""
    options = mini.resolve(pix2seq.SamplingOptions(grammar=False))
    result = evaluate(mini, Scenes(seed=12345, count=24), options)
    assert result.violations < 0.005


@pytest.mark.parametrize(
    ("photo", "label"),
    [
        ("football", "person"),
        ("football", "sports ball"),
        ("sheep", "person"),
        ("sheep", "sheep"),
        ("terrace", "chair"),
        ("taxis", "car"),
        ("astronaut", "person"),
        ("chelsea", "cat"),
        ("coffee", "cup"),
        ("coffee", "dining table"),
    ],
)
def test_it_finds_what_the_example_photos_are_of(mini, photo, label):
    found = mini.detect(PHOTOS / f"{photo}.jpg")
    assert label in [mini.categories.name(label) for label in found.labels.tolist()]
