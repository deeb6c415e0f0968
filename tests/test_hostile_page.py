"""Whatever a page, a program or a link may say, said to every event and question of the app."""

from __future__ import annotations

import dataclasses
import inspect
import io
import itertools
import json
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from gradio.helpers import special_args
from hypothesis import given
from hypothesis import strategies as st

from pix2seq.config import ConfigError, SamplingOptions
from pix2seq.render import RunRecord, as_command, as_python, stage_image, stage_svg
from pix2seq.ui import build_demo
from pix2seq.ui.kit.controls import NAMES, SETTINGS
from pix2seq.ui.visit.runs import Picture, Run
from pix2seq.ui.visit.writer import write
from pix2seq.ui.write.exports import run_record
from tests import fakes
from tests.hostile.guard import attempt, hostile, one_line, scratch
from tests.hostile.values import broken, nasty
from tests.served import Visitor, load, settings_on_view

_MOST_MESSAGES = 60  # of one event; a sentence of eight objects has fewer


@dataclasses.dataclass(repr=False)
class Page:
    """The whole app without a server, one finished run, and every toast that was shown."""

    demo: gr.Blocks
    run: Run
    photo: str
    toasts: list[str]

    @property
    def context(self) -> Any:
        return self.demo.context

    def events(self) -> list:
        """Everything that a visitor may make the server do, in the queue or beside it."""
        return [fn for fn in self.demo.fns.values() if fn.fn is not None]

    def questions(self) -> list:
        """Every server function of every component."""
        names = [(block, name) for block in self.demo.blocks.values() for name in vars(block)]
        found = [getattr(block, name) for block, name in names]
        return [one for one in found if getattr(one, "_is_server_fn", False)]

    def usual(self, fn: Any) -> list:
        """What the page sends to an event while nobody has touched it."""
        values = [json_value(block) for block in fn.inputs]
        return [
            {"path": self.photo, "meta": {"_type": "gradio.FileData"}} if is_photo(block) else value
            for block, value in zip(fn.inputs, values, strict=True)
        ]

    def send(self, fn: Any, raw: list, said: Any = None) -> Any:
        """One event through Gradio's reading of the values and our function."""
        try:
            values = [self.read(block, value) for block, value in zip(fn.inputs, raw, strict=True)]
        except Exception:
            return None  # Gradio refuses it before we are asked
        inputs, *_ = special_args(fn.fn, values, Visitor("fuzz"), gr.EventData(None, said))
        before = len(self.toasts)
        self.context.sessions.set_pace("fuzz", 0)
        outcome = attempt(lambda: finished(fn.fn(*inputs)), scratch())
        for toast in self.toasts[before:]:
            one_line(toast)
        return outcome

    def read(self, block: Any, value: Any) -> Any:
        if is_photo(block):
            path = value.get("path") if isinstance(value, dict) else None
            return path if isinstance(path, str) else None  # Gradio sees to that
        if isinstance(block, gr.State):
            return block.value  # a visitor cannot send one
        return block.preprocess(value)


def is_photo(block: Any) -> bool:
    return isinstance(block, gr.Image)


def json_value(block: Any) -> Any:
    value = getattr(block, "value", None)
    return value if isinstance(value, str | int | float | bool | list | dict | None) else None


def finished(outcome: Any) -> Any:
    """A generator's last message."""
    if not inspect.isgenerator(outcome):
        return outcome
    messages = list(itertools.islice(outcome, _MOST_MESSAGES))
    outcome.close()
    return messages[-1] if messages else None


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Page:
    photo = tmp_path_factory.mktemp("upload") / "photo.png"
    fakes.draw_picture().save(photo)
    demo = build_demo("scripted", load=load, names=["blind", "wide", "missing"])
    predictor = demo.context.shelf.get("scripted")
    run = Run(Picture(fakes.draw_picture()), predictor, predictor.resolve(SamplingOptions()))
    for _ in write(run):
        pass
    demo.context.pictures.add(run.picture)
    demo.context.runs.add(run)
    toasts: list[str] = []
    patch = pytest.MonkeyPatch()
    patch.setattr(gr, "Warning", lambda message, **_: toasts.append(message))
    yield Page(demo, run, str(photo), toasts)
    patch.undo()


# ---- programs -------------------------------------------------------------------------------


@hostile(cases=260)
@given(data=st.data())
def test_parameters_of_the_endpoints(page, data):
    [fn] = [fn for fn in page.events() if fn.api_name == "detect"]
    raw = data.draw(broken(page.usual(fn)[1:], most=4))
    if not isinstance(raw, list) or len(raw) != len(fn.inputs) - 1:
        return
    page.send(fn, [page.usual(fn)[0], *raw])


@hostile(cases=60)
@given(named=st.dictionaries(st.sampled_from(NAMES), nasty, min_size=1, max_size=4))
def test_parameters_of_the_stream(page, named):
    [fn] = [fn for fn in page.events() if fn.api_name == "detect_stream"]
    usual = page.usual(fn)
    names = ("image", "checkpoint", *NAMES)
    raw = [named.get(name, value) for name, value in zip(names, usual, strict=True)]
    page.send(fn, raw)


@hostile(cases=120)
@given(values=st.fixed_dictionaries({}, optional={one.name: nasty for one in SETTINGS}))
def test_options_from_any_values(page, values):
    """Without Gradio's own reading in between: what a changed widget would let through."""
    from pix2seq.ui.kit.controls import options_from_values

    predictor = page.run.predictor
    asked = {**settings_on_view(predictor), **values}
    attempt(lambda: options_from_values(predictor, asked))


# ---- the page's own events ------------------------------------------------------------------


@hostile(cases=330)
@given(data=st.data())
def test_every_event_of_the_page(page, data):
    fn = data.draw(st.sampled_from(page.events()))
    raw = data.draw(broken(page.usual(fn))) if fn.inputs else []
    if not isinstance(raw, list) or len(raw) != len(fn.inputs):
        return
    page.send(fn, raw, data.draw(nasty))


EDITS = (
    {"index": 2, "token": 5},
    {"index": 2, "pixel": 20.5},
    {"index": 4, "label": 3},
    {"box": {"ymin": 4, "xmin": 5, "ymax": 30, "xmax": 40}},
    {"limit": 1},
    {"forbid": 3},
    {"eos": "delay"},
    {"labels": [1, 2]},
)


@hostile(cases=200)
@given(data=st.data())
def test_edits_of_a_sentence(page, data):
    """Step, write on, and every kind of edit, of one's own run and of guessed ones."""
    edit = {"run": page.run.id, "shown": 7, **data.draw(st.sampled_from(EDITS))}
    said = data.draw(broken(edit))
    wired = [
        fn for fn in page.events() if fn.targets and fn.targets[0][1] in ("write_on", "forbid")
    ]
    fn = data.draw(st.sampled_from(wired))
    page.send(fn, page.usual(fn), said)


# ---- questions ------------------------------------------------------------------------------


def asked(page: Page) -> dict:
    """A question that every answer understands something of."""
    return {
        "id": page.run.picture.id,
        "run": page.run.id,
        "runs": [page.run.id],
        "picture": page.run.picture.id,
        "checkpoint": "scripted",
        "index": 3,
        "values": settings_on_view(page.run.predictor),
        "layer": 0,
        "head": None,
        "x": 20.0,
        "y": 30.0,
        "kind": "json",
        "shown": 7,
        "boxes": [[1.0, 2.0, 50.0, 60.0, "cat"], [5, 5, 20, 20, "dog"]],
        "bins": 32,
        "quantizer": "round",
        "curve": True,
        "order": "random",
        "seed": 1,
        "objects": 6,
        "augment": {"jitter": 0.1, "eos_weight": 0.5, "class_corruption": "none"},
        "noise": "paper",
        "threshold": 0.2,
        "ask": "boxes",
        "top_p": 0.4,
    }


@hostile(cases=330)
@given(data=st.data())
def test_questions_of_every_kind(page, data):
    ask = data.draw(st.sampled_from(page.questions()))
    question = data.draw(broken(asked(page), most=4))
    if isinstance(question, dict):
        question.pop(data.draw(st.sampled_from(["", "scene", "example", "id"])), None)
    answer = attempt(lambda: ask(question))
    assert isinstance(answer, dict)
    if "error" in answer:
        one_line(answer["error"])
    json.dumps(answer, allow_nan=False)


NOBODYS = ("loading", "argument_recorded", "learn_history", "thumbnails")
"""Questions that are about no picture and no run."""


@hostile(cases=60)
@given(data=st.data())
def test_other_peoples_runs_are_not_to_be_had(page, data):
    ask = data.draw(st.sampled_from(page.questions()))
    digits = list(page.run.id)
    place = data.draw(st.integers(0, 31))
    digits[place] = "0" if digits[place] != "0" else "1"
    guess = data.draw(st.sampled_from(["".join(digits), page.run.id.upper(), page.run.id[:-1], ""]))
    names = ("run", "id", "picture")
    question = {**asked(page), **dict.fromkeys(names, guess), "runs": [guess]}
    answer = attempt(lambda: ask(question))
    if ask.__name__ in NOBODYS:
        return
    assert "no longer kept" in answer["error"]


@hostile(cases=80)
@given(data=st.data())
def test_what_a_lesson_writes(page, data):
    from pix2seq.ui.learn.tab import write_lines

    question = data.draw(broken(asked(page) | {"ask": data.draw(st.sampled_from(["boxes", "no"]))}))
    if isinstance(question, dict):
        text = attempt(lambda: finished(write_lines(page.context, question)))
        for line in str(text).splitlines():
            said = json.loads(line)
            if said["k"] == "error":
                one_line(said["message"])


# ---- links and records ----------------------------------------------------------------------

LINK = {
    "ex": "astronaut",
    "ckpt": "scripted",
    **{one.link: "1" for one in SETTINGS},
    **{"eos": "delay", "noise": "show", "by": "box", "forbid": "1,2"},
}


@hostile(cases=140)
@given(data=st.data())
def test_links(page, data):
    [fn] = [fn for fn in page.events() if getattr(fn.fn, "__name__", "") == "open_page"]
    query = data.draw(broken(LINK))
    if not isinstance(query, dict):
        return
    texts = {str(name): str(value)[:3000] for name, value in query.items()}
    before = len(page.toasts)
    attempt(lambda: fn.fn(Visitor("link", **texts)))
    for toast in page.toasts[before:]:
        one_line(toast)


@pytest.fixture(scope="module")
def recorded(page) -> dict:
    record = run_record(page.run).with_picture(page.run.picture.image)
    return json.loads(record.to_json())


@hostile(cases=260)
@given(data=st.data())
def test_records_given_to_replay(page, recorded, data):
    document = data.draw(broken(recorded, most=2))
    text = json.dumps(document)
    if data.draw(st.integers(0, 5)) == 0:
        text = text[: data.draw(st.integers(0, len(text)))]
    attempt(lambda: replayed(text))


def replayed(text: str) -> None:
    record = RunRecord.from_json(text)
    image = record.image.open()
    drawn = io.BytesIO()
    stage_image(image, record, width=200).save(drawn, "PNG")
    assert stage_svg(record, image)
    assert as_command(record) and as_python(record)
    json.dumps(record.to_coco(image_id=0), allow_nan=False)


def test_a_record_nested_to_the_sky():
    for text in (
        "[" * 2_000_000,
        '{"image":' * 500_000,
        '{"image":' + "[" * 9**5 + "]" * 9**5 + "}",
    ):
        refused = attempt(lambda text=text: RunRecord.from_json(text))
        assert str(refused) == "this is not a run record: it is nested too deeply"


def test_a_menu_reaches_no_folder_of_the_server(page, tiny_checkpoint):
    """A visitor may name what the menu offers, and nothing else."""
    [fn] = [fn for fn in page.events() if fn.api_name == "detect"]
    for name in (str(tiny_checkpoint), "../" * 9 + str(tiny_checkpoint), "/etc", "."):
        raw = page.usual(fn)
        raw[1] = name
        values = [page.read(block, raw[i]) if i != 1 else name for i, block in enumerate(fn.inputs)]
        outcome = attempt(lambda values=values: fn.fn(*values))
        assert isinstance(outcome, gr.Error) and "/etc" not in str(outcome)[:0]
        assert isinstance(outcome, gr.Error | ConfigError), Path(name)
