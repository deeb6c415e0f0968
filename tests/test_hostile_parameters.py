"""What programs say to the endpoints, and what nobody's page says to the page's events.

Over HTTP, as it comes: the call that a program makes, and the queue's own message. Whatever it is,
it ends in an answer or in one line that names the value; the server's log stays free of tracebacks.
"""

from __future__ import annotations

import io
import json
import traceback
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest
from gradio_client import handle_file
from gradio_client.exceptions import AppError
from hypothesis import assume, given
from hypothesis import strategies as st

from tests import fakes
from tests.hostile.guard import COUNTED, hostile, one_line, scratch, watched
from tests.hostile.values import broken, nasty
from tests.patience import PATIENCE, program
from tests.served import served_app

API = "/gradio_api"
ENDPOINTS = ("detect", "detect_stream", "tree", "ask")


class Server:
    """The running app as a program without a library sees it."""

    def __init__(self, url: str, web: httpx.Client) -> None:
        self.url, self.web = url, web
        self.port = int(url.rpartition(":")[2])
        known = web.get(f"{API}/info").json()["named_endpoints"]
        self.names = {
            one: [p["parameter_name"] for p in known[f"/{one}"]["parameters"]] for one in ENDPOINTS
        }
        drawn = io.BytesIO()
        fakes.draw_picture().save(drawn, "PNG")
        [path] = web.post(f"{API}/upload", files={"files": ("a.png", drawn.getvalue())}).json()
        self.photo = {"path": path, "meta": {"_type": "gradio.FileData"}}
        self.usual = {
            one: {
                p["parameter_name"]: p["parameter_default"] for p in known[f"/{one}"]["parameters"]
            }
            | {"image": self.photo}
            for one in ENDPOINTS
        }
        self.usual["ask"]["box"] = [10, 10, 60, 60]
        config = web.get("/config").json()
        values = {one["id"]: one["props"].get("value") for one in config["components"]}
        self.events = [event for event in config["dependencies"] if event["backend_fn"]]
        self.sent = {e["id"]: [values.get(one) for one in e["inputs"]] for e in self.events}

    def post(self, path: str, message: object) -> httpx.Response:
        body = json.dumps(message)  # with NaN and infinity, which httpx would not send
        return self.web.post(f"{API}/{path}", content=body, headers=_JSON)

    def call(self, endpoint: str, values: list, way: str = "call") -> tuple[bool, str]:
        """Whether it worked, and what was said if not."""
        with watched(scratch(), ports=(self.port,)):
            if way == "queue":
                [event] = [e for e in self.events if e["api_name"] == endpoint]
                return self.join(event["id"], values)
            if way == "call/v2":
                message = dict(zip(self.names[endpoint], values, strict=False))
            else:
                message = {"data": values}
            begun = self.post(f"{way}/{endpoint}", message)
            if begun.status_code != 200:
                return False, begun.json()["detail"]
            told = self.web.get(f"{API}/call/{endpoint}/{begun.json()['event_id']}").text
        *_, last = told.strip().split("\n\n")
        event, _, data = last.partition("\n")
        return event == "event: complete", _error(json.loads(data.removeprefix("data: ")))

    def join(self, number: int, values: list, **more: object) -> tuple[bool, str]:
        """The same by the queue's protocol, which the page speaks."""
        session = uuid.uuid4().hex[:11]
        message = {"data": values, "fn_index": number, "session_hash": session, **more}
        begun = self.post("queue/join", message)
        if begun.status_code != 200:
            return False, begun.json()["detail"]
        with self.web.stream(
            "GET", f"{API}/queue/data", params={"session_hash": session}
        ) as answer:
            for line in answer.iter_lines():
                told = json.loads(line[6:]) if line.startswith("data: ") else {}
                if told.get("msg") == "process_completed":
                    return told["success"], _error(told["output"])
        raise AssertionError("it ended without a word")


_JSON = {"content-type": "application/json"}


def _error(output: object) -> str:
    said = output.get("error", "") if isinstance(output, dict) else ""
    assert said is not None, "an error without words"
    return said


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with served_app() as url, httpx.Client(base_url=url, timeout=PATIENCE) as web:
        web.get("/")  # what is read once, is read now
        yield Server(url, web)


TEXT, LIST, DICT, NAN, HUGE = "hot", [1], {"a": 1}, float("nan"), 10**400

WRONG = [
    *(
        ("temperature", value)
        for value in (TEXT, "", LIST, DICT, NAN, float("inf"), HUGE, True, -1)
    ),
    *(("top_p", value) for value in (TEXT, LIST, NAN, 2, 0)),
    *(("top_k", value) for value in (TEXT, 1.5, -1, HUGE)),
    *(("num_bins", value) for value in (TEXT, LIST, 999, 1)),
    *(("max_objects", value) for value in (TEXT, DICT, 0, 9, True)),
    *(("eos", value) for value in ("never", 1, LIST, True)),
    *(("grammar", value) for value in ("yes", 1, LIST)),
    *(("follow_drafts", value) for value in ("yes", 1, DICT)),
    *(("noise", value) for value in ("loud", 0, DICT)),
    *(("score", value) for value in ("high", NAN)),
    *(("score_threshold", value) for value in (TEXT, 1.5, NAN)),
    *(("seed", value) for value in (TEXT, -1, 2**63, 0.5)),
    *(("forbid", value) for value in (TEXT, 3, DICT)),
    *(("checkpoint", value) for value in ("nowhere", "/etc", None, 5, LIST, DICT)),
    *(("image", value) for value in (TEXT, 5, LIST, {"path": "/etc/passwd"})),
]


@pytest.mark.parametrize("way", ["call", "call/v2", "queue"])
def test_what_is_wrong_is_named_whatever_it_is(server, way):
    for name, value in WRONG:
        COUNTED["cases"] += 1
        values = {**server.usual["detect"], name: value}
        worked, said = server.call("detect", list(values.values()), way)
        one_line(said)
        shown = repr(value)[:40] if name != "image" else ""
        assert not worked and name in said and shown in said, (name, value, said)
    assert server.call("detect", list(server.usual["detect"].values()), way) == (True, "")


def test_a_program_with_the_client_reads_the_same_line(server, tmp_path, monkeypatch):
    printed = []  # the client itself asks the network, so nobody watches that here
    monkeypatch.setattr(traceback, "print_exc", lambda *_, **__: printed.append(1))
    fakes.draw_picture().save(tmp_path / "a.png")
    photo = handle_file(str(tmp_path / "a.png"))
    with program(server.url) as client:
        for said, wrong in (
            ("temperature is 'hot'; it must be a number", {"temperature": "hot"}),
            ("eos is 3; use one of 'model', 'delay'", {"eos": 3}),
            ("checkpoint 'nowhere' is not here; the menu has scripted", {"checkpoint": "nowhere"}),
            ("follow_drafts is on, but this model's encoder", {"follow_drafts": True}),
            ("forbidden label 80 is not one of the 80 classes", {"forbid": [80]}),
            ("forbidden class is 'cat'; it must be a whole number", {"forbid": ["cat"]}),
        ):
            with pytest.raises(AppError, match=said):
                client.predict(photo, **wrong, api_name="/detect")
    assert not printed


def test_nothing_said_means_what_the_checkpoint_recommends(server):
    """``null`` for every control, and another checkpoint's own classes and limits."""
    usual = server.usual["detect"]
    nothing = {name: None for name in usual} | {"image": server.photo, "checkpoint": "wide"}
    assert server.call("detect", list(nothing.values())) == (True, "")
    more = {**usual, "checkpoint": "wide", "max_objects": 16, "num_bins": 64}
    assert server.call("detect", list(more.values())) == (True, "")


def test_too_few_values_are_counted(server):
    for endpoint in ENDPOINTS:
        worked, said = server.call(endpoint, [server.photo, "scripted"])
        assert not worked and f"2 values; this takes {len(server.names[endpoint])}" in said


def test_a_file_that_is_gone_or_was_never_here_is_named(server):
    values = list(server.usual["detect"].values())
    gone = {**server.photo, "path": str(Path(server.photo["path"]).with_name("gone.png"))}
    assert server.call("detect", [gone, *values[1:]]) == (
        False,
        "image 'gone.png' is no longer on the server; add it again",
    )
    # wherever a file stands, Gradio would copy it before it asks us
    strange = {"path": "/etc/hostname", "meta": {"_type": "gradio.FileData"}}
    worked, said = server.call("detect", [*values[:2], strange, *values[3:]])
    assert not worked and said.startswith("temperature is {'path': '/etc/hostname'")


@hostile(cases=240)
@given(data=st.data(), way=st.sampled_from(("call", "queue")))
def test_any_value_for_any_parameter(server, data, way):
    COUNTED["cases"] += 1
    endpoint = data.draw(st.sampled_from(ENDPOINTS))
    name = data.draw(st.sampled_from(server.names[endpoint]))
    values = {**server.usual[endpoint], name: data.draw(nasty)}
    assume(
        name != "leaves" or not isinstance(values[name], int) or values[name] < 9
    )  # slow, not wrong
    worked, said = server.call(endpoint, list(values.values()), way)
    assert worked or name.removesuffix("bid") in said or "image" in said, said
    if not worked:
        one_line(said)


@hostile(cases=160)
@given(data=st.data())
def test_any_value_for_any_event_of_the_page(server, data):
    """Each event of the page, by its number: sliders, menus, folds that no program should touch."""
    COUNTED["cases"] += 1
    event = data.draw(st.sampled_from(server.events))
    values = data.draw(broken(server.sent[event["id"]], most=2))
    said_with_it = data.draw(nasty)
    assume(isinstance(values, list))
    with watched(scratch(), ports=(server.port,)):
        join = partial(server.join, event["id"], values)
        worked, said = join(event_data=said_with_it)
    if not worked:
        one_line(said)
