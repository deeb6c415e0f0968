"""The whole path as a user walks it: make data, train, evaluate, detect, stream, each a process.

A tiny network learns two scenes by heart. Everything must fit for its boxes to come out right: the
tokenizer, augmentation and loss, checkpoint, letterbox, cache, sampling and the way back to pixels.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import pix2seq
from pix2seq.boxes import box_iou
from pix2seq.config import AugmentConfig, DataConfig, TrainConfig
from pix2seq.data import CocoDetection
from tests import fakes
from tests.test_architecture import ROOT

pytestmark = pytest.mark.slow


def run(*words: str | Path) -> str:
    """Run a command of ours in a process of its own and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "pix2seq", *map(str, words)],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def scenes(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("scenes")
    run("scenes", folder, "--count", "2", "--seed", "3", "--size", "96", "--format", "png")
    return folder


@pytest.fixture(scope="module")
def checkpoint(scenes, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("runs")
    photos = DataConfig(
        annotations=str(scenes / "annotations.json"),
        images=str(scenes / "images"),
        scale_jitter=(1.0, 1.0),
    )
    recipe = TrainConfig(
        model=fakes.tiny_config(),
        tokenizer=fakes.TINY_TOKENIZER,
        preprocess=fakes.TINY_PREPROCESS,
        data=(photos,),
        augment=AugmentConfig(eos_at_first_noise=True),
        steps=450,
        batch_size=2,
        sequences_per_image=4,
        lr=4e-3,
        backbone_lr=4e-3,
        final_lr=0.05,
        warmup_steps=20,
        ema=0.98,
        workers=0,
        save_every=450,
    )
    (out / "recipe.json").write_text(recipe.to_json())
    run("train", "--config", out / "recipe.json", "--out", out / "run")
    return out / "run" / "checkpoint"


def test_what_was_learned_is_found_again(checkpoint, scenes):
    predictor = pix2seq.load(checkpoint, device="cpu")
    data = CocoDetection(scenes / "annotations.json", scenes / "images", predictor.categories)
    for sample in data:
        found = predictor.detect(sample.image, pix2seq.SamplingOptions(temperature=0.0))
        assert sorted(found.labels.tolist()) == sorted(sample.labels.tolist())
        same_class = found.labels[:, None] == sample.labels[None]
        overlap = box_iou(found.boxes, sample.boxes) * same_class
        assert (overlap.max(dim=0).values > 0.6).all()  # 32 bins: a bin is 3 of 96 pixels
        assert (found.scores > 0.5).all()


def test_evaluation_says_the_same(checkpoint, scenes):
    printed = run(
        *("evaluate", "--annotations", scenes / "annotations.json", "--images", scenes / "images"),
        *("--checkpoint", checkpoint, "--temperature", "0", "--json", "-"),
    )
    assert json.loads(printed)["AP50"] > 0.9


def test_detect_and_stream_write_the_sentence_that_python_reads(checkpoint, scenes):
    image = next((scenes / "images").iterdir())
    options = ("--checkpoint", checkpoint, "--seed", "5", "--top-p", "0.9", "--device", "cpu")
    detected = json.loads(run("detect", image, *options, "--json", "-"))
    streamed = [json.loads(line) for line in run("stream", image, *options).splitlines()]
    assert [token["id"] for token in detected["tokens"]] == [token["id"] for token in streamed]

    predictor = pix2seq.load(checkpoint, device="cpu")
    found = predictor.detect(image, pix2seq.SamplingOptions(seed=5, top_p=0.9))
    boxes = torch.tensor([row["box"] for row in detected["detections"]]).reshape(-1, 4)
    torch.testing.assert_close(boxes, found.boxes, atol=0.01, rtol=0)
    assert [row["label_id"] for row in detected["detections"]] == found.labels.tolist()
