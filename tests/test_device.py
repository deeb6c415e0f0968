"""Devices by name, and the modes of one forward pass."""

from __future__ import annotations

import contextlib
import os
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
import torch

from pix2seq.config import ConfigError, SamplingOptions
from pix2seq.device import every_core, inference, pick_device
from pix2seq.model import native, packed
from pix2seq.sampling import batch, stream
from tests.fakes import tiny_model, tiny_tokenizer
from tests.patience import PATIENCE, until


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


def test_half_precision_only_changes_the_network(monkeypatch):
    """What CUDA does, tried on the CPU: bf16 inside, float32 logits and sane steps outside."""

    @contextlib.contextmanager
    def half(device):
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16):
            yield

    monkeypatch.setattr(batch, "inference", half)
    monkeypatch.setattr(packed, "HAS_ONEDNN", False)  # as on CUDA: PyTorch's own kernels
    monkeypatch.setenv(native.NATIVE_VARIABLE, "0")
    model, tokenizer = tiny_model(spread=4.0), tiny_tokenizer()
    memory = torch.randn(2, 16, 32, generator=torch.Generator().manual_seed(0))
    options = SamplingOptions(temperature=0, eos="delay", max_objects=2)
    steps = list(stream.sample_stream(model, memory[:1], tokenizer, options, prefix=[4, 5]))
    sentences = stream.sample_batch(model, memory, tokenizer, options, [0, 0])
    ids = [4, 5, *(step.token_id for step in steps[2:])]
    with torch.no_grad():
        exact = model.decode(torch.tensor([[tokenizer.bos_id, *ids[:-1]]]), memory[:1])[0]
    rough = torch.stack([step.logits for step in steps])
    assert rough.dtype == sentences.logits.dtype == torch.float32
    assert 0 < (rough - exact).abs().max() < 0.05 * exact.abs().max()
    assert sentences.token_ids.shape == (2, 10)


def test_work_on_every_core_of_a_cpu_takes_turns():
    cpu, begun, go_on = torch.device("cpu"), Event(), Event()
    order = []

    def first() -> None:
        with every_core(cpu):
            begun.set()
            assert go_on.wait(PATIENCE)
            order.append("first")

    def second() -> None:
        with every_core(cpu):
            order.append("second")

    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(first)
        assert begun.wait(PATIENCE)
        two = pool.submit(second)
        with every_core(torch.device("meta")):
            order.append("another device")
        time.sleep(0.05)  # long enough for the second to ask
        go_on.set()
        one.result()
        two.result()
    assert order == ["another device", "first", "second"]


def test_who_takes_turns_is_told_how_long_that_took(monkeypatch):
    clock = iter([10.0, 13.5])
    monkeypatch.setattr("pix2seq.device.time.perf_counter", lambda: next(clock))
    with every_core(torch.device("cpu")) as waited:
        assert waited == 3.5


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_fork_has_the_cores_whoever_worked_meanwhile():
    with every_core(torch.device("cpu")):
        child = os.fork()
        if not child:
            with every_core(torch.device("cpu")):
                os._exit(0)
        until(lambda: os.waitpid(child, os.WNOHANG)[0])
