"""Sequence augmentation: what is noise, what is weighed, and what the input gives away."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Generator

from pix2seq.augment import (
    build_training_sequence,
    corrupt_classes,
    jitter_boxes,
    noise_boxes,
    random_boxes,
    shift_boxes,
)
from pix2seq.boxes import box_area, intersection_area
from pix2seq.categories import COCO_80
from pix2seq.config import AugmentConfig, TokenizerConfig
from pix2seq.tokenizer import Tokenizer
from tests import fakes

BOXES = torch.tensor([[0.1, 0.2, 0.4, 0.6], [0.5, 0.5, 0.9, 0.8]])
LABELS = torch.tensor([3, 17])


def rng(seed: int = 0) -> Generator:
    return Generator().manual_seed(seed)


def make(tokenizer, boxes=BOXES, labels=LABELS, config=None, **options):
    options = {"num_objects": 6, "order": "given", "generator": rng()} | options
    return build_training_sequence(boxes, labels, tokenizer, config or AugmentConfig(), **options)


@given(st.integers(0, 40), st.integers(0, 5), st.integers(0, 99))
def test_noise_boxes_are_as_many_as_asked_and_inside(count, real, seed):
    boxes = noise_boxes(random_boxes(real, rng(seed)).clamp(0, 1), count, 0.1, rng(seed))
    assert boxes.shape == (count, 4)
    assert ((boxes >= 0) & (boxes <= 1)).all()


def test_a_jittered_box_moves_by_a_tenth_of_its_size_at_most():
    boxes = BOXES.repeat(500, 1)
    size = (boxes[:, 2:] - boxes[:, :2]).repeat(1, 2)
    moved = (jitter_boxes(boxes, 0.1, rng()) - boxes) / size
    assert 0.09 < moved.abs().max() <= 0.1 + 1e-5
    assert moved.mean().abs() < 0.005


def test_a_shifted_box_keeps_its_size():
    shifted = shift_boxes(BOXES, rng())
    assert torch.allclose(shifted[:, 2:] - shifted[:, :2], BOXES[:, 2:] - BOXES[:, :2])
    assert not torch.allclose(shifted, BOXES)


def test_without_objects_every_target_is_noise(tokenizer):
    sequence = make(tokenizer, torch.zeros(0, 4), torch.zeros(0, dtype=torch.long))
    classes = tokenizer.class_positions(30)
    assert (sequence.target_ids[classes] == tokenizer.noise_id).all()
    assert sequence.token_weights.sum() == len(classes)
    assert sequence.num_real == 0


def test_real_objects_weigh_fully_and_noise_only_on_its_class(tokenizer):
    sequence = make(tokenizer)
    assert sequence.token_weights.view(6, 5).tolist() == [[1.0] * 5] * 2 + [[0, 0, 0, 0, 1.0]] * 4
    assert sequence.target_ids[:10].tolist() == tokenizer.encode(BOXES, LABELS).tolist()
    assert (sequence.target_ids[14::5] == tokenizer.noise_id).all()


def test_the_input_is_the_target_one_step_late_but_for_the_classes(tokenizer):
    sequence = make(tokenizer)
    assert sequence.input_ids[0] == tokenizer.bos_id
    shown, said = sequence.input_ids[1:], sequence.target_ids[:-1]
    is_class = torch.zeros(29, dtype=torch.bool)
    is_class[tokenizer.class_positions(29)] = True
    assert torch.equal(shown[~is_class], said[~is_class])


def test_the_default_corruption_never_shows_a_true_class_on_purpose(tokenizer):
    truth = torch.full((4000,), tokenizer.class_ids.start + 7)
    shown = corrupt_classes(truth, tokenizer, "rand_n_fake", rng())
    noise = (shown == tokenizer.noise_id).float().mean()
    assert 0.45 < noise < 0.55
    assert (shown == truth).float().mean() < 0.05  # by chance only
    assert tokenizer.label_mask[shown].all()


@pytest.mark.parametrize(
    ("kind", "real", "noise"),
    [
        ("none", 1.0, 0.0),
        ("rand", 0.0, 0.0),
        ("real_n_fake", 0.5, 0.5),
        ("real_n_rand_n_fake", 0.5, 0.25),
    ],
)
def test_corruption_kinds_mix_in_their_shares(tokenizer, kind, real, noise):
    truth = torch.full((4000,), tokenizer.class_ids.start + 7)
    shown = corrupt_classes(truth, tokenizer, kind, rng())
    assert (shown == truth).float().mean() == pytest.approx(real, abs=0.05)
    assert (shown == tokenizer.noise_id).float().mean() == pytest.approx(noise, abs=0.05)


def test_corruption_with_noise_needs_a_noise_class():
    plain = Tokenizer(TokenizerConfig(8, 80, 0, 8, 91, bos_id=88, eos_id=89, pad_id=90), COCO_80)
    with pytest.raises(ValueError, match="noise class"):
        corrupt_classes(torch.tensor([8]), plain, "rand_n_fake", rng())


def test_without_noise_the_sentence_ends_in_eos(tokenizer):
    config = AugmentConfig(noise_objects=False, eos_weight=0.1)
    sequence = make(tokenizer, config=config)
    assert sequence.target_ids[10] == tokenizer.eos_id
    assert (sequence.target_ids[11:] == tokenizer.pad_id).all()
    assert sequence.token_weights[10] == pytest.approx(0.1)
    assert sequence.token_weights[11:].sum() == 0
    assert sequence.input_ids[11] == tokenizer.eos_id


def test_where_padding_is_eos_every_empty_place_asks_for_it():
    layout = TokenizerConfig(
        8, 80, coord_offset=10, class_offset=20, vocab_size=100, bos_id=2, eos_id=0, pad_id=0,
        noise_id=3,
    )  # fmt: skip
    config = AugmentConfig(noise_objects=False, eos_weight=0.1)
    sequence = make(Tokenizer(layout, COCO_80), config=config)
    assert (sequence.target_ids[10:] == 0).all()
    assert torch.allclose(sequence.token_weights[10:], torch.tensor(0.1))


def test_eos_can_be_asked_for_where_the_noise_starts(tokenizer):
    sequence = make(tokenizer, config=AugmentConfig(eos_at_first_noise=True, eos_weight=0.25))
    assert sequence.target_ids[10] == tokenizer.eos_id
    assert sequence.token_weights[10] == 0.25
    assert sequence.input_ids[11] in tokenizer.coord_ids  # the noise object goes on being read


def test_objects_beyond_the_limit_are_cut_and_no_end_is_taught(tokenizer):
    sequence = make(tokenizer, num_objects=1, config=AugmentConfig(eos_at_first_noise=True))
    assert len(sequence.input_ids) == 5 and sequence.num_real == 1
    assert tokenizer.eos_id not in sequence.target_ids
    assert (sequence.token_weights == 1).all()


def test_noise_stays_inside_the_part_that_the_image_covers(tokenizer):
    sequence = make(
        tokenizer, BOXES * 0.5, LABELS, num_objects=8, extent=(0.5, 0.5), generator=rng(3)
    )
    boxes, _ = tokenizer.decode(sequence.target_ids)
    assert boxes.max() <= 0.5 + 1 / tokenizer.num_bins


def noise_weights(tokenizer, sequence):
    """Boxes of the noise objects and the weights of their classes."""
    objects = sequence.target_ids.unflatten(0, (-1, 5))[sequence.num_real :]
    weights = sequence.token_weights.unflatten(0, (-1, 5))[sequence.num_real :]
    assert (weights[:, :4] == 0).all()
    return tokenizer.coord_values(objects[:, :4])[:, [1, 0, 3, 2]], weights[:, 4]


@given(seed=st.integers(0, 200), left=st.floats(0, 0.7), top=st.floats(0, 0.7))
def test_a_noise_object_inside_an_ignored_region_is_not_taught_to_be_noise(seed, left, top):
    tokenizer = fakes.tiny_tokenizer()
    region = torch.tensor([[left, top, left + 0.3, top + 0.3]])
    sequence = make(tokenizer, num_objects=8, generator=rng(seed), ignored_norm=region)
    plain = make(tokenizer, num_objects=8, generator=rng(seed))
    assert torch.equal(sequence.target_ids, plain.target_ids)
    boxes, weights = noise_weights(tokenizer, sequence)
    inside = intersection_area(boxes, region)[:, 0] / box_area(boxes).clamp(min=1e-9)
    large = (boxes[:, 2:] - boxes[:, :2]).amin(1) > 0.15  # bins round the boxes
    clear = large & ((inside - 0.5).abs() > 0.25)
    assert torch.equal(weights[clear] == 0, inside[clear] > 0.5)
    real = 5 * sequence.num_real
    assert torch.equal(sequence.token_weights[:real], plain.token_weights[:real])


def test_where_everything_is_ignored_only_real_objects_are_taught(tokenizer):
    sequence = make(tokenizer, ignored_norm=torch.tensor([[0.0, 0.0, 1.0, 1.0]]))
    assert sequence.token_weights[:10].eq(1).all() and sequence.token_weights[10:].eq(0).all()


def test_the_same_generator_gives_the_same_sequence(tokenizer):
    first, second = (make(tokenizer, order="random", generator=rng(5)) for _ in range(2))
    assert torch.equal(first.input_ids, second.input_ids)
    other = make(tokenizer, order="random", generator=rng(6))
    assert not torch.equal(first.input_ids, other.input_ids)
