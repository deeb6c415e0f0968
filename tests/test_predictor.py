"""From image to boxes in its own pixels: encoding, reading, noise modes, batches."""

from __future__ import annotations

import math

import pytest
import torch
from PIL import Image

from pix2seq.checkpoints import CheckpointInfo
from pix2seq.config import ConfigError, PreprocessConfig, SamplingOptions
from pix2seq.detections import Detections
from pix2seq.predictor import Predictor, load
from pix2seq.tokenizer import Tokenizer
from tests.fakes import (
    TINY_PREPROCESS,
    ScriptedModel,
    draw_picture,
    script,
    tiny_model,
    tiny_tokenizer,
    write_objects,
)

TOKENIZER = tiny_tokenizer()
CAT, DOG, PERSON = 15, 16, 0
WIDE = Image.new("RGB", (200, 100))  # fills the upper half of a square input


def predictor_of(table: torch.Tensor, tokenizer: Tokenizer = TOKENIZER, **kwargs) -> Predictor:
    return Predictor(ScriptedModel(table), tokenizer, TINY_PREPROCESS, **kwargs)


def reciting(ids: list[int], **kwargs) -> Predictor:
    return predictor_of(script(ids, TOKENIZER.vocab_size, 40.0), **kwargs)


def objects(*items: tuple[tuple[float, float, float, float], int]) -> list[int]:
    return write_objects(TOKENIZER, items)


def class_table(ids: list[int], *classes: dict[int, float]) -> torch.Tensor:
    """The logits of a recital whose class slots have the given distributions."""
    table = script(ids, TOKENIZER.vocab_size, 40.0)
    for position, probs in zip(TOKENIZER.class_positions(len(ids)), classes, strict=True):
        table[position] = -math.inf
        for token, prob in probs.items():
            table[position, token] = math.log(prob)
    return table


def class_id(label: int) -> int:
    return TOKENIZER.class_ids[label]


def same(a: Detections, b: Detections) -> None:
    torch.testing.assert_close(a.boxes, b.boxes)
    torch.testing.assert_close(a.scores, b.scores, atol=1e-4, rtol=1e-4)
    assert torch.equal(a.labels, b.labels) and torch.equal(a.objects, b.objects)
    assert a.degenerate == b.degenerate


# ---- frames ---------------------------------------------------------------------------------


def test_an_image_without_objects_has_no_detections():
    found = reciting([TOKENIZER.eos_id]).detect(WIDE)
    assert len(found) == 0 and found.boxes.shape == (0, 4) and found.degenerate == 0


def test_boxes_come_back_in_the_pixels_of_the_original():
    """The wide image is letterboxed into the upper half, so y counts double."""
    found = reciting(objects(((0.25, 0.1, 0.75, 0.4), DOG))).detect(WIDE)
    bin_ = 1 / 31
    expected = torch.tensor([[50.0, 20.0, 150.0, 80.0]])
    assert (found.boxes - expected).abs().max() <= 200 * bin_ / 2 + 1e-3
    assert found.labels.tolist() == [DOG] and found.scores[0] == pytest.approx(1, abs=1e-4)


def test_a_stretching_checkpoint_scales_each_side():
    model = ScriptedModel(script(objects(((0, 0, 1, 1), DOG)), TOKENIZER.vocab_size, 40.0))
    stretch = PreprocessConfig(image_size=(64, 64), fit="stretch")
    found = Predictor(model, TOKENIZER, stretch).detect(WIDE)
    torch.testing.assert_close(found.boxes, torch.tensor([[0.0, 0.0, 200.0, 100.0]]))


def test_boxes_are_clipped_and_those_outside_or_inverted_are_counted():
    ids = objects(
        ((0.0, 0.0, 1.0, 1.0), DOG),  # reaches into the padding
        ((0.2, 0.7, 0.6, 0.9), CAT),  # all in the padding
        ((0.8, 0.1, 0.2, 0.4), PERSON),  # inverted
    )
    found = reciting(ids).detect(WIDE)
    assert found.boxes.tolist() == [[0, 0, 200, 100]] and found.degenerate == 2
    assert found.objects.tolist() == [0]


def test_an_object_keeps_its_place_in_the_sentence():
    ids = objects(((0.5, 0.3, 0.2, 0.4), CAT), ((0.1, 0.1, 0.5, 0.4), DOG))
    found = reciting(ids).detect(WIDE)
    assert found.objects.tolist() == [1] and found.labels.tolist() == [DOG]


def test_an_encoding_knows_its_image(picture):
    encoding = reciting([TOKENIZER.eos_id]).encode(picture)
    assert encoding.orig_size == (90, 120) and encoding.grid == (4, 4)
    assert encoding.memory.shape == (1, 16, 8) and encoding.seconds > 0
    assert not encoding.memory.is_inference()


def test_an_image_is_encoded_once_for_many_runs(picture):
    predictor = reciting(objects(((0.1, 0.1, 0.5, 0.4), DOG)))
    encoding = predictor.encode(picture)
    for seed in range(3):
        predictor.detect(encoding, SamplingOptions(seed=seed))
    assert predictor.model.images_encoded == 1


def test_an_unusable_image_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="is not a file"):
        reciting([TOKENIZER.eos_id]).encode(tmp_path / "none.png")


# ---- reading --------------------------------------------------------------------------------


def test_any_beginning_of_a_stream_can_be_read():
    predictor = reciting(objects(((0.1, 0.1, 0.5, 0.4), DOG), ((0.2, 0.2, 0.9, 0.4), CAT)))
    encoding = predictor.encode(WIDE)
    steps = list(predictor.stream(encoding))
    counts = [len(predictor.read(encoding, steps[:n])) for n in range(len(steps) + 1)]
    assert counts == [0] * 5 + [1] * 5 + [2] * 2
    same(predictor.read(encoding, iter(steps)), predictor.detect(encoding))


def test_an_object_cut_off_by_eos_is_not_read():
    broken = [*objects(((0.1, 0.1, 0.5, 0.4), DOG))[:3], TOKENIZER.eos_id]
    found = reciting(broken).detect(WIDE, SamplingOptions(grammar=False))
    assert len(found) == 0


def test_without_grammar_odd_coordinates_read_as_the_tokenizer_says():
    ids = objects(((0.1, 0.1, 0.5, 0.4), DOG))
    ids[0] = TOKENIZER.pad_id  # below the coordinates: 0
    ids[3] = class_id(CAT)  # above them: 1
    found = reciting(ids).detect(WIDE, SamplingOptions(grammar=False))
    assert found.boxes[0, 1] == 0 and found.boxes[0, 2] == 200


ONE = ((0.1, 0.1, 0.5, 0.4), DOG)
NOISY = class_table(
    objects(ONE, ONE)[:10],
    {TOKENIZER.noise_id: 0.6, class_id(CAT): 0.3, class_id(DOG): 0.1},
    {TOKENIZER.noise_id: 0.2, class_id(CAT): 0.3, class_id(DOG): 0.5},
)


@pytest.mark.parametrize(
    ("noise", "labels", "scores", "is_noise", "which"),
    [
        ("paper", [CAT, DOG], [0.3, 0.5], [False, False], [0, 1]),
        ("drop", [DOG], [0.5], [False], [1]),
        ("show", [CAT, DOG], [0.3, 0.5], [True, False], [0, 1]),
    ],
)
def test_the_three_noise_modes(noise, labels, scores, is_noise, which):
    """The first object is most likely noise, then a cat; the second is a dog."""
    options = SamplingOptions(noise=noise, temperature=0, max_objects=2)
    found = predictor_of(NOISY).detect(WIDE, options)
    assert found.labels.tolist() == labels
    assert found.scores.tolist() == pytest.approx(scores)
    assert found.is_noise.tolist() == is_noise and found.objects.tolist() == which
    noise_scores = [0.6, 0.2][-len(labels) :]
    assert found.noise_scores.tolist() == pytest.approx(noise_scores)


def test_the_score_is_not_renormalised_over_classes():
    """Mass on coordinates or EOS at the class slot lowers it, as in the official code."""
    probs = {TOKENIZER.coord_ids[3]: 0.5, class_id(DOG): 0.4, class_id(CAT): 0.1}
    table = class_table(objects(ONE)[:5], probs)
    found = predictor_of(table).detect(WIDE, SamplingOptions(max_objects=1))
    assert found.scores.tolist() == pytest.approx([0.4])


@pytest.mark.parametrize("noise", ["paper", "drop", "show"])
def test_an_unlikely_class_that_was_drawn_is_read_as_the_likeliest(noise):
    table = class_table(objects(ONE)[:5], {class_id(CAT): 0.7, class_id(DOG): 0.3})
    predictor = predictor_of(table)
    encoding = predictor.encode(WIDE)
    options = SamplingOptions(noise=noise, max_objects=1)
    seed = next(
        s
        for s in range(100)
        if list(predictor.stream(encoding, options.replace(seed=s)))[4].token_id == class_id(DOG)
    )
    found = predictor.detect(encoding, options.replace(seed=seed))
    assert found.labels.tolist() == [CAT] and found.scores.tolist() == pytest.approx([0.7])
    assert found.written.tolist() == [DOG]


@pytest.mark.parametrize("noise", ["paper", "drop", "show"])
def test_a_forced_class_is_reported_as_it_is(noise):
    ids = objects(ONE)[:5]
    predictor = predictor_of(class_table(ids, {class_id(CAT): 0.9, class_id(DOG): 0.1}))
    encoding = predictor.encode(WIDE)
    options = SamplingOptions(noise=noise, max_objects=1)
    prefix = [*ids[:4], class_id(DOG)]
    steps = list(predictor.stream(encoding, options, prefix=prefix, forced=[4]))
    found = predictor.read(encoding, steps, options)
    assert found.labels.tolist() == [DOG] and found.scores.tolist() == pytest.approx([0.1])


def test_a_forbidden_class_is_neither_written_nor_reported():
    options = SamplingOptions(forbidden_labels=(DOG, CAT), noise="paper", max_objects=2)
    table = NOISY.clone()
    table[[4, 9], class_id(PERSON)] = math.log(0.01)
    found = predictor_of(table).detect(WIDE, options)
    assert found.labels.tolist() == [PERSON, PERSON]


def test_a_nonsense_class_slot_reads_as_the_likeliest_class():
    probs = {TOKENIZER.eos_id: 0.0001, TOKENIZER.coord_ids[0]: 0.9, class_id(CAT): 0.0999}
    table = class_table(objects(ONE)[:5], probs)
    options = SamplingOptions(grammar=False, temperature=0, max_objects=1, noise="show")
    found = predictor_of(table).detect(WIDE, options)
    assert found.labels.tolist() == [CAT] and not found.is_noise.any()


def test_a_vocabulary_without_noise_has_no_noise_scores():
    tokenizer = Tokenizer(TOKENIZER.config.replace(noise_id=None), TOKENIZER.categories)
    for mode in ("paper", "drop", "show"):
        options = SamplingOptions(noise=mode, temperature=0, max_objects=2, grammar=False)
        found = predictor_of(NOISY, tokenizer).detect(WIDE, options)
        assert len(found) == 2 and not found.is_noise.any() and found.noise_scores.sum() == 0


def test_objects_below_the_threshold_are_not_reported():
    options = SamplingOptions(noise="paper", temperature=0, max_objects=2)
    predictor = predictor_of(NOISY)
    assert len(predictor.detect(WIDE, options.replace(score_threshold=0.4))) == 1
    assert len(predictor.detect(WIDE, options.replace(score_threshold=0.9))) == 0


# ---- options --------------------------------------------------------------------------------


def test_options_left_open_are_the_checkpoints():
    predictor = reciting([TOKENIZER.eos_id], defaults=SamplingOptions(top_p=0.4, max_objects=3))
    assert predictor.resolve().top_p == 0.4
    assert predictor.resolve(SamplingOptions(top_p=0.9)).top_p == 0.9
    assert len(predictor.detect(WIDE, SamplingOptions(eos="delay", noise="show"))) <= 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_bins": 33}, "num_bins is 33, but this model has 32; use 32 or less"),
        ({"max_objects": 9}, "max_objects is 9, but this model has 8; use 8 or less"),
        ({"forbidden_labels": (80,)}, "forbidden label 80"),
        ({"forbidden_labels": tuple(range(80))}, "all 80 classes are forbidden"),
    ],
)
def test_options_beyond_the_model_are_refused_at_once(options, message):
    predictor = reciting([TOKENIZER.eos_id])
    encoding = predictor.encode(WIDE)
    with pytest.raises(ConfigError, match=message):
        predictor.stream(encoding, SamplingOptions(**options))


def test_a_predictor_tells_what_it_is():
    info = CheckpointInfo(name="recital", title="A recital")
    predictor = reciting([TOKENIZER.eos_id], info=info)
    assert predictor.name == "recital" and predictor.info is info
    assert predictor.categories is TOKENIZER.categories
    assert predictor.device == torch.device("cpu")


# ---- a real network -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real() -> Predictor:
    return Predictor(tiny_model(spread=4.0), TOKENIZER, TINY_PREPROCESS)


PICTURES = [draw_picture(120, 90), draw_picture(50, 110), draw_picture(64, 64)]
LOUD = SamplingOptions(temperature=50.0, eos="delay", noise="show", seed=7)  # boxes have area


@pytest.mark.parametrize("options", [LOUD, LOUD.replace(eos="model"), LOUD.replace(grammar=False)])
def test_a_batch_finds_what_single_images_give(real: Predictor, options: SamplingOptions):
    single = [real.detect(image, options) for image in PICTURES]
    assert sum(map(len, single)) >= 3
    for a, b in zip(real.detect_batch(PICTURES, options), single, strict=True):
        same(a, b)


def test_a_batch_of_no_images_is_empty(real: Predictor):
    assert real.detect_batch([]) == [] and real.detect_samples(PICTURES[0], None, []) == []


def test_samples_of_one_image_are_its_runs_with_these_seeds(real: Predictor):
    encoding = real.encode(PICTURES[0])
    for seed, found in zip([5, 6], real.detect_samples(encoding, LOUD, [5, 6]), strict=True):
        same(found, real.detect(encoding, LOUD.replace(seed=seed)))


def test_many_images_are_written_as_they_are_alone(real: Predictor):
    encodings = [real.encode(image) for image in PICTURES * 2]
    found = {}
    for written in real.write_many(encodings, lambda i: LOUD.replace(seed=i), max_rows=4):
        assert written.encoding is encodings[written.index]
        assert written.options == real.resolve(LOUD.replace(seed=written.index))
        found[written.index] = real.read(written.encoding, written.steps, written.options)
    assert sorted(found) == list(range(6))
    for index, encoding in enumerate(encodings):
        same(found[index], real.detect(encoding, LOUD.replace(seed=index)))


def test_cross_attention_tells_where_each_token_came_from(real: Predictor):
    encoding = real.encode(PICTURES[0])
    ids = [step.token_id for step in real.stream(encoding, LOUD)]
    weights = real.cross_attention(encoding, ids).cells
    assert weights.shape == (2, 2, len(ids), 16)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 2, len(ids)))
    # A token's row depends on the tokens before it, not on itself.
    for same in (ids[:3], [*ids[:2], 9]):
        looked = real.cross_attention(encoding, same)
        torch.testing.assert_close(looked.cells, weights[:, :, :3])
        assert looked.drafts.shape == (2, 2, 3, 0)
    assert real.cross_attention(encoding, []).cells.shape == (2, 2, 0, 16)


def test_the_memory_can_be_used_outside_of_inference(real: Predictor):
    memory = real.encode(PICTURES[0]).memory
    logits = real.model.decode(torch.tensor([[TOKENIZER.bos_id]]), memory)
    logits.sum().backward()  # the random network's weights still want gradients
    real.model.zero_grad(set_to_none=True)


def test_a_saved_predictor_detects_the_same_after_loading(tiny_checkpoint):
    predictor = load(tiny_checkpoint, "cpu")
    options = LOUD.replace(seed=11)
    same(
        predictor.detect(PICTURES[0], options),
        load(str(tiny_checkpoint)).detect(PICTURES[0], options),
    )
    assert len(predictor.detect(PICTURES[0], options)) > 0
