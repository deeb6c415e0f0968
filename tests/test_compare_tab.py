"""The Compare tab without a server: two sentences as one growing text, presets, many samples."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

from pix2seq.categories import Categories
from pix2seq.config import SamplingOptions, TokenizerConfig
from pix2seq.predictor import Predictor
from pix2seq.tokenizer import Tokenizer
from pix2seq.ui.compare import samples as samples_panel
from pix2seq.ui.compare import tab as compare_tab
from pix2seq.ui.compare.runs import empty_comparison, write_both
from pix2seq.ui.compare.samples import SampleHandlers, summarize, true_objects
from pix2seq.ui.compare.sides import PRESETS, Side, preset_options, side_updates
from pix2seq.ui.compare.tab import CompareHandlers, side_options
from pix2seq.ui.visit.record import picture_line
from pix2seq.ui.visit.runs import Picture, Run
from tests import fakes
from tests.browser import storyteller
from tests.served import SENTENCE, Visitor, app_context, control_values, scripted_predictor


@pytest.fixture
def toasts(monkeypatch) -> list[str]:
    """Messages that visitors see."""
    seen: list[str] = []
    for module in (compare_tab, samples_panel):
        monkeypatch.setattr(module, "toast", lambda error: seen.append(str(error)))
    return seen


@pytest.fixture
def photo(tmp_path) -> str:
    path = tmp_path / "holiday.png"
    fakes.draw_picture().save(path)
    return str(path)


def two_runs(predictor: Predictor, left: dict, right: dict) -> tuple[Run, Run]:
    picture = Picture(fakes.draw_picture())
    base = predictor.resolve(SamplingOptions(seed=3))
    return tuple(Run(picture, predictor, base.replace(**changes)) for changes in (left, right))


def lines(text: str, kind: str) -> list[str]:
    return [line[1:] for line in text.splitlines() if line[0] == kind]


def verdict(text: str) -> dict:
    (line,) = lines(text, "V")
    return json.loads(line)


def ids(record_lines: list[str]) -> list[int]:
    return [int(line[1:].split(" ")[1]) for line in record_lines if line[0] == "T"]


# ---- two settings -------------------------------------------------------------------------------


def test_both_sentences_arrive_whole_and_the_text_only_grows():
    a, b = two_runs(storyteller(), {"temperature": 0.0}, {"temperature": 2.0})
    texts = list(write_both(a, b, clock=iter(range(10_000)).__next__))
    assert all(later.startswith(earlier) for earlier, later in pairwise(texts))
    assert len(texts) > 10, "it is a stream"
    assert ids(lines(texts[-1], "a")) == a.token_ids
    assert ids(lines(texts[-1], "b")) == b.token_ids
    assert json.loads(lines(texts[-1], "C")[0])["differ"] == [["temperature", 0.0, 2.0]]


def test_the_sides_take_turns():
    a, b = two_runs(storyteller(), {"eos": "delay"}, {"eos": "delay"})
    text = list(write_both(a, b))[-1]
    turns = [line[0] for line in text.splitlines() if line[1] == "T"]
    assert turns == ["a", "b"] * 40


def test_the_divergence_is_announced_where_it_is_and_explained():
    a, b = two_runs(storyteller(), {"temperature": 0.0}, {"temperature": 2.0})
    text = list(write_both(a, b))[-1]
    said = verdict(text)
    (announced,) = lines(text, "P")
    first = next(i for i, (x, y) in enumerate(zip(a.token_ids, b.token_ids)) if x != y)  # noqa: B905
    assert int(announced) == said["parted"] == said["why"]["index"] == first
    for side, run in (("a", a), ("b", b)):
        bar = said["why"][side]
        assert bar["token"] == run.token_ids[first]
        assert bar["below"] <= said["why"]["number"] <= bar["below"] + bar["prob"] + 1e-4
        assert sum(prob for _, _, prob in bar["segments"]) == pytest.approx(1, abs=1e-3)
    assert said["pairs"][first][0] == "first"


def test_the_same_settings_write_the_same_sentence():
    a, b = two_runs(scripted_predictor(), {}, {})
    text = list(write_both(a, b))[-1]
    said = verdict(text)
    assert a.token_ids == b.token_ids == SENTENCE
    assert lines(text, "P") == []
    assert (said["parted"], said["why"]) == (None, None)
    assert [match[:2] for match in said["matches"]] == [[0, 0], [1, 1], [2, 2]]


def test_a_side_that_goes_on_differs_where_the_other_ends():
    a, b = two_runs(scripted_predictor(), {"max_objects": 1}, {"max_objects": 2})
    text = list(write_both(a, b))[-1]
    assert lines(text, "P") == ["5"]
    assert verdict(text)["parted"] == 5
    assert verdict(text)["why"] is None
    assert [relation for relation, _ in verdict(text)["pairs"]][4:7] == ["same", "first", "only b"]


def test_stopping_one_stops_both_and_keeps_what_is_there():
    a, b = two_runs(storyteller(), {"eos": "delay"}, {"eos": "delay"})
    stream = write_both(a, b, clock=iter(range(10_000)).__next__)
    texts = []
    for text in stream:
        texts.append(text)
        if len(a.steps) == 7:
            a.cancelled.set()
    text = texts[-1]
    assert 7 <= len(a.steps) <= 9
    assert abs(len(a.steps) - len(b.steps)) <= 1
    assert [line.split(" ")[0] for line in lines(text, "a") if line[0] == "E"] == ["Estopped"]
    assert [line.split(" ")[0] for line in lines(text, "b") if line[0] == "E"] == ["Estopped"]


def test_leaving_the_page_closes_both_streams():
    a, b = two_runs(storyteller(), {}, {})
    stream = write_both(a, b, clock=iter(range(10_000)).__next__)
    for _ in range(8):
        next(stream)
    stream.close()
    written = len(a.steps), len(b.steps)
    assert list(stream) == []
    assert (len(a.steps), len(b.steps)) == written


def test_an_empty_comparison_shows_the_picture_twice():
    text = empty_comparison(picture_line(Picture(fakes.draw_picture(), example="chelsea")))
    for side in "ab":
        (head,) = lines(text, side)
        assert json.loads(head[1:])["image"]["example"] == "chelsea"


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_works_with_every_checkpoint(name):
    plain = TokenizerConfig(
        12, 3, coord_offset=3, class_offset=15, vocab_size=18, bos_id=0, eos_id=1, pad_id=2
    )
    for config in (fakes.TINY_TOKENIZER, plain):
        base = SamplingOptions().resolve(SamplingOptions(), config)
        sides = preset_options(name, base, config)
        tokenizer = Tokenizer(config, Categories.contiguous(["x"] * config.num_classes))
        for options in sides:
            assert options.resolve(SamplingOptions(), tokenizer.config) == options
            assert len(side_updates(options, config)) == len(Side.NAMES)
        if config.noise_id is not None and name != "write":
            assert sides[0] != sides[1]


def test_a_side_overrides_write_and_the_seed_is_shared():
    predictor = scripted_predictor()
    base = control_values(predictor, top_k=5, temperature=0.3, seed=1)
    side = [0.0, 0.5, 16, 4, "delay", "show"]
    options = side_options(predictor, base, side, 9)
    assert (options.temperature, options.top_p, options.num_bins) == (0.0, 0.5, 16)
    assert (options.max_objects, options.eos, options.noise) == (4, "delay", "show")
    assert (options.seed, options.top_k) == (9, 5)


def compare(handlers: CompareHandlers, path, example="", checkpoint="scripted", bins=16) -> list:
    side = [0.0, 0.9, bins, 3, "model", "paper"]
    values = [*side, *side, *control_values(scripted_predictor())]
    return list(handlers.run(path, example, checkpoint, 0, *values, request=Visitor()))


def test_the_button_writes_about_the_picture_of_write(photo, toasts):
    handlers = CompareHandlers(app_context())
    for path, example in ((photo, ""), (None, "chelsea")):
        text = compare(handlers, path, example)[-1]
        assert len(ids(lines(text, "a"))) == len(ids(lines(text, "b"))) == 15
        runs = [json.loads(lines(text, side)[0][1:])["run"] for side in "ab"]
        assert all(handlers.context.runs.find(run) is not None for run in runs)
    assert toasts == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"path": None}, "no picture"),
        ({"checkpoint": "missing"}, "not on this machine"),
        ({"bins": 33}, "num_bins is 33"),
    ],
)
def test_what_cannot_work_is_said_and_changes_nothing(photo, toasts, changes, message):
    compare(CompareHandlers(app_context()), **{"path": photo, **changes})
    assert message in toasts[0]


def test_without_a_recording_the_panel_shows_the_picture(photo):
    handlers = CompareHandlers(app_context())
    for path, there in ((photo, True), (None, False)):
        text = handlers.look("no such pair", path, "")
        assert bool(json.loads(lines(text, "a")[0][1:])["image"]) is there


def test_another_checkpoint_sets_both_sides_to_its_limits():
    handlers = CompareHandlers(app_context())
    updates = handlers.follow_checkpoint("bins", "scripted")
    bins = Side.NAMES.index("num_bins")
    assert [update["maximum"] for update in (updates[bins], updates[bins + 6])] == [32, 32]
    assert [update["value"] for update in (updates[bins], updates[bins + 6])] == [32, 16]
    assert len(handlers.follow_checkpoint("bins", "missing")) == 12


def test_a_preset_keeps_what_write_has():
    handlers = CompareHandlers(app_context())
    values = control_values(scripted_predictor(), max_objects=5)
    *updates, shown = handlers.choose_preset("eos", None, "", "scripted", *values)
    assert json.loads(lines(shown, "C")[0])["recorded"]["preset"] == "eos"
    names = [*Side.NAMES, *Side.NAMES]
    set_to = [(name, update["value"]) for name, update in zip(names, updates, strict=True)]
    assert [value for name, value in set_to if name == "max_objects"] == [5, 5]
    assert [value for name, value in set_to if name == "eos"] == ["model", "delay"]


# ---- many samples -------------------------------------------------------------------------------


def sample(handlers: SampleHandlers, path=None, example="", count=6, **changes) -> list[dict]:
    values = control_values(scripted_predictor(), **changes)
    texts = handlers.run(path, example, "scripted", count, *values, request=Visitor())
    return [json.loads(text) for text in texts]


def test_samples_come_a_few_at_a_time_and_agree_where_the_model_is_sure(photo):
    shown = sample(SampleHandlers(app_context()), photo)
    assert [one["state"] for one in shown] == ["encoding", "writing", "writing", "writing", "done"]
    assert [one.get("done") for one in shown] == [None, 0, 4, 6, 6]
    last = shown[-1]
    assert {found["label"]: found["count"] for found in last["clusters"]} == {
        "person": 6,
        "cat": 6,
        "dog": 6,
    }
    assert last["curve"] == pytest.approx([3] * 6)
    assert "truth" not in last


def test_scenes_know_their_true_objects(toasts):
    last = sample(SampleHandlers(app_context()), example="scene-1", count=2)[-1]
    assert len(last["truth"]["recall"]) == 2
    assert last["truth"]["objects"] > 0
    right, others = last["truth"]["right"], last["truth"]["others"]
    assert right + others == len(last["clusters"]), "named is not found"
    assert toasts == []


def test_the_truth_is_translated_or_left_out():
    picture = Picture(fakes.draw_picture(), example="scene-1")
    boxes, labels = true_objects(picture, scripted_predictor())
    assert len(boxes) == len(labels) > 0
    assert true_objects(Picture(fakes.draw_picture()), scripted_predictor()) is None
    config = TokenizerConfig.compact(num_bins=32, num_classes=1)
    other = scripted_predictor()
    other.tokenizer = Tokenizer(config, Categories.contiguous(["axolotl"]))
    assert true_objects(picture, other) is None


def test_no_objects_are_summarized_too(tokenizer):
    summary = summarize([], scripted_predictor(), None)
    assert (summary["clusters"], summary["curve"], summary["done"]) == ([], [], 0)


def test_stopping_samples_keeps_those_that_are_whole(photo):
    handlers = SampleHandlers(app_context())
    values = control_values(scripted_predictor())
    shown = []
    for text in handlers.run(photo, "", "scripted", 12, *values, request=Visitor()):
        shown.append(json.loads(text))
        if shown[-1].get("done") == 4:
            handlers.stop(Visitor())
    assert (shown[-1]["state"], shown[-1]["done"], shown[-1]["wanted"]) == ("stopped", 4, 12)


def test_another_visitor_cannot_stop_them(photo):
    handlers = SampleHandlers(app_context())
    values = control_values(scripted_predictor())
    shown = []
    for text in handlers.run(photo, "", "scripted", 5, *values, request=Visitor("me")):
        handlers.stop(Visitor("somebody else"))
        shown.append(json.loads(text))
    assert shown[-1]["state"] == "done"


def test_samples_without_a_picture_say_so(toasts):
    handlers = SampleHandlers(app_context())
    values = control_values(scripted_predictor())
    list(handlers.run(None, "", "scripted", 4, *values, request=Visitor()))
    assert "no picture" in toasts[0]
