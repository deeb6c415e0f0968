"""Our EfficientNet-Lites: timm's, weight by weight and bit by bit, and the same when fused."""

from __future__ import annotations

import copy
import subprocess
import sys

import pytest
import timm
import torch

from pix2seq.model import efficientnet, fused
from pix2seq.model.backbones import create_backbone
from pix2seq.model.pyramid import fold_batch_norms

INDICES = (1, 2, 3, 4)


def stirred(backbone: torch.nn.Module) -> torch.nn.Module:
    """The backbone in eval mode, its batch norms as after some training."""
    generator = torch.Generator().manual_seed(0)
    for module in backbone.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for tensor, low in ((module.weight, 0.5), (module.running_var, 0.5)):
                tensor.data.copy_(low + torch.rand(tensor.shape, generator=generator))
            for tensor in (module.bias, module.running_mean):
                tensor.data.copy_(0.3 * torch.randn(tensor.shape, generator=generator))
    return backbone.eval()


@pytest.fixture(scope="module", params=efficientnet.NAMES)
def name(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def ours(name) -> efficientnet.EfficientNetLite:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return stirred(create_backbone(name, INDICES)[0])


@pytest.fixture(scope="module")
def theirs(name, ours) -> torch.nn.Module:
    model = timm.create_model(name, features_only=True, out_indices=INDICES)
    assert (ours.channels, ours.strides) == (
        model.feature_info.channels(),
        model.feature_info.reduction(),
    )
    model.load_state_dict(ours.state_dict())  # strict: the same names and shapes
    return model.eval()


@pytest.mark.parametrize("size", [(64, 64), (96, 128), (65, 97), (50, 64), (61, 62)])
def test_it_is_timms_bit_for_bit_and_fused_to_the_last_bits(ours, theirs, size):
    pixels = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(1))
    plain = ours(pixels)  # with a gradient: nothing is fused
    with torch.no_grad():
        expected, quick = theirs(pixels), ours(pixels)
    for a, b, c in zip(expected, plain, quick, strict=True):
        assert torch.equal(a, b)
        torch.testing.assert_close(c, b.detach(), atol=4e-4 * float(b.detach().std()), rtol=4e-4)


@pytest.mark.skipif(not fused.HAS_ONEDNN, reason="no oneDNN here")
def test_looking_without_a_gradient_is_what_is_fused(ours):
    pixels = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        ours(pixels)
        assert ours._fused is not None
        with torch.autocast("cpu", torch.bfloat16):
            assert ours(pixels)[0].dtype == torch.bfloat16


@pytest.mark.parametrize("changed", ["conv_stem.weight", "blocks.3.1.bn2.running_mean"])
def test_a_changed_weight_is_seen(ours, changed):
    net, pixels = copy.deepcopy(ours), torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        before = net(pixels)[-1]
        net.state_dict()[changed].add_(0.5)
        after = net(pixels)[-1]
    assert not torch.allclose(before, after)
    torch.testing.assert_close(after, net(pixels)[-1].detach(), atol=4e-4, rtol=4e-4)


def test_a_backbone_whose_norms_are_folded_is_fused_as_well(ours):
    net, pixels = copy.deepcopy(ours), torch.randn(1, 3, 64, 96)
    fold_batch_norms(net)
    expected = ours(pixels)
    with torch.no_grad():
        for a, b in zip(expected, net(pixels), strict=True):
            torch.testing.assert_close(
                b, a.detach(), atol=4e-4 * float(a.detach().std()), rtol=4e-4
            )
    for a, b in zip(expected, net(pixels), strict=True):
        torch.testing.assert_close(b, a, atol=4e-4 * float(a.detach().std()), rtol=4e-4)


def test_other_backbones_are_timms():
    backbone, channels, strides = create_backbone("test_efficientnet", (2, 3))
    assert type(backbone).__module__.startswith("timm.")
    assert strides == [8, 16] and len(channels) == 2


def test_finding_objects_in_a_photo_needs_no_timm():
    """Importing it took as long as importing PyTorch."""
    code = (
        "import sys, pix2seq; p = pix2seq.load('mini', 'cpu'); import numpy;"
        "p.detect(numpy.zeros((8, 8, 3), 'uint8'), pix2seq.SamplingOptions(max_objects=1));"
        "print([m for m in ('timm', 'torchvision', 'gradio') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
