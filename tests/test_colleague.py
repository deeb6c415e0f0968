"""A teacher in the run's own process, asked about whole batches; runs that end by the clock."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from pix2seq import checkpoints, distill, optim, reporter
from pix2seq.config import ConfigError, PyramidConfig
from pix2seq.data import mixture
from pix2seq.distill import loop
from pix2seq.distill.colleague import Colleague
from pix2seq.model.places import place_grids
from pix2seq.optim import Clock, learning_rate_share
from tests import fakes
from tests.test_distill import CLASSES, OFF, WIDTH, config, rows, weights

FILE = str(Path(__file__).parent / "fixtures" / "colleague.py")
WORDS = (FILE, str(WIDTH), str(CLASSES))
CPU = torch.device("cpu")


def test_it_answers_for_a_batch_what_it_answers_for_each_frame():
    frames = torch.randint(256, (3, 3, 64, 96), dtype=torch.uint8)
    ask = Colleague(WORDS, CPU, (64, 96), WIDTH, CLASSES)
    said, first = ask(frames), ask(frames[:1])
    grids = place_grids(64, 96)
    assert [said[f"map{s}"].shape[1:] for s in (8, 16, 32, 64)] == [(WIDTH, *g) for g in grids]
    assert all(torch.allclose(said[name][:1], first[name]) for name in said)
    assert not torch.equal(said["map8"][0], said["map8"][1])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nowhere.py",), "nowhere.py is not a file"),
        ((str(Path(__file__)),), "no load"),
        ((*WORDS, "refuses"), "not today"),
        ((*WORDS, "no boxes"), "boxes is missing"),
        ((FILE, "9", "80"), r"map8 is \(9, 8, 8\); it must be \(8, 8, 8\)"),
        ((FILE, "8"), "classes"),
    ],
    ids=["no file", "no load", "refuses", "no boxes", "width", "words"],
)
def test_one_that_cannot_be_asked_is_one_line(tmp_path, words, message):
    with pytest.raises(ConfigError, match=message):
        distill.run(config(teacher=words), tmp_path / "run")


def test_both_halves_learn_from_it_and_of_scenes_labels_speak_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(reporter, "_REPORT_EVERY", 2)
    distill.run(config(teacher=WORDS, sentences_weight=1.0), tmp_path / "all")
    assert all(row["maps"] > 0 and row["coord_loss"] > 0 for row in rows(tmp_path / "all"))
    distill.run(config(teacher=WORDS, truth=True), tmp_path / "truth")
    assert all(row["maps"] == 0 < row["boxes"] for row in rows(tmp_path / "truth"))


def test_it_is_not_even_loaded_where_nothing_is_learned_from_it(tmp_path):
    settings = config(**OFF, reads="own", teacher=("nowhere.py",), steps=1)
    assert distill.run(settings, tmp_path / "run").is_dir()


def test_colours_that_are_jittered_later_are_part_of_every_lesson(tmp_path, monkeypatch):
    monkeypatch.setattr(reporter, "_REPORT_EVERY", 1)
    lessons = loop.Lessons
    monkeypatch.setattr(loop, "Lessons", lambda c, words, colored: lessons(c, words, colored=False))
    seen = []
    monkeypatch.setattr(
        loop, "jitter_colors", lambda pixels, *how: seen.append(how) or torch.zeros_like(pixels)
    )
    distill.run(config(teacher=WORDS, steps=2), tmp_path / "run")
    (content, factors), _ = seen
    assert content.tolist() == [[64, 64]] * 2
    assert factors.shape == (2, 3) and (factors != 1).all()


def test_pixels_are_jittered_once_wherever_that_happens(monkeypatch):
    words = fakes.TINY_TOKENIZER
    settings = config()
    tokenizer = loop.build_tokenizer(settings)
    assert tokenizer.config == words
    here = mixture.TrainingMixture(settings, tokenizer)[0]
    later = mixture.TrainingMixture(settings, tokenizer, colored=False)[0]
    assert torch.equal(here.color, torch.ones(3)) and not torch.equal(later.color, here.color)
    assert not torch.equal(here.pixels, later.pixels)
    one = later.pixels[None], later.content[None], later.color[None]
    gap = loop.jitter_colors(*one)[0].float() - here.pixels.float()
    assert gap.abs().max() <= 2 and gap.abs().mean() < 0.1


def test_a_run_ends_when_its_time_is_over_and_goes_on_where_it_was(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(optim.time, "monotonic", lambda: now[0])
    update = optim.WeightAverage.update

    def slow(self) -> None:
        now[0] += 60.0
        update(self)

    monkeypatch.setattr(optim.WeightAverage, "update", slow)
    settings = config(**OFF, reads="own", teacher=(), steps=50, minutes=2.5)
    folder = distill.run(settings, tmp_path / "run")
    steps = sorted(p.name for p in (tmp_path / "run" / "state").iterdir() if p.is_dir())
    assert steps[-1].endswith("4")  # over before the fourth step's end
    assert checkpoints.load(folder, device="cpu").model is not None
    before = weights(folder)
    after = weights(distill.run(settings.replace(minutes=4.5), tmp_path / "run", resume=True))
    assert any(not torch.equal(before[name], after[name]) for name in before)
    assert now[0] < 60 * 7


def test_a_clock_without_a_limit_never_ends_and_the_rate_follows_the_later_of_the_two():
    assert Clock(None).share == 0
    assert Clock(1.0, agree=lambda share: share + 0.25).share >= 0.25, "all processes have one"
    settings = config(steps=100, warmup_steps=10, final_lr=0.0)
    assert learning_rate_share(55, settings) == pytest.approx(0.5)
    assert learning_rate_share(55, settings, 0.2) == pytest.approx(0.5)
    late = learning_rate_share(55, settings, 0.75)
    assert late == pytest.approx(0.5 * (1 + math.cos(0.75 * math.pi)))
    assert learning_rate_share(5, settings, 0.9) == learning_rate_share(5, settings)
    with pytest.raises(ConfigError, match="minutes is 0"):
        config(minutes=0)


def test_a_pyramid_over_another_backbone_takes_the_rest(tmp_path):
    first = distill.run(config(teacher=WORDS), tmp_path / "first")
    other = fakes.pyramid_config(backbone="tf_efficientnet_lite2")
    settings = config(teacher=WORDS, model=other, init=str(first))
    start = loop.build_model(settings, loop.build_tokenizer(settings)).state_dict()
    old = weights(first)
    assert torch.equal(start["decoder.embedding.rows"], old["decoder.embedding.rows"])
    name = "encoder.pyramid.lateral.0.weight"
    assert start[name].shape != old[name].shape
    assert PyramidConfig(WIDTH, CLASSES) == other.encoder.pyramid
