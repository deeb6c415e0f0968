"""Sweeps: their plans, their curves, and that they stop, share and lose nothing."""

from __future__ import annotations

import csv
import io
from threading import Event

import numpy as np
import pytest
import torch
from PIL import Image

from pix2seq.categories import COCO_80, Categories
from pix2seq.config import ConfigError, SamplingOptions, TokenizerConfig
from pix2seq.data.sample import Sample
from pix2seq.detections import Detections
from pix2seq.evaluate import Truth, evaluate, score
from pix2seq.predictor import Predictor
from pix2seq.render.plots import plot_table
from pix2seq.sweep import (
    KNOBS,
    Bench,
    Curve,
    Doubles,
    Outcome,
    Progress,
    Setting,
    as_csv,
    count_doubles,
    doubles_table,
    plan_sweep,
    plan_table,
    run_sweep,
    run_table,
    without_noise_class,
)
from pix2seq.sweep.calibration import calibrate
from tests import fakes

DOG, CAT = 16, 15
LEFT, RIGHT = (0.0, 0.0, 0.4, 0.9), (0.5, 0.1, 1.0, 0.9)
BASE = SamplingOptions(seed=0).resolve(SamplingOptions(), fakes.TINY_TOKENIZER)


def sample(number: int, *objects) -> Sample:
    """A 64 x 64 image with ``(box in [0, 1], label)`` objects in it."""
    boxes = 64 * torch.tensor([box for box, _ in objects], dtype=torch.float32).reshape(-1, 4)
    return Sample(
        image=Image.new("RGB", (64, 64)),
        boxes=boxes,
        labels=torch.tensor([label for _, label in objects], dtype=torch.long),
        image_id=number,
        is_crowd=torch.zeros(len(objects), dtype=torch.bool),
    )


class Labelled(list):
    """Samples with a label space: what ``Bench`` needs of a data set."""

    categories = COCO_80


@pytest.fixture
def predictor(tokenizer, scripted) -> Predictor:
    """Writes a dog on the left and a cat on the right, almost surely, then EOS."""
    ids = fakes.write_objects(tokenizer, [(LEFT, DOG), (RIGHT, CAT)])
    return Predictor(scripted(ids), tokenizer, fakes.TINY_PREPROCESS)


@pytest.fixture
def bench(predictor) -> Bench:
    """Eleven images: two batches; every third lacks the cat."""
    objects = [((LEFT, DOG), (RIGHT, CAT)), ((LEFT, DOG), (RIGHT, CAT)), ((LEFT, DOG),)]
    return Bench(predictor, Labelled([sample(i, *objects[i % 3]) for i in range(11)]))


# ---- plans --------------------------------------------------------------------------------------


@pytest.mark.parametrize("knob", KNOBS)
def test_every_knob_has_a_plan_whose_settings_differ(knob):
    settings = plan_sweep(knob, BASE.replace(score_threshold=0.3), fakes.TINY_TOKENIZER)
    assert len(settings) >= 2
    assert len({setting.name for setting in settings}) == len(settings)
    assert len({(s.options, s.noise_blind) for s in settings}) == len(settings)
    assert {s.options.score_threshold for s in settings} == {0.0}, "a curve needs every score"
    for setting in settings:
        assert setting.options.resolve(SamplingOptions(), fakes.TINY_TOKENIZER) == setting.options


def test_a_plan_ends_at_what_the_model_can_do():
    longest = plan_sweep("max_objects", BASE, fakes.TINY_TOKENIZER)
    assert [s.options.max_objects for s in longest] == [1, 2, 5, 8]
    assert [s.name for s in longest][:2] == ["1 object", "2 objects"]
    finest = plan_sweep("num_bins", BASE, fakes.TINY_TOKENIZER)
    assert [s.options.num_bins for s in finest] == [8, 16, 32]


def test_a_nucleus_sweep_from_argmax_warms_up_first():
    sharp, *nuclei = plan_sweep("top_p", BASE.replace(temperature=0.0), fakes.TINY_TOKENIZER)
    assert sharp.options.temperature == 0
    assert {s.options.temperature for s in nuclei} == {1.0}


def test_a_sweep_that_cannot_show_anything_is_refused():
    with pytest.raises(ConfigError, match="no sweep 'colour'"):
        plan_sweep("colour", BASE, fakes.TINY_TOKENIZER)
    plain = TokenizerConfig(32, 80, coord_offset=3, class_offset=40, vocab_size=120, bos_id=0,
                            eos_id=1, pad_id=2)  # fmt: skip
    for knob in ("argument", "noise"):
        with pytest.raises(ConfigError, match="no noise class"):
            plan_sweep(knob, BASE, plain)
    assert plan_sweep("eos", BASE, plain)


# ---- curves -------------------------------------------------------------------------------------


def found(*objects) -> Detections:
    boxes = 64 * torch.tensor([box for box, _, _ in objects], dtype=torch.float32).reshape(-1, 4)
    labels = torch.tensor([label for _, label, _ in objects], dtype=torch.long)
    return Detections.of(boxes, labels, torch.tensor([value for _, _, value in objects]))


def curve(detections: Detections, *objects) -> Curve:
    return Curve.of(score([Truth.of(sample(1, *objects))], [detections], COCO_80))


def test_a_curve_without_boxes_is_empty():
    assert len(curve(Detections.empty(), (LEFT, DOG)).scores) == 0


def test_a_curve_ranks_all_classes_together():
    ranked = curve(
        found((LEFT, DOG, 0.9), (RIGHT, DOG, 0.8), (RIGHT, CAT, 0.7)), (LEFT, DOG), (RIGHT, CAT)
    )
    assert ranked.scores.tolist() == pytest.approx([0.9, 0.8, 0.7])
    assert ranked.precision.tolist() == pytest.approx([1, 1 / 2, 2 / 3])
    assert ranked.recall.tolist() == pytest.approx([1 / 2, 1 / 2, 1])


@pytest.mark.parametrize(
    ("threshold", "precision", "recall"),
    [(0.0, 2 / 3, 1), (0.7, 2 / 3, 1), (0.71, 1 / 2, 1 / 2), (0.9, 1, 1 / 2)],
)
def test_a_curve_answers_for_any_threshold(threshold, precision, recall):
    ranked = curve(
        found((LEFT, DOG, 0.9), (RIGHT, DOG, 0.8), (RIGHT, CAT, 0.7)), (LEFT, DOG), (RIGHT, CAT)
    )
    assert ranked.at(threshold) == pytest.approx((precision, recall))


def test_above_all_scores_there_is_no_precision():
    precision, recall = curve(Detections.empty(), (LEFT, DOG)).at(0.0)
    assert (np.isnan(precision), recall) == (True, 0)


def test_a_curve_where_nothing_was_to_be_found_has_no_precision():
    lost = curve(found((LEFT, DOG, 0.9)))
    assert (lost.precision.tolist(), lost.recall.tolist()) == ([0], [0])


def test_thinning_keeps_both_ends():
    line = np.linspace(1, 0, 1000)
    thin = Curve(line, line, 1 - line).thinned(50)
    assert len(thin.scores) == 50
    assert (thin.scores[0], thin.scores[-1]) == (1, 0)
    assert thin.thinned(50) is thin
    whole = Curve(line, line, 1 - line)
    assert whole.thinned(7, keep=0.4321).at(0.4321) == whole.at(0.4321)
    assert whole.thinned(7, keep=2.0).at(2.0)[1] == 0


def test_scores_without_the_noise_class_share_its_probability_out():
    one = Detections.of(
        torch.tensor([[0.0, 0, 9, 9]] * 3),
        torch.tensor([1, 2, 3]),
        torch.tensor([0.2, 0.5, 0.0]),
        noise_scores=torch.tensor([0.6, 0.0, 1.0]),
    )
    blind = without_noise_class(one)
    assert blind.scores.tolist() == pytest.approx([0.5, 0.5, 0.0])
    assert blind.labels.tolist() == [1, 2, 3]
    assert len(without_noise_class(Detections.empty())) == 0


# ---- sweeps -------------------------------------------------------------------------------------


def outcomes(events) -> list[Outcome]:
    return [event for event in events if isinstance(event, Outcome)]


def test_a_bench_without_images_is_refused(predictor):
    with pytest.raises(ConfigError, match="at least one"):
        Bench(predictor, Labelled())


def test_images_are_encoded_once_for_all_settings_and_sweeps(bench, predictor):
    for knob in ("eos", "top_p"):
        list(run_sweep(bench, plan_sweep(knob, BASE, predictor.tokenizer.config)))
    assert predictor.model.images_encoded == len(bench) == 11


def test_outcomes_carry_the_numbers_of_their_setting(bench, predictor):
    one, both = outcomes(
        run_sweep(bench, plan_sweep("max_objects", BASE, predictor.tokenizer.config)[:2])
    )
    # All 11 dogs and none of the 8 cats; then all of both, and 3 cats that are not there.
    assert one.objects_per_image == 1
    assert (one.curve.precision[-1], one.curve.recall[-1]) == (1, pytest.approx(11 / 19))
    assert one.metrics["AP50"] == pytest.approx(0.5)
    assert both.objects_per_image == 2
    assert both.curve.recall[-1] == 1
    assert both.curve.precision[-1] == pytest.approx(19 / 22)


def test_settings_that_only_read_differently_share_their_sentences(bench, predictor):
    settings = plan_sweep("noise", BASE.replace(max_objects=3), predictor.tokenizer.config)
    first, *others = outcomes(run_sweep(bench, settings))
    assert first.seconds > 0
    assert [other.seconds for other in others] == [0, 0]


def test_the_same_sweep_gives_the_same_numbers(bench, predictor):
    settings = plan_sweep("top_p", BASE, predictor.tokenizer.config)
    first, second = (
        [outcome.metrics["AP50"] for outcome in outcomes(run_sweep(bench, settings))]
        for _ in range(2)
    )
    assert first == second


def test_progress_counts_up_to_all_images(bench, predictor):
    settings = plan_sweep("eos", BASE, predictor.tokenizer.config)
    events = [e for e in run_sweep(bench, settings) if isinstance(e, Progress)]
    assert [e.done for e in events if e.setting is None] == list(range(1, 12))
    assert [e.done for e in events if e.setting == settings[0]] == list(range(1, 12))


def test_stopping_ends_a_sweep_between_two_tokens_and_keeps_what_is_done(bench, predictor):
    settings = plan_sweep("max_objects", BASE, predictor.tokenizer.config)
    stop, seen = Event(), []
    for event in run_sweep(bench, settings, stop.is_set):
        seen.append(event)
        if isinstance(event, Outcome):
            stop.set()
            before = predictor.model.forwards
    assert len(outcomes(seen)) == 1
    assert predictor.model.forwards == before
    assert seen[-1] is outcomes(seen)[0]


def test_stopping_inside_a_sentence_ends_at_that_token(bench, predictor):
    settings = plan_sweep("eos", BASE, predictor.tokenizer.config)
    list(bench.look())
    before, asked = predictor.model.forwards, iter([False, False, False])
    assert outcomes(run_sweep(bench, settings, lambda: next(asked, True))) == []
    assert predictor.model.forwards == before + 3


def test_stopping_while_looking_keeps_what_was_looked_at(bench, predictor):
    events = run_sweep(bench, plan_sweep("eos", BASE, predictor.tokenizer.config), lambda: True)
    assert [event.done for event in events] == [1]
    list(run_sweep(bench, plan_sweep("eos", BASE, predictor.tokenizer.config)))
    assert predictor.model.images_encoded == 11


def test_labels_are_matched_by_name_and_unknown_ones_do_not_count(predictor):
    pets = Labelled([sample(1, (LEFT, 0), (RIGHT, 1))])
    pets.categories = Categories.contiguous(["dog", "axolotl"])
    bench = Bench(predictor, pets)
    list(bench.look())
    assert bench.truths[0].labels.tolist() == [DOG]
    assert bench.missing == ("axolotl",)
    pets.categories = Categories.contiguous(["newt", "axolotl"])
    with pytest.raises(ConfigError, match="no name in common"):
        Bench(predictor, pets)


# ---- doubles and calibration --------------------------------------------------------------------


def test_doubles_are_counted_among_what_is_shown():
    once = found((LEFT, DOG, 0.9), (RIGHT, DOG, 0.8))
    twice = found((LEFT, DOG, 0.9), (LEFT, DOG, 0.8), (LEFT, CAT, 0.8), (LEFT, DOG, 0.1))
    row = Doubles.count("setting", [once, twice], 0.3)
    assert (row.shown.tolist(), row.doubles.tolist()) == ([2, 3], [0, 1])
    assert row.share == pytest.approx(1 / 5)
    assert Doubles.count("setting", [Detections.empty()], 0.3).share != 0, "nothing of nothing"


def test_doubles_are_counted_under_every_setting_of_the_argument(bench):
    rows = list(count_doubles(bench))
    names = [s.name for s in plan_sweep("argument", BASE, fakes.TINY_TOKENIZER)]
    assert [row.name for row in rows] == names
    table = doubles_table(rows)
    assert table["images"] == len(bench) == 11
    assert [row["shown"] for row in table["rows"]] == [int(row.shown.sum()) for row in rows]
    assert table["rows"][-1]["more than the last"] == [0, 0]


def test_a_bench_may_be_the_first_images_only(predictor):
    bench = Bench(predictor, Labelled([sample(i, (LEFT, DOG)) for i in range(5)]), limit=3)
    assert len(bench) == 3 and list(bench.look()) == [1, 2, 3]
    with pytest.raises(ConfigError, match="limit is 0"):
        Bench(predictor, bench.samples, limit=0)


def test_calibration_is_read_by_place_in_the_sentence():
    detections = Detections.of(
        *(getattr(found(*[(LEFT, DOG, 0.9), (RIGHT, CAT, 0.6), (LEFT, CAT, 0.2)]), name)
          for name in ("boxes", "labels", "scores")),
        objects=torch.tensor([0, 1, 4]),
    )  # fmt: skip
    scores = score([Truth.of(sample(1, (LEFT, DOG), (RIGHT, DOG)))], [detections], COCO_80)
    groups = {one.group: one for one in calibrate(scores, [detections], 0.5)}
    assert [one.shown for one in groups.values()] == [2, 1, 1, 0]
    assert groups["the first object"].right == 1 and groups["objects 2 to 4"].right == 0
    assert groups["all objects"].said == pytest.approx(0.75)
    assert [one.count for one in groups["all objects"].bins] == [1, 1, 1]
    assert groups["object 5 and later"].words == "", "nothing of it is shown"


# ---- the table ----------------------------------------------------------------------------------


def test_a_table_has_the_numbers_of_evaluate(tokenizer):
    predictor = Predictor(fakes.tiny_model(spread=4.0), tokenizer, fakes.TINY_PREPROCESS)
    samples = Labelled([sample(i, (LEFT, DOG)) for i in range(5)])
    neat = predictor.resolve(SamplingOptions(temperature=30.0, eos="delay", max_objects=3, seed=2))
    settings = [Setting("neat", neat), Setting("wild", neat.replace(grammar=False))]
    rows = [row for _, row in run_table(Bench(predictor, samples, rows=2), settings)]
    timing = ("encode_s", "decode_s", "tokens_per_s")
    for setting, row in zip(settings, rows, strict=True):
        alone = evaluate(predictor, samples, setting.options, batch_size=3)
        kept, at_once = row.to_dict(), alone.to_dict()
        assert {k: v for k, v in kept.items() if k not in timing} == {
            k: v for k, v in at_once.items() if k not in timing
        }
    assert rows[0].objects_per_image > 0 and rows[1].violations > 0


def test_a_table_looks_once_and_asks_the_five_questions(bench, predictor):
    rows = list(run_table(bench, plan_table(predictor)))
    assert predictor.model.images_encoded == len(bench)
    assert [setting for setting, _ in rows] == plan_table(predictor)
    groups = {setting.group for setting, _ in rows}
    assert groups == {"top-p", "eos and noise", "grammar", "score", "bins"}
    assert [setting.name for setting, _ in rows if setting.group == "bins"] == ["16", "32"]


def test_equal_options_are_evaluated_once(bench):
    (_, first), (_, other), (_, second) = run_table(
        bench,
        [
            Setting("one", BASE, group="a"),
            Setting("other", BASE.replace(top_p=0.1), group="a"),
            Setting("two", BASE, group="b"),
        ],
    )
    assert first is second is not other


def test_the_csv_has_a_row_per_setting_and_the_plots_a_panel_per_group(bench):
    settings = [
        Setting("argmax", BASE.replace(temperature=0.0), group="top-p"),
        Setting("16", BASE.replace(num_bins=16), group="bins"),
    ]
    rows = list(run_table(bench, settings))
    lines = list(csv.DictReader(io.StringIO(as_csv(rows))))
    assert [line["name"] for line in lines] == ["argmax", "16"]
    assert (lines[0]["recall"], lines[0]["APl"], lines[1]["num_bins"]) == ("1", "", "16")
    assert len(plot_table(rows).axes) == 2
