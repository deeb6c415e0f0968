"""Reward tuning: what a sentence earns, what is sampled, and which way the gradient goes."""

from __future__ import annotations

import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pix2seq import reporter, train
from pix2seq.cli import main
from pix2seq.config import ConfigError, DistillConfig, PyramidConfig
from pix2seq.model.drafts import Drafted
from pix2seq.reward import (
    WordRules,
    advantages,
    object_rewards,
    reinforce,
    returns,
    rewards_of,
    sample_sentences,
)
from tests import fakes
from tests.test_distill import config as distill_config
from tests.test_train import config, weights

TRUE = torch.tensor([[0.1, 0.1, 0.5, 0.5], [0.6, 0.2, 0.9, 0.8]])
NAMES = torch.tensor([3, 17])


def earned(boxes, labels, true_boxes=TRUE, true_labels=NAMES) -> float:
    """Of what the sentence as a whole could earn."""
    boxes = torch.as_tensor(boxes).view(-1, 4)
    rewards = object_rewards(boxes, labels, true_boxes, true_labels)
    assert rewards.shape == (len(boxes),)
    return rewards.sum().item() / max(1, int((true_labels >= 0).sum()))


def test_a_perfect_sentence_earns_one_and_silence_nothing():
    assert earned(TRUE, [3, 17]) == pytest.approx(1.0)
    assert earned(torch.zeros(0, 4), []) == 0.0
    assert earned(torch.zeros(0, 4), [], TRUE[:0], NAMES[:0]) == 0.0


def test_a_double_a_wrong_name_and_a_box_on_nothing_cost():
    best = earned(TRUE, [3, 17])
    assert earned(TRUE[[0, 1, 0]], [3, 17, 3]) < best
    assert earned(TRUE, [3, 4]) < earned(TRUE[:1], [3]) < best
    assert earned(TRUE[:1], [3], TRUE[:0], NAMES[:0]) < 0


def test_a_tighter_box_earns_more():
    loose = TRUE[:1] + torch.tensor([0.0, 0.0, 0.15, 0.0])
    near = TRUE[:1] + torch.tensor([0.0, 0.0, 0.03, 0.0])
    assert 0 < earned(loose, [3]) < earned(near, [3]) <= earned(TRUE[:1], [3])


def test_where_nobody_is_asked_a_box_neither_earns_nor_costs():
    labels = torch.tensor([3, -1])
    inside = torch.tensor([[0.65, 0.3, 0.8, 0.7]])
    both = torch.cat([TRUE[:1], inside])
    assert earned(both, [3, 9], TRUE, labels) == pytest.approx(earned(TRUE[:1], [3], TRUE, labels))


@given(st.permutations(range(4)), st.integers(0, 50))
def test_what_a_sentence_earns_lies_between_its_boxes_cost_and_one(order, seed):
    boxes = torch.rand(4, 4, generator=torch.Generator().manual_seed(seed)).sort(1).values
    boxes = torch.cat([boxes[:2], TRUE])[list(order)]
    labels = [[3, 3, 3, 17][i] for i in order]
    assert -0.3 * 4 / 2 <= earned(boxes, labels) <= 1.0


def test_noise_never_costs_and_earns_a_little_on_what_was_not_found(tokenizer):
    sentence = tokenizer.encode(TRUE, NAMES)
    noise = sentence[:5].clone()
    noise[-1] = tokenizer.noise_id
    found, missed = torch.cat([noise, sentence]), torch.cat([noise, noise, sentence[5:]])
    rewards = rewards_of(torch.stack([found, missed]), TRUE[None], NAMES[None], tokenizer)
    assert rewards.shape == (1, 2, 3)
    assert (rewards[0, 0, 1:] > 0.7).all() and rewards[0, 0, 0] == 0  # whoever wrote it first
    assert 0.1 < rewards[0, 1, 0] <= 0.15 and rewards[0, 1, 1] == 0 and rewards[0, 1, 2] > 0.7
    away = object_rewards(TRUE[:1] / 9, [-1], TRUE, NAMES)
    assert away.tolist() == [0.0]


def test_a_double_answers_for_itself():
    rewards = object_rewards(TRUE[[0, 1, 0]], [3, 17, 3], TRUE, NAMES)
    assert rewards.tolist() == pytest.approx([1.0, 1.0, -0.3])


@given(st.lists(st.floats(-0.3, 1.0), min_size=1, max_size=6), st.floats(0.0, 1.0))
def test_an_object_answers_for_itself_and_less_and_less_for_what_follows(rewards, discount):
    total = returns(torch.tensor([[rewards]]), discount)[0, 0]
    for number in range(len(rewards)):
        rest = sum(r * discount**i for i, r in enumerate(rewards[number:]))
        assert total[number].item() == pytest.approx(rest, abs=1e-4)


def test_sampled_sentences_keep_the_grammar_and_never_end(tokenizer):
    torch.manual_seed(0)
    model = fakes.tiny_model()
    memory = model.encode_image(torch.randn(2, 3, 64, 64)).detach()
    sentences, taken = sample_sentences(model, memory, 3, 4, tokenizer)
    assert taken is None
    assert sentences.shape == (6, 20)
    for index in range(20):
        assert tokenizer.allowed(index)[sentences[:, index]].all()
    assert (sentences != tokenizer.eos_id).all()
    assert len({tuple(row) for row in sentences.tolist()}) == 6


def test_a_sentence_is_sampled_as_often_as_the_loss_says_it_is_likely(tokenizer):
    torch.manual_seed(0)
    model = fakes.tiny_model(spread=6.0)
    memory = model.encode_image(torch.randn(1, 3, 64, 64)).detach()
    drawn, _ = sample_sentences(model, memory, 400, 1, tokenizer)
    ids = torch.tensor([[tokenizer.bos_id] + [0] * 4])
    with torch.no_grad():
        first = WordRules(tokenizer).logprobs(model.decode(ids, memory))[0, 0].exp()
    seen = torch.bincount(drawn[:, 0], minlength=len(first)) / 400
    assert (seen - first).abs().max() < 0.08
    assert first[tokenizer.eos_id] == 0


def test_sampled_sentences_follow_drafts_and_the_loss_knows_what_these_took(tokenizer):
    torch.manual_seed(0)
    model = fakes.tiny_model(spread=6.0)
    memory = model.encode_image(torch.randn(1, 3, 64, 64)).detach()
    box = torch.tensor([[[0.2, 0.4, 0.6, 0.8]]])
    drafted = Drafted(box, torch.tensor([[0.9]]), torch.tensor([[3]]))
    drawn, taken = sample_sentences(model, memory, 300, 2, tokenizer, drafted)
    assert taken.shape == (300, 10, tokenizer.num_bins)
    assert taken[:, :5].eq(0).all() and taken[:, 9].eq(0).all()  # the first object, and a class
    edge = tokenizer.quantize(torch.tensor(0.4))  # of ymin
    followed = taken[:, 5, edge] == 0
    assert followed.sum() > 200  # all but those whose first object lies on the draft
    pulled = taken[:, 5].sum(1) > 0
    lost = taken[pulled, 5].gather(1, drawn[pulled, 5, None] - tokenizer.coord_ids.start)
    assert lost.max() < taken.max() and lost.mean() < taken[pulled, 5].mean() / 2

    prompt = drawn.new_full((300, 1), tokenizer.bos_id)
    logits = model.decode(torch.cat([prompt, drawn[:, :-1]], 1), memory.repeat(300, 1, 1)).detach()
    gains = torch.ones(300, 1, 2)
    blind = reinforce(logits, drawn, gains, tokenizer)
    knowing = reinforce(logits, drawn, gains, tokenizer, taken)
    assert knowing < blind  # what was drawn is likelier where the pull is counted in


def test_what_is_gained_sums_to_nothing_about_each_image():
    gains = advantages(torch.tensor([[1.0, 0.0, 0.5], [0.2, 0.2, 0.2]]))
    assert gains[0].tolist() == pytest.approx([0.75, -0.75, 0.0])
    assert torch.allclose(gains[1], torch.zeros(3), atol=1e-6)
    by_object = advantages(torch.rand(2, 4, 5, generator=torch.Generator().manual_seed(0)))
    assert torch.allclose(by_object.sum(1), torch.zeros(2, 5), atol=1e-6)


def test_what_gained_becomes_likelier_object_by_object(tokenizer):
    sentences = torch.stack(
        [tokenizer.encode(TRUE[order], NAMES[order]) for order in ([0, 1], [1, 0])]
    )
    logits = torch.zeros(2, 10, tokenizer.vocab_size, requires_grad=True)
    gains = torch.tensor([[[1.0, 0.0], [-1.0, 0.5]]])
    reinforce(logits, sentences, gains, tokenizer).backward()
    pushed = -logits.grad.gather(-1, sentences[..., None]).view(2, 2, 5)
    idle = pushed[0, 1].max()  # of keeping the grammar alone
    assert (pushed[0, 0] > idle).all() and (pushed[1, 1] > idle).all() and (pushed[1, 0] < 0).all()


def test_without_a_gain_only_what_breaks_the_grammar_becomes_less_likely(tokenizer):
    sentences = tokenizer.encode(TRUE[:1], NAMES[:1])[None]
    logits = torch.zeros(1, 5, tokenizer.vocab_size, requires_grad=True)
    reinforce(logits, sentences, torch.zeros(1, 1, 1), tokenizer).backward()
    for slot, pushed in enumerate(-logits.grad[0]):
        allowed = tokenizer.allowed(slot)
        assert (pushed[allowed] > 0).all() and (pushed[~allowed] < 0).all()


def test_a_run_by_reward_tells_it_and_changes_the_weights(tmp_path, monkeypatch):
    monkeypatch.setattr(reporter, "_REPORT_EVERY", 2)
    settings = config(objective="reward", samples=2, steps=2, ema=0.0)
    start = train.build_model(settings, train.build_tokenizer(settings)).state_dict()
    end = weights(train.run(settings, tmp_path / "run"))
    (row,) = [json.loads(x) for x in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    assert {"reward", "coord_loss", "class_loss"} <= set(row)
    assert any((end[name].float() - start[name]).abs().max() > 1e-4 for name in end)


def test_with_the_encoder_at_rest_the_decoder_alone_learns(tmp_path):
    first = train.run(config(steps=1), tmp_path / "first")
    settings = config(
        objective="reward", samples=2, steps=2, ema=0.0, init=str(first), at_rest="encoder"
    )
    start, end = weights(first), weights(train.run(settings, tmp_path / "run"))
    moved = {name for name in end if not torch.equal(end[name], start[name])}
    assert moved and all(name.startswith("decoder.") for name in moved)
    with pytest.raises(ConfigError, match="init names no checkpoint"):
        config(at_rest="encoder")
    with pytest.raises(ConfigError, match='at_rest is "sees", but encoder kind'):
        settings.replace(at_rest="sees")
    with pytest.raises(ConfigError, match=r"dense_weight, 0\.5, teaches the encoder"):
        settings.replace(dense_weight=0.5)
    with pytest.raises(ConfigError, match="at_rest is encoder, but distill has none"):
        distill_config(at_rest="encoder", init=str(first))


def test_a_pyramid_may_rest_its_eyes_and_learn_to_remember(tmp_path):
    model = fakes.pyramid_config(pyramid=PyramidConfig(8, 80, drafts=4))
    first = train.run(config(model=model, steps=1), tmp_path / "first")
    settings = config(model=model, steps=2, ema=0.0, init=str(first), at_rest="sees")
    start, end = weights(first), weights(train.run(settings, tmp_path / "run"))
    moved = {name for name in end if not torch.equal(end[name], start[name])}
    eyes = ("encoder.backbone.", "encoder.pyramid.", "encoder.guess.")
    assert not any(name.startswith(eyes) for name in moved)
    for part in ("decoder.", "encoder.transformer.", "encoder.drafts.", "encoder.project."):
        assert any(name.startswith(part) for name in moved), part


def test_reward_settings_that_cannot_work_are_named(tmp_path, capsys):
    with pytest.raises(ConfigError, match="samples is 1"):
        config(samples=1)
    with pytest.raises(ConfigError, match=r"discount is 1\.5; use a share"):
        config(discount=1.5)
    with pytest.raises(ConfigError, match="likelihood_share is -1"):
        config(likelihood_share=-1.0)
    with pytest.raises(ConfigError, match="objective is 'luck'"):
        config(objective="luck")
    assert isinstance(distill_config(), DistillConfig)
    with pytest.raises(ConfigError, match="distill has likelihood only"):
        distill_config(objective="reward")


def test_the_command_takes_the_objective(tmp_path, capsys):
    recipe = tmp_path / "recipe.json"
    recipe.write_text(config(steps=1, samples=2).to_json())
    out = str(tmp_path / "run")
    run = ["train", "--config", str(recipe), "--out", out, "--objective", "reward"]
    assert main(run) == 0
    assert json.loads((tmp_path / "run" / "train.json").read_text())["objective"] == "reward"
