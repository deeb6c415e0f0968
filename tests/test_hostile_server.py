"""A running app, asked what no page of ours would ask: over HTTP, as strangers do."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2seq.ui.visit.limits import Limits, variable
from tests import fakes
from tests.hostile import files
from tests.hostile.guard import COUNTED, hostile, scratch, watched
from tests.hostile.values import broken
from tests.patience import PATIENCE
from tests.served import control_values, scripted_predictor, served_app

API = "/gradio_api"


class Canary:
    """A server that nobody may talk to."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.heard: list[str] = []
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                talk, _ = self.socket.accept()
            except OSError:
                return
            self.heard.append(repr(talk.recv(200)))
            talk.close()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with served_app() as address:
        httpx.get(address, timeout=PATIENCE)  # what is read once, is read now
        yield address


@pytest.fixture(scope="module")
def canary() -> Iterator[Canary]:
    one = Canary()
    yield one
    one.socket.close()


@pytest.fixture(scope="module")
def client(url) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=PATIENCE) as one:
        yield one


@pytest.fixture
def port(url) -> int:
    return int(url.rpartition(":")[2])


def checked(answer: httpx.Response) -> None:
    """Whatever it is, it is no traceback, no server's file, and no failure of the server."""
    text = answer.text[:5000]
    assert "Traceback" not in text and 'File "' not in text, text
    assert "root:" not in text, "a file of the server"
    assert answer.status_code < 500, f"{answer.status_code}: {text[:200]}"


def ended(client: httpx.Client, session: str) -> list[dict]:
    """What the queue tells a session until it has nothing more to say."""
    told = []
    with client.stream("GET", f"{API}/queue/data", params={"session_hash": session}) as answer:
        for line in answer.iter_lines():
            if line.startswith("data: "):
                told.append(json.loads(line[6:]))
                if told[-1]["msg"] in ("close_stream", "unexpected_error"):
                    return told
    return told


VALUES = control_values(scripted_predictor())

PATHS = (
    "/gradio_api/file=/etc/passwd",
    "/gradio_api/file=../../../../../etc/passwd",
    "/gradio_api/file=http://127.0.0.1:{port}/x",
    "/gradio_api/file=HTTP://127.0.0.1:{port}/x",
    "/gradio_api/file/http://127.0.0.1:{port}/x",
    "/gradio_api/proxy=http://127.0.0.1:{port}/x",
    "/gradio_api/file=%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "/gradio_api/file=app.py",
    "/gradio_api/file=.git/config",
    "/gradio_api/file=" + "A" * 4000,
    "/static/../../../../etc/passwd",
    "/static/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "/assets/..%2f..%2f..%2fetc%2fpasswd",
    "/gradio_api/monitoring",
    "/monitoring",
    "/gradio_api/runs",
    "/runs",
    "/gradio_api/deep_link?session_hash=x",
    "/gradio_api/custom_component/1/client/x/y",
    "/gradio_api/vibe-code/",
    "/gradio_api/token",
    "/gradio_api/queue/data?session_hash=nobody",
    "/gradio_api/call/detect/none",
    "/gradio_api/stream/a/b/c/playlist.m3u8",
    "/pwa_icon/99999999",
    "/config?x=" + "%00" * 99,
    "/?ex=" + "%0a" * 20,
    "/?ckpt=../../etc",
    "/" + "a/" * 500,
    "//127.0.0.1:{port}/x",
)


@pytest.mark.parametrize("path", PATHS)
def test_paths_that_lead_elsewhere(client, canary, port, path):
    COUNTED["cases"] += 1
    with watched(scratch(), ports=(port,)):
        answer = client.get(path.format(port=canary.port), follow_redirects=False)
    checked(answer)
    assert not canary.heard


POSTS = ("process_recording", "vibe-edit", "undo-vibe-edit/", "deep_link", "dev/reload", "login")


@pytest.mark.parametrize("name", POSTS)
def test_doors_that_are_shut(client, port, name):
    with watched(scratch(), ports=(port,)):
        for path in (f"{API}/{name}", f"/{name}"):
            answer = client.post(path, files={"file": ("a.webm", b"\x1a\x45\xdf\xa3")})
            assert answer.status_code == 404 and answer.json()["detail"] == "there is nothing here"


@pytest.mark.parametrize("place", ["{url}", " {url}", "{url}#.png", "{upper}"])
@pytest.mark.parametrize("shape", ["image", "other", "deep"])
def test_no_picture_is_fetched_from_an_address(client, canary, port, place, shape):
    web = f"http://127.0.0.1:{canary.port}/x.png"
    file = {"path": place.format(url=web, upper=web.replace("http", "HTTP"))}
    file["meta"] = {"_type": "gradio.FileData"}
    data = {
        "image": [file, "scripted"],
        "other": [None, file],
        "deep": [None, "scripted", {"a": [{"b": file}]}],
    }[shape]
    with watched(scratch(), ports=(port,)):
        answer = client.post(f"{API}/call/detect", json={"data": data})
    assert answer.status_code == 400 and "is a web address" in answer.json()["detail"]
    assert not canary.heard


@hostile(cases=60)
@given(content=st.one_of(files.garbage(), files.cut()), name=st.sampled_from(files.HOSTILE_NAMES))
def test_uploads_under_any_name(client, port, content, name):
    COUNTED["cases"] += 1
    with watched(scratch(), ports=(port,)):
        answer = client.post(f"{API}/upload", files={"files": (name, content)})
        checked(answer)
        for path in answer.json() if answer.status_code == 200 else ():
            file = {"path": path, "meta": {"_type": "gradio.FileData"}}
            call = client.post(f"{API}/call/detect", json={"data": [file, "scripted", *VALUES]})
            checked(call)
            text = client.get(f"{API}/call/detect/{call.json()['event_id']}").text
            assert "event: " in text and "Traceback" not in text
            said = text.partition("data: ")[2].partition("\n")[0]
            assert scratch() not in said, "the server's folders are nobody's business"


JOIN = {
    "data": [None, "scripted"],
    "fn_index": 1,
    "session_hash": "somebody",
    "trigger_id": 3,
    "event_data": {"index": 1},
}


@hostile(cases=70)
@given(data=st.data(), way=st.sampled_from(("queue/join", "run/predict", "call/detect", "cancel")))
def test_messages_of_any_kind(client, port, data, way):
    COUNTED["cases"] += 1
    body = json.dumps(data.draw(broken(JOIN, most=4)))
    with watched(scratch(), ports=(port,)):
        head = {"content-type": "application/json"}
        answer = client.post(f"{API}/{way}", content=body, headers=head)
        checked(answer)
        if way == "queue/join" and answer.status_code == 200:
            for told in ended(client, json.loads(body)["session_hash"]):
                assert "Traceback" not in json.dumps(told)


QUESTION = {"data": {"run": "x"}, "component_id": 5, "session_hash": "me", "fn_name": "explain"}


@hostile(cases=60)
@given(data=st.data())
def test_questions_to_any_component(client, port, data):
    COUNTED["cases"] += 1
    question = {**QUESTION, "component_id": data.draw(st.integers(-1, 200))}
    body = json.dumps(data.draw(broken(question, most=3)))
    with watched(scratch(), ports=(port,)):
        head = {"content-type": "application/json"}
        checked(client.post(f"{API}/component_server", content=body, headers=head))


def test_a_message_without_an_end_is_refused(client):
    answer = client.post(f"{API}/queue/join", content=b"[" + b"1," * (3 << 20) + b"1]")
    assert answer.status_code == 413 and variable("message_mb") in answer.json()["detail"]


def test_an_upload_without_an_end_is_refused(client):
    content = b"\x89PNG" + bytes(33 << 20)
    answer = client.post(f"{API}/upload", files={"files": ("a.png", content)})
    assert answer.status_code == 413 and variable("upload_mb") in answer.json()["detail"]


def test_nobody_fills_the_queue_alone(url, tmp_path):
    """A tab that presses Run without end is told so; another one goes on."""
    fakes.draw_picture().save(tmp_path / "a.png")
    limit = Limits().per_visitor
    with httpx.Client(base_url=url, timeout=PATIENCE) as one:
        info = one.get("/config").json()["dependencies"]
        [detect] = [fn["id"] for fn in info if fn["api_name"] == "detect_stream"]
        content = (tmp_path / "a.png").read_bytes()
        [path] = one.post(f"{API}/upload", files={"files": ("a.png", content)}).json()
        picture = {"path": path, "meta": {"_type": "gradio.FileData"}}
        body = {"data": [picture, "scripted", *VALUES], "fn_index": detect}
        answers = [
            one.post(f"{API}/queue/join", json={**body, "session_hash": "greedy"})
            for _ in range(limit + 3)
        ]
        assert [answer.status_code for answer in answers[:limit]] == [200] * limit
        assert answers[-1].status_code == 429
        assert variable("per_visitor") in answers[-1].json()["detail"]
        other = one.post(f"{API}/queue/join", json={**body, "session_hash": "modest"})
        assert other.status_code == 200
        assert ended(one, "modest")[-1]["msg"] == "close_stream"
        assert ended(one, "greedy")[-1]["msg"] == "close_stream"
        again = one.post(f"{API}/queue/join", json={**body, "session_hash": "greedy"})
        assert again.status_code == 200
        ended(one, "greedy")
