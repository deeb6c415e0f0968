"""A configuration's claims: the names and shapes of a network that is never made."""

from __future__ import annotations

import subprocess
import sys

import pytest

from pix2seq.model import Pix2Seq
from pix2seq.model.claims import claimed_state, valueless
from tests import fakes
from tests.test_model import VARIANTS
from tests.test_model_official import official

CONFIGS = {
    **{name: fakes.tiny_config(**changes) for name, changes in VARIANTS.items()},
    "pyramid": fakes.pyramid_config(),
    "vit": official("vit", "mlp", class_token=True, positions="learned"),
    "resnet": official("resnet", "linear_p", backbone="resnet50-c4"),
}


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_a_claim_has_the_names_shapes_and_formats_of_the_network(config):
    def shapes(state):
        return {name: (tensor.shape, tensor.dtype) for name, tensor in state.items()}

    assert shapes(claimed_state(config)) == shapes(Pix2Seq(config).state_dict())


def test_a_claim_takes_no_memory_however_large_it_is():
    config = fakes.tiny_config(vocab_size=1 << 20, max_tokens=1 << 20)
    wide = config.decoder.replace(dim=1 << 16, mlp_dim=1 << 16)
    config = config.replace(decoder=wide, bridge="linear", decoder_positions="sincos")
    state = claimed_state(config)
    assert sum(tensor.numel() for tensor in state.values()) > 1e11
    assert all(tensor.is_meta for tensor in state.values())


def test_a_network_without_values_has_its_parameters_flags():
    with valueless():
        model = Pix2Seq(fakes.tiny_config())
    assert all(parameter.requires_grad for parameter in model.decoder.parameters())


@pytest.mark.parametrize(
    "use", ["pix2seq.load('mini', 'cpu')", "claimed_state(official('resnet'))"]
)
def test_checking_a_claim_imports_no_compiler(use):
    """It took a second of every command, and a quarter of a gigabyte of every server."""
    code = (
        "import sys, pix2seq\n"
        "from pix2seq.model.claims import claimed_state\n"
        "from tests.test_model_official import official as made\n"
        "official = lambda kind: made(kind, backbone='resnet50')\n"
        f"{use}\n"
        "print(sorted({'torch._dynamo', 'sympy', 'matplotlib'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
