"""Letterbox there and back, and the train-time transforms with given numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pix2seq import transforms
from pix2seq.config import PreprocessConfig
from pix2seq.transforms import ColorJitter, Letterbox, ScaleCrop, normalize, to_tensor

sizes = st.tuples(st.integers(1, 900), st.integers(1, 900))


@given(sizes, st.sampled_from(["letterbox", "stretch"]))
def test_boxes_come_back_from_the_models_frame(size, fit):
    box = Letterbox(PreprocessConfig(image_size=(64, 96), fit=fit), size)
    height, width = size
    boxes = torch.tensor([[0.0, 0.0, width, height], [width / 4, height / 3, width / 2, height]])
    assert torch.allclose(box.invert_boxes(box.apply_boxes(boxes)), boxes, atol=1e-3 * max(size))


@given(sizes)
def test_the_image_lies_inside_the_models_input(size):
    box = Letterbox(PreprocessConfig(image_size=(64, 64)), size)
    rows, columns = box.content_size
    assert 1 <= rows <= 64 and 1 <= columns <= 64 and 64 in (rows, columns)
    assert all(0 < share <= 1 for share in box.extent)


def test_no_boxes_stay_no_boxes():
    box = Letterbox(PreprocessConfig(image_size=(64, 64)), (10, 10))
    assert box.apply_boxes(torch.zeros(0, 4)).shape == (0, 4)
    assert box.invert_boxes(torch.zeros(0, 4)).shape == (0, 4)


def test_the_padding_is_right_and_below_and_grey():
    box = Letterbox(PreprocessConfig(image_size=(40, 40), pad_value=0.3), (10, 20))
    pixels = box.apply_image(Image.new("RGB", (20, 10), (255, 255, 255)))
    assert pixels.shape == (3, 40, 40)
    assert torch.allclose(pixels[:, :20], torch.ones(3, 20, 40))
    assert torch.allclose(pixels[:, 20:], torch.full((3, 20, 40), 0.3))


def test_stretching_fills_the_whole_input():
    box = Letterbox(PreprocessConfig(image_size=(40, 40), fit="stretch"), (10, 20))
    assert box.extent == (1.0, 1.0)
    assert box.apply_image(Image.new("RGB", (20, 10))).abs().max() == 0


def test_padding_is_normalised_like_every_pixel():
    config = PreprocessConfig(
        image_size=(8, 8), pad_value=0.5, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)
    )
    pixels = Letterbox(config, (4, 8)).apply_image(Image.new("RGB", (8, 4), (255, 0, 0)))
    assert pixels[:, -1].abs().max() == 0
    assert pixels[:, 0, 0].tolist() == [1.0, -1.0, -1.0]


def test_rounding_to_grey_levels_gives_whole_levels():
    config = PreprocessConfig(image_size=(7, 7), round_uint8=True)
    noise = Image.effect_noise((16, 16), 80).convert("RGB")
    levels = Letterbox(config, (16, 16)).apply_image(noise) * 255
    assert torch.allclose(levels, levels.round(), atol=1e-4)


def test_normalize_undoes_mean_and_deviation():
    config = PreprocessConfig(image_size=(1, 1), mean=(0.1, 0.2, 0.3), std=(0.5, 0.25, 2.0))
    pixels = torch.tensor([0.6, 0.45, 2.3])[:, None, None]
    assert torch.allclose(normalize(pixels, config).flatten(), torch.ones(3))


def test_half_size_leaves_the_boxes_at_half_size():
    crop = ScaleCrop((100, 100), ratio=0.5)
    boxes = crop.apply_boxes(torch.tensor([[20.0, 40.0, 60.0, 80.0]]), (100, 100))
    assert crop.content_size((100, 100)) == (50, 50)
    assert boxes.tolist() == [[10.0, 20.0, 30.0, 40.0]]


def test_a_crop_moves_and_clips_boxes_with_the_pixels():
    image = Image.new("RGB", (100, 100))
    image.paste((255, 255, 255), (50, 50, 100, 100))
    crop = ScaleCrop((100, 100), ratio=2.0, offset=(0.5, 0.5))
    boxes = crop.apply_boxes(torch.tensor([[50.0, 50.0, 100.0, 100.0]]), (100, 100))
    assert boxes.tolist() == [[50.0, 50.0, 100.0, 100.0]]
    part = to_tensor(crop.apply_image(image))
    assert part[:, 52:, 52:].min() > 0.99 and part[:, :48].max() < 0.01


def test_a_flip_mirrors_boxes_with_the_pixels():
    image = Image.new("RGB", (40, 20))
    image.paste((255, 255, 255), (0, 0, 10, 20))
    crop = ScaleCrop((20, 40), ratio=1.0, flip=True)
    boxes = crop.apply_boxes(torch.tensor([[0.0, 0.0, 10.0, 20.0]]), (20, 40))
    assert boxes.tolist() == [[30.0, 0.0, 40.0, 20.0]]
    assert to_tensor(crop.apply_image(image))[:, :, 30:].min() == 1


@given(st.floats(0.3, 2.0), st.floats(0, 0.99), st.floats(0, 0.99), st.booleans(), sizes)
def test_what_a_crop_keeps_is_inside_it(ratio, down, across, flip, size):
    crop = ScaleCrop((64, 64), ratio, (down, across), flip)
    height, width = size
    boxes = torch.tensor([[0.0, 0.0, width, height], [width * 0.8, height * 0.7, width, height]])
    rows, columns = crop.content_size(size)
    moved = crop.apply_boxes(boxes, size)
    assert (moved >= 0).all()
    assert (moved[:, 2] <= columns).all() and (moved[:, 3] <= rows).all()
    assert crop.apply_image(Image.new("RGB", (width, height))).size == (columns, rows)


@pytest.mark.parametrize(
    ("box", "kept"),
    [
        ([0.0, 0.0, 50.0, 50.0], True),  # wholly inside
        ([40.0, 40.0, 100.0, 100.0], False),  # a 36th of it
        ([0.0, 0.0, 1.0, 1.0], False),  # too small to learn
        ([60.0, 60.0, 90.0, 90.0], False),  # outside
    ],
)
def test_boxes_that_the_crop_cuts_away_are_not_kept(box, kept):
    crop = ScaleCrop((100, 100), ratio=2.0)  # shows the upper left quarter
    assert crop.visible(torch.tensor([box]), (100, 100), 0.3, 4.0).tolist() == [kept]


def test_colour_factors_of_one_change_nothing():
    image = Image.effect_noise((8, 8), 60).convert("RGB")
    assert ColorJitter().apply_image(image).tobytes() == image.tobytes()
    assert ColorJitter(brightness=0.5).apply_image(image).tobytes() != image.tobytes()


@pytest.mark.parametrize("size", [(97, 300), (1, 400), (400, 1), (33, 257)])
def test_a_large_picture_becomes_the_same_pixels_band_by_band(monkeypatch, size):
    noise = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    picture = Image.fromarray(noise)
    whole = transforms.resize(picture, 64, 48, antialias=True)
    sampled = transforms.resize(picture, 64, 48, antialias=False)
    monkeypatch.setattr(transforms, "_BAND", 1000)
    assert torch.equal(transforms.resize(picture, 64, 48, antialias=True), whole)
    torch.testing.assert_close(transforms.resize(picture, 64, 48, antialias=False), sampled)
