"""moein-shariatnia's VOC model: what its code wrote and answered, read and computed by ours."""

from __future__ import annotations

import io
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

import pix2seq
from pix2seq.categories import VOC_20
from pix2seq.config import ConfigError
from pix2seq.convert import read_shariatnia
from pix2seq.convert.converted import Converted, meta_state
from pix2seq.convert.shariatnia import check_keys, infer_model, key_map
from pix2seq.model import Pix2Seq
from pix2seq.sampling import sample_stream
from pix2seq.tokenizer import Tokenizer

FIXTURES = Path(__file__).parent / "fixtures" / "shariatnia"
TINY = FIXTURES / "tiny_random_state_dict.pth"
TINY_HEADS = {"vit_heads": 3, "decoder_heads": 4}


@pytest.fixture(scope="module")
def converted() -> Converted:
    return read_shariatnia(TINY, **TINY_HEADS)


@pytest.fixture(scope="module")
def model(converted) -> Pix2Seq:
    return converted.build()


@pytest.fixture(scope="module")
def record() -> dict[str, torch.Tensor]:
    arrays = np.load(FIXTURES / "tiny_random.npz")
    numbers = [name for name in arrays.files if arrays[name].dtype.kind in "fi"]
    return {name: torch.from_numpy(arrays[name]) for name in numbers}


@torch.no_grad()
def test_the_network_computes_what_theirs_does(model, record):
    vit = model.encoder(record["image"])
    torch.testing.assert_close(vit, record["vit_features"][:, 1:], atol=1e-5, rtol=0)
    memory = model.encode_image(record["image"])
    pooled = memory - model.bridge.positions.table
    torch.testing.assert_close(pooled, record["encoder_out"], atol=1e-5, rtol=0)
    logits = model.decode(record["tgt"], memory)
    torch.testing.assert_close(logits, record["forward_logits"], atol=1e-4, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize("length", [1, 2, 5, 6, 17, 40, 59])
def test_a_prefix_is_enough_where_theirs_pads_to_the_full_length(model, record, length):
    memory = model.encode_image(record["image"])
    logits = model.decode(record["tgt"][:, :length], memory)[:, -1]
    wanted = record[f"predict_logits_len{length}"]
    torch.testing.assert_close(logits, wanted, atol=1e-4, rtol=0)


@torch.no_grad()
def test_cached_greedy_tokens_are_theirs_padding_in_the_prefix_included(model, converted, record):
    memory = model.encode_image(record["image"])
    wanted = record["generate_tokens"]
    assert (wanted == converted.tokenizer.pad_id).any(), "the recording has a written PAD"
    cache = model.new_cache(memory)
    ids = written = wanted[:, :1]
    for _ in range(wanted.shape[1] - 1):
        ids = model.decode(ids, cache=cache)[:, -1:].argmax(-1)
        written = torch.cat([written, ids], dim=1)
    assert torch.equal(written, wanted)


@torch.no_grad()
def test_without_the_mask_on_padding_the_logits_would_differ(model, record):
    memory = model.encode_image(record["image"])
    mask, model.decoder.masked_key_id = model.decoder.masked_key_id, None
    try:
        logits = model.decode(record["tgt"], memory)
    finally:
        model.decoder.masked_key_id = mask
    assert (logits - record["forward_logits"]).abs().max() > 1e-3


def test_a_sentence_is_written_greedily_and_well_formed(model, converted, record):
    tokenizer = Tokenizer(converted.tokenizer, VOC_20)
    with torch.no_grad():
        memory = model.encode_image(record["image"])[1:]
    options = converted.sampling.replace(grammar=False, max_objects=6)
    steps = list(sample_stream(model, memory, tokenizer, options))
    wanted = record["generate_tokens"][1, 1:].tolist()
    assert [step.token_id for step in steps] == wanted[: len(steps)]
    legal = sample_stream(model, memory, tokenizer, converted.sampling.replace(max_objects=6))
    for step in legal:
        assert tokenizer.allowed(step.index)[step.token_id]


def test_sentences_become_the_boxes_that_theirs_become():
    arrays = np.load(FIXTURES / "tiny_trained.npz")
    wanted, config = (
        json.loads(str(arrays["postprocess_json"])),
        json.loads(str(arrays["config_json"])),
    )
    tokenizer = Tokenizer(read_shariatnia(TINY, **TINY_HEADS).tokenizer, VOC_20)
    for row, ids in enumerate(torch.from_numpy(arrays["generate_tokens"])):
        end = ids.tolist().index(tokenizer.eos_id)
        boxes_norm, class_ids = tokenizer.decode(ids[1:end])
        pixels = boxes_norm * config["img_size"]
        torch.testing.assert_close(pixels, torch.tensor(wanted["bboxes"][row]))
        assert (class_ids - tokenizer.class_ids.start).tolist() == wanted["labels"][row]


def test_vocabulary_preprocessing_and_decoding_are_theirs(converted):
    tokenizer = converted.tokenizer
    assert (tokenizer.bos_id, tokenizer.eos_id, tokenizer.pad_id) == (84, 85, 86)
    assert (tokenizer.coord_offset, tokenizer.class_offset, tokenizer.num_bins) == (0, 64, 64)
    assert (tokenizer.box_order, tokenizer.quantizer, tokenizer.noise_id) == ("xyxy", "floor", None)
    assert converted.preprocess.fit == "stretch" and converted.preprocess.round_uint8
    assert converted.sampling.temperature == 0


def real_size_state() -> dict[str, torch.Tensor]:
    """Names and shapes of the published file."""
    state = {}
    for line in (FIXTURES / "state_dict_real.txt").read_text().splitlines():
        if not line.startswith("#"):
            name, shape, _ = line.split("\t")
            sides = [int(side) for side in shape.strip("()").split(",") if side.strip()]
            state[name] = torch.empty(sides, device="meta")
    return state


def test_every_tensor_of_the_published_file_has_its_place():
    state = real_size_state()
    assert len(state) == 287
    config = infer_model(state)
    check_keys(set(state), config)
    assert config.encoder.transformer.heads == 6 and config.decoder.heads == 8
    assert config.image_size == (384, 384) and config.max_tokens == 299
    ours = meta_state(config)
    for theirs, targets in key_map(config).items():
        assert state[theirs].numel() == sum(ours[name].numel() for name in targets), theirs
    assert sum(tensor.numel() for tensor in ours.values()) == 31_725_719


def recipe_state(base: int) -> dict[str, torch.Tensor]:
    """Weights of the real-size recording: normal draws per name, scaled by what a tensor is."""
    state = real_size_state()
    for i, name in enumerate(sorted(state)):
        shape = tuple(state[name].shape)
        z = torch.randn(shape, generator=torch.Generator().manual_seed(base + i))
        if name.endswith(tuple(f"{norm}.weight" for norm in ("norm", "norm1", "norm2", "norm3"))):
            value = 1 + 0.1 * z
        elif name.endswith(".gamma"):
            value = 0.5 + 0.1 * z
        elif name.endswith("bias"):
            value = 0.05 * z
        elif name == "decoder.decoder_pos_embed":
            value = 1.5 * z
        elif "pos_embed" in name or "cls_token" in name or name.endswith("embedding.weight"):
            value = 0.5 * z
        else:
            value = z / (z.numel() / shape[0]) ** 0.5
            value = 2 * value if name == "decoder.output.weight" else value
        state[name] = value
    return state


@pytest.mark.slow
@torch.no_grad()
def test_the_real_size_computes_what_theirs_does(tmp_path):
    arrays = np.load(FIXTURES / "real_size_parity.npz")
    state = recipe_state(int(arrays["recipe_base"]))
    sums = dict(zip(arrays["param_names"].tolist(), arrays["param_abs_sum"], strict=True))
    for name, tensor in state.items():
        assert tensor.double().abs().sum().item() == pytest.approx(sums[name], rel=1e-5), name
    torch.save(state, tmp_path / "weights.pth")
    model = read_shariatnia(tmp_path / "weights.pth").build()
    seed = torch.Generator().manual_seed(int(arrays["image_seed"]))
    image = torch.randn(tuple(arrays["image_shape"]), generator=seed)
    memory = model.encode_image(image)
    tgt = torch.from_numpy(arrays["tgt"])
    rows = arrays["forward_positions"]
    inside = rows < tgt.shape[1]
    logits = model.decode(tgt, memory)[:, rows[inside]]
    wanted = torch.from_numpy(arrays["forward_logits"])[:, inside]
    torch.testing.assert_close(logits, wanted, atol=2e-4, rtol=0)
    cache = model.new_cache(memory)
    ids = written = torch.from_numpy(arrays["generate_tokens"][:, :1])
    for _ in range(int(arrays["generate_steps"])):
        ids = model.decode(ids, cache=cache)[:, -1:].argmax(-1)
        written = torch.cat([written, ids], dim=1)
    assert torch.equal(written, torch.from_numpy(arrays["generate_tokens"]))


# ---- folders and refusals -------------------------------------------------------------------


def test_a_converted_folder_detects_in_original_pixels(converted, tmp_path):
    folder = converted.save(tmp_path / "voc", "voc20")
    predictor = pix2seq.load(folder, device="cpu")
    assert predictor.categories.name(14) == "person"
    image = np.full((50, 80, 3), 90, np.uint8)
    found = predictor.detect(image)
    assert len(found) + found.degenerate <= predictor.defaults.max_objects
    if len(found):
        assert found.boxes[:, 2].max() <= 80 and found.boxes[:, 3].max() <= 50
    report = json.loads((folder / "conversion.json").read_text())
    assert set(report["mapped"]) == set(predictor.model.state_dict())
    assert set(report["mapped"].values()) == set(torch.load(TINY, weights_only=True))


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda state: state.pop("decoder.output.bias"), "lacks decoder.output.bias"),
        (lambda state: state.update(more=torch.zeros(1)), "holds unknown more"),
        (lambda state: state.pop("decoder.embedding.weight"), "has no decoder.embedding.weight"),
        (
            lambda state: state.update({"decoder.encoder_pos_embed": torch.zeros(1, 9, 32)}),
            "decoder.encoder_pos_embed has shape",
        ),
        (
            lambda state: state.update({"encoder.model.pos_embed": torch.zeros(1, 17, 48)}),
            "no square grid",
        ),
    ],
)
def test_a_state_dict_of_another_model_is_refused(tmp_path, change, complaint):
    state = torch.load(TINY, weights_only=True)
    change(state)
    torch.save(state, tmp_path / "changed.pth")
    with pytest.raises(ConfigError, match=complaint):
        read_shariatnia(tmp_path / "changed.pth", **TINY_HEADS)


def test_heads_that_shapes_do_not_tell_must_be_given():
    with pytest.raises(ConfigError, match="--vit-heads"):
        read_shariatnia(TINY)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut off", b"not a checkpoint at all"])
def test_a_damaged_file_is_refused_in_one_line(tmp_path, content):
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"weights\.pth") as refusal:
        read_shariatnia(path)
    assert "\n" not in str(refusal.value)
    with pytest.raises(ConfigError, match=r"gone\.pth"):
        read_shariatnia(tmp_path / "gone.pth")


def test_code_inside_a_file_is_not_run(tmp_path):
    path = tmp_path / "evil.pth"
    torch.save({"weights": Path("x")}, path)
    with pytest.raises(ConfigError, match=r"evil\.pth"):
        read_shariatnia(path)


def vocabulary(bins: int, classes: int) -> dict[str, torch.Tensor]:
    """The tiny network, with another number of words."""
    state = torch.load(TINY, weights_only=True)
    for name in ("decoder.embedding.weight", "decoder.output.weight"):
        state[name] = torch.randn(bins + classes + 3, state[name].shape[1])
    return state | {"decoder.output.bias": torch.zeros(bins + classes + 3)}


@pytest.mark.parametrize(("bins", "classes"), [(96, 3), (200, 80), (2, 1)])
def test_classes_leave_the_rest_of_the_words_to_bins(tmp_path, bins, classes):
    torch.save(vocabulary(bins, classes), tmp_path / "x.pth")
    tokenizer = read_shariatnia(tmp_path / "x.pth", **TINY_HEADS, num_classes=classes).tokenizer
    assert (tokenizer.num_bins, tokenizer.num_classes) == (bins, classes)
    with pytest.raises(ConfigError, match="--num-classes N or --names"):
        read_shariatnia(tmp_path / "x.pth", **TINY_HEADS)
    with pytest.raises(ConfigError, match="do not fit"):
        read_shariatnia(tmp_path / "x.pth", **TINY_HEADS, num_classes=bins + classes)


OPTIMIZER = {"state": {0: {"step": 3, "exp_avg": torch.zeros(2)}}, "param_groups": [{"lr": 0.1}]}


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: {f"module.{name}": tensor for name, tensor in state.items()},
        lambda state: {f"_orig_mod.module.{name}": tensor for name, tensor in state.items()},
        lambda state: {"model_state_dict": state, "optimizer_state_dict": OPTIMIZER, "epoch": 7},
        lambda state: {"state_dict": {f"model.{n}": t for n, t in state.items()}, "epoch": 7},
        lambda state: {"nets": {"student": state}, "args": None},
    ],
    ids=["module", "compiled", "training", "lightning", "nested"],
)
def test_what_is_wrapped_around_the_model_is_taken_off(tmp_path, converted, wrap):
    torch.save(wrap(torch.load(TINY, weights_only=True)), tmp_path / "x.pth")
    found = read_shariatnia(tmp_path / "x.pth", **TINY_HEADS)
    assert all(torch.equal(found.weights[name], value) for name, value in converted.weights.items())


class RunsSomething:
    def __reduce__(self):
        return (Path.touch, (Path("ran"),))


def saved(content: object) -> bytes:
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (b"  <!DOCTYPE html><title>Quota exceeded</title>", "web page"),
        (b"\xef\xbb\xbf<HTML>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "git lfs pull"),
        (pickle.dumps({"a": RunsSomething()}), "pickle"),
        (saved({"a": RunsSomething()}), "Python objects"),
        (saved({"x": torch.zeros(4000)})[:5000], "damaged or incomplete"),
        (b"\x89PNG\r\n\x1a\n", "picture"),
        (b'{"a": 1}', "JSON"),
        (b"\x1f\x8b\x08", "archive"),
        (b"\0\0\x08\x01" + bytes(40), "not a PyTorch file"),
        (saved(OPTIMIZER), "optimizer"),
        (saved([1, 2]), "state dict"),
        (saved({"fc.weight": torch.zeros(2)}), "another kind of model"),
    ],
)
def test_what_is_no_file_of_weights_is_called_by_its_name(tmp_path, monkeypatch, content, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weights.pth").write_bytes(content)
    with pytest.raises(ConfigError, match=said) as refusal:
        read_shariatnia("weights.pth")
    text = str(refusal.value)
    assert text.startswith("weights.pth ") and "weights_only" not in text and "\n" not in text
    assert not (tmp_path / "ran").exists()


def test_two_models_in_one_file_are_not_chosen_between(tmp_path):
    state = torch.load(TINY, weights_only=True)
    torch.save({"model": state, "ema": state}, tmp_path / "x.pth")
    with pytest.raises(ConfigError, match=r"\['model'\] and \['ema'\]"):
        read_shariatnia(tmp_path / "x.pth", **TINY_HEADS)
