"""Sentences that go through the encoder's drafts."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pix2seq.augment import random_boxes
from pix2seq.boxes import box_iou
from pix2seq.config import AugmentConfig
from pix2seq.distill.reciting import recite, recited
from tests import fakes

CONFIG = AugmentConfig(eos_at_first_noise=True)


def spread(count: int, side: float = 0.1) -> torch.Tensor:
    """Boxes in a row that do not overlap."""
    left = torch.arange(count) * (side + 0.02)
    return torch.stack([left, left, left + side, left + side], 1)


def test_every_draft_becomes_the_object_that_it_shows_or_noise(tokenizer):
    boxes = spread(2)
    drafts = torch.cat([boxes + 0.01, torch.tensor([[0.6, 0.1, 0.8, 0.3]])])
    sure = torch.tensor([0.9, 0.001, 0.3])  # far enough apart for the order to be certain
    shown, targets, weights = recite(
        boxes, torch.tensor([1, 2]), drafts, sure, 4, tokenizer, CONFIG
    )
    first = tokenizer.class_ids.start
    expected = tokenizer.encode(
        torch.stack([boxes[0], drafts[2], boxes[1]]), torch.tensor([1, 0, 2])
    ).view(3, 5)
    expected[1, 4] = tokenizer.noise_id
    assert torch.equal(targets.view(4, 5)[:3], expected)
    assert torch.equal(shown.view(4, 5)[:3, :4], expected[:, :4])
    assert targets.view(4, 5)[:3, 4].tolist() == [first + 1, tokenizer.noise_id, first + 2]
    assert weights.view(4, 5)[1].tolist() == [0.5, 0.5, 0.5, 0.5, 1.0]
    assert weights.view(4, 5)[2].tolist() == [1.0] * 5
    assert targets[15] == tokenizer.eos_id
    assert torch.equal(weights[15:], torch.tensor([CONFIG.eos_weight, 0.0, 0.0, 0.0, 0.0]))


def test_of_two_drafts_of_an_object_the_surer_shows_it(tokenizer):
    box = torch.tensor([[0.2, 0.2, 0.6, 0.6]])
    drafts = torch.cat([box + 0.03, box])
    _, targets, _ = recite(
        box, torch.tensor([3]), drafts, torch.tensor([0.99, 0.01]), 3, tokenizer, CONFIG
    )
    names = targets.view(3, 5)[:2, 4].tolist()
    assert names == [tokenizer.class_ids.start + 3, tokenizer.noise_id]


def test_what_no_draft_shows_comes_last_and_has_room(tokenizer):
    boxes, drafts = spread(3), 1 - spread(6)[:, [2, 3, 0, 1]]
    assert (box_iou(boxes, drafts) < 0.5).all()
    _, targets, _ = recite(
        boxes, torch.tensor([0, 1, 2]), drafts, torch.rand(6), 5, tokenizer, CONFIG
    )
    noise = targets.view(5, 5)[:, 4] == tokenizer.noise_id
    assert noise.tolist() == [True, True, False, False, False]


def test_a_foreign_object_shifts_the_others_and_only_its_name_is_asked_for(tokenizer):
    boxes, sure = spread(3), torch.tensor([0.99, 0.5, 0.01])
    same = boxes, torch.tensor([0, 1, 2]), boxes, sure, 4, tokenizer, CONFIG
    _, plain, _ = recite(*same)
    rows = [tuple(row) for row in plain.view(4, 5)[:3].tolist()]
    places = set()
    for seed in range(20):
        _, targets, weights = recite(*same, torch.Generator().manual_seed(seed), foreign=True)
        (at,) = (weights.view(4, 5)[:, 1] == 0).nonzero()[:, 0].tolist()
        assert weights.view(4, 5)[at, 1:4].sum() == 0 and weights.view(4, 5)[at, 4] in (0, 1)
        others = [tuple(row) for i, row in enumerate(targets.view(4, 5).tolist()) if i != at]
        assert others == rows
        places.add(at)
    assert places == {0, 1, 2, 3}


def test_nobody_is_asked_what_a_draft_in_a_region_shows(tokenizer):
    region = torch.tensor([[0.0, 0.0, 0.5, 0.5]])
    drafts = torch.tensor([[0.1, 0.1, 0.3, 0.3], [0.6, 0.6, 0.9, 0.9]])
    sure = torch.tensor([0.99, 0.01])
    _, _, weights = recite(region, torch.tensor([-1]), drafts, sure, 2, tokenizer, CONFIG)
    assert weights.view(2, 5)[:, 4].tolist() == [0.0, 1.0]


@settings(max_examples=60, deadline=None)
@given(
    real=st.integers(0, 9),
    drafts=st.integers(0, 12),
    objects=st.integers(1, 10),
    seed=st.integers(0, 99),
    foreign=st.booleans(),
)
def test_a_sentence_has_its_length_and_nothing_twice(real, drafts, objects, seed, foreign):
    tokenizer = fakes.tiny_tokenizer()
    rng = torch.Generator().manual_seed(seed)
    boxes, seen = random_boxes(real, rng).clamp(0, 1), random_boxes(drafts, rng).clamp(0, 1)
    labels = torch.randint(-1, 3, (real,), generator=rng)
    sure = torch.rand(drafts, generator=rng)
    shown, targets, weights = recite(
        boxes, labels, seen, sure, objects, tokenizer, CONFIG, rng, foreign
    )
    assert shown.shape == targets.shape == weights.shape == (objects * 5,)
    rows = targets.view(objects, 5)
    written = rows[:, 4] != tokenizer.pad_id
    assert (written.int().diff() <= 0).all()
    assert (weights.view(objects, 5)[~written, 1:] == 0).all()
    names = rows[written, 4]
    reals = names[names != tokenizer.noise_id] - tokenizer.class_ids.start
    left = labels[labels >= 0].tolist()
    for name in reals.tolist():
        left.remove(name)  # none more often than it is there
    assert (targets == tokenizer.eos_id).sum() <= 1


def test_the_same_batch_gives_the_same_sentences(tokenizer):
    rng = torch.Generator().manual_seed(0)
    batch = {
        "input_ids": torch.full((4, 30), tokenizer.bos_id),
        "boxes_norm": random_boxes(6, rng).clamp(0, 1).view(2, 3, 4),
        "labels": torch.tensor([[0, 1, -1], [2, -1, -1]]),
    }
    drafts, sure = random_boxes(16, rng).clamp(0, 1).view(2, 8, 4), torch.rand(2, 8, generator=rng)
    one, two = (recited(batch, drafts, sure, tokenizer, CONFIG) for _ in range(2))
    assert one.keys() == {"input_ids", "target_ids", "token_weights"}
    for name, value in one.items():
        assert value.shape == (4, 30)
        assert torch.equal(value, two[name])
    assert (one["input_ids"][:, 0] == tokenizer.bos_id).all()
    assert not torch.equal(
        one["target_ids"][0], one["target_ids"][1]
    )  # of one image, about in order
