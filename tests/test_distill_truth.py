"""What labels and the encoder's own mistakes change in a lesson."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from pix2seq.augment import build_training_sequence, random_boxes
from pix2seq.config import AugmentConfig
from pix2seq.distill.mistakes import with_mistakes, wrong_drafts
from pix2seq.distill.truth import corrected, owners
from pix2seq.model.places import STRIDES, Places, place_grids
from tests import fakes

SIZE = (128, 128)
GRIDS = place_grids(*SIZE)
COUNT = sum(rows * columns for rows, columns in GRIDS)


def places(classes: int = 4) -> Places:
    maps = [torch.zeros(1, 3, *grid) for grid in GRIDS]
    return Places(maps, torch.full((1, COUNT, classes), -2.0), torch.zeros(1, COUNT, 4))


def level_of(place: int) -> int:
    for level, (rows, columns) in enumerate(GRIDS):
        if place < rows * columns:
            return level
        place -= rows * columns
    raise AssertionError(place)


@given(
    side=st.floats(4, 120),
    x=st.floats(2, 126),
    y=st.floats(2, 126),
)
def test_every_object_owns_places_on_the_map_that_suits_its_size(side, x, y):
    box = torch.tensor([[[x - side / 2, y - side / 2, x + side / 2, y + side / 2]]]).clamp(0, 128)
    owner = owners(box, torch.ones(1, 1, dtype=torch.bool), SIZE)[0]
    mine = (owner == 0).nonzero()[:, 0].tolist()
    assert mine and set(owner.tolist()) <= {0, -1}
    levels = {level_of(place) for place in mine}
    assert len(levels) == 1
    shown = float((box[0, 0, 2] - box[0, 0, 0]) * (box[0, 0, 3] - box[0, 0, 1])) ** 0.5
    ratio = shown / STRIDES[levels.pop()]
    assert ratio <= 6 or side > 64
    assert ratio >= 2.5 or shown < 46


def test_of_two_objects_the_smaller_owns_the_place_and_a_crowd_owns_none():
    boxes = torch.tensor([[[32.0, 32, 64, 64], [33.0, 33, 63, 63], [90.0, 90, 120, 120]]])
    owner = owners(boxes, torch.tensor([[True, True, False]]), SIZE)[0]
    assert set(owner.tolist()) == {-1, 1}


def test_a_label_corrects_class_and_box_and_leaves_other_places_to_the_teacher():
    boxes = torch.tensor([[[32.0, 32, 64, 64]]])
    teacher = places()
    owner = owners(boxes, torch.ones(1, 1, dtype=torch.bool), SIZE)[0]
    asked = torch.tensor([True])
    better = corrected(teacher, boxes, torch.tensor([[2]]), asked, SIZE)
    mine, others = owner == 0, owner < 0
    probability = better.class_logits.sigmoid()[0]
    assert (probability[mine].argmax(-1) == 2).all() and (probability[mine, 2] > 0.7).all()
    assert torch.allclose(probability[others], torch.tensor(-2.0).sigmoid(), atol=1e-4)
    assert torch.equal(better.boxes[0, mine], boxes[0].expand(int(mine.sum()), 4))
    assert (better.boxes[0, others] == 0).all()


def test_where_nobody_was_asked_only_labelled_objects_stand():
    boxes = torch.tensor([[[32.0, 32, 64, 64]]])
    silent = torch.tensor([False])
    seen = corrected(places(), boxes, torch.tensor([[2]]), silent, SIZE).class_logits.sigmoid()[0]
    assert (seen.amax(-1) > 0.5).sum() == (owners(boxes, torch.tensor([[True]]), SIZE) == 0).sum()
    none = torch.zeros(1, 0, 4), torch.zeros(1, 0, dtype=torch.long)
    assert corrected(places(), *none, silent, SIZE).class_logits.sigmoid().max() < 1e-3


def test_a_draft_is_wrong_where_no_object_and_no_unasked_region_is():
    boxes = torch.tensor([[[0.1, 0.1, 0.3, 0.3], [0.5, 0.5, 0.9, 0.9]]])
    labels = torch.tensor([[7, -1]])
    drafts = torch.tensor(
        [
            [
                [0.1, 0.1, 0.3, 0.28],  # the object
                [0.1, 0.1, 0.9, 0.9],  # far larger than either
                [0.6, 0.6, 0.7, 0.7],  # in the region
                [0.1, 0.5, 0.3, 0.8],  # nothing
                [0.4, 0.4, 0.4, 0.4],  # no size
            ]
        ]
    )
    assert wrong_drafts(drafts, boxes, labels)[0].tolist() == [False, True, False, True, False]
    assert wrong_drafts(drafts, boxes[:, :0], labels[:, :0])[0].tolist() == [True] * 4 + [False]


@given(st.integers(0, 300), st.integers(0, 6), st.integers(0, 5), st.sampled_from([0.0, 0.5, 1.0]))
def test_mistakes_replace_noise_and_nothing_real(seed, real, usable, share):
    tokenizer = fakes.tiny_tokenizer()
    rng = torch.Generator().manual_seed(seed)
    config = AugmentConfig(eos_at_first_noise=True, eos_weight=0.25)
    boxes, labels = random_boxes(real, rng).clamp(0, 1), torch.arange(real)
    made = [
        build_training_sequence(boxes, labels, tokenizer, config, num_objects=6, generator=rng)
        for _ in range(2)
    ]
    names = "input_ids", "target_ids", "token_weights"
    before = {name: torch.stack([getattr(one, name) for one in made]) for name in names}
    drafts = random_boxes(5, rng).clamp(0, 1)[None]
    wrong = (torch.arange(5) < usable)[None]
    after = with_mistakes(before, drafts, torch.rand(1, 5), wrong, share, tokenizer, config)
    words = {tuple(tokenizer.encode(d[None], torch.tensor([0]))[:4].tolist()) for d in drafts[0]}
    for row in range(2):
        old, new = (x["target_ids"][row].view(6, 5) for x in (before, after))
        weights = after["token_weights"][row].view(6, 5)
        noise = new[:, 4] == tokenizer.noise_id
        reals = sorted(map(tuple, new[~noise].tolist()))
        assert reals == sorted(map(tuple, old[old[:, 4] != tokenizer.noise_id].tolist()))
        assert (weights[~noise] == 1).all()
        assert (weights[noise, 1:4] == 0).all() and (weights[noise, 4] == 1).all()
        shown = after["input_ids"][row, 1:]
        shown = torch.cat([shown, shown.new_zeros(1)]).view(6, 5)
        assert torch.equal(shown[~noise, :4], new[~noise, :4])
        taken = [i for i in range(6) if noise[i] and tuple(shown[i, :4].tolist()) in words]
        if share == 1.0:
            assert len(taken) >= min(usable, 6 - real)
        if share == 0.0:
            assert (noise.int().diff() >= 0).all()  # noise comes last, as before
        stops = (new[:, 0] == tokenizer.eos_id).nonzero()[:, 0].tolist()
        last = max((~noise).nonzero()[:, 0].tolist(), default=-1)
        assert stops == ([last + 1] if last < 5 else [])
        assert all(weights[stop, 0] == 0.25 for stop in stops)


def test_mistakes_stand_among_the_real_objects(tokenizer):
    rng = torch.Generator().manual_seed(0)
    config = AugmentConfig(eos_at_first_noise=True)
    boxes = random_boxes(3, rng).clamp(0, 1)
    made = [
        build_training_sequence(
            boxes, torch.arange(3), tokenizer, config, num_objects=6, generator=rng
        )
        for _ in range(40)
    ]
    names = "input_ids", "target_ids", "token_weights"
    before = {name: torch.stack([getattr(one, name) for one in made]) for name in names}
    drafts = random_boxes(5, rng).clamp(0, 1)[None]
    wrong = torch.ones(1, 5, dtype=torch.bool)
    after = with_mistakes(before, drafts, torch.rand(1, 5), wrong, 1.0, tokenizer, config)
    first = after["target_ids"].view(40, 6, 5)[:, 0, 4] == tokenizer.noise_id
    assert 0.2 < first.float().mean() < 0.8
