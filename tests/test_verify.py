"""The comparison with a published AP: what counts as agreement, and the command around it."""

from __future__ import annotations

import pytest

import pix2seq
from pix2seq import checkpoints
from pix2seq.checkpoints import CheckpointInfo
from pix2seq.cli import main
from pix2seq.config import ConfigError
from pix2seq.data import Scenes
from pix2seq.evaluate.verify import Verification, published_ap, verify

NAME = "google-coco-resnet-640"


@pytest.mark.parametrize(
    ("images", "ap", "interval", "agrees"),
    [
        (5000, 0.391, (0.38, 0.40), True),
        (5000, 0.3955, (0.38, 0.40), True),  # within half a point
        (5000, 0.399, (0.38, 0.41), False),  # all images leave no excuse
        (100, 0.430, (0.38, 0.48), True),  # a small sample may be off
        (100, 0.430, (0.41, 0.45), False),
        (100, 0.350, (0.34, 0.387), True),
    ],
)
def test_agreement_depends_on_how_much_was_seen(images, ap, interval, agrees):
    result = Verification(NAME, images, 5000, ap, interval, published=0.391)
    assert result.agrees is agrees
    assert f"{images} of 5000 images, published 39.1" in str(result)
    assert ("NOT" in str(result)) is not agrees


@pytest.mark.parametrize("name", ["mini", "google-obj365-vit-b-640", "shariatnia-voc", "nothing"])
def test_only_what_has_a_published_ap_can_be_verified(name):
    with pytest.raises(ConfigError, match=NAME):
        published_ap(name)
    assert published_ap(NAME).ap == 0.391


def test_images_are_evaluated_in_batches_with_the_checkpoints_defaults(tiny_checkpoint):
    predictor = pix2seq.load(tiny_checkpoint, device="cpu")
    info = CheckpointInfo(name="tiny", ap=0.5)
    seen = []
    result = verify(
        predictor,
        info,
        Scenes(seed=0, count=5),
        limit=3,
        batch_size=2,
        draws=10,
        on_progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(2, 3), (3, 3)]
    assert (result.images, result.total, result.published) == (3, 5, 0.5)
    assert 0 <= result.ap < 0.5 and not result.agrees
    with pytest.raises(ConfigError, match="at least one"):
        verify(predictor, info, Scenes(seed=0, count=5), limit=0)


def test_the_command_says_what_it_found_and_fails_if_it_disagrees(
    tiny_checkpoint, tmp_path, monkeypatch, capsys
):
    folder = tmp_path / "home" / "checkpoints" / NAME
    folder.parent.mkdir(parents=True)
    folder.symlink_to(tiny_checkpoint)
    monkeypatch.setenv("PIX2SEQ_HOME", str(tmp_path / "home"))
    data = tmp_path / "data"
    assert main(["scenes", str(data), "--count", "2", "--size", "64"]) == 0
    files = ["--annotations", str(data / "annotations.json"), "--images", str(data / "images")]
    assert checkpoints.find(NAME) == folder
    capsys.readouterr()
    assert main(["verify", NAME, *files, "--device", "cpu"]) == 1
    assert "2 of 2 images, published 39.1: DOES NOT AGREE" in capsys.readouterr().out


def test_the_command_refuses_a_missing_data_set_before_downloading(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PIX2SEQ_HOME", str(tmp_path))
    argv = ["verify", NAME, "--annotations", str(tmp_path / "none.json"), "--images", str(tmp_path)]
    assert main(argv) == 2
    assert "none.json" in capsys.readouterr().err
