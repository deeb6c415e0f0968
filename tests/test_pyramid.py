"""The encoder with a feature pyramid: folding, gradients, what goes into the memory."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import timm
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import pix2seq
from pix2seq import checkpoints
from pix2seq.config import ConfigError, ModelConfig, PyramidConfig
from pix2seq.finetune import initialise_parts
from pix2seq.model import Pix2Seq
from pix2seq.model.depthwise import depthwise
from pix2seq.model.places import STRIDES, Places, home_tokens, place_grids, token_places
from pix2seq.model.pyramid import fold_batch_norms
from tests import fakes

ROOT = Path(__file__).parents[1]


def pyramid_model(**changes) -> Pix2Seq:
    torch.manual_seed(0)
    return Pix2Seq(fakes.pyramid_config(**changes)).eval()


@given(
    side=st.integers(5, 17),
    kernel=st.sampled_from([3, 5]),
    stride=st.sampled_from([1, 2]),
    padded=st.booleans(),
    seed=st.integers(0, 9),
)
def test_a_depthwise_convolution_has_the_numbers_and_gradients_of_the_library(
    side, kernel, stride, padded, seed
):
    generator = torch.Generator().manual_seed(seed)
    shapes = (2, 3, side, side + 1), (3, 1, kernel, kernel), (3,)
    inputs = [torch.randn(s, generator=generator, requires_grad=True) for s in shapes]
    padding = kernel // 2 if padded else 0
    ours = depthwise(*inputs, stride, padding)
    theirs = F.conv2d(*inputs, stride, padding, groups=3)
    assert torch.allclose(ours, theirs, atol=1e-5)
    upstream = torch.randn(ours.shape, generator=generator)
    for mine, other in zip(
        torch.autograd.grad(ours, inputs, upstream),
        torch.autograd.grad(theirs, inputs, upstream),
        strict=True,
    ):
        assert torch.allclose(mine, other, atol=1e-4)


def test_in_bf16_a_depthwise_convolution_is_close_and_its_gradients_have_the_weights_type():
    x, weight = torch.randn(2, 4, 9, 9), nn.Parameter(torch.randn(4, 1, 3, 3))
    with torch.autocast("cpu", torch.bfloat16):
        out = depthwise(x, weight, None, 1, 1)
    assert out.dtype == torch.bfloat16
    out.float().sum().backward()
    assert weight.grad.dtype == torch.float32
    exact = F.conv2d(x, weight, padding=1, groups=4)
    assert torch.allclose(out.float(), exact, atol=0.1)


@pytest.mark.parametrize("name", ["test_efficientnet", "tf_efficientnet_lite0"])
def test_folding_a_backbones_batch_norms_keeps_its_numbers(name):
    torch.manual_seed(0)
    backbone = timm.create_model(name, features_only=True, out_indices=(2, 3, 4)).eval()
    for module in backbone.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.3)
            nn.init.uniform_(module.running_var, 0.5, 2.0)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.3)
    pixels = torch.randn(1, 3, 63, 70)
    with torch.no_grad():
        before = backbone(pixels)
        fold_batch_norms(backbone)
        after = backbone(pixels)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in backbone.modules())
    for a, b in zip(before, after, strict=True):
        assert torch.allclose(a, b, rtol=1e-3, atol=1e-4 * a.abs().max())


@pytest.mark.parametrize("size", [(64, 64), (72, 100), (96, 33)])
def test_every_size_has_its_places_and_its_memory(size):
    encoder = pyramid_model().encoder
    with torch.no_grad():
        places = encoder.look(torch.randn(2, 3, *size))
        memory = encoder(torch.randn(2, 3, *size))
    grids = place_grids(*size)
    assert [tuple(m.shape[-2:]) for m in places.maps] == grids
    count = sum(rows * columns for rows, columns in grids)
    assert places.class_logits.shape == (2, count, 80)
    assert places.boxes.shape == (2, count, 4)
    rows, columns = encoder.grid(*size)
    assert (rows, columns) == grids[1]
    assert memory.shape == (2, rows * columns, 32)


def test_a_place_lies_inside_its_own_box():
    encoder = pyramid_model().encoder
    with torch.no_grad():
        boxes = encoder.look(torch.randn(1, 3, 64, 64)).boxes[0]
    centres = torch.cat(
        [
            torch.stack(
                torch.meshgrid(torch.arange(c) + 0.5, torch.arange(r) + 0.5, indexing="xy"), -1
            ).flatten(0, 1)
            * stride
            for (r, c), stride in zip(place_grids(64, 64), STRIDES, strict=True)
        ]
    )
    assert (boxes[:, :2] < centres).all() and (boxes[:, 2:] > centres).all()


@given(rows=st.integers(1, 150), columns=st.integers(1, 150))
def test_every_place_belongs_to_the_token_at_its_centre(rows, columns):
    grids = place_grids(rows, columns)
    index, there = token_places((rows, columns))
    home = home_tokens((rows, columns))
    owner = {}
    for token in range(index.shape[1]):
        for place in index[there[:, token], token].tolist():
            assert owner.setdefault(place, token) == token
    first = 0
    for (height, width), stride in zip(grids, STRIDES, strict=True):
        for number in range(height * width):
            y, x = ((part + 0.5) * stride for part in divmod(number, width))
            row, column = int(y // 16), int(x // 16)
            token = row * grids[1][1] + column
            inside = row < grids[1][0] and column < grids[1][1]
            assert owner.get(first + number) == (token if inside else None)
            if inside:
                assert home[first + number] == token
        first += height * width


@given(
    size=st.tuples(st.integers(1, 200), st.integers(1, 200)),
    grid=st.tuples(st.integers(1, 20), st.integers(1, 20)),
)
def test_a_memory_of_fixed_rows_and_columns_covers_an_input_of_any_size(size, grid):
    index, there = token_places(size, grid)
    home = home_tokens(size, grid)
    assert index.shape == there.shape and index.shape[1] == grid[0] * grid[1]
    owned, first = index[there].tolist(), 0
    assert len(set(owned)) == len(owned)
    for (height, width), stride in zip(place_grids(*size), STRIDES, strict=True):
        for number in range(height * width):
            centre = ((part + 0.5) * stride for part in divmod(number, width))
            cell = [at * cells / side for at, cells, side in zip(centre, grid, size, strict=True)]
            inside = cell[0] < grid[0] and cell[1] < grid[1]
            assert (first + number in owned) == inside
            if inside:
                assert home[first + number] == int(cell[0]) * grid[1] + int(cell[1])
                assert (first + number) in index[
                    there[:, home[first + number]], home[first + number]
                ]
        first += height * width


def test_a_larger_input_makes_the_memory_better_and_not_longer():
    config = fakes.pyramid_config(pyramid=PyramidConfig(8, 80, drafts=4, memory=(3, 5)))
    assert ModelConfig.from_dict(json.loads(config.to_json())) == config
    model = Pix2Seq(config).eval()
    for size in [(64, 64), (72, 100), (128, 33)]:
        assert model.memory_grid(*size) == (3, 5)
        with torch.no_grad():
            assert model.encode_image(torch.randn(2, 3, *size)).shape == (2, 4 * 5 + 15, 32)


@pytest.mark.parametrize("memory", [(0, 5), (3, 257), (-1, -1)])
def test_a_memory_that_makes_no_sense_is_named(memory):
    with pytest.raises(ConfigError, match="use null or rows and columns from 1 to 256"):
        PyramidConfig(memory=memory)


def test_of_the_guesses_in_a_token_the_surest_is_told():
    encoder = pyramid_model().encoder
    with torch.no_grad():
        places = encoder.look(torch.randn(1, 3, 64, 64))
        index, there = token_places((64, 64))
        first, second = index[there[:, 5], 5].tolist()[:2]
        logits = torch.full_like(places.class_logits, -9.0)
        logits[0, first, 3], logits[0, second, 4] = 0.5, 1.5
        guess = encoder._guesses(Places(places.maps, logits, places.boxes), (64, 64))[0, 5]
    assert guess[:80].argmax() == 4
    assert guess[4] == pytest.approx(torch.tensor(1.5).sigmoid().item())


def test_the_memory_tells_a_sure_guess_from_an_unsure_one_and_where_its_edges_are():
    encoder = pyramid_model().encoder
    with torch.no_grad():
        places = encoder.look(torch.randn(1, 3, 64, 64))
        moved = places.boxes.clone()
        moved[0, 9] += 20.0

        def memory(logit: float, boxes: torch.Tensor) -> torch.Tensor:
            logits = torch.full_like(places.class_logits, -30.0)
            logits[0, 9, 5] = logit
            return encoder.gather(Places(places.maps, logits, boxes), (64, 64))[0]

        sure = (memory(4.0, places.boxes) - memory(4.0, moved)).abs().max()
        unsure = (memory(-29.0, places.boxes) - memory(-29.0, moved)).abs().max()
    assert sure > 1e-3 > 1e-5 > unsure


def test_training_leaves_the_stem_the_first_stages_and_the_backbones_depthwise_kernels_alone():
    frozen = pyramid_model(frozen_stages=2).encoder
    for part in (frozen.backbone.conv_stem, *frozen.backbone.blocks[:2]):
        assert not any(p.requires_grad for p in part.parameters())
    names = {n for n, p in frozen.named_parameters() if not p.requires_grad}
    assert all(n.startswith("backbone.") for n in names)
    later = [n for n in names if not n.startswith(("backbone.conv_stem", "backbone.blocks.0"))]
    assert later and all("conv" in n for n in later)


def test_backbones_with_other_strides_and_missing_settings_are_refused():
    with pytest.raises(ConfigError, match="strides"):
        pyramid_model(out_indices=(1, 2, 3))
    with pytest.raises(ConfigError, match="pyramid"):
        pyramid_model(pyramid=None)
    with pytest.raises(ConfigError, match="width"):
        PyramidConfig(width=0)


def test_a_pyramid_starts_from_what_it_shares_with_an_older_model(tokenizer, tmp_path):
    torch.manual_seed(1)
    old = Pix2Seq(fakes.tiny_config()).eval()
    folder = checkpoints.save(
        tmp_path / "old",
        old,
        fakes.TINY_TOKENIZER,
        fakes.TINY_PREPROCESS,
        "coco80",
        half=False,
    )
    model = pyramid_model()
    drawn = {n: v.clone() for n, v in model.state_dict().items()}
    initialise_parts(model, tokenizer, checkpoints.load(folder, device="cpu"))
    own, theirs = model.state_dict(), old.state_dict()
    for name, value in own.items():
        if name.startswith(("decoder.", "encoder.transformer.", "encoder.from_code.")):
            assert torch.equal(value, theirs[name]), name
        elif name.startswith(("encoder.pyramid.", "encoder.guess.", "encoder.project.")):
            assert torch.equal(value, drawn[name]), name
    pixels = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        mine, whole = model.encoder.backbone(pixels)[1:], old.encoder.backbone(pixels)
    for a, b in zip(mine, whole, strict=True):
        assert torch.allclose(a, b, rtol=1e-3, atol=1e-4)


def test_the_encoder_to_go_on_from_is_a_pyramid():
    folder = ROOT / "benchmarks" / "training" / "encoder"
    assert checkpoints.load(folder, device="cpu").model.config.encoder.kind == "pyramid"
    assert (folder / "model.safetensors").stat().st_size < 20e6


def test_a_saved_pyramid_detects_as_before(tmp_path, picture):
    model = pyramid_model()
    folder = checkpoints.save(
        tmp_path / "pyramid", model, fakes.TINY_TOKENIZER, fakes.TINY_PREPROCESS, "coco80"
    )
    predictor = pix2seq.load(folder, device="cpu")
    assert predictor.model.config == model.config
    assert len(predictor.detect(picture).boxes) >= 0
