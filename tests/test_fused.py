"""Weights prepared for looking: the same function, and made anew when the weights change."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch import nn

from pix2seq.config import TransformerConfig
from pix2seq.model import fused, layers
from pix2seq.model.fused import FusedLinear, Versions
from pix2seq.model.layers import TransformerEncoder

STACK = TransformerConfig(dim=24, layers=2, heads=3, mlp_dim=40)
needs_onednn = pytest.mark.skipif(not fused.HAS_ONEDNN, reason="oneDNN's kernels are not there")


def encoder(**changes) -> TransformerEncoder:
    torch.manual_seed(0)
    made = TransformerEncoder(STACK.replace(**changes)).eval()
    for norm in (m for m in made.modules() if isinstance(m, nn.LayerNorm)):
        nn.init.normal_(norm.weight, 1.0, 0.3)
        nn.init.normal_(norm.bias, 0.0, 0.3)
    return made


def tokens(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


@needs_onednn
@pytest.mark.parametrize("changes", [{}, {"norm_first": False}, {"activation": "relu"}])
def test_layers_that_only_look_are_the_same_function(changes):
    stack, x = encoder(**changes), tokens(2, 50, 24)
    plain = stack(x)  # with a gradient: nothing is fused
    assert stack._fused is None and plain.requires_grad
    with torch.no_grad():
        torch.testing.assert_close(stack(x), plain, atol=1e-5, rtol=1e-5)
    assert stack._fused is not None


@needs_onednn
@torch.no_grad()
def test_what_layers_see_does_not_depend_on_the_number_of_threads():
    stack, x = encoder(), tokens(1, 333, 24)
    threads = torch.get_num_threads()
    try:
        seen = []
        for count in (1, 2, 3, 8):
            torch.set_num_threads(count)
            seen.append(stack(x))
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(one, seen[0]) for one in seen)


@torch.no_grad()
def test_layers_look_with_the_weights_that_they_have_now():
    stack, x = encoder(), tokens(1, 9, 24)
    before = stack(x)
    stack.layers[1].mlp.up.weight.mul_(1.5)
    after = stack(x)
    assert not torch.allclose(after, before)
    for other in (copy.deepcopy(stack), pickle.loads(pickle.dumps(stack))):
        assert other._fused is None
        assert torch.equal(other(x), after)


def write(module):
    module[0].weight.mul_(2)


def load(module):
    module.load_state_dict({name: 2 * one for name, one in module.state_dict().items()})


def replace_data(module):
    module[0].weight.data = torch.ones(3, 3)


def replace_parameter(module):
    module[0].weight = nn.Parameter(torch.ones(3, 3))


def replace_part(module):
    module[0] = nn.Linear(3, 3)


def drop_bias(module):
    module[0].bias = None


def add_part(module):
    module[1].scale = nn.Linear(3, 3)


def count_in_a_buffer(module):
    module[1].running_mean.add_(1)


@pytest.mark.parametrize(
    "change",
    [
        write,
        load,
        replace_data,
        replace_parameter,
        replace_part,
        drop_bias,
        add_part,
        count_in_a_buffer,
    ],
)
@torch.no_grad()
def test_a_change_of_weights_is_noticed_however_it_is_made(change):
    module = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.ReLU())
    versions = Versions(module)
    assert versions.current(module)
    assert not versions.current(copy.deepcopy(module))
    change(module)
    assert not versions.current(module)


def test_looking_and_moving_to_where_it_is_change_nothing():
    module = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
    versions = Versions(module)
    module(torch.ones(1, 3)).sum().backward()
    assert versions.current(module.eval().requires_grad_(False).to("cpu"))


@needs_onednn
@torch.no_grad()
def test_a_row_of_a_map_is_the_same_in_any_company():
    linear, x = nn.Linear(48, 40), tokens(17, 48)
    one = FusedLinear(linear.weight, linear.bias, 8)
    torch.testing.assert_close(one(x), linear(x), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(one.added(x, one(x)), 2 * linear(x), atol=1e-5, rtol=1e-5)
    assert torch.equal(one(x[3:4]), one(x)[3:4])


def test_where_onednn_is_missing_layers_look_without_it(monkeypatch):
    monkeypatch.setattr(layers, "can_fuse", lambda x: False)
    stack = encoder()
    with torch.no_grad():
        stack(tokens(1, 9, 24))
    assert stack._fused is None
