"""The named endpoints as programs use them, and what is on the wire."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest
from gradio import processing_utils
from gradio_client import handle_file
from gradio_client.exceptions import AppError

from pix2seq.branching import SentenceTree
from pix2seq.cli import build_parser, main
from pix2seq.config import SamplingOptions
from tests import fakes
from tests.patience import PATIENCE, program
from tests.served import SENTENCE, load, served_app


@pytest.fixture(scope="module")
def url():
    with served_app() as address:
        yield address


@pytest.fixture(scope="module")
def client(url):
    with program(url) as client:
        yield client


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    fakes.draw_picture().save(path)
    return handle_file(str(path))


def test_the_endpoints_are_offered_under_their_names(client):
    named = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert {"/detect", "/detect_stream", "/tree", "/ask"} <= set(named)
    parameters = [item["parameter_name"] for item in named["/detect"]["parameters"]]
    assert parameters[:3] == ["image", "checkpoint", "temperature"]


def test_detect_answers_with_objects_and_tokens(client, photo):
    answer = client.predict(photo, api_name="/detect")
    assert [found["label"] for found in answer["detections"]] == ["person", "cat", "dog"]
    assert [token["id"] for token in answer["tokens"]] == SENTENCE
    assert answer["image"] == {"width": 120, "height": 90}
    predictor = load("scripted")
    assert answer["options"] == json.loads(predictor.resolve(SamplingOptions()).to_json())
    for found in answer["detections"]:
        x0, y0, x1, y1 = found["box"]
        assert 0 <= x0 < x1 <= 120 and 0 <= y0 < y1 <= 90


def test_detect_takes_the_pages_settings(client, photo):
    answer = client.predict(photo, max_objects=2, seed=5, api_name="/detect")
    assert len(answer["detections"]) == 2
    assert answer["options"]["seed"] == 5


def test_the_stream_gives_the_same_tokens_one_by_one(client, photo):
    job = client.submit(photo, api_name="/detect_stream")
    job.result()
    messages = job.outputs()
    assert [message["token"]["id"] for message in messages] == SENTENCE
    assert [len(message["detections"]) for message in messages][4::5] == [1, 2, 3]


def test_the_stream_is_the_same_for_who_reads_the_wire(client, url, photo, monkeypatch):
    """Gradio's own client is told what is new in each message; others get them whole."""
    job = client.submit(photo, api_name="/detect_stream")
    job.result()
    searched = _searched(monkeypatch)
    events = list(_events(url, "detect_stream", photo["path"]))
    messages = [data[0] for name, data in events if name == "generating"]
    assert messages == job.outputs() and len(messages) == len(SENTENCE)
    assert events[-1] == ("complete", [messages[-1]])
    assert len(searched) <= 2, "messages are not searched for files, the first one excepted"


def _events(url: str, name: str, path: str) -> Iterator[tuple[str, object]]:
    """What a program without Gradio's client reads of a call with default settings."""
    with httpx.Client(base_url=f"{url}/gradio_api", timeout=PATIENCE) as web:
        told = web.get("/info").json()["named_endpoints"][f"/{name}"]["parameters"]
        with open(path, "rb") as file:
            [path] = web.post("/upload", files={"files": file}).json()
        picture = {"path": path, "meta": {"_type": "gradio.FileData"}}
        data = [picture, *(one["parameter_default"] for one in told[1:])]
        event = web.post(f"/call/{name}", json={"data": data}).json()["event_id"]
        for block in web.get(f"/call/{name}/{event}").text.strip().split("\n\n"):
            kind, _, content = block.partition("\n")
            yield kind.removeprefix("event: "), json.loads(content.removeprefix("data: "))


def _searched(monkeypatch) -> list[object]:
    """The answers in which Gradio looks for files from now on."""
    search = processing_utils.async_move_files_to_cache
    answers: list[object] = []

    async def noted(data, block, postprocess=False, **named):
        if postprocess:
            answers.append(data)
        return await search(data, block, postprocess=postprocess, **named)

    monkeypatch.setattr(processing_utils, "async_move_files_to_cache", noted)
    return answers


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"top_p": 2}, "2"),
        ({"num_bins": 999}, "999"),
        ({"checkpoint": "nowhere"}, "nowhere"),
        ({"eos": "never"}, "never"),
        ({"temperature": -1}, "-1"),
    ],
)
def test_a_setting_that_cannot_work_is_named(client, photo, settings, named):
    with pytest.raises((AppError, ValueError), match=named):
        client.predict(photo, **settings, api_name="/detect")
    assert client.predict(photo, api_name="/detect")["detections"]


def test_limits_are_those_of_the_named_checkpoint(client, photo):
    more = {"max_objects": 12, "num_bins": 64}
    answer = client.predict(photo, checkpoint="wide", **more, api_name="/detect")
    assert {name: answer["options"][name] for name in more} == more
    with pytest.raises(AppError, match="max_objects is 12, but this model has 8"):
        client.predict(photo, max_objects=12, api_name="/detect")
    with pytest.raises(AppError, match=r"12\.5"):
        client.predict(photo, checkpoint="wide", max_objects=12.5, api_name="/detect")


def test_a_tree_of_sentences_begins_with_the_given_tokens(client, photo):
    tree = SentenceTree.from_dict(client.predict(photo, ids=SENTENCE[:5], api_name="/tree"))
    assert [token.forced for token in tree.path(0)[:6]] == [True] * 5 + [False]
    assert {rival.kind for rival in tree.rivals} == {"argmax", "beam", "sample"}
    late = client.predict(photo, ids=SENTENCE[:5], eos="delay", api_name="/tree")
    assert SentenceTree.from_dict(late).branches == tree.branches, "the model says where they end"
    for ids, said in ((["x"], "whole numbers"), (SENTENCE, "EOS"), ("12", "whole numbers")):
        with pytest.raises(AppError, match=said):
            client.predict(photo, ids=ids, api_name="/tree")
    for leaves, said in ((0, "leaves is 0"), (65, "leaves is 65"), (2.5, r"leaves is 2\.5")):
        with pytest.raises(AppError, match=said):
            client.predict(photo, leaves=leaves, api_name="/tree")


def test_a_place_is_asked_as_the_first_word_and_behind_a_sentence(client, photo):
    box = [10, 10, 60, 60]
    answer = client.predict(photo, box=box, behind=SENTENCE[:5], api_name="/ask")
    assert set(answer) == {"first", "behind"}
    for place in answer.values():
        assert len(place["classes"]) == 3 and 0 <= place["noise"] <= 1
    assert set(client.predict(photo, box=box, api_name="/ask")) == {"first"}
    for wrong, said in (
        ({"box": [1, 2]}, "2 numbers"),
        ({"box": [60, 10, 10, 60]}, "x0 must lie before x1"),
        ({"box": [10, 10, 1e300, 60]}, "box is .* must be a number"),
        ({"box": [130, 10, 160, 60]}, "the image has 120 x 90 pixels"),
        ({"box": [None, 10, 60, 60]}, "give a list of numbers"),
        ({"box": box, "behind": [1]}, "whole objects"),
        ({"box": box, "behind": [10**6] * 5}, "vocabulary"),
        ({"box": box, "behind": [5] * 500}, "behind has 500 tokens; this model's sentences have"),
    ):
        with pytest.raises(AppError, match=said):
            client.predict(photo, **wrong, api_name="/ask")


def test_an_empty_file_is_refused(client, tmp_path):
    path = tmp_path / "empty.png"
    path.touch()
    with pytest.raises(AppError, match="empty"):
        client.predict(handle_file(str(path)), api_name="/detect")


@pytest.mark.parametrize("endpoint", ["/detect", "/detect_stream", "/tree", "/ask"])
def test_a_program_without_a_picture_is_told_how_to_give_one(client, endpoint):
    with pytest.raises(AppError, match=r"there is no image; give one: image=handle_file"):
        client.predict(None, api_name=endpoint)


def test_visitors_have_sessions_of_their_own(url, photo):
    answers = []
    for seed in (1, 2):
        with program(url) as client:
            answers.append(client.predict(photo, seed=seed, api_name="/detect"))
    assert [answer["options"]["seed"] for answer in answers] == [1, 2]


def test_the_page_itself_needs_nothing_from_elsewhere(url):
    page = httpx.get(url, timeout=PATIENCE).text
    for address in ("fonts.googleapis", "cdn.", "unpkg", "googletagmanager"):
        assert f"//{address}" not in page


def test_the_command_line_has_the_documented_options():
    line = [
        "--host",
        "0.0.0.0",
        "--port",
        "8000",
        "--checkpoint",
        "x",
        "--device",
        "cpu",
        "--share",
    ]
    arguments = build_parser().parse_args(["app", *line])
    assert (arguments.host, arguments.port, arguments.checkpoint) == ("0.0.0.0", 8000, "x")
    assert arguments.device == "cpu" and arguments.share
    assert build_parser().parse_args(["app"]).checkpoint == "mini"


@pytest.mark.parametrize(
    ("line", "named"),
    [
        (["--checkpoint", "nowhere"], "nowhere"),
        (["--device", "abacus"], "abacus"),
        (["--port", "99999"], "99999"),
    ],
)
def test_a_start_that_cannot_work_is_one_line_and_code_2(capsys, line, named):
    assert main(["app", *line]) == 2
    message = capsys.readouterr().err
    assert named in message and message.count("\n") == 1


def test_a_damaged_upload_is_refused_without_the_servers_folders(client, tmp_path):
    path = tmp_path / "notes.png"
    path.write_text("not a picture")
    with pytest.raises(AppError) as refusal:
        client.predict(handle_file(str(path)), api_name="/detect")
    assert "'notes.png'" in str(refusal.value) and "/tmp" not in str(refusal.value)


@pytest.mark.parametrize("name", ["seed", "top_k", "max_objects", "num_bins"])
def test_a_fraction_is_refused_not_rounded(client, photo, name):
    with pytest.raises(AppError, match=rf"{name} is 2\.5"):
        client.predict(photo, **{name: 2.5}, api_name="/detect")
