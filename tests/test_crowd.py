"""Many visitors at once, for seconds; ``python -m tests.crowd`` sends them for minutes."""

from __future__ import annotations

import json
import time
from threading import Event, Thread

import httpx
import pytest

from pix2seq.config import ConfigError
from pix2seq.examples import scene_name
from pix2seq.ui.compare.samples import SampleHandlers
from pix2seq.ui.visit.limits import Limits, variable
from pix2seq.ui.visit.runs import LOOKS, Picture, Run, Sessions, Store
from pix2seq.ui.visit.writer import write
from tests import fakes, served
from tests.crowd import API, Page, crowd
from tests.patience import PATIENCE
from tests.served import OBJECTS, scripted_predictor, served_app


@pytest.fixture(scope="module")
def url():
    with served_app() as address:
        yield address


def test_twelve_visitors_at_once_get_what_is_theirs(url, tmp_path):
    ends = time.monotonic() + PATIENCE

    def enough(tally) -> bool:
        served = len(tally.finished_by) == 12 and tally.requests > 24
        return served or bool(tally.errors) or time.monotonic() > ends

    tally = crowd(url, 12, 8, tmp_path, enough)
    assert not tally.errors, tally.errors[:3]
    assert not tally.crossed
    assert len(tally.finished_by) == 12, "somebody got nothing"
    assert tally.requests > 24


@pytest.mark.parametrize("way", ["leave", "stop"])
def test_who_leaves_or_stops_costs_no_further_token(monkeypatch, tmp_path, way):
    """In the middle of a sentence the connection is cut, or Stop is pressed."""
    predictor = scripted_predictor(objects=[OBJECTS[0]] * 8)
    monkeypatch.setattr(served, "load", lambda name: predictor)
    with served_app() as url, httpx.Client(base_url=url, timeout=PATIENCE) as web:
        page = Page(web.get("/config").json())
        fakes.draw_picture().save(tmp_path / "a.png")
        content = (tmp_path / "a.png").read_bytes()
        [path] = web.post(f"{API}/upload", files={"files": ("a.png", content)}).json()
        message = page.message("run", "click", path, "visitor")
        web.post(f"{API}/queue/join", json=message)
        with web.stream("GET", f"{API}/queue/data", params={"session_hash": "visitor"}) as answer:
            written = 0
            for line in answer.iter_lines():
                written += line.count("\\nT") or line.count('"T')
                if written >= 8:
                    break
            if way == "stop":
                stop = page.message("stop", "click", path, "visitor")
                web.post(f"{API}/run/predict", json=stop)
            at = predictor.model.forwards
            if way == "stop":
                time.sleep(0.5)
        time.sleep(0.5)
        assert 8 <= at < 30
        assert predictor.model.forwards <= at + 2, "one that is under way, and one to be safe"
        later = predictor.model.forwards
        time.sleep(0.3)
        assert predictor.model.forwards == later


# ---- the line before the network ---------------------------------------------------------------


class SlowEyes:
    """Makes a predictor look at a picture for as long as ``may_look`` is not set."""

    def __init__(self, monkeypatch, predictor) -> None:
        self.may_look, self.begun, self.looked = Event(), Event(), 0
        look = predictor.encode_batch

        def slowly(images):
            self.begun.set()
            assert self.may_look.wait(PATIENCE)
            self.looked += 1
            return look(images)

        monkeypatch.setattr(predictor, "encode_batch", slowly)


def runs_in_line(predictor, count: int) -> list[Run]:
    pictures = [Picture(fakes.draw_picture(60 + i, 50)) for i in range(count)]
    return [Run(picture, predictor, predictor.resolve()) for picture in pictures]


def told(lines: list[str]) -> list[str]:
    return [line.strip() for line in lines if line[0] in "SE"]


def test_who_stands_in_line_is_told_how_many_are_before(monkeypatch):
    predictor = scripted_predictor()
    eyes = SlowEyes(monkeypatch, predictor)
    runs = runs_in_line(predictor, 3)
    writers = [write(run) for run in runs]
    for writer in writers:
        next(writer)
    first = Thread(target=lambda: list(writers[0]))
    first.start()
    assert eyes.begun.wait(PATIENCE)
    for writer in writers[1:]:
        next(writer)
    assert [told(run.lines)[-1] for run in runs] == ["Sencoding", "Sencoding 1", "Sencoding 2"]
    again = next(writers[2])
    assert again == runs[2].text and told(runs[2].lines)[-1] == "Sencoding 2", "a sign of life"
    eyes.may_look.set()
    first.join(PATIENCE)
    for writer in writers[1:]:
        list(writer)
    assert [told(run.lines)[-1].split()[0] for run in runs] == ["Eeos"] * 3
    assert len(LOOKS) == 0


@pytest.mark.parametrize("way", ["stop", "leave"])
def test_who_leaves_the_line_is_not_looked_at(monkeypatch, way):
    """Stop is pressed, or the connection ends, while others are before."""
    predictor = scripted_predictor()
    eyes = SlowEyes(monkeypatch, predictor)
    runs = runs_in_line(predictor, 2)
    first, second = (write(run) for run in runs)
    next(first)
    thread = Thread(target=lambda: list(first))
    thread.start()
    assert eyes.begun.wait(PATIENCE)
    next(second), next(second)
    if way == "stop":
        runs[1].cancelled.set()
        list(second)
        assert told(runs[1].lines)[-1].startswith("Estopped")
    else:
        second.close()
    assert not runs[1].writing
    eyes.may_look.set()
    thread.join(PATIENCE)
    time.sleep(0.2)
    assert eyes.looked == 1 and not runs[1].picture.encodings
    if way == "stop":
        list(write(runs[1]))
        assert told(runs[1].lines)[-1].startswith("Eeos"), "it can be written after all"


def test_many_samples_can_be_stopped_in_line(monkeypatch):
    context = served.app_context()
    predictor = context.predictor("scripted")
    eyes = SlowEyes(monkeypatch, predictor)
    thread = Thread(target=lambda: list(write(runs_in_line(predictor, 1)[0])))
    thread.start()
    assert eyes.begun.wait(PATIENCE)
    handlers = SampleHandlers(context)
    values = served.control_values(predictor)
    name = scene_name(3)
    asked = handlers.run(None, name, "scripted", 4, *values, request=served.Visitor())
    states = [json.loads(next(asked)) for _ in range(2)]
    assert states[1]["state"] == "encoding" and states[1]["before"] == 1
    handlers.stop(served.Visitor())
    states += map(json.loads, asked)
    assert states[-1]["state"] == "stopped" and states[-1]["done"] == 0
    eyes.may_look.set()
    thread.join(PATIENCE)
    assert eyes.looked == 1


# ---- limits ---------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["0", "-1", "many", "1.5", "٣٣٣x", " "])
def test_a_limit_that_is_none_is_named(monkeypatch, text):
    monkeypatch.setenv(variable("waiting"), text)
    with pytest.raises(ConfigError, match="PIX2SEQ_MAX_WAITING"):
        Limits.of_this_server()


def test_limits_are_the_environments(monkeypatch):
    monkeypatch.setenv("PIX2SEQ_MAX_PER_VISITOR", "3")
    assert Limits.of_this_server() == Limits(per_visitor=3)


def test_large_pictures_are_kept_by_their_weight():
    store = Store("picture", capacity=100, room=10_000_000)
    pictures = [store.add(Picture(fakes.draw_picture(1000, 1000))) for _ in range(8)]
    assert len(store) == 3  # three megabytes each
    assert store.find(pictures[-1].id) is pictures[-1] and store.find(pictures[0].id) is None
    large = store.add(Picture(fakes.draw_picture(4000, 4000)))
    assert store.find(large.id) is large and len(store) == 1, "the newest is kept whatever it is"


def test_a_picture_that_runs_share_weighs_once():
    predictor = scripted_predictor()
    picture = Picture(fakes.draw_picture(1000, 1000))
    store = Store("run", capacity=100, room=10_000_000)
    for _ in range(8):
        store.add(Run(picture, predictor, predictor.resolve()))
    assert len(store) == 8


def test_nothing_is_kept_of_a_visitor_who_has_left():
    predictor = scripted_predictor()
    sessions = Sessions(pace=25)
    run = Run(Picture(fakes.draw_picture()), predictor, predictor.resolve())
    sessions.begin("tab", run)
    sessions.set_pace("tab", 2)
    sessions.leave("tab")
    assert run.cancelled.is_set() and sessions.active("tab") is None
    assert sessions.delay("tab") == 1 / 25
    sessions.begin("tab", run)
    sessions.end("tab", run)
    assert sessions.active("tab") is None
