"""The official checkpoints: what their code wrote and answered, read and computed by ours."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import pix2seq
from pix2seq.boxes import clip_boxes, is_degenerate
from pix2seq.config import ConfigError, ModelConfig
from pix2seq.convert import read_google
from pix2seq.convert.converted import Converted, meta_state
from pix2seq.convert.google import check_keys
from pix2seq.convert.google_config import infer_model, kind_name, tokenizer_config
from pix2seq.convert.google_map import is_ignored, key_map, plain_name
from pix2seq.model import Pix2Seq
from pix2seq.objective import token_losses, weighted_mean
from pix2seq.sampling import sample_stream
from pix2seq.tokenizer import Tokenizer

OFFICIAL = Path(__file__).parent / "fixtures" / "official"
KINDS = ("resnet", "resnetc", "vit", "vit_options", "vit_mlpratio")
OTHER_SIZES = [(kind, size) for kind in ("resnet", "vit") for size in ("odd", "onerow")]

# A random deep net amplifies float32 noise; the official code differs from itself by 2e-5.
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def converted() -> dict[str, Converted]:
    return {kind: read_google(OFFICIAL / kind) for kind in KINDS}


@pytest.fixture(scope="module")
def models(converted) -> dict[str, Pix2Seq]:
    return {kind: checkpoint.build() for kind, checkpoint in converted.items()}


def recorded(kind: str, name: str = "main") -> dict[str, torch.Tensor]:
    arrays = np.load(OFFICIAL / kind / f"{name}.npz")
    return {key: torch.from_numpy(arrays[key]) for key in arrays.files}


def pixels(record: dict[str, torch.Tensor]) -> torch.Tensor:
    return record["image"].permute(0, 3, 1, 2)


def assert_close(found: torch.Tensor, wanted: torch.Tensor) -> None:
    torch.testing.assert_close(found, wanted, atol=TOLERANCE * wanted.std().item(), rtol=0)


# ---- what the network computes --------------------------------------------------------------


@torch.no_grad()
@pytest.mark.parametrize("kind", KINDS)
def test_the_network_computes_what_the_official_one_does(models, kind):
    model, record = models[kind], recorded(kind)
    assert_close(model.encoder(pixels(record)), record["encoder_output"])
    memory = model.encode_image(pixels(record))
    assert_close(memory, record["encoded"])
    logits = model.decode(record["tokens"], memory)
    assert_close(logits[:, ::5], record["teacher_forced_logits"])


@torch.no_grad()
@pytest.mark.parametrize(("kind", "size"), OTHER_SIZES)
def test_the_same_weights_work_at_other_image_sizes(models, kind, size):
    model, record = models[kind], recorded(kind, size)
    memory = model.encode_image(pixels(record))
    assert_close(memory, record["encoded"])
    assert_close(model.decode(record["tokens"], memory)[:, ::5], record["teacher_forced_logits"])
    rows, columns = model.memory_grid(*record["image"].shape[1:3])
    assert memory.shape[1] == rows * columns


@pytest.mark.parametrize("kind", KINDS)
def test_greedy_sentences_and_their_detections_are_the_official_ones(converted, models, kind):
    checkpoint, model, record = converted[kind], models[kind], recorded(kind)
    tokenizer = Tokenizer(checkpoint.tokenizer, pix2seq.categories.COCO_91)
    with torch.no_grad():
        memory = model.encode_image(pixels(record))
    objects = record["greedy_tokens"].shape[1] // 5
    options = checkpoint.sampling.replace(temperature=0.0, max_objects=objects)
    for row in range(len(memory)):
        official = record["greedy_tokens"][row].tolist()
        assert tokenizer.eos_id not in official, "after which theirs goes on and ours may not"
        steps = list(sample_stream(model, memory[row : row + 1], tokenizer, options))
        assert [step.token_id for step in steps] == official
        class_logits = torch.stack([steps[i].logits for i in range(4, 5 * objects, 5)])
        assert_close(class_logits, record["greedy_logits"][row])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sentence", ["greedy", "sampled"])
def test_sentences_are_read_as_the_official_decoder_reads_them(converted, kind, sentence):
    checkpoint, record = converted[kind], recorded(kind)
    tokenizer = Tokenizer(checkpoint.tokenizer, pix2seq.categories.COCO_91)
    boxes_norm, _ = tokenizer.decode(record[f"{sentence}_tokens"])
    torch.testing.assert_close(
        boxes_norm[..., [1, 0, 3, 2]], record[f"{sentence}_det_boxes_yxyx_norm"]
    )
    probs = record[f"{sentence}_logits"].softmax(-1)
    real = probs[..., tokenizer.class_ids.start : tokenizer.class_ids.stop]
    scores, labels = real.max(-1)
    assert torch.equal(labels, record[f"{sentence}_det_classes"])
    torch.testing.assert_close(scores, record[f"{sentence}_det_scores"], atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("row", [0, 1])
def test_a_picture_becomes_the_official_detections(converted, models, kind, row):
    """From 8-bit pixels to boxes in them, through the front door."""
    checkpoint, record = converted[kind], recorded(kind)
    predictor = pix2seq.Predictor(
        models[kind],
        Tokenizer(checkpoint.tokenizer, pix2seq.categories.COCO_91),
        checkpoint.preprocess,
        checkpoint.sampling,
    )
    encoding = predictor.encode(record[f"image_uint8_{row}"].numpy())
    assert_close(encoding.memory[0], record["encoded"][row])
    objects = record["greedy_det_classes"].shape[1]
    options = pix2seq.SamplingOptions(temperature=0.0, max_objects=objects)
    steps = list(predictor.stream(encoding, options))
    assert [step.token_id for step in steps] == record["greedy_tokens"][row].tolist()
    found = predictor.read(encoding, steps, options)
    official = record["greedy_det_boxes_yxyx_orig_px"][row][:, [1, 0, 3, 2]]
    # Theirs may reach beyond the image and may be empty or inverted; ours are clipped, and boxes
    # without area are left out.
    clipped = clip_boxes(official, encoding.orig_size)
    kept = ~is_degenerate(clipped)
    assert found.objects.tolist() == kept.nonzero()[:, 0].tolist()
    assert found.degenerate == int((~kept).sum())
    torch.testing.assert_close(found.boxes, clipped[kept], atol=1e-3, rtol=1e-5)
    assert torch.equal(found.labels, record["greedy_det_classes"][row][kept])
    torch.testing.assert_close(
        found.scores, record["greedy_det_scores"][row][kept], atol=1e-6, rtol=1e-3
    )


@torch.no_grad()
@pytest.mark.parametrize("kind", KINDS)
def test_going_on_from_a_prefix_is_the_official_continuation(models, kind):
    model, record = models[kind], recorded(kind)
    memory = model.encode_image(pixels(record))
    cache = model.new_cache(memory)
    ids, written = record["prefix"], []
    for _ in range(record["prefix_greedy_tokens"].shape[1]):
        ids = model.decode(ids, cache=cache)[:, -1:].argmax(-1)
        written.append(ids)
    assert torch.equal(torch.cat(written, dim=1), record["prefix_greedy_tokens"])


@torch.no_grad()
def test_an_official_sampled_sentence_gets_the_official_logits(models):
    record = recorded("resnet")
    model = models["resnet"]
    ids = torch.cat([torch.full((2, 1), 10), record["sampled_tokens"][:, :-1]], dim=1)
    logits = model.decode(ids, model.encode_image(pixels(record)))
    assert_close(logits[:, 4::5], record["sampled_logits"])


# ---- what is inferred -----------------------------------------------------------------------


def test_architectures_are_read_off_the_shapes(converted):
    resnet, c4 = converted["resnet"].model, converted["resnetc"].model
    assert (resnet.encoder.backbone, resnet.encoder.width) == ("resnet50", 0.125)
    assert c4.encoder.backbone == "resnet50-c4"
    assert (c4.decoder.layers, c4.decoder.heads) == (3, 4)
    options = converted["vit_options"].model
    assert options.encoder.class_token and options.encoder.positions == "learned"
    assert options.bridge == "linear_p" and options.decoder_positions == "sincos"
    assert not options.tie_embeddings and not options.output_bias
    ratio = converted["vit_mlpratio"].model
    # The bridge's MLP takes the encoder's ratio (3), not the decoder's (2).
    assert ratio.bridge_mlp_ratio == 3 and ratio.decoder.mlp_dim == 2 * ratio.decoder.dim


def test_vocabulary_preprocessing_and_decoding_are_the_official_ones(converted):
    checkpoint = converted["vit"]
    tokenizer = checkpoint.tokenizer
    assert (tokenizer.num_bins, tokenizer.coord_offset, tokenizer.vocab_size) == (1000, 1000, 3000)
    assert (tokenizer.class_offset, tokenizer.num_classes) == (100, 900)
    assert (tokenizer.bos_id, tokenizer.eos_id, tokenizer.noise_id) == (10, 0, 30)
    assert checkpoint.preprocess.pad_value == 0.3 and checkpoint.preprocess.antialias
    assert checkpoint.preprocess.image_size == (64, 96)
    assert (checkpoint.sampling.top_p, checkpoint.sampling.top_p_rule) == (0.4, "official")
    assert checkpoint.sampling.grammar is False and checkpoint.sampling.max_objects == 100
    # 64 positions hold the prompt and 12 objects.
    assert converted["vit_options"].tokenizer.max_objects == 12


def variables(name: str) -> dict[str, tuple[int, ...]]:
    """Keys and shapes of a real-size checkpoint."""
    lines = (OFFICIAL / name).read_text().splitlines()
    return {key: tuple(json.loads(shape)) for key, shape in (line.split("\t") for line in lines)}


REAL_SIZES = {
    "resnet": (36_587_768 + 53_120, 541),
    "resnet-c": (84_697_592 + 30_592, 639),
    "vit-b": (115_169_976, 372),
    "vit-l": (341_161_912, 616),
}


@pytest.mark.parametrize("kind", REAL_SIZES)
def test_every_variable_of_the_real_checkpoints_has_its_place(kind):
    entries = variables(f"vars_{kind}_640.txt")
    numbers, tensors = REAL_SIZES[kind]
    assert len(entries) == tensors
    official = json.loads((OFFICIAL / f"config_{kind}_640.json").read_text())
    used = {plain_name(key): shape for key, shape in entries.items() if not is_ignored(key)}
    config = infer_model(used, (640, 640), official)
    state = meta_state(config)
    check_keys(set(used), state, config)
    table = key_map(config)
    for ours, source in table.items():
        tensor = source.turn(torch.empty(used[source.name], device="meta"))
        assert tensor.shape == state[ours].shape, ours
    assert sum(state[name].numel() for name in table) == numbers
    assert sum(math.prod(shape) for shape in used.values()) == numbers
    assert kind_name(config) == kind
    assert config.max_tokens == 512 and config.bridge == "mlp"


@pytest.mark.parametrize("stem", ["adamw", "adamw_legacy"])
def test_optimiser_state_of_trainer_checkpoints_is_known_and_left_out(stem):
    entries = variables(f"vars_vit_tiny_trainer_{stem}.txt")
    kept = {plain_name(key) for key in entries if not is_ignored(key)}
    config = infer_model(
        {plain_name(k): shape for k, shape in entries.items() if not is_ignored(k)}, (64, 96)
    )
    check_keys(kept, meta_state(config), config)
    assert len(entries) > 2 * len(kept)


def test_a_multi_task_vocabulary_keeps_the_layout_below_the_text():
    entries = variables("vars_vit-b_640.txt")
    shapes = {plain_name(key): shape for key, shape in entries.items() if not is_ignored(key)}
    shapes["model/decoder/token_embedding"] = (35000, 512)
    shapes["model/decoder/outp_bias"] = (35000,)
    official = {"model": {}, "tasks": [{"name": "captioning", "vocab_id": 13}]}
    config = infer_model(shapes, (640, 640), official)
    tokenizer = tokenizer_config(config, official)
    assert (tokenizer.vocab_size, tokenizer.coord_offset, tokenizer.bos_id) == (35000, 1000, 10)
    assert sum(t.numel() for t in meta_state(config).values()) == 131_585_976


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("model/decoder/ar_decoder.Stoken_embedding", "model/decoder/token_embedding"),
        ("model/decoder/token_embedding", "model/decoder/token_embedding"),
        ("model/encoder/vit.Scls_token_embedding", "model/encoder/cls_token_embedding"),
        ("model/encoder/rest.Svis_pos_embedding", "model/encoder/vis_pos_embedding"),
        ("model/decoder/seq_pos_emb", "model/decoder/seq_pos_embedding"),
        ("model/proj.Svis_pos_embedding", "model/vis_pos_embedding"),
        ("model/proj_ln/gamma", "model/proj_ln/gamma"),
    ],
)
def test_escaped_and_plain_variable_names_are_the_same(key, name):
    assert plain_name(f"{key}/.ATTRIBUTES/VARIABLE_VALUE") == name


# ---- what is refused ------------------------------------------------------------------------


@pytest.fixture
def copy(tmp_path) -> Path:
    return Path(shutil.copytree(OFFICIAL / "vit_mlpratio", tmp_path / "vit"))


def change_config(folder: Path, **settings) -> None:
    path = folder / "config.json"
    official = json.loads(path.read_text())
    official["model"] |= settings
    path.write_text(json.dumps(official))


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"num_encoder_layers": 7}, "num_encoder_layers = 7"),
        ({"dim_att_dec": 512}, "dim_att_dec = 512"),
        ({"dec_proj_mode": "linear"}, "dec_proj_mode = 'linear'"),
        ({"use_cls_token": False}, "use_cls_token = False"),
        ({"resnet_variant": "c4"}, "resnet_variant = 'c4'"),
        ({"coord_vocab_shift": "many"}, "many"),
        ({"image_size": 0}, "image_size"),
        ({"image_size": [64]}, "image_size"),
        ({"image_size": 8}, "smaller than one patch"),
    ],
)
def test_a_config_of_another_model_is_named(copy, settings, complaint):
    change_config(copy, **settings)
    with pytest.raises(ConfigError, match=complaint):
        read_google(copy)


def test_the_image_size_comes_as_number_or_pair_or_must_be_given(tmp_path):
    copy = Path(shutil.copytree(OFFICIAL / "vit", tmp_path / "vit"))
    assert read_google(copy).model.image_size == (64, 96)
    change_config(copy, image_size=64)
    assert read_google(copy).model.image_size == (64, 64)
    with pytest.raises(ConfigError, match="image size is 96"):
        read_google(copy, image_size=96)
    (copy / "config.json").unlink()
    with pytest.raises(ConfigError, match="--image-size"):
        read_google(copy)
    assert read_google(copy, image_size=96).preprocess.image_size == (96, 96)


def test_a_bridge_that_shapes_do_not_tell_needs_the_config():
    shapes = {
        plain_name(key): shape
        for key, shape in variables("vars_vit-b_640.txt").items()
        if "proj_mlp" not in key
    }
    with pytest.raises(ConfigError, match="linear or linear_p"):
        infer_model(shapes, (640, 640))
    assert (
        infer_model(shapes, (640, 640), {"model": {"dec_proj_mode": "linear"}}).bridge == "linear"
    )


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda names: names - {"model/proj/bias"}, "lacks model/proj/bias"),
        (lambda names: names | {"model/encoder/extra/kernel"}, "holds model/encoder/extra/kernel"),
        (lambda names: names | {"global_stap"}, "holds global_stap"),
    ],
)
def test_a_missing_or_unknown_variable_is_named(converted, change, complaint):
    config: ModelConfig = converted["vit"].model
    names = {source.name for source in key_map(config).values()}
    with pytest.raises(ConfigError, match=complaint):
        check_keys(change(names), meta_state(config), config)


@pytest.mark.parametrize(
    "name",
    ["model/decoder/token_embeddings", "optimizer/model/kernel", "optimizer/_variables/x", "step"],
)
def test_only_known_bookkeeping_is_ignored(name):
    assert not is_ignored(f"{name}/.ATTRIBUTES/VARIABLE_VALUE")


def test_a_checkpoint_of_something_else_is_refused():
    with pytest.raises(ConfigError, match="not a pix2seq detection checkpoint"):
        infer_model({"layer/kernel": (3, 3)}, (64, 64))


def test_a_resnet_of_another_depth_is_refused():
    shapes = {
        plain_name(key): shape
        for key, shape in variables("vars_resnet_640.txt").items()
        if "block_groups/2/layers/5" not in key
    }
    with pytest.raises(ConfigError, match="only ResNet-50"):
        infer_model(shapes, (640, 640))


# ---- what is saved --------------------------------------------------------------------------


def test_a_converted_folder_loads_and_accounts_for_every_key(converted, models, tmp_path):
    checkpoint = converted["resnetc"]
    folder = checkpoint.save(tmp_path / "mine", "coco91")
    predictor = pix2seq.load(folder, device="cpu")
    for name, tensor in predictor.model.state_dict().items():
        assert torch.equal(tensor, models["resnetc"].state_dict()[name]), name
    assert predictor.info.family == "google" and predictor.info.label_space == "coco91"
    assert predictor.defaults == checkpoint.sampling
    assert predictor.categories.name(18) == "dog"
    report = json.loads((folder / "conversion.json").read_text())
    counters = [n for n in predictor.model.state_dict() if n.endswith("num_batches_tracked")]
    assert set(report["mapped"]) | set(counters) == set(predictor.model.state_dict())
    assert len(report["mapped"]) + len(report["ignored"]) == len(variables_in(OFFICIAL / "resnetc"))
    detections = predictor.detect(
        np.zeros((40, 60, 3), np.uint8), pix2seq.SamplingOptions(max_objects=3)
    )
    assert len(detections) + detections.degenerate <= 3


def variables_in(folder: Path) -> list[str]:
    from pix2seq.convert.tensor_bundle import TensorBundle, find_prefix

    return list(TensorBundle(find_prefix(folder)).entries)


# ---- training on ----------------------------------------------------------------------------


# Batch norms over 24 values amplify rounding: our own float32 and float64 gradients differ by 2 %.
@pytest.mark.parametrize(("kind", "closeness"), [("vit", 1e-3), ("resnet", 2e-2)])
def test_loss_and_gradients_are_the_official_ones(converted, kind, closeness):
    checkpoint = converted[kind]
    still = {"dropout": 0.0, "drop_path": 0.0}
    encoder = checkpoint.model.encoder
    encoder = encoder.replace(transformer=encoder.transformer.replace(**still))
    decoder = checkpoint.model.decoder.replace(**still)
    model = Pix2Seq(checkpoint.model.replace(encoder=encoder, decoder=decoder))
    model.load_state_dict(checkpoint.weights)
    model.train()  # batch norms over the batch, as in the recording
    record = recorded("training", kind)
    logits = model.decode(record["input_seq"], model.encode_image(pixels(record)))
    losses = token_losses(logits, record["target_seq"])
    loss = weighted_mean(losses, record["token_weights"])
    assert loss.item() == pytest.approx(record["loss"].item(), rel=1e-5)
    loss.backward()
    norms = torch.stack([p.grad.norm() for p in model.parameters()]).sort().values
    wanted = record["gradient_norms"].float()
    torch.testing.assert_close(norms, wanted, rtol=closeness, atol=1e-3)


def test_dropout_is_where_the_official_one_is(converted):
    model = converted["resnet"].build()
    assert model.encoder.stem.dropout.p == 0.1
    layer = model.decoder.layers[0]
    assert layer.mlp.dropout.p == 0.1
    branch, path = layer.mlp_residual.drop
    assert (branch.p, path.rate) == (0.0, 0.1), "branches are only skipped, not thinned"
