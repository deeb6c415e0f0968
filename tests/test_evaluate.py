"""Scores against numbers worked out by hand, and a whole evaluation with a scripted model."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pix2seq.categories import COCO_80, COCO_91, VOC_20, Categories
from pix2seq.config import ConfigError, SamplingOptions
from pix2seq.data import Sample
from pix2seq.detections import Detections
from pix2seq.evaluate import Truth, as_table, evaluate, score
from pix2seq.evaluate.bootstrap import averages, bootstrap, precision_and_recall, resample
from pix2seq.evaluate.quality import (
    calibration_error,
    count_duplicates,
    count_violations,
    precision_recall_at,
    reliability,
)
from pix2seq.predictor import Predictor
from pix2seq.render.plots import plot_result
from pix2seq.sampling import sample_stream
from tests import fakes

PETS = Categories.contiguous(["dog", "cat"])


def truth(*objects, image_id=1, size=(400, 400), crowd=()) -> Truth:
    """``objects``: (box, label); ``crowd``: their positions that are crowds."""
    count = len(objects)
    return Truth(
        image_id=image_id,
        size=size,
        boxes=torch.tensor([box for box, _ in objects]).float().reshape(-1, 4),
        labels=torch.tensor([label for _, label in objects]).long(),
        is_crowd=torch.tensor([i in crowd for i in range(count)]).bool(),
    )


def found(*objects) -> Detections:
    """``objects``: (box, label, score)."""
    return Detections.of(
        torch.tensor([box for box, _, _ in objects]).float().reshape(-1, 4),
        torch.tensor([label for _, label, _ in objects]).long(),
        torch.tensor([value for _, _, value in objects]).float(),
    )


# Two dogs and nothing else in the first image, a dog and a cat in the second. The dogs are found,
# missed and invented (scores 0.95 right, 0.85 wrong, 0.75 right); the cat's box has IoU 0.62.
BY_HAND = (
    [
        truth(((0, 0, 100, 100), 0), ((200, 200, 300, 300), 0)),
        truth(((50, 50, 150, 150), 0), ((200, 0, 300, 100), 1), image_id=2),
    ],
    [
        found(((0, 0, 100, 100), 0, 0.95), ((300, 0, 400, 100), 0, 0.85)),
        found(((50, 50, 150, 150), 0, 0.75), ((200, 0, 262, 100), 1, 0.65)),
    ],
)
# Precision 1 up to recall 1/3 (34 of the 101 thresholds), 2/3 up to recall 2/3 (33), then nothing.
DOG_AP = (34 * 1 + 33 * 2 / 3) / 101


class TestScore:
    def test_no_detection_at_all_scores_zero(self):
        scores = score([truth(((0, 0, 10, 10), 0))], [Detections.empty()], PETS)
        assert scores.metrics["AP"] == 0
        assert scores.metrics["AR100"] == 0
        assert math.isnan(scores.metrics["APl"])  # there is no large object to be found

    def test_no_object_at_all_is_not_a_score(self):
        scores = score([truth()], [found(((0, 0, 10, 10), 0, 0.5))], PETS)
        assert all(math.isnan(value) for value in scores.metrics.values())
        assert score([truth()], [Detections.empty()], PETS).per_class(PETS) == {}

    def test_no_image_is_refused(self):
        with pytest.raises(ConfigError, match="no image"):
            score([], [], PETS)

    def test_the_averages_are_those_worked_out_by_hand(self):
        metrics = score(*BY_HAND, PETS).metrics
        cat_ap = 3 / 10  # IoU 0.62 passes 0.5, 0.55 and 0.6
        assert metrics["AP"] == pytest.approx((DOG_AP + cat_ap) / 2)
        assert metrics["AP50"] == pytest.approx((DOG_AP + 1) / 2)
        assert metrics["AP75"] == pytest.approx(DOG_AP / 2)
        assert metrics["AR100"] == pytest.approx((2 / 3 + cat_ap) / 2)
        assert metrics["APl"] == pytest.approx(metrics["AP"])  # all objects exceed 96 x 96
        assert math.isnan(metrics["APs"])

    def test_at_most_one_box_per_image_counts_for_ar1(self):
        objects = truth(((0, 0, 100, 100), 0), ((200, 200, 300, 300), 0))
        both = found(((0, 0, 100, 100), 0, 0.9), ((200, 200, 300, 300), 0, 0.8))
        metrics = score([objects], [both], PETS).metrics
        assert (metrics["AR1"], metrics["AR10"]) == (0.5, 1.0)

    def test_per_class_numbers_name_the_classes(self):
        rows = score(*BY_HAND, PETS).per_class(PETS)
        assert rows["dog"] == pytest.approx(
            {"AP": DOG_AP, "AP50": DOG_AP, "AP50l": DOG_AP, "objects": 3}
        )
        assert rows["cat"]["AP50"] == pytest.approx(1)

    def test_a_box_inside_a_crowd_is_neither_right_nor_wrong(self):
        crowd = truth(((0, 0, 100, 100), 0), ((200, 200, 400, 400), 0), crowd=[1])
        in_crowd = ((210, 210, 250, 250), 0, 0.95)
        scores = score([crowd], [found(in_crowd, ((0, 0, 100, 100), 0, 0.9))], PETS)
        assert scores.metrics["AP"] == pytest.approx(1)
        assert precision_recall_at(scores, 0.0) == (1.0, 1.0)
        assert [b.count for b in reliability(scores)] == [1]

    def test_a_label_without_a_class_name_is_left_out(self):
        gap = 12  # COCO uses no category id 12
        one = truth(((0, 0, 100, 100), 1))
        boxes = found(((0, 0, 100, 100), gap, 0.99), ((0, 0, 100, 100), 1, 0.5))
        assert score([one], [boxes], COCO_91).metrics["AP"] == pytest.approx(1)

    def test_the_precision_recall_curve_is_the_mean_over_classes(self):
        recall, precision = score(*BY_HAND, PETS).precision_recall(0.5)
        assert recall[[0, 50, 100]].tolist() == [0, 0.5, 1]
        assert precision[[0, 50, 100]] == pytest.approx([1, (2 / 3 + 1) / 2, 0.5])


@st.composite
def matched_images(draw):
    """A few images with boxes on a coarse grid, so that matches of every kind occur."""
    side = st.integers(0, 3).map(lambda i: 60 * i)
    box = st.tuples(side, side, st.sampled_from([40, 70, 120]), st.sampled_from([40, 70, 120])).map(
        lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
    )
    label = st.integers(0, 1)
    # Scores are all different: COCO breaks ties by image order, which replication changes.
    values = iter(draw(st.permutations(range(1, 40))))
    count = draw(st.integers(1, 4))
    truths, detections = [], []
    for i in range(count):
        objects = draw(st.lists(st.tuples(box, label), max_size=4))
        crowd = draw(st.sets(st.integers(0, 3), max_size=1))
        truths.append(truth(*objects, image_id=i, crowd=crowd))
        boxes = draw(st.lists(st.tuples(box, label), max_size=5))
        detections.append(found(*((b, k, next(values) / 40) for b, k in boxes)))
    return truths, detections


class TestBootstrap:
    @given(matched_images())
    def test_with_every_image_once_it_is_the_coco_average(self, images):
        scores = score(*images, PETS)
        pairs = [
            precision_and_recall(scores.table(label), np.ones((1, scores.images)))
            for label in scores.labels
        ]
        for name, column in (("AP", 0), ("AR100", 1)):
            values = np.array([pair[column] for pair in pairs]).ravel()
            values = values[~np.isnan(values)]
            if math.isnan(scores.metrics[name]):
                assert values.size == 0
            else:
                assert values.mean() == pytest.approx(scores.metrics[name])

    @settings(max_examples=25)
    @given(matched_images(), st.data())
    def test_a_weight_of_two_is_the_image_twice(self, images, data):
        truths, detections = images
        weights = data.draw(st.lists(st.integers(0, 2), min_size=len(truths), max_size=len(truths)))
        if not any(weights):
            return
        order = [i for i, weight in enumerate(weights) for _ in range(weight)]
        repeated = score([truths[i] for i in order], [detections[i] for i in order], PETS)
        once = score(truths, detections, PETS)
        values = [precision_and_recall(once.table(k), np.array([weights]))[0] for k in once.labels]
        values = np.array([v for v in values if not np.isnan(v).any()])
        if math.isnan(repeated.metrics["AP"]):
            assert values.size == 0
        else:
            assert values.mean() == pytest.approx(repeated.metrics["AP"])

    def test_intervals_hold_the_value_and_repeat_with_the_seed(self):
        truths, detections = BY_HAND[0] * 10, BY_HAND[1] * 10
        scores = score(truths, detections, PETS)
        spans = bootstrap(scores, draws=100, seed=1, watched={"dog AP50": 0, "unseen": 7})
        assert set(spans) == {"AP", "AP50", "AP75", "AR100", "AP50l", "dog AP50"}
        for name in ("AP", "AP50", "AP75", "AR100"):
            low, high = spans[name]
            assert low < scores.metrics[name] < high
        assert spans == bootstrap(scores, draws=100, seed=1, watched={"dog AP50": 0})

    def test_a_single_image_leaves_no_doubt(self):
        low, high = bootstrap(score(BY_HAND[0][:1], BY_HAND[1][:1], PETS), draws=20)["AP"]
        assert low == high

    def test_without_objects_there_is_no_interval(self):
        spans = bootstrap(score([truth()], [Detections.empty()], PETS), draws=5)
        assert all(math.isnan(value) for span in spans.values() for value in span)

    @settings(max_examples=25)
    @given(matched_images(), st.integers(1, 7))
    def test_all_draws_at_once_are_the_draws_one_by_one(self, images, draws):
        scores = score(*images, PETS)
        weights = resample(scores.images, draws)
        assert weights.sum(axis=1).tolist() == [scores.images] * draws
        together = averages(scores, weights)
        for i in range(draws):
            alone = averages(scores, weights[i : i + 1])
            for name, values in together.items():
                assert values[i] == pytest.approx(alone[name][0], nan_ok=True)


class TestDuplicates:
    @pytest.mark.parametrize(
        ("objects", "count"),
        [
            ([], 0),
            ([((0, 0, 100, 100), 0, 0.9)], 0),
            ([((0, 0, 100, 100), 0, 0.9), ((0, 0, 100, 90), 0, 0.8)], 1),  # IoU 0.9
            ([((0, 0, 100, 100), 0, 0.9), ((0, 0, 100, 60), 0, 0.8)], 0),  # 0.6 is not above 0.6
            ([((0, 0, 100, 100), 0, 0.9), ((0, 0, 100, 90), 1, 0.8)], 0),  # another class
            ([((0, 0, 100, 100), 0, 0.5)] * 3, 2),  # equal scores: the first one stays
        ],
        ids=["none", "one", "repeats", "at the limit", "other class", "ties"],
    )
    def test_a_worse_copy_of_the_same_class_counts_once(self, objects, count):
        assert count_duplicates(found(*objects)) == count


class TestCalibration:
    def test_bins_compare_what_is_said_with_what_is_true(self):
        bins = reliability(score(*BY_HAND, PETS))
        said = [(b.low, b.count, round(b.mean_score, 3), b.precision) for b in bins]
        assert said == [(0.6, 1, 0.65, 1), (0.7, 1, 0.75, 1), (0.8, 1, 0.85, 0), (0.9, 1, 0.95, 1)]
        assert calibration_error(bins) == pytest.approx((0.35 + 0.25 + 0.85 + 0.05) / 4)

    def test_a_score_of_one_belongs_to_the_last_bin(self):
        bins = reliability(score([truth()], [found(((0, 0, 9, 9), 0, 1.0))], PETS))
        assert [(b.low, b.high, b.count) for b in bins] == [(0.9, 1.0, 1)]

    def test_nothing_found_says_nothing(self):
        assert reliability(score([truth()], [Detections.empty()], PETS)) == []
        assert math.isnan(calibration_error([]))

    def test_the_threshold_decides_what_is_shown(self):
        scores = score(*BY_HAND, PETS)
        assert precision_recall_at(scores, 0.0) == (3 / 4, 3 / 4)
        assert precision_recall_at(scores, 0.9) == (1, 1 / 4)
        assert math.isnan(precision_recall_at(scores, 0.99)[0])


class TestViolations:
    def test_every_token_up_to_and_with_eos_counts(self, tokenizer):
        coord, label, eos = 10, tokenizer.class_ids[0], tokenizer.eos_id
        good = [coord] * 4 + [label]

        def broken(ids: list[int]) -> int:
            model = fakes.ScriptedModel(fakes.script(ids, tokenizer.vocab_size))
            options = SamplingOptions(grammar=False, temperature=0, max_objects=len(good) // 5 + 1)
            memory = model.encode_image(torch.zeros(1, 3, 8, 8))
            steps = list(sample_stream(model, memory, tokenizer, options))
            assert [step.token_id for step in steps[: len(ids)]] == ids
            return count_violations(steps[: len(ids)], tokenizer)

        assert broken([*good, eos]) == 0
        assert broken([label, coord, coord, coord, label, *good]) == 1  # a class in ymin's place
        assert broken([coord, coord, eos]) == 1  # EOS inside an object


@dataclass
class Album:
    """A data set of one picture, over and over."""

    objects: list
    count: int = 3
    categories: Categories = COCO_80

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Sample:
        return Sample(
            image=Image.new("RGB", (64, 64), (index * 40, 90, 90)),
            boxes=torch.tensor([box for box, _ in self.objects]).float().reshape(-1, 4),
            labels=torch.tensor([label for _, label in self.objects]).long(),
            image_id=index,
            is_crowd=torch.zeros(len(self.objects)).bool(),
        )


DOG, CAT = COCO_80.label_of_name("dog"), COCO_80.label_of_name("cat")
WHOLE, QUARTER = (0.0, 0.0, 1.0, 1.0), (0.0, 0.0, 0.5, 0.5)


@pytest.fixture
def reciting(scripted, tokenizer):
    """A predictor that finds a dog over the whole 64 x 64 image in every picture."""
    ids = fakes.write_objects(tokenizer, [(WHOLE, DOG)])
    return Predictor(scripted(ids), tokenizer, fakes.TINY_PREPROCESS)


class TestEvaluate:
    def test_a_model_that_is_right_scores_one(self, reciting):
        told = []
        album = Album([((0, 0, 64, 64), DOG)])
        result = evaluate(
            reciting,
            album,
            batch_size=2,
            bootstrap_draws=5,
            on_progress=lambda done, total: told.append((done, total)),
        )
        assert told == [(2, 3), (3, 3)]
        assert (result.images, result.objects) == (3, 3)
        assert result.metrics["AP"] == pytest.approx(1)
        assert result.per_class["dog"]["AP50"] == pytest.approx(1)
        assert result.intervals["AP"] == pytest.approx((1, 1))
        assert (result.precision, result.recall, result.duplicates) == (1, 1, 0)
        assert result.objects_per_image == 1
        assert result.violations == 0
        assert result.encode_s > 0 and result.decode_s > 0 and result.tokens_per_s > 0

    def test_what_is_not_there_is_missed(self, reciting):
        result = evaluate(reciting, Album([((0, 0, 64, 64), DOG), ((0, 0, 32, 32), CAT)]))
        assert result.metrics["AP50"] == pytest.approx(0.5)
        assert result.recall == 0.5

    def test_the_score_threshold_hides_boxes_but_does_not_change_ap(self, reciting):
        album = Album([((0, 0, 64, 64), DOG)])
        strict = evaluate(reciting, album, SamplingOptions(score_threshold=1.0))
        assert strict.metrics["AP"] == pytest.approx(1)
        assert strict.objects_per_image == 0
        assert math.isnan(strict.precision) and math.isnan(strict.duplicates)

    def test_duplicates_above_the_threshold_are_counted(self, scripted, tokenizer):
        ids = fakes.write_objects(tokenizer, [(WHOLE, DOG), (WHOLE, DOG), (QUARTER, DOG)])
        predictor = Predictor(scripted(ids), tokenizer, fakes.TINY_PREPROCESS)
        assert evaluate(predictor, Album([])).duplicates == pytest.approx(1 / 3)

    def test_without_grammar_nonsense_is_counted(self, scripted, tokenizer):
        ids = fakes.write_objects(tokenizer, [(WHOLE, DOG)])
        ids[1] = tokenizer.class_ids[5]
        predictor = Predictor(scripted(ids), tokenizer, fakes.TINY_PREPROCESS)
        options = SamplingOptions(grammar=False, temperature=0.0)
        assert evaluate(predictor, Album([]), options).violations == pytest.approx(1 / 6)

    def test_classes_are_matched_by_name_and_unknown_ones_reported(self, reciting):
        album = Album([((0, 0, 64, 64), VOC_20.label_of_name("dog"))], categories=VOC_20)
        result = evaluate(reciting, album)
        assert result.metrics["AP"] == pytest.approx(1)
        assert "aeroplane" in result.missing_classes and "dog" not in result.missing_classes

    def test_data_without_a_common_class_are_refused(self, reciting):
        album = Album([], categories=Categories.contiguous(["platelet"]))
        with pytest.raises(ConfigError, match="platelet"):
            evaluate(reciting, album)

    @pytest.mark.parametrize(
        ("album", "settings", "message"),
        [
            (Album([], count=0), {}, "no image"),
            (Album([]), {"limit": 0}, "limit is 0"),
            (Album([]), {"batch_size": 0}, "batch_size is 0"),
        ],
    )
    def test_an_evaluation_of_nothing_is_refused(self, reciting, album, settings, message):
        with pytest.raises(ConfigError, match=message):
            evaluate(reciting, album, **settings)

    def test_limit_takes_the_first_images(self, reciting):
        assert evaluate(reciting, Album([((0, 0, 64, 64), DOG)]), limit=2).images == 2

    def test_the_json_has_coco_names_on_top_and_no_nan(self, reciting):
        data = evaluate(reciting, Album([((0, 0, 64, 64), DOG)])).to_dict()
        json.dumps(data, allow_nan=False)
        for name in ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100"):
            assert name in data
        assert data["APs"] is None
        assert data["options"]["eos"] == "model"

    def test_the_table_says_what_was_measured(self, reciting):
        album = Album([((0, 0, 64, 64), DOG)], categories=COCO_80)
        text = as_table(evaluate(reciting, album, bootstrap_draws=5))
        for part in ("AP    1.000", "APs     -", "dog", "95 % intervals", "duplicates 0.00 %"):
            assert part in text

    def test_a_batch_writes_what_single_images_get(self, tokenizer):
        predictor = Predictor(fakes.tiny_model(spread=4.0), tokenizer, fakes.TINY_PREPROCESS)
        album, options = Album([], count=5), SamplingOptions(seed=11, eos="delay", max_objects=3)
        together = evaluate(predictor, album, options, batch_size=5).objects_per_image
        one_by_one = [
            len(predictor.detect(album[i].image, options.replace(seed=11 + i))) for i in range(5)
        ]
        assert together == pytest.approx(sum(one_by_one) / 5)

    def test_a_result_plots_its_curve_and_its_calibration(self, reciting):
        figure = plot_result(evaluate(reciting, Album([])))
        assert [axes.get_xlabel() for axes in figure.axes] == ["recall", "score"]
