"""Devices by name, and the modes of one forward pass."""

from __future__ import annotations

import pytest
import torch

from pix2seq.config import ConfigError
from pix2seq.device import inference, pick_device


@pytest.mark.parametrize(
    ("cuda", "mps", "expected"),
    [(False, False, "cpu"), (True, False, "cuda"), (False, True, "mps"), (True, True, "cuda")],
)
def test_auto_takes_the_fastest_there_is(monkeypatch, cuda, mps, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert pick_device("auto").type == expected


def test_a_device_may_be_given_as_one():
    assert pick_device(torch.device("cpu")) == torch.device("cpu")


@pytest.mark.parametrize("name", ["abacus", "", "cpu:x", None])
def test_what_is_no_device_is_refused(name):
    with pytest.raises(ConfigError, match="use auto, cpu"):
        pick_device(name)


@pytest.mark.parametrize("name", ["cuda", "cuda:0", "mps", "meta"])
def test_a_device_that_is_not_here_is_refused(monkeypatch, name):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(ConfigError, match=f"'{name}', which is not on this machine"):
        pick_device(name)


def test_a_gpu_beyond_the_last_is_refused(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert pick_device("cuda:0") == torch.device("cuda:0")
    with pytest.raises(ConfigError, match="cuda:1"):
        pick_device("cuda:1")


def test_the_cpu_computes_in_float32_without_gradients():
    weight = torch.ones(2, 2, requires_grad=True)
    with inference(torch.device("cpu")):
        product = weight @ weight
        assert torch.is_inference_mode_enabled()
    assert product.dtype == torch.float32 and not product.requires_grad
    assert not torch.is_inference_mode_enabled()
