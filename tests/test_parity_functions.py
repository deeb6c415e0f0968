"""Single functions beside what the original codes answered: sequences, losses, decoding, images.

Top-k and top-p are compared in ``test_sampling_filters.py``, whole networks in
``test_convert_google.py`` and ``test_convert_shariatnia.py``.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pix2seq.augment import (
    build_training_sequence,
    corrupt_classes,
    jitter_boxes,
    noise_boxes,
    random_boxes,
    shift_boxes,
)
from pix2seq.boxes import box_area, swap_xy
from pix2seq.categories import COCO_91, VOC_20
from pix2seq.config import AugmentConfig, PreprocessConfig, SamplingOptions
from pix2seq.model.positions import sincos_codes, sincos_codes_2d
from pix2seq.objective import token_losses, weighted_mean
from pix2seq.sampling.filters import build_chain
from pix2seq.tokenizer import Tokenizer
from pix2seq.transforms import Letterbox, ScaleCrop, to_tensor
from tests import fakes

FIXTURES = Path(__file__).parent / "fixtures"
FUNCTIONS = FIXTURES / "official" / "functions"
JSON = json.loads((FUNCTIONS / "functions.json").read_text())


def official_tokenizer(num_bins: int = 1000) -> Tokenizer:
    config = fakes.OFFICIAL_LAYOUT.replace(num_bins=num_bins, vocab_size=1000 + num_bins)
    return Tokenizer(config, COCO_91)


def recorded(name: str) -> dict[str, torch.Tensor]:
    arrays = np.load(FUNCTIONS / f"{name}.npz")
    return {key: torch.from_numpy(arrays[key]) for key in arrays.files}


def section(title: str):
    """The one entry of ``functions.json`` whose (long) key begins so."""
    (found,) = [value for key, value in JSON.items() if key.startswith(title)]
    return found


# ---- coordinates and positions --------------------------------------------------------------


@pytest.mark.parametrize("num_bins", [2, 100, 1000, 2000])
def test_coordinates_are_quantised_alike(num_bins):
    record = recorded("quantize")
    assert torch.equal(
        official_tokenizer(num_bins).quantize(record["coords"]), record[f"quantize_{num_bins}"]
    )


def test_bins_are_dequantised_alike():
    record = recorded("quantize")
    found = official_tokenizer().dequantize(record["tokens"])
    torch.testing.assert_close(found, record["dequantize_1000"], atol=1e-7, rtol=1e-6)


def test_position_codes_are_the_same():
    record = recorded("positional")
    for found, wanted in (
        (sincos_codes(7, 48), record["1d_7_d48"]),
        (sincos_codes_2d(3, 4, 48), record["2d_3x4_d48"].flatten(1, 2)),
        (sincos_codes_2d(6, 5, 64), record["2d_6x5_d64"].flatten(1, 2)),
        (
            sincos_codes_2d(20, 20, 256).unflatten(0, (20, 20))[[0, 19]],
            record["2d_20x20_d256_rows0_19"],
        ),
        (sincos_codes_2d(40, 40, 768).unflatten(0, (40, 40))[17], record["2d_40x40_d768_row17"]),
    ):
        torch.testing.assert_close(found, wanted.reshape(found.shape), atol=2e-6, rtol=0)


# ---- training sequences ---------------------------------------------------------------------

NO_NOISE = AugmentConfig(noise_objects=False, class_corruption="none")


def test_real_objects_become_the_official_sequences():
    record = recorded("preprocess_batched")
    tokenizer = official_tokenizer()
    for row in range(2):
        real = record["label"][row] > 0
        sequence = build_training_sequence(
            swap_xy(record["bbox"][row][real]),
            record["label"][row][real],
            tokenizer,
            NO_NOISE,
            num_objects=100,
            order="given",
        )
        length = 5 * int(real.sum())
        target = record["target_seq"][row]
        assert torch.equal(sequence.target_ids[:length], target[:length])
        assert torch.equal(sequence.token_weights[:length], torch.ones(length))
        official_input = record["input_seq_corruption_none"][row]
        assert torch.equal(sequence.input_ids[: length + 1], official_input[: length + 1])
        if (record["label"][row] < 0).any():
            continue  # this image's rest is noise objects, see below
        assert torch.equal(sequence.target_ids, target)
        assert torch.equal(sequence.input_ids, official_input)
        assert torch.equal(sequence.token_weights, record["token_weights"][row])


def test_noise_objects_get_the_official_targets_and_weights():
    record = recorded("preprocess_batched")
    labels = record["label"][0]
    real = labels > 0
    sequence = build_training_sequence(
        swap_xy(record["bbox"][0][real]),
        labels[real],
        official_tokenizer(),
        AugmentConfig(class_corruption="none"),
        num_objects=100,
        order="given",
        generator=torch.Generator().manual_seed(0),
    )
    assert torch.equal(sequence.token_weights, record["token_weights"][0])
    classes = official_tokenizer().class_positions(500)
    assert torch.equal(sequence.target_ids[classes], record["target_seq"][0][classes])
    assert sequence.num_real == int(real.sum())


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_the_noise_class_weighs_what_it_weighs_officially(weight):
    record = recorded("build_response_seq")
    labels = record["label"][0]
    real = int((labels > 0).sum())
    used = int((labels != 0).sum())
    sequence = build_training_sequence(
        swap_xy(record["bbox"][0][:real]),
        labels[:real],
        official_tokenizer(),
        AugmentConfig(noise_class_weight=weight, class_corruption="none"),
        num_objects=used,
        order="given",
    )
    assert torch.equal(
        sequence.token_weights, record[f"token_weights_noise{weight}"][0, : 5 * used]
    )
    response = record[f"response_seq_noise{weight}"][0]
    assert torch.equal(sequence.target_ids[: 5 * real], response[: 5 * real])


OFFICIAL_CORRUPTIONS = {
    "rand_cls": "rand",
    "real_n_fake_cls": "real_n_fake",
    "rand_n_fake_cls": "rand_n_fake",
    "real_n_rand_n_fake_cls": "real_n_rand_n_fake",
}


@pytest.mark.parametrize("official", OFFICIAL_CORRUPTIONS)
@pytest.mark.parametrize("label", ["7", "-70"])
def test_class_corruption_has_the_official_statistics(official, label):
    wanted = section("class_label_corruption_stats")[official][label]
    tokenizer = official_tokenizer()
    shown = 100 + int(label)  # a noise object carries label -70, that is token 30
    ids = corrupt_classes(
        torch.full((wanted["n"],), shown),
        tokenizer,
        OFFICIAL_CORRUPTIONS[official],
        torch.Generator().manual_seed(1),
    )
    close = pytest.approx
    assert (ids == 30).float().mean().item() == close(wanted["frac_fake30"], abs=0.02)
    assert (ids == shown).float().mean().item() == close(wanted["frac_real"], abs=0.02)
    assert ids.max() == wanted["max"]
    if wanted["min_nonfake"] is not None:
        assert ids[ids != 30].min() == wanted["min_nonfake"]


NOISE = section("noise_box_distributions")
DRAWS = 20_000
SOURCE_BOX = torch.tensor([[0.4, 0.3, 0.7, 0.5]])  # 0.3 wide, 0.2 high, as in the recording


def assert_distributed(values: torch.Tensor, title: str, noise: float = 0.08) -> None:
    """Mean, deviation and quantiles of a recorded distribution, up to sampling ``noise``."""
    (wanted,) = [value for key, value in NOISE.items() if key.startswith(title)]
    spread = max(wanted["std"], 1e-6)
    assert values.mean().item() == pytest.approx(wanted["mean"], abs=0.05 * spread)
    assert values.std().item() == pytest.approx(wanted["std"], abs=0.05 * spread)
    for level, value in wanted["quantiles"].items():
        if 0 < float(level) < 1:
            found = values.quantile(float(level)).item()
            assert found == pytest.approx(value, abs=noise * spread), level


def test_duplicates_are_jittered_like_the_official_ones():
    jittered = jitter_boxes(SOURCE_BOX.expand(DRAWS, 4), 0.1, torch.Generator().manual_seed(0))
    relative = (jittered - SOURCE_BOX) / torch.tensor([0.3, 0.2, 0.3, 0.2])
    assert_distributed(relative.flatten(), "jitter_bbox")
    assert relative.abs().max() <= 0.1 + 1e-5
    correlation = torch.corrcoef(relative[:, [1, 3]].T)[0, 1]
    assert abs(correlation) < 0.03, "corners move independently"


def test_random_boxes_are_drawn_like_the_official_ones():
    boxes = random_boxes(DRAWS, torch.Generator().manual_seed(0))
    assert_distributed(boxes[:, 3] - boxes[:, 1], "random_bbox h")
    assert_distributed(boxes[:, 2] - boxes[:, 0], "random_bbox w")
    assert_distributed(boxes[:, [1, 3]].mean(1), "random_bbox cy")


def test_shifted_boxes_are_drawn_like_the_official_ones():
    boxes = shift_boxes(SOURCE_BOX.expand(DRAWS, 4), torch.Generator().manual_seed(0))
    assert_distributed(boxes[:, [1, 3]].mean(1), "shift_bbox cy")
    torch.testing.assert_close(boxes[:, 3] - boxes[:, 1], torch.full((DRAWS,), 0.2))
    torch.testing.assert_close(boxes[:, 2] - boxes[:, 0], torch.full((DRAWS,), 0.3))


def test_as_many_noise_boxes_are_duplicates_as_officially():
    # A box so far from all chance that a near copy can only be a duplicate.
    source = torch.tensor([[0.1, 0.2, 0.1001, 0.2001]])
    generator = torch.Generator().manual_seed(0)
    counts = []
    for _ in range(3000):
        boxes = noise_boxes(source, 98, 0.1, generator)
        counts.append(((boxes - source).abs().amax(1) < 1e-4).sum())
    assert_distributed(torch.stack(counts).float(), "augment_bbox: number of duplicate", noise=0.2)


def test_an_image_without_objects_gets_random_noise_only():
    wanted = section("augment_bbox with no gt")
    boxes = noise_boxes(torch.zeros(0, 4), 5, 0.1, torch.Generator().manual_seed(0))
    assert list(boxes.shape) == wanted["shape"]
    assert (box_area(boxes) > 0).all()


def test_losses_are_the_official_ones():
    record = recorded("loss")
    losses = token_losses(record["logits"], record["labels"])
    torch.testing.assert_close(losses, record["per_token_xent"], atol=1e-5, rtol=1e-5)
    reduced = weighted_mean(losses, record["weights"])
    torch.testing.assert_close(reduced, record["reduced_xent"], atol=1e-5, rtol=1e-5)


# ---- reading and images ---------------------------------------------------------------------


def test_tokens_and_logits_become_the_official_detections():
    record = recorded("decode")
    tokenizer = official_tokenizer()
    boxes_norm, _ = tokenizer.decode(record["pred_seq"])
    torch.testing.assert_close(swap_xy(boxes_norm), record["pred_bbox"])
    at_class = tokenizer.class_positions(record["pred_seq"].shape[1])
    probs = record["logits"].float()[:, at_class].softmax(-1)
    scores, labels = probs[..., tokenizer.class_ids.start : tokenizer.class_ids.stop].max(-1)
    assert torch.equal(labels, record["pred_class"])
    torch.testing.assert_close(scores, record["pred_score"], atol=1e-6, rtol=1e-4)
    for row, size in enumerate(record["orig_image_size"].tolist()):
        frame = Letterbox(PreprocessConfig(image_size=(640, 640)), tuple(size))
        assert list(frame.content_size) == record["unpadded_image_size"][row].tolist()
        pixels = frame.invert_boxes(boxes_norm[row])
        torch.testing.assert_close(
            swap_xy(pixels), record["bbox_orig_pixels"][row], atol=2e-3, rtol=1e-5
        )


@pytest.mark.parametrize("case", range(7))
def test_images_are_resized_and_padded_like_officially(case):
    record = recorded("preprocess_eval")
    image, wanted = record[f"in_{case}"].numpy(), record[f"out_{case}"]
    frame = Letterbox(PreprocessConfig(image_size=tuple(wanted.shape[:2])), image.shape[:2])
    assert list(frame.content_size) == record[f"unpadded_{case}"].tolist()
    pixels = frame.apply_image(Image.fromarray(image)).permute(1, 2, 0)
    torch.testing.assert_close(pixels, wanted, atol=1e-5, rtol=0)
    rows, columns = image.shape[:2]
    boxes = swap_xy(record["bbox_in"]) * torch.tensor([columns, rows, columns, rows])
    found = swap_xy(frame.apply_boxes(boxes))
    torch.testing.assert_close(found, record[f"bbox_{case}"][: len(found)], atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    ("height", "width", "target", "size"),
    [row[:4] for row in section("resize_keep_ratio_sizes")],
)
def test_resized_sizes_round_like_tensorflow(height, width, target, size):
    frame = Letterbox(PreprocessConfig(image_size=(target, target)), (height, width))
    assert list(frame.content_size) == size


MOVES = section("train_transforms")


@pytest.mark.parametrize("move", MOVES, ids=lambda move: f"draw {move['i']}")
def test_train_crops_move_boxes_like_officially(move):
    record = recorded("train_transforms")
    height, width = record["image"].shape[:2]
    target = (96, 112)
    ratio = float(np.float32(move["random_scale"]))  # the official draws are float32
    crop = ScaleCrop(target, ratio, (move["u_crop"], move["u_crop"]), flip=move["flip"])
    assert list(crop.content_size((height, width))) == move["unpadded"]
    boxes = swap_xy(record["bbox"]) * torch.tensor([width, height, width, height])
    moved = crop.apply_boxes(boxes, (height, width))
    # The official code drops crowds and what has no area left; objects 3 and 4 are such here.
    labels = record[f"out_label_{move['i']}"]
    found = swap_xy(moved[labels - 1] / torch.tensor([target[1], target[0]] * 2))
    torch.testing.assert_close(found, record[f"out_bbox_{move['i']}"], atol=1e-5, rtol=0)


@pytest.mark.parametrize("draw", [6, 13])
def test_train_crops_show_what_the_official_ones_show(draw):
    """Ours resizes with antialiasing in 8 bits, theirs without in float: alike, not equal."""
    record = recorded("train_transforms")
    move = MOVES[draw]
    crop = ScaleCrop(
        (96, 112), move["random_scale"], (move["u_crop"], move["u_crop"]), flip=move["flip"]
    )
    part = to_tensor(crop.apply_image(Image.fromarray(record["image"].numpy()))).permute(1, 2, 0)
    rows, columns = part.shape[:2]
    wanted = record[f"out_image_{draw}"][:rows, :columns]
    assert torch.corrcoef(torch.stack([part.flatten(), wanted.flatten()]))[0, 1] > 0.97


# ---- the VOC model's tokenizer and images ---------------------------------------------------

VOC = json.loads((FIXTURES / "shariatnia" / "tokenizer_fixtures.json").read_text())


@pytest.fixture
def voc_tokenizer() -> Tokenizer:
    return Tokenizer(fakes.VOC_LAYOUT, VOC_20)


def test_voc_coordinates_are_truncated(voc_tokenizer):
    values = torch.tensor(VOC["quantize"]["x_float64"], dtype=torch.float64)
    # Theirs writes a class for coordinates beyond the image; ours stays on the image's edge.
    wanted = torch.tensor(VOC["quantize"]["tokens"]).clamp(0, 383)
    assert torch.equal(voc_tokenizer.quantize(values), wanted)
    bins = torch.tensor(VOC["dequantize"]["tokens"])
    torch.testing.assert_close(
        voc_tokenizer.dequantize(bins), torch.tensor(VOC["dequantize"]["float32"])
    )


@pytest.mark.parametrize("case", VOC["encode_decode"], ids=lambda case: case["name"])
def test_voc_sentences_are_written_and_read_alike(voc_tokenizer, case):
    boxes = torch.tensor(case["boxes_xyxy_px"])
    sentence = voc_tokenizer.encode(boxes / 384, torch.tensor(case["labels"]), eos=True)
    assert [voc_tokenizer.bos_id, *sentence.tolist()] == case["tokens"]
    boxes_norm, class_ids = voc_tokenizer.decode(torch.tensor(case["tokens"][1:-1]))
    assert (class_ids - 384).tolist() == case["decoded_labels"]
    torch.testing.assert_close(boxes_norm * 384, torch.tensor(case["decoded_boxes"]))


def test_voc_images_are_squashed_to_whole_grey_levels():
    record = np.load(FIXTURES / "shariatnia" / "preprocess_fixture.npz")
    image = record["img0_uint8_rgb"]
    config = PreprocessConfig((384, 384), fit="stretch", antialias=False, round_uint8=True)
    pixels = Letterbox(config, image.shape[:2]).apply_image(Image.fromarray(image))
    levels = (pixels.permute(1, 2, 0) * 255).round().numpy()[::6, ::6]
    wanted = record["img0_resized_uint8"].astype(float)
    # OpenCV's fixed-point arithmetic differs by one grey level at some pixels.
    assert np.abs(levels - wanted).max() <= 1
    assert (levels != wanted).mean() < 0.2


def test_voc_coordinates_of_whole_pixels_fall_into_the_same_bins(voc_tokenizer):
    pixels = torch.arange(385, dtype=torch.float64) / 384
    wanted = VOC["quantize_pixel_grid"]["tokens"]
    assert voc_tokenizer.quantize(pixels).tolist() == wanted


@pytest.mark.parametrize(
    "case", VOC["top_k_top_p"], ids=lambda case: f"k {case['top_k']} p {case['top_p']}"
)
def test_voc_top_k_and_nucleus_keep_the_same_tokens(voc_tokenizer, case):
    """Theirs came from transformers 4.21: the smallest set with at least mass p."""
    logits = torch.from_numpy(np.load(FIXTURES / "shariatnia" / "filter_logits.npz")["logits"])
    options = SamplingOptions(top_k=case["top_k"], top_p=float(case["top_p"]), grammar=False)
    options = options.resolve(SamplingOptions(), voc_tokenizer.config)
    chain = build_chain(voc_tokenizer, options, torch.device("cpu"))
    for final, wanted in zip(chain.final(logits, index=0), case["kept"], strict=True):
        kept = final.nonzero()[:, 0].tolist()
        assert kept == wanted if isinstance(wanted, list) else len(kept) == wanted
