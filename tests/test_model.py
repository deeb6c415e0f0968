import copy
import math
import pickle

import pytest
import torch

from pix2seq.config import ConfigError, EncoderConfig, TransformerConfig
from pix2seq.model import KVCache, Pix2Seq, packed
from pix2seq.model.cache import Glances
from pix2seq.model.encoders import FeatureEncoder
from pix2seq.model.layers import Attention, DropPath
from pix2seq.model.positions import line_codes, line_codes_2d, sincos_codes, sincos_codes_2d
from tests import fakes

VOCABULARY = fakes.TINY_TOKENIZER.vocab_size
PADDING = fakes.TINY_TOKENIZER.pad_id

POST_NORM = TransformerConfig(32, 2, 2, 64, activation="relu", norm_first=False)
VARIANTS = {
    "ours": {},
    "post-norm": {"decoder": POST_NORM},
    "learned": {"decoder_positions": "learned", "ordinal_ids": None},
    "sincos": {"decoder_positions": "sincos", "tie_embeddings": False},
    "padding hidden": {"masked_key_id": PADDING, "decoder_positions": "learned"},
    "no bias": {"output_bias": False, "tie_embeddings": False, "ordinal_ids": None},
}
each_variant = pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)


def sentences(count: int = 2, length: int = 17) -> torch.Tensor:
    """Random token ids, (count, length), with padding strewn in after the first."""
    generator = torch.Generator().manual_seed(3)
    ids = torch.randint(1, VOCABULARY, (count, length), generator=generator)
    ids[:, 4::6] = PADDING
    return ids


def memories(model: Pix2Seq, count: int = 2) -> torch.Tensor:
    pixels = torch.rand(count, 3, 64, 64, generator=torch.Generator().manual_seed(4))
    return model.encode_image(pixels)


@pytest.fixture(params=VARIANTS.values(), ids=VARIANTS)
def model(request) -> Pix2Seq:
    """Written with as it is by default; ``test_native`` compares with PyTorch's operations."""
    return fakes.tiny_model(spread=4.0, **request.param)


@torch.inference_mode()
@pytest.mark.parametrize("chunks", [[1] * 17, [17], [5, 1, 1, 10], [1, 16]], ids=str)
def test_writing_with_a_cache_gives_the_same_logits(model, chunks):
    ids, memory = sentences(), memories(model)
    whole = model.decode(ids, memory)
    cache = model.new_cache(memory)
    parts = [model.decode(part, cache=cache) for part in ids.split(chunks, dim=1)]
    torch.testing.assert_close(torch.cat(parts, dim=1), whole, atol=1e-5, rtol=1e-5)
    assert cache.length == ids.shape[1]


@torch.inference_mode()
def test_rewinding_a_cache_forgets_what_came_after(model):
    ids, memory = sentences(), memories(model)
    cache = model.new_cache(memory)
    model.decode(ids, cache=cache)
    cache.truncate(6)
    other = ids.flip(1)[:, 6:]
    edited = model.decode(other, cache=cache)
    whole = model.decode(torch.cat([ids[:, :6], other], dim=1), memory)
    torch.testing.assert_close(edited, whole[:, 6:], atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_rows_of_different_lengths_write_side_by_side(model):
    """Three rows that began at different times, then one leaves and the others go on."""
    ids, memory = sentences(3), memories(model, 3)
    caches = [model.new_cache(memory[i : i + 1]) for i in range(3)]
    for row, read in enumerate((2, 9, 4)):
        model.decode(ids[row : row + 1, :read], cache=caches[row])
    cache = caches[0]
    cache.join(caches[1])
    cache.join(caches[2])
    assert cache.lengths == [2, 9, 4]
    whole = model.decode(ids, memory)

    def go_on(rows):
        at = torch.tensor(cache.lengths)
        logits = model.decode(ids[rows, at][:, None], cache=cache)[:, 0]
        torch.testing.assert_close(logits, whole[rows, at], atol=1e-5, rtol=1e-5)

    go_on([0, 1, 2])
    go_on([0, 1, 2])
    cache.leave(0)
    assert cache.lengths == [6, 11]
    go_on([2, 1])  # the last row took the place of the one that left


@pytest.mark.parametrize(
    "rows", [[2, 2, 0], [0, 1, 2, 1, 1], [1, 0], [2], [0, 1, 2], [1, 2, 0, 0, 2, 1, 0]]
)
@torch.inference_mode()
def test_rows_that_fork_go_on_on_their_own_and_share_their_image(model, rows):
    ids, memory = sentences(3), memories(model, 1)
    cache = model.new_cache(memory, batch_size=3)
    model.decode(ids[:, :8], cache=cache)
    cache.fork(rows)
    assert cache.lengths == [8] * len(rows) and len({id(image) for image in cache.cross}) == 1
    others = (ids[rows, 8:] + torch.arange(len(rows))[:, None]) % 30
    whole = torch.cat([ids[rows, :8], others], 1)
    torch.testing.assert_close(
        model.decode(others, cache=cache),
        model.decode(whole, memory)[:, 8:],
        atol=1e-5,
        rtol=1e-5,
    )


@torch.inference_mode()
def test_an_image_is_looked_at_once_until_weights_or_memory_are_others(model):
    memory = memories(model, 1)
    first = model.new_cache(memory).cross[0]
    assert model.new_cache(memory, batch_size=2).cross == [first, first]
    assert model.new_cache(memory).cross[0] is first
    assert model.new_cache(memory.clone()).cross[0] is not first
    assert copy.deepcopy(model).new_cache(memory).cross[0] is not first
    with torch.inference_mode(False), torch.no_grad():
        model.decoder.layers[0].cross_attention.value.weight.add_(1.0)
    assert model.new_cache(memory).cross[0] is not first


def test_what_was_seen_is_kept_for_the_latest_images_as_far_as_there_is_room():
    looked = []

    def look(memory):
        looked.append(memory)
        return [(torch.zeros(25), torch.zeros(25))]  # 200 bytes

    seen, (a, b, c) = Glances(look, 500), (torch.zeros(1, 1, 1) for _ in range(3))
    for memory in (a, b, a, c, a, c, b):  # c takes the place of b, and b that of a
        seen(memory)
    assert list(map(id, looked)) == list(map(id, (a, b, c, b)))
    seen = Glances(look, 100)
    seen(a)
    looked.clear()
    seen(a)
    assert len(looked) == 1, "what is larger than the room is not kept"


@torch.inference_mode()
def test_a_row_does_not_depend_on_its_neighbours_bit_for_bit(model):
    """Alone, among others, and read at once: the same numbers (where oneDNN is there)."""
    if not packed.HAS_ONEDNN:
        pytest.skip("PyTorch's default kernels round by the size of the batch")
    ids, memory = sentences(9, 24), memories(model, 9)
    together = model.new_cache(memory)
    many = torch.cat([model.decode(part, cache=together) for part in ids.split(1, dim=1)], dim=1)
    for row in (0, 4, 8):
        for chunks in (1, 24):
            alone = model.new_cache(memory[row : row + 1])
            parts = ids[row : row + 1].split(chunks, dim=1)
            logits = torch.cat([model.decode(part, cache=alone) for part in parts], dim=1)
            assert torch.equal(logits[0], many[row])


@torch.inference_mode()
def test_rows_about_one_image_hold_it_once(model):
    cache = model.new_cache(memories(model, 1), batch_size=3)
    assert cache.rows == 3 and all(one is cache.cross[0] for one in cache.cross)


def test_changed_weights_are_written_with():
    """Writing keeps a prepared copy of the weights; training on must not leave it behind."""
    model = fakes.tiny_model(spread=4.0)
    memory = memories(model, 1).detach()
    ids = sentences(1, 3)

    def cached():
        return model.decode(ids, cache=model.new_cache(memory))

    before = cached()
    with torch.no_grad():
        model.decoder.layers[0].mlp.up.weight.mul_(1.5)
    torch.testing.assert_close(cached(), model.decode(ids, memory), atol=1e-5, rtol=1e-5)
    assert not torch.allclose(cached(), before, atol=1e-3)
    model.load_state_dict(fakes.tiny_model(seed=1).state_dict())
    torch.testing.assert_close(cached(), model.decode(ids, memory), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("again", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_model_that_has_written_can_be_copied(again):
    model = fakes.tiny_model(spread=4.0)
    ids, memory = sentences(1, 3), memories(model, 1).detach()
    expected = model.decode(ids, cache=model.new_cache(memory))
    other = again(model)
    assert torch.equal(other.decode(ids, cache=other.new_cache(memory)), expected)


@torch.inference_mode()
def test_four_sentences_about_one_image_round_otherwise_and_no_more(model):
    """Their queries are one matrix; what that changes is a last bit."""
    ids, memory = sentences(8), memories(model, 1)
    cache, alone = model.new_cache(memory, batch_size=8), model.new_cache(memory)
    for place in range(ids.shape[1]):
        together = model.decode(ids[:, place : place + 1], cache=cache)
        lone = model.decode(ids[3:4, place : place + 1], cache=alone)
        torch.testing.assert_close(together[3:4], lone, atol=2e-5, rtol=2e-6)


@torch.inference_mode()
def test_sequences_that_share_a_memory_do_not_see_each_other(model):
    """Rows ``i * S .. i * S + S - 1`` belong to memory ``i``, as ``decode`` promises."""
    ids, memory = sentences(6), memories(model, 2)
    together = model.decode(ids, memory)
    for row in range(6):
        alone = model.decode(ids[row : row + 1], memory[row // 3 : row // 3 + 1])
        torch.testing.assert_close(together[row : row + 1], alone, atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_one_memory_serves_many_cached_sequences(model):
    ids, memory = sentences(3), memories(model, 1)
    cache = model.new_cache(memory, batch_size=3)
    assert cache.rows == 3
    cached = model.decode(ids, cache=cache)
    torch.testing.assert_close(cached, model.decode(ids, memory), atol=1e-5, rtol=1e-5)


@torch.inference_mode()
def test_a_position_depends_on_the_past_and_not_on_the_future(model):
    ids, memory = sentences(1), memories(model, 1)
    changed = ids.clone()
    changed[0, 9] = 7
    before, after = model.decode(ids, memory), model.decode(changed, memory)
    torch.testing.assert_close(after[:, :9], before[:, :9], atol=1e-6, rtol=0)
    assert not torch.allclose(after[:, 9:], before[:, 9:], atol=1e-3)


@torch.inference_mode()
def test_the_image_matters(model):
    ids = sentences(1)
    logits = [model.decode(ids, memory[None]) for memory in memories(model, 2)]
    assert not torch.allclose(*logits, atol=1e-4)


@torch.inference_mode()
def test_hidden_padding_changes_nothing_later():
    """The VOC model never attends to padding keys, so any token in their place reads the same."""
    model = fakes.tiny_model(spread=4.0, masked_key_id=PADDING)
    memory = memories(model, 1)
    ids = torch.tensor([[1, 8, 9, PADDING, 10, 11]])
    before = model.decode(ids, memory)
    model.decoder.embedding.rows[PADDING] += torch.linspace(-1, 1, 32)
    after = model.decode(ids, memory)
    for position in (0, 1, 2, 4, 5):
        others = torch.arange(VOCABULARY) != PADDING  # its output row is tied, so its logit moves
        torch.testing.assert_close(after[0, position, others], before[0, position, others])
    assert not torch.allclose(after[0, 3], before[0, 3], atol=1e-3)


@torch.inference_mode()
@each_variant
def test_cross_attention_is_a_distribution_over_the_grid(changes):
    model = fakes.tiny_model(**changes)
    weights = model.cross_attention(sentences(2, 7), memories(model, 2))
    rows, columns = model.memory_grid(64, 64)
    assert weights.shape == (2, 2, 2, 7, rows * columns)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 2, 2, 7))


@torch.inference_mode()
def test_cross_attention_is_what_decode_used():
    """Replaying the probed weights by hand gives the layer's own output."""
    model = fakes.tiny_model(spread=4.0)
    ids, memory = sentences(1, 5), memories(model, 1)
    layer, seen = model.decoder.layers[0], []
    handle = layer.cross_attention.register_forward_hook(
        lambda module, args, output: seen.append((args[0], output))
    )
    model.decode(ids, memory)
    handle.remove()
    _, output = seen[0]
    weights = model.cross_attention(ids, memory)[:, 0]  # (B, H, L, N)
    value = layer.cross_attention.project_memory(memory)[1]
    mixed = (weights @ value).transpose(1, 2).flatten(2)
    torch.testing.assert_close(layer.cross_attention.out(mixed), output, atol=1e-5, rtol=1e-5)


@torch.inference_mode()
@pytest.mark.parametrize(("height", "width"), [(64, 64), (32, 96), (50, 70)])
def test_memory_has_a_token_per_grid_cell(height, width):
    model = fakes.tiny_model()
    rows, columns = model.memory_grid(height, width)
    memory = model.encode_image(torch.rand(2, 3, height, width))
    assert memory.shape == (2, rows * columns, 32)


@torch.inference_mode()
def test_encoder_attention_is_a_distribution_and_ends_in_the_memory():
    model = fakes.tiny_model()
    weights = model.encoder.attention_weights(torch.rand(1, 3, 64, 64))
    assert weights.shape == (1, 1, 2, 16, 16)
    torch.testing.assert_close(weights.sum(-1), torch.ones(1, 1, 2, 16))


def with_fine_maps() -> Pix2Seq:
    encoder = fakes.tiny_config().encoder
    return fakes.tiny_model(encoder=encoder.replace(fine_indices=(1, 2)))


@torch.inference_mode()
@pytest.mark.parametrize(("height", "width"), [(64, 64), (50, 70)])
def test_finer_maps_change_nothing_before_they_are_trained(height, width):
    """They enter through weights that start at zero, and the memory keeps its length."""
    plain, fine = fakes.tiny_model(), with_fine_maps()
    missing = fine.load_state_dict(plain.state_dict(), strict=False).missing_keys
    assert missing == ["encoder.fine.0.weight", "encoder.fine.1.weight"]
    pixels = torch.rand(2, 3, height, width)
    assert fine.memory_grid(height, width) == plain.memory_grid(height, width)
    torch.testing.assert_close(fine.encode_image(pixels), plain.encode_image(pixels))


def test_a_fine_cell_reaches_the_memory_token_that_it_lies_in():
    """Without layers that mix tokens, a change of one cell of a finer map changes one token."""
    config = fakes.tiny_config().encoder
    stack = config.transformer.replace(layers=0)
    encoder = FeatureEncoder(config.replace(fine_indices=(1, 2), transformer=stack)).eval()
    for patches in encoder.fine:
        torch.nn.init.normal_(patches.weight)
    pixels = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        maps = encoder.backbone(pixels)
        before = encoder(pixels)
        maps[1][0, :, 5, 2] += 1.0  # row 5, column 2 at stride 8: row 2, column 1 of the memory
        encoder.backbone.forward = lambda _: maps
        changed = (encoder(pixels) != before).any(-1)[0].nonzero().flatten()
    assert encoder.grid(64, 64) == (4, 4)
    assert changed.tolist() == [2 * 4 + 1]


def test_finer_maps_learn_from_the_first_step():
    model = with_fine_maps().train()
    model.encode_image(torch.rand(1, 3, 64, 64)).square().sum().backward()
    assert all(patches.weight.grad.abs().sum() > 0 for patches in model.encoder.fine)


def test_training_mode_keeps_batch_norm_statistics():
    model = fakes.tiny_model().train()
    norms = [m for m in model.modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]
    before = [norm.running_mean.clone() for norm in norms]
    model.encode_image(torch.rand(2, 3, 64, 64))
    assert norms and model.training
    assert all(torch.equal(a, norm.running_mean) for a, norm in zip(before, norms, strict=True))


@pytest.mark.parametrize("stages", [0, 1, 2])
def test_frozen_stages_get_no_gradient(stages):
    config = fakes.tiny_config()
    model = fakes.tiny_model(encoder=config.encoder.replace(frozen_stages=stages))
    frozen = [name for name, p in model.named_parameters() if not p.requires_grad]
    assert bool(frozen) == bool(stages)
    assert all(name.startswith("encoder.backbone.") for name in frozen)
    # An image's gradient still reaches the parts that train.
    model.encode_image(torch.rand(1, 3, 64, 64)).square().sum().backward()
    assert model.encoder.project[0].weight.grad.abs().sum() > 0


def test_every_weight_of_the_decoder_learns():
    model = fakes.tiny_model(decoder_positions="learned").train()
    ids = torch.arange(VOCABULARY)[None, :41]
    model.decode(ids, memories(model, 1)).square().sum().backward()
    without = [name for name, p in model.decoder.named_parameters() if p.grad is None]
    assert without == []


@torch.inference_mode()
def test_a_full_model_says_how_many_tokens_it_writes():
    model = fakes.tiny_model()
    memory = memories(model, 1)
    with pytest.raises(ValueError, match="41 tokens at most"):
        model.decode(torch.ones(1, 42, dtype=torch.long), memory)
    cache = model.new_cache(memory)
    model.decode(torch.ones(1, 41, dtype=torch.long), cache=cache)
    with pytest.raises(ValueError, match="41 tokens at most"):
        model.decode(torch.ones(1, 1, dtype=torch.long), cache=cache)


def test_decode_needs_something_to_look_at():
    with pytest.raises(ValueError, match="needs a memory"):
        fakes.tiny_model().decode(torch.ones(1, 1, dtype=torch.long))


def test_a_cache_cannot_rewind_into_the_future():
    empty = torch.zeros(1, 2, 4, 3)
    cache = KVCache([[(empty, empty)]], capacity=5)
    cache.reserve(3)
    assert cache.length == 0  # until every layer has stored them
    cache.advance(3)
    for length in (-1, 4):
        with pytest.raises(ValueError, match=f"cannot rewind a cache of 3 tokens to {length}"):
            cache.truncate(length)
    with pytest.raises(ValueError, match="holds 5 tokens, 6 are needed"):
        cache.reserve(3)


def test_an_encoder_that_does_not_exist_is_refused():
    stack = TransformerConfig(32, 1, 2, 64)
    with pytest.raises(ConfigError, match="encoder kind is 'nothing'"):
        EncoderConfig(kind="nothing", transformer=stack)


def test_the_same_seed_builds_the_same_model():
    first, same, other = fakes.tiny_model(1), fakes.tiny_model(1), fakes.tiny_model(2)
    memory = torch.rand(1, 16, 32)
    ids = sentences(1)
    assert torch.equal(first.decode(ids, memory), same.decode(ids, memory))
    assert not torch.equal(first.decode(ids, memory), other.decode(ids, memory))


# ---- position codes -------------------------------------------------------------------------


def test_official_codes_by_hand():
    codes = sincos_codes(5, 4)
    assert codes.shape == (5, 4)
    # Positions stretch over 0 .. 2 pi: the first sine is back at zero, the first cosine at one.
    expected = torch.tensor([math.sin(math.pi / 2), math.sin(math.pi / 2 / 100), 0.0])
    torch.testing.assert_close(codes[1, :3], expected, atol=1e-6, rtol=0)
    torch.testing.assert_close(codes[4, 0], torch.tensor(0.0), atol=1e-6, rtol=0)
    torch.testing.assert_close(codes[4, 2], torch.tensor(1.0), atol=1e-6, rtol=0)


@pytest.mark.parametrize("make", [sincos_codes_2d, line_codes_2d])
def test_grid_codes_hold_the_row_first_and_differ_everywhere(make):
    codes = make(3, 5, 32).unflatten(0, (3, 5))
    assert torch.equal(codes[1, 0, :16], codes[1, 4, :16])
    assert torch.equal(codes[0, 2, 16:], codes[2, 2, 16:])
    assert codes.flatten(0, 1).unique(dim=0).shape[0] == 15


def test_a_single_row_takes_one_code_over_its_cells():
    assert torch.equal(sincos_codes_2d(1, 6, 8), sincos_codes(6, 8))
    assert torch.equal(sincos_codes_2d(6, 1, 8), sincos_codes(6, 8))


def test_codes_of_near_points_are_nearer_than_of_far_ones():
    codes = line_codes(torch.linspace(0, 1, 65), 64)
    distance = (codes[0] - codes).norm(dim=1)
    assert distance[1] < distance[2] < distance[4]
    assert (distance[32:] > distance[4]).all()


def test_drop_path_keeps_the_mean_and_drops_whole_samples():
    torch_state = torch.random.get_rng_state()
    try:
        torch.manual_seed(0)
        dropped = DropPath(0.25).train()(torch.ones(4000, 3))
    finally:
        torch.random.set_rng_state(torch_state)
    assert (dropped == dropped[:, :1]).all()
    assert dropped.mean().item() == pytest.approx(1.0, abs=0.05)
    assert torch.equal(DropPath(0.25).eval()(torch.ones(2, 3)), torch.ones(2, 3))


def test_attention_in_bf16_has_the_same_numbers_whether_it_is_trained_or_not():
    torch.manual_seed(0)
    attention = Attention(32, 2)
    x, memory = torch.randn(6, 5, 32), torch.randn(3, 11, 32)
    with torch.autocast("cpu", torch.bfloat16):
        trained = attention(x, *attention.project_memory(memory))
        with torch.no_grad():
            fused = attention(x, *attention.project_memory(memory))
    assert trained.requires_grad and trained.dtype == torch.bfloat16
    assert torch.allclose(trained.float(), fused.float(), atol=0.02)
