"""Clusters of overlapping objects over several samples, and what one more sample adds."""

from __future__ import annotations

from itertools import combinations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pix2seq.agreement import cluster, discovery_curve, true_object_counts, write_samples
from pix2seq.config import SamplingOptions
from pix2seq.detections import Detections
from pix2seq.predictor import Predictor
from tests import fakes

DOG, CAT = 16, 15


def found(*objects) -> Detections:
    """``(box, label, score)`` triples as detections."""
    boxes = torch.tensor([box for box, _, _ in objects], dtype=torch.float32).reshape(-1, 4)
    labels = torch.tensor([label for _, label, _ in objects], dtype=torch.long)
    return Detections.of(boxes, labels, torch.tensor([score for _, _, score in objects]))


HERE, NEARLY, THERE = (0, 0, 10, 10), (1, 0, 11, 10), (50, 50, 60, 60)


@pytest.mark.parametrize("samples", [[], [Detections.empty()], [Detections.empty()] * 3])
def test_no_objects_make_no_clusters(samples):
    assert cluster(samples) == []


def test_overlapping_boxes_of_one_class_are_one_object():
    clusters = cluster([found((HERE, DOG, 0.8)), found((NEARLY, DOG, 0.9)), found((THERE, DOG, 1))])
    assert [(c.label, c.count) for c in clusters] == [(DOG, 2), (DOG, 1)]
    both = clusters[0]
    assert both.members == ((1, 0), (0, 0))  # best score first
    assert both.box.tolist() == [0.5, 0, 10.5, 10]
    assert both.spread.tolist() == [0.5, 0, 0.5, 0]
    assert both.score == pytest.approx(0.85)


def test_another_class_in_the_same_place_is_another_object():
    clusters = cluster([found((HERE, DOG, 0.8)), found((HERE, CAT, 0.9))])
    assert [(c.label, c.count) for c in clusters] == [(CAT, 1), (DOG, 1)]


def test_an_object_written_twice_in_one_sample_counts_once():
    (both,) = cluster([found((HERE, DOG, 0.8), (NEARLY, DOG, 0.7))])
    assert (both.count, len(both.members)) == (1, 2)


def test_a_box_at_the_threshold_does_not_join():
    half = (0, 0, 10, 5)
    assert len(cluster([found((HERE, DOG, 0.8)), found((half, DOG, 0.7))], iou_threshold=0.5)) == 2


def test_a_box_without_area_stands_alone():
    flat = (5, 5, 5, 9)
    clusters = cluster([found((flat, DOG, 0.8)), found((flat, DOG, 0.7))])
    assert [c.count for c in clusters] == [1, 1]


@given(
    st.lists(
        st.lists(
            st.tuples(
                st.sampled_from([HERE, NEARLY, THERE]),
                st.sampled_from([DOG, CAT]),
                st.floats(0, 1, width=32),
            ),
            max_size=5,
        ),
        max_size=4,
    )
)
def test_every_object_is_in_exactly_one_cluster(samples):
    clusters = cluster([found(*objects) for objects in samples])
    members = [member for c in clusters for member in c.members]
    assert sorted(members) == [
        (n, row) for n, objs in enumerate(samples) for row in range(len(objs))
    ]
    assert [c.count for c in clusters] == sorted((c.count for c in clusters), reverse=True)


def test_true_objects_are_counted_once_per_sample():
    samples = [
        found((NEARLY, DOG, 0.8), (HERE, DOG, 0.7)),
        found((HERE, CAT, 0.9)),
        Detections.empty(),
    ]
    truth = torch.tensor([HERE, THERE], dtype=torch.float32)
    assert true_object_counts(samples, truth, torch.tensor([DOG, DOG])) == [1, 0]
    assert true_object_counts(samples, truth[:0], torch.zeros(0).long()) == []


@pytest.mark.parametrize(
    ("counts", "samples", "curve"),
    [([], 3, [0, 0, 0]), ([3], 3, [1, 1, 1]), ([1], 3, [1 / 3, 2 / 3, 1]), ([], 0, [])],
)
def test_the_discovery_curve_starts_at_the_mean_and_ends_at_the_union(counts, samples, curve):
    assert discovery_curve(counts, samples) == pytest.approx(curve)


@given(st.lists(st.sets(st.integers(0, 4), min_size=1), max_size=5))
def test_the_discovery_curve_is_the_mean_over_all_choices(objects):
    curve = discovery_curve([len(samples) for samples in objects], 5)
    for k in range(1, 6):
        choices = [
            sum(bool(o & set(chosen)) for o in objects) for chosen in combinations(range(5), k)
        ]
        assert curve[k - 1] == pytest.approx(sum(choices) / len(choices))


def test_a_count_beyond_the_samples_is_refused():
    with pytest.raises(ValueError, match="do not fit 2 samples"):
        discovery_curve([3], 2)


@pytest.fixture
def predictor(tokenizer) -> Predictor:
    return Predictor(fakes.tiny_model(spread=4.0), tokenizer, fakes.TINY_PREPROCESS)


def test_samples_are_what_detect_gives_with_their_seeds(predictor, picture):
    encoding = predictor.encode(picture)
    options = SamplingOptions(max_objects=3, temperature=1.0)
    *_, samples = write_samples(predictor, encoding, options, range(6))
    assert len(samples) == 6
    for seed, sample in enumerate(samples):
        alone = predictor.detect(encoding, options.replace(seed=seed))
        assert torch.allclose(sample.found.boxes, alone.boxes, atol=1e-3)
        assert sample.found.labels.tolist() == alone.labels.tolist()


@pytest.mark.parametrize("eos", ["model", "delay"])
def test_a_sample_costs_what_its_tokens_cost(predictor, picture, eos):
    encoding = predictor.encode(picture)
    options = SamplingOptions(max_objects=3, temperature=1.0, eos=eos)
    *_, samples = write_samples(predictor, encoding, options, range(6))
    for seed, sample in enumerate(samples):
        steps = list(predictor.stream(encoding, options.replace(seed=seed)))
        assert sample.tokens == len(steps)
        assert sample.nats == pytest.approx(-sum(step.logprob for step in steps), rel=1e-4)


def test_samples_appear_a_few_at_a_time_and_stop_between_tokens(predictor, picture):
    encoding = predictor.encode(picture)
    options = SamplingOptions(max_objects=2)
    assert [len(s) for s in write_samples(predictor, encoding, options, range(6))] == [4, 6]
    assert list(write_samples(predictor, encoding, options, range(6), lambda: True)) == []
    assert list(write_samples(predictor, encoding, options, [])) == []
