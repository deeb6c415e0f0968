"""What the Learn pages show: plain values from the library's parts, and checked questions."""

from __future__ import annotations

import json
import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import pix2seq
from pix2seq.boxes import box_iou
from pix2seq.categories import COCO_80, VOC_20
from pix2seq.config import AugmentConfig, ConfigError, PreprocessConfig, PyramidConfig
from pix2seq.detections import Detections
from pix2seq.examples import FOLDER as EXAMPLES
from pix2seq.examples import PHOTOS
from pix2seq.model import Pix2Seq
from pix2seq.predictor import Predictor
from pix2seq.tokenizer import Tokenizer
from pix2seq.transforms import Letterbox
from pix2seq.ui.learn import (
    augmentation,
    evidence,
    inference,
    objective,
    quantisation,
    sequence,
    training,
)
from pix2seq.ui.learn.answers import Teacher
from pix2seq.ui.learn.subject import known_truth
from pix2seq.ui.learn.tab import write_lines
from pix2seq.ui.visit.context import AppContext
from pix2seq.ui.visit.runs import Picture
from pix2seq.ui.visit.shelf import ModelShelf
from tests import fakes

NONE = torch.zeros(0, 4), torch.zeros(0, dtype=torch.long)
LETTERBOX = Letterbox(PreprocessConfig(image_size=(64, 64)), orig_size=(90, 120))
TWO = torch.tensor([[10.0, 20, 60, 80], [30, 5, 110, 40]]), torch.tensor([16, 0])


def boxes_in_picture():
    """1 to 4 boxes of at least two pixels inside a 120 x 90 picture."""
    side = st.tuples(st.integers(0, 60), st.integers(2, 60))
    tall = st.tuples(st.integers(0, 40), st.integers(2, 50))
    box = st.tuples(side, tall).map(lambda b: [b[0][0], b[1][0], sum(b[0]), sum(b[1])])
    return st.lists(box, min_size=1, max_size=4).map(lambda rows: torch.tensor(rows).float())


# ---- quantisation -------------------------------------------------------------------------------


def test_no_boxes_have_no_error_to_report():
    view = quantisation.quantization(NONE[0], LETTERBOX, 100, "round")
    assert (view["boxes"], view["worst"], view["mean_iou"]) == ([], None, None)
    assert quantisation.error_curve(NONE[0], LETTERBOX)["round"] == {"iou": [], "worst": []}


@given(boxes_in_picture(), st.sampled_from([8, 9, 100, 2000]))
def test_rounding_is_off_by_half_a_bin_and_flooring_by_less_than_one_towards_the_origin(
    boxes, bins
):
    rounded = quantisation.quantization(boxes, LETTERBOX, bins, "round")
    floored = quantisation.quantization(boxes, LETTERBOX, bins, "floor")
    pitch = max(rounded["bin_px"])
    slack = 1e-3  # float32 pixels
    assert rounded["worst"] <= pitch / 2 + slack
    assert floored["worst"] <= pitch + slack
    assert all(e <= slack for box in floored["boxes"] for e in box["errors"])


def test_the_overlap_shown_is_that_of_the_snapped_with_the_true_box():
    boxes = TWO[0]
    view = quantisation.quantization(boxes, LETTERBOX, 20, "round")
    snapped = torch.tensor([box["snapped"] for box in view["boxes"]])
    assert [box["iou"] for box in view["boxes"]] == pytest.approx(
        box_iou(boxes, snapped).diagonal().tolist()
    )
    # x: 120 px over 19 steps; 10 px is bin 1.58 -> 2
    assert view["boxes"][0]["bins"][1] == 2
    assert view["boxes"][0]["errors"][1] == pytest.approx(2 * 120 / 19 - 10, abs=1e-3)


def test_more_bins_end_at_the_true_box():
    curve = quantisation.error_curve(TWO[0], LETTERBOX)
    assert (curve["bins"][0], curve["bins"][-1]) == (8, 2000)
    assert curve["round"]["iou"][-1] > 0.99 > curve["round"]["iou"][0]
    worst = curve["round"]["worst"]
    assert worst[-1] < worst[0] / 50


@pytest.mark.parametrize("bins", [7, 2001])
def test_bins_outside_the_slider_are_refused(bins):
    with pytest.raises(ConfigError, match=f"num_bins is {bins}; use 8 to 2000"):
        quantisation.quantization(TWO[0], LETTERBOX, bins, "round")


# ---- sequence construction ----------------------------------------------------------------------


def test_no_objects_make_a_sentence_of_eos_alone(tokenizer):
    view = sequence.sentence(*NONE, LETTERBOX, tokenizer, "random", seed=0)
    assert [token["slot"] for token in view["tokens"]] == ["eos"]


def test_a_sentence_is_what_the_tokenizer_writes_in_that_order(tokenizer):
    boxes, labels = TWO
    view = sequence.sentence(boxes, labels, LETTERBOX, tokenizer, "left", seed=0)
    flipped = sequence.sentence(boxes, labels, LETTERBOX, tokenizer, "area", seed=0)
    assert (view["order"], flipped["order"]) == ([0, 1], [0, 1])
    ids = tokenizer.encode(LETTERBOX.apply_boxes(boxes), labels, eos=True).tolist()
    assert [token["id"] for token in view["tokens"]] == ids
    assert [token["text"] for token in view["tokens"] if token["slot"] == "class"] == [
        "dog",
        "person",
    ]
    assert view["tokens"][5]["object"] == 1


def test_random_orders_come_from_the_seed(tokenizer):
    boxes = torch.rand(6, 4) * 10
    boxes[:, 2:] += 20
    labels = torch.arange(6)

    def order(seed):
        return sequence.sentence(boxes, labels, LETTERBOX, tokenizer, "random", seed)["order"]

    assert order(1) == order(1)
    assert len({tuple(order(seed)) for seed in range(8)}) > 4


def test_objects_beyond_the_models_limit_are_counted_out(tokenizer):
    boxes = torch.tensor([[0.0, 0, 20, 20]]).repeat(11, 1)
    view = sequence.sentence(boxes, torch.zeros(11).long(), LETTERBOX, tokenizer, "random", seed=0)
    assert (len(view["order"]), view["left_out"]) == (8, 3)


@pytest.mark.parametrize("config", [fakes.TINY_TOKENIZER, fakes.OFFICIAL_LAYOUT])
def test_the_vocabulary_picture_covers_every_id_once(config):
    layout = sequence.vocabulary_layout(Tokenizer(config, COCO_80))
    covered = [i for part in layout for i in range(part["first"], part["last"] + 1)]
    assert covered == list(range(config.vocab_size))


# ---- sequence augmentation ----------------------------------------------------------------------


def make_pair(tokenizer, objects=TWO, count=5, **settings):
    config = AugmentConfig(**settings)
    return augmentation.training_sequence(*objects, LETTERBOX, tokenizer, config, count, seed=3)


def test_without_real_objects_all_are_noise(tokenizer):
    view = augmentation.pair_view(make_pair(tokenizer, NONE, 3), LETTERBOX, tokenizer)
    assert [o["real"] for o in view["objects"]] == [False] * 3


def test_noise_objects_have_no_coordinate_targets_and_a_noise_class(tokenizer):
    view = augmentation.pair_view(make_pair(tokenizer), LETTERBOX, tokenizer)
    assert [o["real"] for o in view["objects"]] == [True, True, False, False, False]
    noise = [c for c in view["columns"] if c["object"] >= 2]
    assert all((c["weight"] == 0) == (c["slot"] != "class") for c in noise)
    assert {c["target"]["text"] for c in noise if c["slot"] == "class"} == {"noise"}


def test_the_input_is_the_target_one_step_later_with_hidden_classes(tokenizer):
    pair = make_pair(tokenizer, class_corruption="rand")
    columns = augmentation.pair_view(pair, LETTERBOX, tokenizer)["columns"]
    for before, after in pairwise(columns):
        same = after["input"]["id"] == before["target"]["id"]
        assert after["input_slot"] == before["slot"]
        assert after["corrupted"] == (not same and before["slot"] == "class")
        assert same or before["slot"] == "class"


def test_a_truthful_input_has_nothing_corrupted(tokenizer):
    pair = make_pair(tokenizer, class_corruption="none")
    columns = augmentation.pair_view(pair, LETTERBOX, tokenizer)["columns"]
    assert not any(c["corrupted"] for c in columns)


@pytest.mark.parametrize("settings", [{}, {"eos_at_first_noise": True}, {"noise_objects": False}])
def test_the_boxes_drawn_are_the_boxes_written(tokenizer, settings):
    view = augmentation.pair_view(make_pair(tokenizer, **settings), LETTERBOX, tokenizer)
    assert len(view["objects"]) == (2 if settings == {"noise_objects": False} else 5)
    real = torch.tensor([o["box"] for o in view["objects"] if o["real"]])
    overlaps = box_iou(TWO[0], real).max(1).values
    assert (overlaps > 0.85).all()  # 32 bins over 120 pixels


@pytest.mark.parametrize("count", [0, 9])
def test_a_sentence_that_the_model_cannot_hold_is_refused(tokenizer, count):
    with pytest.raises(ConfigError, match=f"num_objects is {count}"):
        make_pair(tokenizer, count=count)


# ---- objective ----------------------------------------------------------------------------------


def test_a_model_without_opinion_pays_the_logarithm_of_the_vocabulary(tokenizer):
    pair = make_pair(tokenizer)
    view = objective.objective(torch.zeros(25, tokenizer.vocab_size), pair, tokenizer)
    uniform = math.log(tokenizer.vocab_size)
    assert view["uniform"] == pytest.approx(uniform)
    for name in ("mean", "coord", "class"):
        assert view[name] == pytest.approx(uniform, rel=1e-5)
    assert view["eos"] is None  # this pair asks for no EOS


def test_the_mean_is_the_training_loss_and_the_parts_add_up_to_it(tokenizer):
    pair = make_pair(tokenizer, noise_objects=False)
    logits = torch.randn(25, tokenizer.vocab_size, generator=torch.Generator().manual_seed(0))
    view = objective.objective(logits, pair, tokenizer)
    losses = torch.nn.functional.cross_entropy(logits, pair.target_ids, reduction="none")
    weights = pair.token_weights
    assert view["mean"] == pytest.approx(
        ((losses * weights).sum() / weights.sum()).item(), rel=1e-5
    )
    asked = {"coord": 8.0, "class": 2.0, "eos": weights[10:].sum().item()}
    total = sum(view[name] * weight for name, weight in asked.items())
    assert total / sum(asked.values()) == pytest.approx(view["mean"], rel=1e-5)
    best = view["tokens"][0]["best"]
    assert best[0]["prob"] == max(one["prob"] for one in best)
    assert math.exp(-view["tokens"][0]["loss"]) == pytest.approx(
        view["tokens"][0]["prob"], rel=1e-4
    )


def test_a_model_that_knows_the_sentence_pays_almost_nothing(tokenizer, picture):
    pair = make_pair(tokenizer, noise_objects=False)
    table = fakes.script(pair.target_ids.tolist(), tokenizer.vocab_size, peak=20.0)
    predictor = Predictor(fakes.ScriptedModel(table), tokenizer, fakes.TINY_PREPROCESS)
    logits = objective.teacher_forced_logits(predictor, predictor.encode(picture), pair)
    view = objective.objective(logits, pair, tokenizer)
    assert view["mean"] < 1e-5
    assert all(token["rank"] == 1 for token in view["tokens"])


# ---- inference ----------------------------------------------------------------------------------


def found(*rows) -> Detections:
    boxes = torch.tensor([row[0] for row in rows]).reshape(-1, 4)
    labels = torch.tensor([row[1] for row in rows], dtype=torch.long)
    return Detections.of(boxes, labels, torch.tensor([row[2] for row in rows]))


def test_nothing_found_and_nothing_true_match_nothing():
    assert inference.matches(Detections.empty(), *TWO) == []
    assert inference.matches(found(([0.0, 0, 1, 1], 0, 0.5)), *NONE) == [None]


def test_each_true_box_is_found_once_by_the_better_scored_of_its_class():
    boxes, labels = TWO
    first = boxes[0].tolist()
    hits = inference.matches(
        found((first, 16, 0.3), (first, 16, 0.9), (first, 0, 0.99), ([0.0, 0, 9, 9], 16, 0.8)),
        boxes,
        labels,
    )
    assert hits == [None, 0, None, None]


# ---- questions ----------------------------------------------------------------------------------


def make_teacher(model=None, tokenizer=None) -> Teacher:
    tokenizer = tokenizer or fakes.tiny_tokenizer()

    def load(name):
        if model is None:
            raise ConfigError(f"no checkpoint is called {name}")
        return Predictor(model, tokenizer, fakes.TINY_PREPROCESS)

    context = AppContext(
        shelf=ModelShelf(load), default_checkpoint="fake", choices=[("Fake", "fake")]
    )
    context.pictures.add(Picture(fakes.draw_picture(), id="picture"))
    return Teacher(context)


def ask(boxes=((10, 20, 60, 80, "dog"),), **more) -> dict:
    return {"picture": "picture", "boxes": [list(box) for box in boxes], **more}


ALL = {
    "quantize": {"bins": 100, "curve": True},
    "sentence": {"order": "area"},
    "pair": {"objects": 4},
    "objective": {"objects": 4},
    "training": {},
}


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("boxes", [(), ((10, 20, 60, 80, "dog"),)], ids=["empty", "one"])
def test_every_answer_is_json(tiny_model, name, boxes):
    answer = getattr(make_teacher(tiny_model), name)(ask(boxes, **ALL[name]))
    assert "error" not in answer
    json.dumps(answer, allow_nan=False)


def test_without_a_checkpoint_three_pages_still_work_and_the_others_say_why():
    teacher = make_teacher(model=None)
    opened = teacher.open({"picture": "picture"})
    assert (opened["model"], opened["problem"]) == (False, "no checkpoint is called fake")
    for name in ("quantize", "sentence", "pair"):
        assert "error" not in getattr(teacher, name)(ask(**ALL[name]))
    assert "no checkpoint" in teacher.objective(ask(objects=4))["error"]


def test_boxes_that_mean_nothing_here_are_left_out_and_named(tiny_model):
    boxes = [(0, 0, 5, 0, "dog"), (0, 0, 5, 5, "unicorn"), (-9, 0, 500, 5, "cat")]
    answer = make_teacher(tiny_model).sentence(ask(boxes))
    assert (answer["kept"], answer["unknown"]) == ((2,), ("unicorn",))
    assert len(answer["tokens"]) == 6


@pytest.mark.parametrize(
    "question",
    [
        None,
        {"picture": "another's"},
        ask(bins="many"),
        ask(bins=100, boxes=[[0, 0, 1]]),
        ask(bins=100, boxes=[[0, 0, 1, float("nan"), "dog"]]),
        ask(bins=100, boxes=[[0, 0, 1, 1, "dog"]] * 101),
        ask(bins=100, checkpoint="/etc/passwd"),
        ask(bins=10**9),
    ],
)
def test_a_question_that_cannot_be_answered_gets_one_line(tiny_model, question):
    answer = make_teacher(tiny_model).quantize(question)
    assert set(answer) == {"error"}
    assert "\n" not in answer["error"]


def test_scenes_and_example_photos_come_with_their_true_boxes(tiny_model):
    opened = make_teacher(tiny_model).open({"scene": 6})
    assert len(opened["truth"]) >= 1
    assert opened["truth"][0][4] in opened["vocabulary"]["classes"]
    assert make_teacher(tiny_model).open({"example": "coffee"})["truth"][0][4] == "cup"
    assert "no example" in make_teacher(tiny_model).open({"example": "../secret"})["error"]
    for photo in PHOTOS:
        truth = known_truth(Picture(fakes.draw_picture(), example=photo.name))
        assert (truth is None) is (photo.name == "raccoon"), "of which COCO has no class"
        drawn = json.loads((EXAMPLES / "boxes.json").read_text()).get(photo.name, [])
        assert len(truth or ()) == sum(not item.get("crowd") for item in drawn)
        for *box, name in truth or ():
            assert box[0] < box[2] and box[1] < box[3]
            assert name in COCO_80.names
    assert known_truth(Picture(fakes.draw_picture())) is None


def test_a_vocabulary_without_noise_class_gets_a_plain_sentence():
    config = fakes.TINY_TOKENIZER.replace(noise_id=None, num_classes=20)
    teacher = make_teacher(fakes.tiny_model(vocab_size=116), Tokenizer(config, VOC_20))
    answer = teacher.pair(ask(objects=4))
    assert [o["text"] for o in answer["objects"]] == ["dog"]


# ---- sentences that the model writes ------------------------------------------------------------


def lines_of(context, question) -> list[dict]:
    texts = list(write_lines(context, question))
    for shorter, longer in pairwise(texts):
        assert longer.startswith(shorter)  # what is on the wire is only ever appended
    return [json.loads(line) for line in texts[-1].splitlines()]


def test_three_ways_are_written_side_by_side_and_can_be_read(tokenizer, scripted):
    ids = fakes.write_objects(tokenizer, [((0.1, 0.3, 0.5, 0.9), 16)])
    teacher = make_teacher(scripted(ids), tokenizer)
    lines = lines_of(teacher.context, ask(ask="compare", seed=1))
    assert (lines[0]["k"], lines[-1]["k"]) == ("start", "end")
    written = [[x for x in lines if x["k"] == "t" and x["p"] == pane] for pane in range(3)]
    assert [pane[-1]["slot"] for pane in written[:2]] == ["eos", "eos"]
    assert len(written[2]) == 8 * 5  # EOS put off up to the limit
    runs = next(x for x in lines if x["k"] == "panes")["runs"]
    box = [0.1 * 120, 0.3 * 120, 0.5 * 120, 0.9 * 120]
    answer = teacher.read(ask([(*box, "dog")], runs=runs))
    assert [len(pane) for pane in answer["panes"][:2]] == [1, 1]
    assert [pane[0]["hit"] for pane in answer["panes"]] == [0, 0, 0]
    assert answer["diverge"] == [None, None, 5]
    assert answer["true"] == 1
    argmax, nucleus, altered = answer["facts"]
    assert argmax["nats"] == pytest.approx(nucleus["nats"]) and argmax["nats"] < altered["nats"]
    assert (argmax["names"][1], argmax["edges"][1]) == (1, 4), "EOS is neither"
    assert argmax["names"][0] == argmax["edges"][0] / 4 == 1, "argmax leaves one candidate"
    assert "error" in teacher.read(ask(runs=["unknown"]))


def test_the_models_boxes_leave_out_what_it_calls_noise(tokenizer, scripted):
    ids = fakes.write_objects(tokenizer, [((0.1, 0.3, 0.5, 0.7), 16), ((0.2, 0.2, 0.4, 0.4), 0)])
    ids[9] = tokenizer.noise_id
    teacher = make_teacher(scripted(ids), tokenizer)
    lines = lines_of(teacher.context, ask(ask="boxes"))
    (boxes,) = [x["boxes"] for x in lines if x["k"] == "boxes"]
    assert [box[4] for box in boxes] == ["dog"]


def test_a_failed_sentence_ends_with_a_message():
    lines = lines_of(make_teacher(None).context, ask(ask="compare"))
    assert [x["k"] for x in lines] == ["start", "error"]
    assert "no checkpoint" in lines[-1]["message"]


@pytest.mark.slow
def test_the_bundled_checkpoint_prices_true_boxes_and_noise_far_below_chance():
    teacher = Teacher(
        AppContext(
            shelf=ModelShelf(lambda name: pix2seq.load(name, "cpu")),
            default_checkpoint="mini",
            choices=[("Mini", "mini")],
        )
    )
    prices = []
    for seed in range(20, 26):
        opened = teacher.open({"scene": seed})
        question = {"picture": opened["picture"]["id"], "boxes": opened["truth"], "objects": 12}
        prices.append(teacher.objective(question))
    for kind, share in (("coord", 0.8), ("class", 0.4)):
        mean = sum(price[kind] for price in prices) / len(prices)
        assert mean < share * prices[0]["uniform"]


def test_a_bell_is_the_distribution_over_bins_where_a_coordinate_is_asked_for(tokenizer):
    pair = make_pair(tokenizer, count=3)
    logits = torch.randn(len(pair.target_ids), tokenizer.vocab_size)
    tokens = objective.objective(logits, pair, tokenizer)["tokens"]
    probs = logits.softmax(-1)
    for i, token in enumerate(tokens):
        asked = pair.token_weights[i] > 0 and bool(tokenizer.is_coord(pair.target_ids[i]))
        assert (token["bell"] is not None) == asked
        for place, prob in token["bell"] or ():
            own = float(probs[i, tokenizer.coord_ids.start + place])
            assert prob == pytest.approx(own, abs=1e-5)


# ---- architecture and training ------------------------------------------------------------------


def test_the_network_is_told_in_numbers_that_add_up(tiny_model):
    network = make_teacher(tiny_model).training(ask())["network"]
    assert network["weights"] == sum(p.numel() for p in tiny_model.parameters())
    assert network["parts"]["encoder"] + network["parts"]["decoder"] <= network["weights"]
    assert network["longest"] == 5 * network["objects"]
    assert network["layers"] == tiny_model.config.decoder.layers


def test_a_memory_of_cells_and_drafts_is_counted_as_both():
    config = fakes.pyramid_config(pyramid=PyramidConfig(8, 80, drafts=6))
    network = make_teacher(Pix2Seq(config).eval()).training(ask())["network"]
    assert network["drafts"] == 6
    assert network["cells"] == network["grid"][0] * network["grid"][1] == 16


def test_a_training_record_counts_steps_on_and_keeps_the_last_report_of_a_step():
    def row(step: int, loss: float) -> dict:
        return {"step": step, "coord_loss": loss, "class_loss": loss / 2}

    first = [row(20, 9.0), row(20, 5.0), row(40, 4.0)]  # a resumed run reports a step twice
    record = training.training_record("abc", [("one", first), ("two", [row(10, 3.0)])])
    assert record["runs"][0]["curve"] == [[20, 5.0, 2.5], [40, 4.0, 2.0]]
    assert record["runs"][1]["curve"] == [[50, 3.0, 1.5]]
    places = [{"step": 20, "maps": 0.7}, {"step": 40, "maps": 0.6}]
    mixed = [*places, row(60, 2.0)]
    runs = [("places alone", places), ("places, then sentences", mixed)]
    (alone,) = training.training_record("abc", runs)["runs"]
    assert (alone["name"], alone["curve"]) == ("places, then sentences", [[60, 2.0, 1.0]])


def test_the_bundled_training_record_is_of_the_bundled_weights(tmp_path):
    runs = training.load_training("mini")
    assert runs, "run `python -m pix2seq.ui.learn.training RUN.jsonl ...`"
    assert all(len(point) == 3 for run in runs for point in run["curve"])
    (tmp_path / "mini-training.json").write_text(json.dumps({"weights": "other", "runs": runs}))
    assert training.load_training("mini", tmp_path) is None
    assert training.load_training("nowhere") is None


def test_lessons_say_what_was_measured_with_these_weights_and_else_nothing(tiny_model):
    opened = make_teacher(tiny_model).open({"picture": "picture"})
    assert opened["measured"] == []
    assert opened["recommended"].keys() == {"threshold", "top_p", "score"}
    measured = evidence.findings(pix2seq.load("mini"), ("top_p", "argument"))
    assert [one["images"] for one in measured] == [48, 48]
    assert all("→" in one["text"] for one in measured)
