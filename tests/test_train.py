"""Training: the objective's numbers, going on after an interruption, several processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
import torch

import pix2seq
from pix2seq import checkpoints, reporter, states, train
from pix2seq.config import AugmentConfig, ConfigError, DataConfig, TrainConfig
from pix2seq.objective import SoftenedLosses, soft_coordinate_targets
from tests import fakes
from tests.patience import PATIENCE


def config(**changes) -> TrainConfig:
    settings = {
        "model": fakes.tiny_config(),
        "tokenizer": fakes.TINY_TOKENIZER,
        "preprocess": fakes.TINY_PREPROCESS,
        "data": (DataConfig(seed=3),),
        "steps": 4,
        "batch_size": 2,
        "sequences_per_image": 2,
        "warmup_steps": 2,
        "workers": 0,
        "save_every": 2,
    }
    return TrainConfig(**settings | changes)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return checkpoints.load(folder, device="cpu").model.state_dict()


def test_a_token_costs_its_negative_log_probability(tokenizer):
    logits = torch.zeros(1, 3, tokenizer.vocab_size)
    logits[0, 1, 7] = 3.0
    losses = train.token_losses(logits, torch.tensor([[5, 7, 9]]))
    uniform = torch.tensor(float(tokenizer.vocab_size)).log()
    assert losses[0, 0] == pytest.approx(uniform.item())
    assert losses[0, 1] == pytest.approx(-logits[0, 1].log_softmax(-1)[7].item())


@pytest.mark.parametrize("sigma", [0.0, 0.5, 3.0])
def test_soft_targets_are_distributions_around_their_bin(tokenizer, sigma):
    targets = soft_coordinate_targets(tokenizer, sigma)
    assert torch.allclose(targets.sum(1), torch.ones(tokenizer.num_bins))
    assert torch.equal(targets.argmax(1), torch.arange(tokenizer.num_bins))


def test_softening_forgives_a_near_miss_but_not_a_wrong_class(tokenizer):
    first, label = tokenizer.coord_ids.start, tokenizer.class_ids.start
    logits = torch.zeros(1, 2, tokenizer.vocab_size)
    logits[0, 0, first + 11] = 9.0
    logits[0, 1, label + 1] = 9.0
    target = torch.tensor([[first + 10, label]])
    hard = SoftenedLosses(tokenizer)(logits, target)
    eased = SoftenedLosses(tokenizer, coord_sigma=1.5)(logits, target)
    assert torch.equal(hard, train.token_losses(logits, target))
    assert eased[0, 0] < hard[0, 0] - 1
    assert eased[0, 1] == hard[0, 1]


def test_smoothing_leaves_a_share_of_a_class_to_all_classes_and_nothing_else(tokenizer):
    label, share = tokenizer.class_ids.start, 0.2
    logits = torch.randn(1, 4, tokenizer.vocab_size, generator=torch.Generator().manual_seed(0))
    target = torch.tensor(
        [[label + 3, tokenizer.noise_id, tokenizer.eos_id, tokenizer.coord_ids.start]]
    )
    hard = SoftenedLosses(tokenizer)(logits, target)
    smooth = SoftenedLosses(tokenizer, class_smoothing=share)(logits, target)
    wanted = torch.zeros(tokenizer.vocab_size)
    wanted[list(tokenizer.class_ids)] = share / len(tokenizer.class_ids)
    wanted[label + 3] += 1 - share
    by_hand = -(wanted * logits[0, 0].log_softmax(-1)).sum()
    assert smooth[0, 0] == pytest.approx(by_hand.item(), rel=1e-5)
    assert torch.equal(smooth[0, 1:], hard[0, 1:])


def test_snapshots_are_kept_from_the_start_to_the_end_and_denser_at_the_start(tmp_path):
    steps = config(steps=1000, snapshots=12).snapshot_steps
    assert len(steps) == 12 and (steps[0], steps[-1]) == (0, 1000)
    gaps = [b - a for a, b in pairwise(steps)]
    assert gaps == sorted(gaps)
    train.run(config(snapshots=3), tmp_path)
    kept = sorted((tmp_path / "snapshots").iterdir())
    assert [folder.name for folder in kept] == ["step-000000", "step-000001", "step-000004"]
    before, _, after = map(weights, kept)
    assert all(
        torch.equal(after[name], value) for name, value in weights(tmp_path / "checkpoint").items()
    )
    assert not torch.equal(before["decoder.embedding.rows"], after["decoder.embedding.rows"])


@pytest.mark.parametrize("count", [1, -2])
def test_one_snapshot_is_no_slider(count):
    with pytest.raises(ConfigError, match=f"snapshots is {count}; use 0"):
        config(snapshots=count)


def test_tokens_of_weight_zero_do_not_count():
    losses = torch.tensor([[1.0, 100.0, 3.0]])
    assert train.weighted_mean(losses, torch.tensor([[1.0, 0.0, 1.0]])) == pytest.approx(2.0)
    assert train.weighted_mean(losses, torch.zeros(1, 3)) == 0


def test_any_coordinate_will_do_where_only_the_kind_is_taught(tokenizer):
    first = tokenizer.coord_ids.start
    logits = torch.zeros(1, 3, tokenizer.vocab_size)
    logits[0, 1, first] = logits[0, 1, first + 9] = 30.0  # torn between two bins
    logits[0, 2, tokenizer.noise_id] = 30.0
    losses = train.kind_losses(logits, tokenizer)[0]
    share = tokenizer.num_bins / tokenizer.vocab_size
    assert losses[0] == pytest.approx(-torch.tensor(share).log().item(), abs=1e-4)
    assert losses[1] < 1e-4 and losses[2] > 20


@pytest.mark.parametrize("also", ["dense", "kind"])
def test_further_losses_change_what_is_learned_and_nothing_else(tmp_path, also):
    changes = {
        "dense": {"dense_weight": 1.0},
        "kind": {"augment": AugmentConfig(kind_weight=1.0)},
    }[also]
    plain = weights(train.run(config(), tmp_path / "plain"))
    more = weights(train.run(config(**changes), tmp_path / "more"))
    assert plain.keys() == more.keys()
    assert any(not torch.equal(plain[name], more[name]) for name in plain)


def test_the_rate_warms_up_and_then_falls_to_its_last_share():
    settings = config(steps=100, warmup_steps=10, final_lr=0.1)
    shares = [train.learning_rate_share(step, settings) for step in range(101)]
    assert shares[0] == pytest.approx(0.1) and max(shares) == shares[10] == 1
    assert all(a >= b for a, b in pairwise(shares[10:]))
    assert shares[100] == pytest.approx(0.1)


def test_the_average_follows_the_weights():
    model = torch.nn.Linear(1, 1, bias=False)
    average = train.WeightAverage(model, decay=0.9)
    start = model.weight.item()
    with torch.no_grad():
        model.weight.fill_(start + 1)
    for _ in range(200):
        average.update()
    assert average.values["weight"].item() == pytest.approx(start + 1, abs=1e-3)


def test_a_run_leaves_a_checkpoint_that_detects(tmp_path, picture):
    folder = train.run(config(), tmp_path / "run")
    predictor = pix2seq.load(folder, device="cpu")
    found = predictor.detect(picture, pix2seq.SamplingOptions(max_objects=2, eos="delay"))
    assert len(found) + found.degenerate == 2
    assert TrainConfig.load(tmp_path / "run" / "train.json") == config()


def test_an_interrupted_run_ends_where_the_whole_one_does(tmp_path, monkeypatch):
    whole = weights(train.run(config(), tmp_path / "whole"))

    class Stop(Exception):
        pass

    def stop_after_save(*args):
        save(*args)
        raise Stop

    save = train.save_run
    with monkeypatch.context() as patch, pytest.raises(Stop):
        patch.setattr(train, "save_run", stop_after_save)
        train.run(config(), tmp_path / "parts")
    parts = weights(train.run(config(), tmp_path / "parts", resume=True))
    for name, value in whole.items():
        assert torch.allclose(value, parts[name], atol=1e-5), name


@pytest.mark.parametrize("killed_at", [1, 3, 5])
def test_a_run_killed_anywhere_goes_on_to_the_same_curve(tmp_path, monkeypatch, killed_at):
    """Reports every third step, saves every second: a kill falls between both."""
    monkeypatch.setattr(reporter, "_REPORT_EVERY", 3)
    settings = config(steps=6, save_every=2)
    train.run(settings, tmp_path / "whole")

    class Kill(BaseException):
        pass

    def add(self, step, *rest):
        original(self, step, *rest)
        if step == killed_at:
            raise Kill

    original = train.Reporter.add
    with monkeypatch.context() as patch, pytest.raises(Kill):
        patch.setattr(train.Reporter, "add", add)
        train.run(settings, tmp_path / "parts")
    train.run(settings, tmp_path / "parts", resume=True)
    curves = [
        [
            {n: v for n, v in json.loads(line).items() if n not in ("images_per_s", "waiting")}
            for line in (tmp_path / run / "metrics.jsonl").read_text().splitlines()
        ]
        for run in ("whole", "parts")
    ]
    assert [line["step"] for line in curves[0]] == [3, 6]
    for whole, parts in zip(*curves, strict=True):
        assert whole == pytest.approx(parts, abs=2e-4)


def test_a_loss_that_is_no_number_names_what_to_lower(tmp_path):
    with pytest.raises(ConfigError, match=r"training diverged; lower lr \(it is 1e\+30\)"):
        train.run(config(lr=1e30, grad_clip=1e30, warmup_steps=1), tmp_path / "run")


def test_a_checkpoint_carries_its_runs_name(tmp_path):
    folder = train.run(config(steps=1), tmp_path / "my-cells")
    assert checkpoints.read_info(folder).name == "my-cells"
    assert checkpoints.locate(tmp_path / "my-cells") == folder
    assert checkpoints.locate(folder / "model.safetensors") == folder


def test_a_folder_with_a_run_in_it_is_not_overwritten(tmp_path):
    train.run(config(steps=2), tmp_path / "run")
    with pytest.raises(ConfigError, match="--resume"):
        train.run(config(steps=2), tmp_path / "run")


def test_the_log_tells_coordinates_and_classes_apart(tmp_path, monkeypatch):
    monkeypatch.setattr(reporter, "_REPORT_EVERY", 2)
    train.run(config(), tmp_path / "run")
    lines = [
        json.loads(row) for row in (tmp_path / "run" / "metrics.jsonl").read_text().split("\n")[:-1]
    ]
    assert [line["step"] for line in lines] == [2, 4]
    assert all(line["coord_loss"] > 0 and line["class_loss"] > 0 for line in lines)


@pytest.mark.slow
def test_a_tiny_model_learns_two_scenes_by_heart(tmp_path, monkeypatch):
    from pix2seq.data import mixture

    original = mixture.make_scene
    monkeypatch.setattr(mixture, "make_scene", lambda s, i, *rest: original(s, i % 2, *rest))
    settings = config(
        steps=150, batch_size=4, lr=3e-3, save_every=150, warmup_steps=10, final_lr=0.1
    )
    monkeypatch.setattr(reporter, "_REPORT_EVERY", 10)
    train.run(settings, tmp_path / "run")
    rows = [json.loads(r) for r in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert rows[-1]["loss"] < 0.6 * rows[0]["loss"]


def run_in_two_processes(settings: TrainConfig, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(settings.to_json())
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    arguments = ["--config", str(tmp_path / "config.json"), "--out", str(tmp_path / "run")]
    done = subprocess.run(
        [*launch, "-m", "pix2seq", "train", *arguments],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.slow
def test_two_processes_share_the_batches_of_one_run(tmp_path):
    """Each process once took whole batches, so that a run ended after half its steps; and without
    a GPU each once trained a model of its own, unless an environment variable was set."""
    run_in_two_processes(config(), tmp_path)
    state = states.latest_state(tmp_path / "run", pytest.fail)
    assert state.step == 4
    assert len(list(state.folder.glob("random_states_*"))) == 2
    assert weights(tmp_path / "run" / "checkpoint")


@pytest.mark.slow
def test_two_processes_whose_time_is_over_end_together(tmp_path):
    run_in_two_processes(config(steps=10**6, minutes=0.05, save_every=10**6), tmp_path)
    state = states.latest_state(tmp_path / "run", pytest.fail)
    assert 0 < state.step < 10**6
    assert len(list(state.folder.glob("random_states_*"))) == 2
