"""What the stage learns on demand."""

from __future__ import annotations

import base64
import io
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pix2seq.config import PyramidConfig, SamplingOptions
from pix2seq.model import Pix2Seq
from pix2seq.predictor import Predictor
from pix2seq.ui.visit.record import RECORDED
from pix2seq.ui.visit.runs import Picture, Run
from pix2seq.ui.visit.writer import write
from pix2seq.ui.write.answers import Answers
from pix2seq.ui.write.attention import inside_share
from tests import fakes
from tests.served import SENTENCE, app_context, scripted_predictor, settings_on_view


@pytest.fixture
def answers() -> Answers:
    return Answers(app_context())


@pytest.fixture
def run(answers) -> Run:
    predictor = scripted_predictor(noise=1)
    run = Run(Picture(fakes.draw_picture()), predictor, predictor.resolve(SamplingOptions()))
    for _ in write(run):
        pass
    answers.context.pictures.add(run.picture)
    return answers.context.runs.add(run)


def test_a_picture_comes_as_a_jpeg(answers, run):
    answer = answers.picture({"id": run.picture.id})
    kind, data = answer["src"].split(",")
    assert kind == "data:image/jpeg;base64"
    assert Image.open(io.BytesIO(base64.b64decode(data))).size == (120, 90)


@pytest.mark.parametrize("ask", ["explain", "attention", "look_around", "asked", "export"])
def test_of_a_recording_without_its_model_nothing_can_be_asked_and_that_is_said(answers, ask):
    said = getattr(answers, ask)({"run": f"{RECORDED}x", "index": 0, "x": 1, "y": 1})["error"]
    assert "this is a recording" in said and said.endswith("press Run to write anew")


def test_a_coordinate_is_explained_over_the_whole_axis(answers, run):
    answer = answers.explain({"run": run.id, "index": 2})
    assert answer["slot"] == "ymax" and answer["token"] == SENTENCE[2]
    assert [len(stage) for stage in answer["axis"]] == [32] * 4
    assert answer["rank"] == 1
    assert answer["best"][0]["id"] == SENTENCE[2]
    assert sum(answer["axis"][3]) == pytest.approx(1, abs=1e-4)
    assert [mode["id"] for mode in answer["modes"]] == [SENTENCE[2]]


def test_a_class_is_explained_by_classes_and_always_noise(answers, run):
    answer = answers.explain({"run": run.id, "index": 4})
    assert answer["axis"] is None
    assert {"class", "noise"} <= {item["kind"] for item in answer["best"]}
    assert answer["best"][0]["text"] == "person"
    assert sum(answer["kinds"].values()) <= 1 + 1e-6


def test_other_settings_are_tried_without_running_the_model(answers, run):
    forwards = run.predictor.model.forwards
    values = settings_on_view(run.predictor, temperature=0.0)
    answer = answers.explain({"run": run.id, "index": 2, "values": values})
    assert answer["whatIf"] and answer["counts"][3] == 1
    assert run.predictor.model.forwards == forwards
    same = answers.explain({"run": run.id, "index": 2, "values": settings_on_view(run.predictor)})
    assert not same["whatIf"]


def test_filters_of_finished_objects_are_no_what_if(answers, run):
    values = settings_on_view(run.predictor, noise="drop", score_threshold=0.3, max_objects=2)
    assert not answers.explain({"run": run.id, "index": 2, "values": values})["whatIf"]
    values = settings_on_view(run.predictor, seed=5)
    assert answers.explain({"run": run.id, "index": 2, "values": values})["whatIf"]


def test_the_same_seed_is_drawn_again_under_the_tried_settings(answers):
    """The page says what a moved slider would have written: it must be what a run writes."""
    predictor = scripted_predictor(peak=2.0)
    hot = predictor.resolve(SamplingOptions(temperature=1.5, top_p=1.0, seed=3))
    run = Run(Picture(fakes.draw_picture()), predictor, hot)
    for _ in write(run):
        pass
    answers.context.runs.add(run)
    for index, step in enumerate(run.steps):
        assert answers.explain({"run": run.id, "index": index})["drawn"] == step.token_id
    values = settings_on_view(predictor, temperature=0.0, seed=3)
    encoding = predictor.encode(run.picture.image)
    # The scripted model does not look at what was written, so each token can be compared.
    cold = list(predictor.stream(encoding, hot.replace(temperature=0.0, top_p=0.9)))
    pairs = list(zip(cold, run.steps, strict=False))
    assert any(c.token_id != w.token_id for c, w in pairs)
    for index, (step, _) in enumerate(pairs):
        answer = answers.explain({"run": run.id, "index": index, "values": values})
        assert answer["drawn"] == step.token_id


def test_coarse_bins_are_explained_cell_by_cell(answers):
    predictor = scripted_predictor(peak=2.0)
    options = predictor.resolve(SamplingOptions(num_bins=4, top_p=1.0, seed=1))
    run = answers.context.runs.add(Run(Picture(fakes.draw_picture()), predictor, options))
    for _ in write(run):
        pass
    answer = answers.explain({"run": run.id, "index": 0})
    coordinates = [item for item in answer["best"] if item["kind"] == "coord"]
    assert answer["cells"] == 4
    assert len([item for item in coordinates if item["stages"][0] > 0]) == 4
    step = run.steps[0]
    assert answer["chosen"][0] == pytest.approx(math.exp(step.logprob))
    fine = answers.explain({"run": run.id, "index": 4})
    assert fine["chosen"][0] == pytest.approx(math.exp(run.steps[4].logprob))


def test_controls_of_another_checkpoint_leave_a_token_as_it_was(answers, run):
    """With another checkpoint in the menu, its 1000 bins once made the shown token an error."""
    values = settings_on_view(run.predictor, temperature=0.0)
    values["num_bins"] = 1000
    question = {"run": run.id, "index": 2, "values": values}
    answer = answers.explain({**question, "checkpoint": "blind"})
    assert "scripted" in answer["note"] and not answer["whatIf"]
    assert "num_bins" in answers.explain({**question, "checkpoint": "scripted"})["error"]
    lines = answers.reread({"run": run.id, "values": values})["lines"]
    assert lines.count("\n") == 3


def test_a_load_is_told_while_it_lasts(answers):
    shelf = answers.context.shelf
    told = []

    def load(name):
        told.append(answers.loading({"checkpoint": name}))
        shelf.report(name)("weights", 31_000_000, 147_000_000)
        told.append(answers.loading({"checkpoint": name}))
        return scripted_predictor(name)

    shelf._load = load
    shelf.get("blind")
    assert told[0] == {"loading": True, "done": 0, "total": None, "looking": 0}
    assert told[1] == {"loading": True, "done": 31_000_000, "total": 147_000_000, "looking": 0}
    assert answers.loading({"checkpoint": "blind"}) == {"loading": False, "looking": 0}
    assert answers.loading({"checkpoint": "../../etc"}) == {"loading": False, "looking": 0}


def test_attention_is_a_grid_by_layer_and_head(answers, run):
    answer = answers.attention({"run": run.id, "index": 5, "layer": 0, "head": 0})
    cells = base64.b64decode(answer["cells"])
    assert (answer["rows"], answer["columns"], answer["layers"]) == (4, 4, 2)
    assert len(cells) == 16
    assert cells.index(255) == 5  # the scripted model's token 5 looks at cell 5
    assert "drafts" not in answer


@pytest.fixture
def drafting(answers) -> Run:
    """A finished run of a network whose encoder drafts six objects."""
    config = fakes.pyramid_config(pyramid=PyramidConfig(8, 80, drafts=6))
    torch.manual_seed(0)
    predictor = Predictor(Pix2Seq(config).eval(), fakes.tiny_tokenizer(), fakes.TINY_PREPROCESS)
    run = Run(Picture(fakes.draw_picture()), predictor, predictor.resolve(SamplingOptions()))
    list(write(run, limit=10))
    return answers.context.runs.add(run)


def test_attention_to_drafts_goes_to_the_boxes_that_they_speak_of(answers, drafting):
    everything = [0, 0, 120, 160]  # the padding below the picture, too
    asked = {"run": drafting.id, "index": 7, "layer": 1, "head": 0}
    answer = answers.attention(asked | {"box": everything})
    looked = drafting.predictor.cross_attention(
        drafting.picture.encoded_by(drafting.predictor), drafting.token_ids[:8]
    )
    shares = looked.drafts[1, 0, 7]
    drafts = answer["drafts"]
    assert drafts["count"] == 6 and drafts["share"] == pytest.approx(float(shares.sum()))
    told = [one["share"] for one in drafts["most"]]
    assert told == sorted(told, reverse=True) and told[0] == pytest.approx(float(shares.max()))
    for one in drafts["most"]:
        x0, y0, x1, y1 = one["box"]
        assert 0 <= x0 <= x1 <= 120 and 0 <= y0 <= y1 <= 90
        assert one["name"] in drafting.predictor.categories.names and 0 < one["sure"] < 1
    cells = looked.cells[1, 0, 7]
    assert answer["peak"] == pytest.approx(max(float(cells.max()), 1 / 16))
    assert answer["inside"] == pytest.approx(1, abs=1e-4)
    nowhere = answers.attention(asked | {"box": [0, 0, 0, 0]})
    assert nowhere["inside"] == pytest.approx(0, abs=1e-4)


def test_a_draft_has_no_name_where_the_checkpoint_has_other_classes(answers, drafting):
    config = fakes.pyramid_config(pyramid=PyramidConfig(8, 7, drafts=6))
    predictor = Predictor(Pix2Seq(config).eval(), fakes.tiny_tokenizer(), fakes.TINY_PREPROCESS)
    run = Run(drafting.picture, predictor, predictor.resolve(SamplingOptions()))
    list(write(run, limit=2))
    answer = answers.attention({"run": answers.context.runs.add(run).id, "index": 1})
    assert {one["name"] for one in answer["drafts"]["most"]} == {None}
    assert "inside" not in answer


def test_the_encoder_can_be_asked_where_it_looks_from_a_place(answers):
    predictor = Predictor(fakes.tiny_model(), fakes.tiny_tokenizer(), fakes.TINY_PREPROCESS)
    picture = Picture(fakes.draw_picture())
    run = answers.context.runs.add(Run(picture, predictor, predictor.resolve(SamplingOptions())))
    answer = answers.look_around({"run": run.id, "x": 30, "y": 20, "layer": 0})
    cells = base64.b64decode(answer["cells"])
    assert len(cells) == answer["rows"] * answer["columns"] and max(cells) == 255
    assert 0 < answer["peak"] <= 1


def test_an_encoder_without_attention_says_so(answers, run):
    assert "no attention" in answers.look_around({"run": run.id, "x": 1, "y": 1})["error"]


def test_rereading_under_another_noise_mode_needs_no_model(answers, run):
    forwards = run.predictor.model.forwards
    values = settings_on_view(run.predictor, noise="drop")
    lines = answers.reread({"run": run.id, "values": values})["lines"].splitlines()
    assert [line.split()[-1] for line in lines] == ["ok", "dropped", "ok"]
    assert run.predictor.model.forwards == forwards


@pytest.mark.parametrize("kind", ["png", "svg", "gif", "json", "coco"])
def test_a_run_can_be_taken_away(answers, run, kind):
    answer = answers.export({"run": run.id, "kind": kind, "shown": 15})
    content = base64.b64decode(answer["data"])
    start = {"png": b"\x89PNG", "svg": b"<", "gif": b"GIF8", "json": b"{", "coco": b"["}[kind]
    assert content.startswith(start)


def test_a_run_is_told_as_code(answers, run):
    answer = answers.snippets({"run": run.id})
    assert "pix2seq.load('scripted')" in answer["python"]
    assert answer["command"].startswith("python -m pix2seq detect")
    assert answer["link"] == ""  # the picture is the visitor's own


@pytest.mark.parametrize(
    ("name", "question"),
    [
        ("picture", {"id": "guess"}),
        ("explain", {"run": "guess", "index": 0}),
        ("explain", {"run": None}),
        ("explain", "everything"),
        ("attention", {"run": "guess", "index": 0}),
        ("export", {"run": "guess", "kind": "png"}),
    ],
)
def test_what_cannot_be_answered_is_an_error_line(answers, name, question):
    answer = getattr(answers, name)(question)
    assert set(answer) == {"error"} and "\n" not in answer["error"]


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("explain", {"index": 99}),
        ("explain", {"index": -1}),
        ("explain", {"index": "x"}),
        ("explain", {"index": 0, "values": [1]}),
        ("attention", {"index": 0, "layer": 99}),
        ("look_around", {"x": "left"}),
        ("export", {"kind": "exe"}),
        ("export", {"kind": "png", "shown": 0}),
    ],
)
def test_a_question_that_makes_no_sense_is_an_error_line(answers, run, name, more):
    assert set(getattr(answers, name)({"run": run.id, **more})) == {"error"}


def test_every_server_function_has_its_name(answers):
    names = [function.__name__ for function in answers.functions()]
    assert names[:4] == ["picture", "loading", "explain", "attention"]
    assert len(set(names)) == len(names) and "answer" not in names


@given(
    st.tuples(st.integers(1, 6), st.integers(1, 6)),
    st.lists(st.floats(0, 1), min_size=4, max_size=4),
    st.integers(0, 4),
    st.integers(0, 10_000),
)
def test_attention_is_shared_between_a_box_and_what_is_around_it(grid, edges, drafts, seed):
    generator = torch.Generator().manual_seed(seed)
    weights = torch.rand(grid[0] * grid[1], generator=generator) + 0.01
    corner, sides = torch.rand(2, drafts, 2, generator=generator) * 0.5
    spoken = torch.cat([corner, corner + sides + 0.01], 1).clamp(max=1)
    told = torch.rand(drafts, generator=generator), spoken
    x0, x1 = sorted(edges[:2])
    y0, y1 = sorted(edges[2:])
    inside = inside_share(weights, grid, torch.tensor([x0, y0, x1, y1]), *told)
    around = [(0, 0, 1, y0), (0, y1, 1, 1), (0, y0, x0, y1), (x1, y0, 1, y1)]
    outside = sum(inside_share(weights, grid, torch.tensor(box), *told) for box in around)
    assert inside + outside == pytest.approx(1, abs=1e-4)
    even = inside_share(torch.ones(grid[0] * grid[1]), grid, torch.tensor([x0, y0, x1, y1]))
    assert even == pytest.approx((x1 - x0) * (y1 - y0), abs=1e-4), "even attention: the box's area"
