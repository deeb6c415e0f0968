"""Two sentences: where they part, why, and which objects they share."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pix2seq.compare import (
    align,
    differences,
    explain_divergence,
    first_divergence,
    match_objects,
    segments,
)
from pix2seq.config import SamplingOptions
from pix2seq.detections import Detections
from pix2seq.sampling import sample_stream

IDS = st.lists(st.integers(0, 30), max_size=12)


@pytest.mark.parametrize(
    ("a", "b", "index"),
    [
        ([], [], None),
        ([], [4], 0),
        ([4, 5], [4, 5], None),
        ([4, 5, 6], [4, 7, 6], 1),
        ([4, 5], [4, 5, 6], 2),
        ([4, 5, 6], [4, 5], 2),
    ],
)
def test_sentences_part_at_their_first_different_token(a, b, index):
    assert first_divergence(a, b) == index


@given(IDS, IDS)
def test_everything_before_the_divergence_is_shared(a, b):
    index = first_divergence(a, b)
    assert index == first_divergence(b, a)
    if index is None:
        assert a == b
    else:
        assert a[:index] == b[:index]
        assert a[index : index + 1] != b[index : index + 1]


def test_aligned_tokens_say_how_they_relate(tokenizer):
    bins = tokenizer.coord_ids
    dog = tokenizer.class_ids[16]
    a = [bins[3], bins[4], bins[20], bins[9], dog, tokenizer.eos_id]
    b = [bins[3], bins[6], bins[20], bins[8]]
    pairs = align(a, b, tokenizer)
    assert [p.relation for p in pairs] == ["same", "first", "same", "different", "only a", "only a"]
    assert [p.shift for p in pairs] == [0, 2, 0, -1, None, None]
    assert [(p.index, p.a) for p in pairs] == list(enumerate(a))
    assert align([], [], tokenizer) == []
    assert align(b, a, tokenizer)[-1].relation == "only b"


def run(model, tokenizer, options):
    memory = model.encode_image(torch.zeros(1, 3, 64, 64))
    options = options.resolve(SamplingOptions(), tokenizer.config)
    return list(sample_stream(model, memory, tokenizer, options)), options


def test_one_number_explains_both_tokens_of_a_divergence(tiny_model, tokenizer):
    likely, options_a = run(tiny_model, tokenizer, SamplingOptions(temperature=0, seed=3))
    wild, options_b = run(tiny_model, tokenizer, SamplingOptions(temperature=2, seed=3))
    why = explain_divergence(likely, wild, options_a, options_b, tokenizer)
    assert why.token_a == likely[why.index].token_id != why.token_b == wild[why.index].token_id
    assert why.below_a <= why.number < why.below_a + float(why.final_a[why.token_a])
    assert why.below_b <= why.number < why.below_b + float(why.final_b[why.token_b])
    assert float(why.final_a[why.token_a]) == 1  # argmax leaves one token


def test_runs_that_do_not_part_need_no_explanation(tiny_model, tokenizer):
    steps, options = run(tiny_model, tokenizer, SamplingOptions(seed=1, max_objects=2))
    assert explain_divergence(steps, steps, options, options, tokenizer) is None
    longer, more = run(tiny_model, tokenizer, SamplingOptions(seed=1, max_objects=3))
    assert explain_divergence(steps, longer, options, more, tokenizer) is None


def test_two_seeds_cannot_be_compared(tiny_model, tokenizer):
    steps, options = run(tiny_model, tokenizer, SamplingOptions(seed=1))
    with pytest.raises(ValueError, match="seeds 1 and 2 differ"):
        explain_divergence(steps, steps, options, options.replace(seed=2), tokenizer)


@pytest.mark.parametrize(
    ("final", "chosen", "expected"),
    [
        ([0.0, 1.0, 0.0], 1, [(1, 1, 1.0)]),
        ([0.1, 0.2, 0.7], 0, [(0, 0, 0.1), (1, 1, 0.2), (2, 2, 0.7)]),
        ([0.02, 0.03, 0.9, 0.05], 3, [(0, 1, 0.05), (2, 2, 0.9), (3, 3, 0.05)]),
        ([0.02, 0.0, 0.03, 0.95], 3, [(0, 2, 0.05), (3, 3, 0.95)]),
        ([0.02, 0.03, 0.02, 0.93], 1, [(0, 0, 0.02), (1, 1, 0.03), (2, 2, 0.02), (3, 3, 0.93)]),
    ],
)
def test_small_neighbours_share_a_segment_and_the_drawn_token_has_its_own(final, chosen, expected):
    found = segments(torch.tensor(final, dtype=torch.float64), chosen, least=0.06)
    assert [(s.first, s.last) for s in found] == [(first, last) for first, last, _ in expected]
    assert [s.prob for s in found] == pytest.approx([prob for _, _, prob in expected])


def test_differences_name_what_two_settings_do_not_share():
    a = SamplingOptions(temperature=0.0, seed=4)
    assert differences(a, a) == []
    assert differences(a, a.replace(temperature=1.0, eos="delay")) == [
        ("temperature", 0.0, 1.0),
        ("eos", None, "delay"),
    ]


def found(boxes, labels) -> Detections:
    boxes = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
    return Detections.of(boxes, torch.tensor(labels).long(), torch.ones(len(boxes)))


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (Detections.empty(), Detections.empty()),
        (found([[0, 0, 9, 9]], [1]), Detections.empty()),
        (Detections.empty(), found([[0, 0, 9, 9]], [1])),
        (found([[0, 0, 9, 9]], [1]), found([[0, 0, 9, 9]], [2])),
        (found([[0, 0, 9, 9]], [1]), found([[9, 9, 18, 18]], [1])),
    ],
)
def test_objects_that_share_no_class_or_place_do_not_match(a, b):
    assert match_objects(a, b) == []


def test_objects_match_best_overlap_first_and_once():
    a = found([[0, 0, 10, 10], [2, 0, 12, 10]], [1, 1])
    b = found([[2, 0, 12, 10], [50, 50, 60, 60]], [1, 1])
    (match,) = match_objects(a, b)
    assert (match.a, match.b, match.iou) == (1, 0, 1.0)


def test_the_order_of_writing_does_not_matter_for_matching():
    everything = found([[0, 0, 10, 10], [30, 30, 40, 40], [60, 10, 90, 80]], [1, 2, 3])
    matches = match_objects(everything, everything[[2, 0, 1]])
    assert [(m.a, m.b) for m in matches] == [(0, 1), (1, 2), (2, 0)]
