"""The dock of *Write*: what its panels are answered, without a browser."""

from __future__ import annotations

import pytest

import pix2seq
from pix2seq import bets
from pix2seq.branching import SentenceTree
from pix2seq.dialects import DIALECTS
from pix2seq.examples import scene_sample
from pix2seq.ui.fork import memory
from pix2seq.ui.fork.answers import Forks
from pix2seq.ui.fork.recordings import EXAMPLES, STORY, make_recording
from pix2seq.ui.fork.tree import recorded_tree
from pix2seq.ui.visit.context import AppContext
from pix2seq.ui.visit.examples import open_example
from pix2seq.ui.visit.record import RECORDED
from pix2seq.ui.visit.runs import Run
from pix2seq.ui.visit.shelf import ModelShelf
from pix2seq.ui.visit.writer import write
from tests import fakes
from tests.served import OBJECTS, SENTENCE, app_context, scripted_predictor


@pytest.fixture
def forks() -> Forks:
    return Forks(app_context())


@pytest.fixture
def run(forks) -> Run:
    predictor = forks.context.shelf.get("scripted")
    run = Run(open_example("chelsea"), predictor, predictor.resolve())
    for _ in write(run):
        pass
    return forks.context.runs.add(run)


# ---- the tree of sentences ------------------------------------------------------------------


def test_a_tree_is_grown_behind_the_tokens_that_are_kept(forks, run):
    answer = forks.tree({"run": run.id, "ids": SENTENCE[:6], "leaves": 6})
    tree = SentenceTree.from_dict(answer["tree"])
    trunk = tree.path(0)
    assert [token.id for token in trunk[:6]] == SENTENCE[:6]
    assert [token.forced for token in trunk] == [True] * 6 + [False] * (len(trunk) - 6)
    assert tree.rivals == ()


def test_other_ways_to_write_are_priced_when_the_tree_is_there(forks, run):
    found = forks.rivals({"run": run.id})["rivals"]
    assert [one["kind"] for one in found] == ["argmax", "beam"] + ["sample"] * 8
    trunk = SentenceTree.from_dict(forks.tree({"run": run.id})["tree"]).branches[0]
    assert found[0]["surprise"] == pytest.approx(trunk.surprise, abs=1e-3)


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ({"leaves": 7}, "leaves is 7"),
        ({"ids": [1.5]}, "list of token ids"),
        ({"ids": [10**6]}, "not in the vocabulary"),
        ({"ids": SENTENCE}, "EOS"),
        ({"run": "nobody's"}, "no longer kept"),
    ],
)
def test_what_no_tree_can_grow_from_is_answered_in_words(forks, run, question, said):
    answer = forks.tree({"run": run.id, "ids": [], "leaves": 6} | question)
    assert said in answer["error"]


def test_without_its_model_a_recording_says_why_a_panel_cannot_ask(run):
    context = AppContext(ModelShelf(fakes.no_model), "mini", [("mini", "mini")])
    context.default_predictor()
    alone, question = Forks(context), {"run": f"{RECORDED}x", "ids": [], "object": 0, "seed": 1}
    for ask in (alone.tree, alone.trial, alone.rounds):
        assert "recording" in ask(question)["error"]
        assert ask(question)["error"].endswith("there is no model on this machine")


def test_recorded_trees_need_no_model_and_belong_to_one(forks):
    alone = Forks(AppContext(ModelShelf(fakes.no_model), "mini", [("mini", "mini")]))
    for example in EXAMPLES:
        picture = alone.context.pictures.add(open_example(example))
        found = SentenceTree.from_dict(alone.recorded({"picture": picture.id})["tree"])
        given = [token for token in found.path(0) if token.forced]
        assert bool(given) is (example == STORY) and len(found.branches) > 6
    forks.context.shelf.get("scripted")
    picture = forks.context.pictures.add(open_example("coffee"))
    assert forks.recorded({"picture": picture.id}) == {"tree": None}


def test_a_damaged_recording_is_no_recording(tmp_path):
    assert recorded_tree("coffee", tmp_path) is None
    (tmp_path / "coffee.json").write_text("{")
    assert recorded_tree("coffee", tmp_path) is None
    assert recorded_tree(None) is None


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES)
def test_recorded_trees_are_those_of_the_bundled_checkpoint(example):
    made = make_recording(pix2seq.load("mini", device="cpu"), example, leaves=12)
    kept = recorded_tree(example)
    for mine, theirs in zip(made.branches, kept.branches, strict=True):
        assert [token.id for token in mine.tokens] == [token.id for token in theirs.tokens]
        assert mine.surprise == pytest.approx(theirs.surprise, rel=1e-4)
        assert mine.group == theirs.group


# ---- memory on trial ------------------------------------------------------------------------


def test_an_object_is_asked_at_every_place_of_its_sentence(forks, run):
    answer = forks.trial({"run": run.id, "object": 1})
    assert (answer["object"], answer["name"], answer["noise"]) == (1, "cat", True)
    assert [place["after"] for place in answer["places"]] == [0, 1, 2, 3]
    assert answer["places"][3]["unsaid"] is None
    for place in answer["places"]:
        for found in (place["said"], place["unsaid"]):
            assert found is None or 0 <= found["prob"] <= found["likeliest_prob"] <= 1


def test_noise_at_the_end_is_no_part_of_what_was_said():
    predictor = scripted_predictor(objects=[*OBJECTS, OBJECTS[0]], noise=3)
    run = Run(open_example("chelsea"), predictor, predictor.resolve())
    for _ in write(run):
        pass
    assert memory.said(run) == SENTENCE[:15]


def test_what_is_written_instead_of_a_blanked_object_is_told_in_pixels(forks, run):
    answer = forks.blanked({"run": run.id, "object": 0})
    width, height = run.picture.image.size
    assert answer["written"]
    for found in answer["written"]:
        x0, y0, x1, y1 = found["box"]
        assert 0 <= x0 <= width and 0 <= x1 <= width and 0 <= y0 <= height and 0 <= y1 <= height
    place = answer["returned"]
    assert (place is None) == (answer["iou"] is None)


@pytest.mark.parametrize("number", [-1, 3, "1", None, True])
def test_an_object_that_is_not_there_is_answered_in_words(forks, run, number):
    for ask in (forks.trial, forks.blanked):
        assert "error" in ask({"run": run.id, "object": number})


def test_the_measured_figure_has_shares_with_their_intervals(tmp_path):
    measured = memory.figure("mini")
    assert measured["checkpoint"] == "mini" and set(measured["figure"]) == {"photos", "scenes"}
    for kind in measured["figure"].values():
        assert kind["images"] == 100
        for share in (kind["right"]["returned"], kind["right"]["again"]):
            low, high = share["interval"]
            assert low <= share["share"] <= high
    assert memory.figure("mini", tmp_path)["figure"] is None


def test_another_checkpoint_is_not_shown_the_figure_of_mini_but_the_command_that_makes_its_own(
    forks, run
):
    answer = forks.repetition({"run": run.id})
    assert (answer["checkpoint"], answer["figure"]) == (run.predictor.name, None)
    assert answer["command"].startswith(
        f"python benchmarks/mini/repetition.py {answer['checkpoint']}"
    )
    assert answer["command"].endswith(f"assets/lab/{answer['checkpoint']}-doubles.json")


# ---- you are the decoder --------------------------------------------------------------------


def test_everybody_with_the_same_game_bets_on_the_same_tokens(forks, run):
    first, again = (forks.rounds({"run": run.id, "seed": 7}) for _ in range(2))
    assert first == again
    assert first["rounds"][0] == {"index": 0, "slot": "ymin"}
    assert [one["index"] for one in first["rounds"]] == bets.pick_rounds(
        [step.slot for step in run.steps[:15]], 7
    )
    games = [forks.rounds({"run": run.id, "seed": seed})["rounds"] for seed in range(20)]
    assert len({str(game) for game in games}) > 1
    assert first["names"][-1] == "noise" or "noise" in first["names"]


def test_a_bell_is_priced_as_the_library_prices_it(forks, run):
    bell = {"place": 10, "width": 3.0}
    answer = forks.price({"run": run.id, "index": 0, "bell": bell})
    tokenizer = run.predictor.tokenizer
    model, ids = bets.model_bet(run.steps[0].logits, tokenizer, 0)
    written = ids.index(run.steps[0].token_id)
    expected = bets.score_round(bets.bell(10, 3.0, tokenizer.num_bins), model, written)
    assert answer["scores"] == [vars(score) for score in expected]
    assert answer["written"] == written and answer["truth"] is None
    assert sum(answer["you"]) == pytest.approx(1, abs=1e-3)
    assert answer["even"] == {"objects": 3, "nats": bets.even(3)}
    assert answer["most"] == bets.dearest(tokenizer.num_bins)
    assert forks.rounds({"run": run.id, "seed": 1})["spare"] == bets.SPARE
    near, far = answer["misses"]
    assert near["off"] == 1 and near["spike"] == pytest.approx(far["spike"])
    assert near["bell"] < far["bell"] and near["iou"] > far["iou"]


def test_chips_are_priced_and_counted(forks, run):
    names = forks.rounds({"run": run.id, "seed": 1})["names"]
    right = names.index("person")
    answer = forks.price({"run": run.id, "index": 4, "chips": {str(right): 10}})
    spare = 1 / len(names)
    assert answer["you"][right] == pytest.approx((10 + spare) / 11, abs=1e-5)
    assert answer["written"] == right and answer["misses"] is None and answer["even"] is None
    too_many = forks.price({"run": run.id, "index": 4, "chips": {str(right): 11}})
    assert "there are 10" in too_many["error"]


@pytest.mark.parametrize(
    "bet",
    [
        {"index": 0},
        {"index": 0, "bell": {"place": -1, "width": 1}},
        {"index": 0, "bell": {"place": 1, "width": 0}},
        {"index": 0, "bell": {"place": "x", "width": 1}},
        {"index": 99, "bell": {"place": 1, "width": 1}},
        {"index": 4, "bell": {"place": 1, "width": 1}},
        {"index": 4, "chips": {"9999": 1}},
        {"index": 15, "bell": {"place": 1, "width": 1}},  # EOS
    ],
)
def test_what_is_no_bet_is_answered_in_words(forks, run, bet):
    assert "error" in forks.price({"run": run.id} | bet)


def test_a_scenes_label_is_priced_too(forks):
    predictor = forks.context.shelf.get("scripted")
    picture = open_example("scene-26")
    truth = scene_sample("scene-26")
    encoding = picture.encoded_by(predictor)
    boxes = encoding.letterbox.apply_boxes(truth.boxes)
    ids = predictor.tokenizer.encode(boxes[:1], truth.labels[:1]).tolist()
    run = Run(picture, predictor, predictor.resolve(), prompt=tuple(ids))
    for _ in write(run):
        pass
    forks.context.runs.add(run)
    for index, bet in ((0, {"bell": {"place": 5, "width": 2}}), (4, {"chips": {}})):
        answer = forks.price({"run": run.id, "index": index, **bet})
        assert answer["truth"] == answer["written"], "the sentence begins with the label"
        assert all(score["truth"] == score["written"] for score in answer["scores"])


def test_a_game_is_pasted_as_text(forks, run):
    scores = [[{"player": "you", "written": 1.5}, {"player": "model", "written": 0.5}]] * 2
    answer = forks.result({"run": run.id, "seed": 3, "scores": scores})
    assert answer["text"].splitlines() == [
        "You are the decoder, example:chelsea, seed 3: you 3.00, model 1.00 nats",
        "1: you 1.50, model 0.50",
        "2: you 1.50, model 0.50",
    ]
    assert "error" in forks.result({"run": run.id, "seed": 3, "scores": "none"})


# ---- dialects -------------------------------------------------------------------------------

THINGS = [[30.0, 20.0, 210.5, 200.0, "donut"], [5.0, 5.0, 90.0, 80.0, "knife"]]


def test_the_objects_on_view_are_written_in_every_dialect_and_read_back(forks, run):
    about = {"picture": run.picture.id, "run": run.id}
    forks.context.pictures.add(run.picture)
    written = forks.written(about | {"objects": THINGS})["dialects"]
    assert [one["name"] for one in written] == ["pix2seq", *(one.name for one in DIALECTS)]
    for one in written:
        found = forks.read(about | {"text": one["text"]})
        assert found["name"] == one["name"] and found["faults"] == []
        assert [thing["label"] for thing in found["things"]] == ["donut", "knife"]
        slack = [*one["error"], *one["error"]]
        for thing, (*box, _) in zip(found["things"], THINGS, strict=True):
            for mine, theirs, most in zip(thing["box"], box, slack, strict=True):
                assert abs(mine - theirs) <= most + 0.02


def test_other_dialects_need_no_model():
    alone = Forks(AppContext(ModelShelf(fakes.no_model), "mini", [("mini", "mini")]))
    picture = alone.context.pictures.add(open_example("coffee"))
    about = {"picture": picture.id, "objects": THINGS}
    for bins in (256, 1000):
        own = alone.written(about | {"bins": bins})["dialects"][0]
        assert max(own["bins"]) == bins
        text = {"picture": picture.id, "bins": bins, "text": own["text"]}
        assert len(alone.read(text)["things"]) == len(THINGS)
    for bins in (1, 5000, 2.5, "256"):
        assert "bins is" in alone.written(about | {"bins": bins})["error"]
    written = alone.written(about)["dialects"]
    assert all(one["text"] for one in written)


@pytest.mark.parametrize("text", ["", "  ", None, "a donut at the right"])
def test_a_text_in_no_dialect_is_answered_in_words(forks, run, text):
    forks.context.pictures.add(run.picture)
    assert "error" in forks.read({"picture": run.picture.id, "text": text})


@pytest.mark.parametrize(
    "objects", [None, [[1, 2, 3, 4]], [["a", 0, 1, 1, "cat"]], [THINGS[0]] * 101]
)
def test_what_are_no_objects_is_answered_in_words(forks, run, objects):
    forks.context.pictures.add(run.picture)
    assert "error" in forks.written({"picture": run.picture.id, "objects": objects})
