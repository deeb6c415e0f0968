"""The parts that only the published architectures use; whole networks are in ``test_convert_*``."""

from __future__ import annotations

import pytest
import torch

from pix2seq.config import ConfigError, EncoderConfig, ModelConfig, TransformerConfig
from pix2seq.model import Pix2Seq
from pix2seq.model.positions import GridPositions
from pix2seq.model.resnet import ResNet, same_max_pool

STACK = TransformerConfig(dim=32, layers=1, heads=2, mlp_dim=64)


def official(kind: str = "vit", bridge: str = "mlp", **encoder) -> ModelConfig:
    return ModelConfig(
        encoder=EncoderConfig(kind=kind, transformer=STACK, **encoder),
        decoder=STACK.replace(dim=48, heads=3),
        image_size=(64, 96),
        vocab_size=40,
        max_tokens=16,
        bridge=bridge,
    )


def build(config: ModelConfig) -> Pix2Seq:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Pix2Seq(config).eval()


@pytest.mark.parametrize(("height", "width"), [(6, 8), (7, 9), (6, 9), (1, 2), (33, 32)])
def test_max_pooling_pads_like_tensorflow(height, width):
    x = torch.randn(1, 2, height, width, generator=torch.Generator().manual_seed(0))
    pooled = same_max_pool(x)
    rows, columns = -(-height // 2), -(-width // 2)
    assert pooled.shape == (1, 2, rows, columns)
    # SAME: as little padding as needed, the odd pixel at the end.
    top = max((rows - 1) * 2 + 3 - height, 0) // 2
    left = max((columns - 1) * 2 + 3 - width, 0) // 2
    for i in range(rows):
        for j in range(columns):
            y, z = 2 * i - top, 2 * j - left
            window = x[..., max(y, 0) : y + 3, max(z, 0) : z + 3]
            assert torch.equal(pooled[..., i, j], window.amax((-1, -2)))


@pytest.mark.parametrize(("groups", "stride", "channels"), [(4, 32, 256), (3, 16, 128)])
@pytest.mark.parametrize("size", [(64, 96), (65, 97), (33, 40)])
def test_the_resnet_halves_and_rounds_up(groups, stride, channels, size):
    network = ResNet(groups, width=0.125).eval()
    assert (network.stride, network.channels) == (stride, channels)
    shape = network(torch.zeros(1, 3, *size)).shape
    assert shape == (1, channels, -(-size[0] // stride), -(-size[1] // stride))


def test_a_fresh_residual_block_passes_its_input_on():
    network = ResNet(3, width=0.125).eval()
    block = network.groups[0][1]
    x = torch.rand(1, 32, 5, 5)
    assert torch.equal(block(x), x)


@torch.no_grad()
@pytest.mark.parametrize("bridge", ["linear", "linear_p", "mlp", "pool"])
@pytest.mark.parametrize("class_token", [False, True])
def test_every_bridge_gives_the_decoder_its_width(bridge, class_token):
    decoder_dim = 24 if bridge == "pool" else 48
    config = official(bridge=bridge, class_token=class_token)
    model = build(config.replace(decoder=STACK.replace(dim=decoder_dim, heads=3)))
    memory = model.encode_image(torch.rand(2, 3, 64, 96))
    assert memory.shape == (2, 24 + class_token, decoder_dim)
    assert model.decode(torch.zeros(2, 3, dtype=torch.long), memory).shape == (2, 3, 40)


@torch.no_grad()
def test_the_class_token_gets_no_position_of_its_own():
    positions = GridPositions("sincos", 8, (2, 3))
    tokens = torch.zeros(1, 7, 8)
    added = positions(tokens, (2, 3))
    assert added[0, 0].abs().max() == 0 and added[0, 1:].abs().max() > 0


@torch.no_grad()
def test_a_model_with_computed_positions_takes_any_image_size():
    model = build(official())
    for size in ((64, 96), (80, 48), (16, 96)):
        rows, columns = model.memory_grid(*size)
        assert model.encode_image(torch.rand(1, 3, *size)).shape[1] == rows * columns
    with pytest.raises(ConfigError, match="smaller than one patch"):
        model.encode_image(torch.rand(1, 3, 15, 96))


@torch.no_grad()
def test_a_model_with_a_position_table_takes_its_own_image_size_only():
    model = build(official(positions="learned"))
    model.encode_image(torch.rand(1, 3, 64, 96))
    with pytest.raises(ConfigError, match="use the image size that the model was made for"):
        model.encode_image(torch.rand(1, 3, 96, 64))


@pytest.mark.parametrize(
    ("config", "complaint"),
    [
        (official("resnet", backbone="resnet101"), "'resnet101'; use one of resnet50"),
        (official("resnet"), "backbone is None"),
        (official(frozen_stages=2), "frozen_stages does not work"),
    ],
)
def test_what_these_encoders_do_not_have_is_refused(config, complaint):
    with pytest.raises(ConfigError, match=complaint):
        build(config)


@torch.no_grad()
def test_encoder_attention_is_a_distribution_class_token_included():
    model = build(official(class_token=True))
    weights = model.encoder.attention_weights(torch.rand(1, 3, 64, 96))
    assert weights.shape == (1, 1, 2, 25, 25)
    torch.testing.assert_close(weights.sum(-1), torch.ones(1, 1, 2, 25))


def test_fresh_linear_layers_are_glorot_uniform():
    model = build(official())
    for layer in (model.bridge.project, model.decoder.layers[0].mlp.up):
        bound = (6 / sum(layer.weight.shape)) ** 0.5
        assert 0.9 * bound < layer.weight.abs().max() <= bound
        assert layer.bias.abs().max() == 0
