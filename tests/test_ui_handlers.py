"""What the buttons do, without a server."""

from __future__ import annotations

import json

import gradio as gr
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pix2seq.config import SamplingOptions
from pix2seq.ui.kit.controls import NAMES, SETTINGS
from pix2seq.ui.visit import record
from pix2seq.ui.write import handlers as module
from pix2seq.ui.write import recordings
from pix2seq.ui.write.handlers import Handlers
from pix2seq.ui.write.recordings import OPENING, make_recording, recording_path
from tests import fakes
from tests.served import SENTENCE, Visitor, app_context, control_values, scripted_predictor


@pytest.fixture
def handlers() -> Handlers:
    context = app_context()
    context.sessions.set_pace("tab", 0)
    return Handlers(context)


@pytest.fixture
def toasts(monkeypatch) -> list[str]:
    """Messages that visitors see."""
    seen: list[str] = []
    monkeypatch.setattr(module, "toast", lambda error: seen.append(str(error)))
    return seen


@pytest.fixture
def photo(tmp_path) -> str:
    path = tmp_path / "holiday.png"
    fakes.draw_picture().save(path)
    return str(path)


def chosen(**changes) -> list:
    return control_values(scripted_predictor(), **changes)


def run(handlers: Handlers, path: str | None, checkpoint: str = "scripted", **changes) -> str:
    values = chosen(**changes)
    return list(handlers.run(path, "", checkpoint, *values, request=Visitor()))[-1]


def header(text: str) -> dict:
    return json.loads(text.split("\n", 1)[0][1:])


def go_on(handlers: Handlers, text: str, data: dict, **changes) -> str:
    data = {"run": header(text)["run"], **data}
    values = chosen(**changes)
    return list(handlers.write_on(data, None, "", "scripted", *values, request=Visitor()))[-1]


def test_run_writes_the_whole_sentence(handlers, photo):
    text = run(handlers, photo)
    assert text.count("\nT") == len(SENTENCE)
    assert text.splitlines()[-1].startswith("Eeos")


def test_run_without_a_picture_says_what_to_do(handlers, toasts):
    text = run(handlers, None)
    assert "choose an example" in toasts[0]
    assert header(text)["image"] is None


def test_an_unreadable_file_is_named_by_its_own_name(handlers, toasts, tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("not a picture")
    text = handlers.show_picture(str(path), Visitor())
    said = header(text)["message"]
    assert "notes.txt" in said and str(tmp_path) not in said
    assert toasts == [], "once is enough: the stage says it"
    assert not record.has_picture(text)


@pytest.mark.parametrize(
    ("position", "value", "named"),
    [(1, 0, "top_p"), (1, 2, "top_p"), (3, 999, "num_bins"), (11, -1, "seed"), (0, "hot", "hot")],
)
def test_settings_that_cannot_work_become_a_toast(handlers, toasts, photo, position, value, named):
    values = chosen()
    values[position] = value
    list(handlers.run(photo, "", "scripted", *values, request=Visitor()))
    assert len(toasts) == 1 and named in toasts[0]
    assert "\nT" in run(handlers, photo)  # and the next run works


def test_step_writes_one_token_more_in_the_same_run(handlers, photo):
    first = list(
        handlers.write_on(
            {"run": None, "limit": 1}, photo, "", "scripted", *chosen(), request=Visitor()
        )
    )[-1]
    second = go_on(handlers, first, {"limit": 1})
    assert (first.count("\nT"), second.count("\nT")) == (1, 2)
    assert header(first)["run"] == header(second)["run"]
    assert second.startswith(first)


def test_write_on_finishes_what_was_stopped(handlers, photo):
    first = list(
        handlers.write_on(
            {"run": None, "limit": 1}, photo, "", "scripted", *chosen(), request=Visitor()
        )
    )[-1]
    rest = go_on(handlers, first, {})
    assert rest.count("\nT") == len(SENTENCE)


def test_another_token_makes_a_branch_and_leaves_the_parent_alone(handlers, photo):
    parent = run(handlers, photo)
    other = SENTENCE[2] - 3
    branch = go_on(handlers, parent, {"index": 2, "token": other})
    assert header(branch)["parent"] == header(parent)["run"]
    assert header(branch)["fork"] == 2
    kept = handlers.context.runs.get(header(parent)["run"])
    assert kept.token_ids == SENTENCE
    ids = handlers.context.runs.get(header(branch)["run"]).token_ids
    assert ids == [*SENTENCE[:2], other, *SENTENCE[3:]]


def objects(text: str) -> dict[int, list[str]]:
    """The object lines of a record, by number."""
    return {
        int(line[1:].split()[0]): line.split()[1:]
        for line in text.splitlines()
        if line.startswith("B")
    }


EDITS = st.tuples(st.integers(0, 14), st.integers(0, 79), st.integers(0, 120))


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(edits=st.lists(EDITS, min_size=1, max_size=4))
def test_edits_leave_what_stands_before_them_as_it_was(handlers, photo, edits):
    """However many edits follow one another, and whichever tokens they replace."""
    text = run(handlers, photo, seed=1, score="box")
    for index, label, pixel in edits:
        before = objects(text)
        value = {"label": label} if index % 5 == 4 else {"pixel": pixel}
        text = go_on(handlers, text, {"index": index, **value}, seed=1, score="box")
        after = objects(text)
        assert all(after[number] == before[number] for number in range(index // 5))
        written = handlers.context.runs.get(header(text)["run"])
        assert {step.index for step in written.steps if step.forced} == written.forced
        assert index in written.forced
        if after[index // 5][-1] != "flat":
            assert after[index // 5][-1] in ("ok", "noise"), "what a person gave is shown"


def test_a_place_is_asked_about_in_a_sentence_of_its_own(handlers, photo):
    parent = run(handlers, photo)
    box = {"ymin": 10, "xmin": 20, "ymax": 60, "xmax": 90}
    branch = go_on(handlers, parent, {"box": box, "shown": 10})
    asked = handlers.context.runs.get(header(branch)["run"])
    assert (asked.parent, asked.fork) == (header(parent)["run"], 0)
    assert asked.forced == {0, 1, 2, 3} and asked.behind == tuple(SENTENCE[:10])
    assert asked.token_ids[4] == SENTENCE[4], "the model names the box"


def test_a_forbidden_class_is_not_written_again(handlers, photo):
    parent = run(handlers, photo)
    branch = go_on(handlers, parent, {"index": 4, "forbid": 0})
    run_ = handlers.context.runs.get(header(branch)["run"])
    assert run_.options.forbidden_labels == (0,)
    assert run_.token_ids[4] != SENTENCE[4]


def test_other_settings_write_a_branch_not_the_same_run(handlers, photo):
    first = list(
        handlers.write_on(
            {"run": None, "limit": 1}, photo, "", "scripted", *chosen(), request=Visitor()
        )
    )[-1]
    second = go_on(handlers, first, {"limit": 1}, temperature=0.5)
    assert header(second)["run"] != header(first)["run"]
    assert header(second)["parent"] == header(first)["run"]


def test_an_edit_that_makes_no_sense_becomes_a_toast(handlers, toasts, photo):
    parent = run(handlers, photo)
    go_on(handlers, parent, {"index": 99, "token": 5})
    assert "99" in toasts[0]


def test_a_new_run_stops_the_one_before(handlers, photo):
    first = handlers.run(photo, "", "scripted", *chosen(), request=Visitor())
    next(first)
    next(first)
    second = handlers.run(photo, "", "scripted", *chosen(), request=Visitor())
    next(second)
    assert list(first)[-1].splitlines()[-1].startswith("Estopped")
    assert list(second)[-1].splitlines()[-1].startswith("Eeos")


def test_stop_only_stops_the_visitor_who_asked(handlers, photo):
    mine = handlers.run(photo, "", "scripted", *chosen(), request=Visitor("mine"))
    next(mine)
    next(mine)
    handlers.stop(Visitor("other"))
    assert list(mine)[-1].splitlines()[-1].startswith("Eeos")


def test_an_edit_behind_the_longest_sentence_is_a_toast_and_the_stage_stays(
    handlers, toasts, photo
):
    parent = run(handlers, photo)
    data = {"run": header(parent)["run"], "index": 12, "token": SENTENCE[2]}
    values = chosen(max_objects=2)
    answer = list(handlers.write_on(data, None, "", "scripted", *values, request=Visitor()))
    assert answer == [gr.skip()]
    assert "2 objects at most" in toasts[0]


def test_going_on_past_eos_keeps_the_tokens_before_it(handlers, photo):
    parent = run(handlers, photo)
    branch = go_on(handlers, parent, {"index": 15, "eos": "delay"})
    assert header(branch)["options"]["eos"] == "delay" and header(branch)["fork"] == 15
    assert branch.count("\nT") > len(SENTENCE)


def test_forbidden_classes_follow_the_stage(handlers):
    handlers.context.shelf.get("scripted")
    assert handlers.forbidden({"label": 16}, "scripted", [0]) == [0, 16]
    assert handlers.forbidden({"labels": [15]}, "scripted", [0, 16]) == [15]
    assert handlers.forbidden({"labels": []}, "scripted", [0]) == []
    assert handlers.forbidden({"labels": [15, "${x}", 999, None]}, "scripted", []) == [15]


def test_the_menu_going_back_loads_nothing(handlers, toasts):
    assert handlers.choose_checkpoint("missing", "missing")[0] == gr.skip()
    assert toasts == []


def test_a_checkpoint_that_fails_keeps_the_running_one(handlers, toasts):
    menu, loaded, *controls = handlers.choose_checkpoint("missing", "scripted")
    assert menu["value"] == loaded == "scripted"
    assert len(controls) == len(NAMES)
    assert "missing" in toasts[0]


def test_another_checkpoint_brings_its_limits_and_defaults(handlers):
    _, loaded, *controls = handlers.choose_checkpoint("blind", "scripted")
    assert loaded == "blind"
    assert controls[3]["maximum"] == 32 and controls[1]["value"] == 0.9


def test_the_page_opens_with_an_example(handlers):
    record, picture, name, checkpoint, loaded, linked, *controls = handlers.open_page(Visitor())
    opened = header(record)["image"]
    assert opened["example"] == name
    assert picture.size == (opened["w"], opened["h"])
    assert linked == "" and len(controls) == len(NAMES)
    assert checkpoint == loaded == gr.skip()


@pytest.mark.parametrize("choose", ["show_picture", "show_example", "compose_scene"])
def test_whoever_chose_a_picture_before_the_page_had_opened_keeps_it(handlers, tmp_path, choose):
    quick, other = Visitor("quick"), Visitor("other")
    path = tmp_path / "own.png"
    fakes.draw_picture().save(path)
    wanted = {"show_picture": str(path), "show_example": "chelsea", "compose_scene": 3}
    getattr(handlers, choose)(wanted[choose], quick)
    *page, linked = handlers.open_page(quick)[:6]
    assert linked == "" and all(update == gr.skip() for update in page)
    assert header(handlers.open_page(other)[0])["image"]["example"] == OPENING


def test_the_opening_example_plays_without_any_checkpoint(handlers, tmp_path, monkeypatch):
    recording = make_recording(scripted_predictor("elsewhere"), OPENING, SamplingOptions())
    recording_path(OPENING, tmp_path).write_text(json.dumps(recording))
    monkeypatch.setattr(recordings, "FOLDER", tmp_path)
    record, *_ = handlers.open_page(Visitor())
    assert header(record)["replay"] and record.count("\nT") == len(SENTENCE)


def test_the_page_carries_the_recording_that_its_first_answer_names(
    handlers, tmp_path, monkeypatch
):
    recording = make_recording(scripted_predictor(), OPENING, SamplingOptions())
    recording_path(OPENING, tmp_path).write_text(json.dumps(recording))
    monkeypatch.setattr(recordings, "FOLDER", tmp_path)
    carried = handlers.opening_record()
    named, *_ = handlers.open_page(Visitor())
    assert carried.split("\n")[1:] == named.split("\n")[1:] and "\nT" in carried
    assert header(carried)["run"] is None and header(carried)["replay"]
    assert header(named)["run"] and header(named)["image"] == header(carried)["image"]


def test_a_link_sets_example_settings_and_seed(handlers):
    query = {"ex": "chelsea", "seed": "7", "t": "0.8", "p": "0.4", "eos": "delay", "n": "3"}
    _, _, name, checkpoint, loaded, linked, *controls = handlers.open_page(Visitor(**query))
    assert (name, checkpoint, loaded, linked) == ("chelsea", "scripted", "scripted", "run")
    values = [update["value"] for update in controls]
    assert values[0] == 0.8 and values[1] == 0.4 and values[4] == 3
    assert values[5] == "delay" and values[11] == 7


@pytest.mark.parametrize(
    "query",
    [
        {"ex": "../../etc/passwd"},
        {"ex": "${alert(1)}"},
        {"ex": "chelsea", "t": "warm"},
        {"ex": "chelsea", "p": "nan"},
        {"ex": "chelsea", "ckpt": "/etc"},
        {"ex": "chelsea", "eos": "<img src=x onerror=alert(1)>"},
    ],
)
def test_a_bad_link_opens_the_page_with_a_toast(handlers, toasts, query):
    record, _, _, _, _, linked, *_ = handlers.open_page(Visitor(**query))
    assert len(toasts) == 1
    assert linked == "" and header(record)["image"] is not None


@pytest.mark.parametrize(
    ("key", "said", "what"),
    [
        ("t", "warm", "a number"),
        ("seed", "1e40", "a whole number"),
        ("forbid", "3,x", "whole numbers"),
    ],
)
def test_what_a_link_says_in_place_of_a_number_is_named(handlers, toasts, key, said, what):
    handlers.open_page(Visitor(ex="chelsea", **{key: said}))
    assert f"{key}={said!r}, which is not {what}" in toasts[0]


@pytest.mark.parametrize(
    ("key", "said", "used", "told"),
    [
        ("t", "99", 2, "temperature 99 in the link: 2 is the most"),
        ("t", "-1", 0, "temperature -1 in the link: 0 is the least"),
        ("p", "0", 0.01, "top-p (nucleus) 0 in the link: 0.01 is the least"),
        ("n", "1000", 8, "objects at most 1000 in the link: 8 is the most"),
        ("bins", "1", 2, "coordinate bins 1 in the link: 2 is the least"),
        ("seed", "-5", 0, "seed -5 in the link: 0 is the least"),
        ("score", "1.5", 1, "score at least 1.5 in the link: 1 is the most"),
        ("forbid", "3,999", [3], "forbidden class 999 in the link: this checkpoint has none"),
    ],
)
def test_a_number_out_of_range_in_a_link_is_named_and_moved_into_it(
    handlers, toasts, monkeypatch, key, said, used, told
):
    remarks: list[str] = []
    monkeypatch.setattr(module, "remark", remarks.append)
    answer = handlers.open_page(Visitor(ex="chelsea", **{key: said}))
    assert answer[5] == "run" and toasts == []
    assert len(remarks) == 1 and remarks[0].startswith(told)
    place = [setting.link for setting in SETTINGS].index(key)
    assert answer[6 + place]["value"] == used


def test_step_behind_the_end_asks_before_it_begins_anew(handlers, photo):
    whole = run(handlers, photo)
    asked = go_on(handlers, whole, {"limit": 1, "hold": True})
    assert asked == gr.skip(), "the sentence on view stays"
    anew = go_on(handlers, whole, {"limit": 1})
    assert anew.count("\nT") == 1 and header(anew)["parent"] is None


@pytest.mark.parametrize("shown", [-1, "x", 1.5, None])
def test_a_cursor_that_makes_no_sense_becomes_a_toast(handlers, toasts, photo, shown):
    parent = run(handlers, photo)
    go_on(handlers, parent, {"shown": shown})
    assert "shown" in toasts[0]
