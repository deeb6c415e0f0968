"""The compiled step: the same function as PyTorch's operations, row by row the same bits."""

from __future__ import annotations

import copy
import math
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch

from pix2seq import logs
from pix2seq.config import SamplingOptions
from pix2seq.data import make_scene
from pix2seq.model import KVCache, kernels, native, tiles
from pix2seq.model.cache import Glances
from pix2seq.model.native import NATIVE_VARIABLE, NativeDecoder, prepared, works
from pix2seq.model.packed import PackedDecoder
from pix2seq.predictor import load
from pix2seq.sampling import Batch, Job, sample_stream
from tests import fakes
from tests.test_model import VARIANTS, memories, sentences

SUITED = {name: changes for name, changes in VARIANTS.items() if "masked_key_id" not in changes}


@pytest.fixture(params=SUITED.values(), ids=SUITED)
def model(request):
    return fakes.tiny_model(spread=4.0, **request.param)


def decoded(decoder, model, ids, memory, chunk):
    """Logits of every position, written ``chunk`` positions at a time."""
    model._packed, model._seen = decoder, Glances(decoder.look)
    cache = model.new_cache(memory)
    return torch.cat([model.decode(part, cache=cache) for part in ids.split(chunk, 1)], dim=1)


@pytest.mark.parametrize("chunk", [1, 5, 24])
@torch.inference_mode()
def test_it_computes_what_pytorchs_operations_compute(model, chunk):
    ids, memory = sentences(5, 24), memories(model, 5)
    ours = decoded(NativeDecoder(model.decoder), model, ids, memory, chunk)
    theirs = decoded(PackedDecoder(model.decoder), model, ids, memory, chunk)
    torch.testing.assert_close(ours, theirs, atol=2e-5 * float(theirs.std()), rtol=2e-5)


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5, 8, 9])
@torch.inference_mode()
def test_a_rows_bits_do_not_depend_on_how_many_there_are(model, rows):
    ids, memory = sentences(9, 12), memories(model, 9)
    decoder = NativeDecoder(model.decoder)
    everybody = decoded(decoder, model, ids, memory, 1)
    some = slice(9 - rows, 9)
    for chunk in (1, 12):
        assert torch.equal(decoded(decoder, model, ids[some], memory[some], chunk), everybody[some])


@torch.inference_mode()
def test_an_autocast_around_it_changes_no_bit(model):
    ids, memory = sentences(2, 6), memories(model, 2)
    decoder = NativeDecoder(model.decoder)
    plain = decoded(decoder, model, ids, memory, 1)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(decoded(decoder, model, ids, memory, 1), plain)


def test_activations_are_exact_to_the_last_digits():
    x = torch.cat([torch.linspace(-12, 12, 4001), torch.tensor([0.0, -0.0, 1e-20, 60.0])])
    ours = x[None].clone().numpy()
    kernels._gelu(ours)
    expected = torch.nn.functional.gelu(x.double())
    np.testing.assert_allclose(ours[0], expected.numpy(), atol=1e-6, rtol=3e-6)


@pytest.mark.parametrize("reach", [0.0, 1.0, 30.0, 300.0, 1e30])
def test_weights_of_attention_are_exact_to_the_last_digits(reach):
    x = reach * torch.randn(333, generator=torch.Generator().manual_seed(0))
    ours = x.clone().numpy()
    kernels._softmax(ours, 300)
    np.testing.assert_allclose(ours[:300], x[:300].double().softmax(0), atol=1e-30, rtol=3e-6)
    assert math.isclose(ours[:300].sum(), 1, rel_tol=1e-5)


def test_weights_that_are_not_numbers_are_still_noticed():
    model = fakes.tiny_model()
    with torch.no_grad():
        model.decoder.layers[0].mlp.up.weight[0, 0] = math.nan
    logits = decoded(NativeDecoder(model.decoder), model, sentences(1, 2), memories(model, 1), 1)
    assert logits.isnan().any()


@pytest.mark.parametrize("wrong", [-1, 10_000])
def test_an_id_that_is_no_token_is_refused_before_memory_is_read(wrong):
    model = fakes.tiny_model()
    with pytest.raises(IndexError, match="not one of"):
        decoded(NativeDecoder(model.decoder), model, torch.tensor([[wrong]]), memories(model, 1), 1)


@torch.inference_mode()
def test_a_copied_cache_and_a_smaller_one_are_written_in_where_they_lie():
    model = fakes.tiny_model(spread=4.0)
    decoder, ids = NativeDecoder(model.decoder), sentences(1, 3)
    seen = decoder.look(memories(model, 1))
    caches = [KVCache([seen], 41), KVCache([copy.deepcopy(seen)], 41), KVCache([seen], 5)]
    assert (caches[1].cross[0].addresses != seen.addresses).all()
    del seen
    first, *others = [decoder(ids, cache) for cache in caches]
    assert all(torch.equal(other, first) for other in others)


def test_kernels_are_compiled_anew_when_their_tiles_change():
    """Numba looks at the date of ``kernels.py`` alone."""
    crc = zlib.crc32(Path(tiles.__file__).read_text().encode())
    assert kernels._TILES == f"{crc:08x}", "tiles.py has changed: write its CRC into kernels.py"


@pytest.mark.parametrize("rows", [1, 4])
@pytest.mark.parametrize(("inner", "outer"), [(1, 1), (7, 63), (24, 64), (33, 200)])
def test_a_product_is_exact_to_the_last_digits_and_the_same_for_every_row(rows, inner, outer):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, inner)).astype(np.float32)
    weight, bias = torch.from_numpy(rng.normal(size=(inner, outer))).float(), np.ones(outer)
    panels = native.panels(weight, tiles.WIDTH).numpy()
    y, alone = np.empty((rows, outer), np.float32), np.empty((1, outer), np.float32)
    kernels._linear(x, panels, bias.astype(np.float32), y)
    np.testing.assert_allclose(y, x.astype(np.float64) @ weight.numpy() + 1, atol=1e-5, rtol=1e-6)
    kernels._linear(x[-1:], panels, bias.astype(np.float32), alone)
    assert (alone[0] == y[-1]).all()


def test_it_is_taken_where_it_can_be(monkeypatch):
    decoder = fakes.tiny_model().decoder
    assert isinstance(prepared(decoder), NativeDecoder)
    assert isinstance(prepared(fakes.tiny_model(masked_key_id=0).decoder), PackedDecoder)
    monkeypatch.setenv(NATIVE_VARIABLE, "0")
    assert isinstance(prepared(decoder), PackedDecoder)


def test_a_step_says_who_computed_its_logits(monkeypatch):
    def steps():
        model = fakes.tiny_model()
        options = SamplingOptions(max_objects=2)
        return list(sample_stream(model, memories(model, 1), fakes.tiny_tokenizer(), options, [5]))

    ours = steps()
    assert ours[0].arithmetic == "compiled"
    assert ours[0].rules.step(ours[0].plain()).arithmetic == "compiled"
    monkeypatch.setenv(NATIVE_VARIABLE, "0")
    assert {step.arithmetic for step in steps()} == {"PyTorch"}


@pytest.mark.parametrize("rows", [1, 5])
def test_a_token_that_the_last_bits_decide_is_drawn_from_pytorchs_logits(monkeypatch, model, rows):
    """As if the margin were all."""
    tokenizer, options = fakes.tiny_tokenizer(), SamplingOptions(max_objects=3, eos="delay")

    def written():
        batch = Batch(model, tokenizer)
        some = memories(model, rows)
        jobs = [Job(some[i : i + 1], options.replace(seed=i)) for i in range(rows)]
        sentences = [batch.join(job) for job in jobs]
        while len(batch):
            batch.step()
        return [row.steps for row in sentences]

    assert any(step.arithmetic == "compiled" for sentence in written() for step in sentence)
    monkeypatch.setattr(native, "MARGIN", 1e6)
    ours = written()
    assert {step.arithmetic for sentence in ours for step in sentence} == {"PyTorch"}
    monkeypatch.setenv(NATIVE_VARIABLE, "0")
    model._packed = None
    for one, other in zip(ours, written(), strict=True):
        assert ids(one) == ids(other)
        assert all(torch.equal(a.logits, b.logits) for a, b in zip(one, other, strict=True))


def test_a_sentence_under_weights_that_change_is_not_read_again_with_others(monkeypatch):
    model, tokenizer = fakes.tiny_model(), fakes.tiny_tokenizer()
    monkeypatch.setattr(native, "MARGIN", 1e6)
    batch = Batch(model, tokenizer)
    row = batch.join(Job(memories(model, 1), SamplingOptions(max_objects=2, eos="delay", seed=1)))
    with torch.no_grad():
        model.decoder.layers[0].mlp.up.weight.add_(1)
    batch.step()
    assert row.steps[0].arithmetic == "compiled"


def test_compiling_ahead_compiles_what_every_decoder_runs():
    assert works()
    compiled = list(kernels.run_step.signatures)
    model = fakes.tiny_model(**VARIANTS["post-norm"])
    for ids in (sentences(3, 2), sentences(3, 2).int()):
        for chunk in (1, 2):  # a column of ids is not one piece of memory
            decoded(NativeDecoder(model.decoder), model, ids, memories(model, 3), chunk)
    assert kernels.run_step.signatures == compiled and compiled


def test_without_numba_pytorch_takes_its_place(monkeypatch):
    decoder = fakes.tiny_model().decoder
    monkeypatch.setattr(native.importlib.util, "find_spec", lambda name: None)
    assert isinstance(prepared(decoder), PackedDecoder)
    monkeypatch.undo()
    monkeypatch.setitem(__import__("sys").modules, "pix2seq.model.kernels", None)
    monkeypatch.setattr(logs._LOGGER, "propagate", True)  # nobody has started the log
    works.cache_clear()
    with pytest.warns(UserWarning, match="Numba cannot be used") as told:
        assert isinstance(prepared(decoder), PackedDecoder)
        assert isinstance(prepared(decoder), PackedDecoder)
    assert len(told) == 1, "said once"
    monkeypatch.undo()
    works.cache_clear()
    assert isinstance(prepared(decoder), NativeDecoder)


def test_trying_it_changes_nobodys_random_numbers():
    works.cache_clear()
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    assert works()
    assert torch.equal(torch.rand(2), expected)


@pytest.mark.slow
def test_ten_thousand_tokens_of_mini_are_those_that_pytorch_writes(monkeypatch):
    changes = [{}, {"temperature": 0.0}, {"top_p": 1.0, "grammar": False}, {"num_bins": 32}]
    changes += [{"top_k": 5, "eos": "delay"}, {"temperature": 1.5, "eos": "delay"}]

    def written(kind):
        predictor = load("mini", "cpu")
        encodings = [predictor.encode(make_scene(seed=seed).image) for seed in range(22)]
        sentences = {}
        for number, change in enumerate(changes):
            for one in predictor.write_many(
                encodings, lambda seed, change=change: SamplingOptions(**change, seed=seed)
            ):
                sentences[number, one.index] = one.steps
        assert isinstance(predictor.model._packed, kind)
        return sentences

    ours = written(NativeDecoder)
    monkeypatch.setenv(NATIVE_VARIABLE, "0")
    theirs = written(PackedDecoder)
    assert [key for key in ours if ids(ours[key]) != ids(theirs[key])] == []
    steps = [step for sentence in ours.values() for step in sentence]
    again = sum(step.arithmetic == "PyTorch" for step in steps)
    assert len(steps) > 10_000
    assert again < 0.01 * len(steps), "what is read again is paid for"


def ids(steps):
    return [step.token_id for step in steps]
