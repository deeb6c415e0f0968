"""What is copied from the page, run for real: the same tokens and objects come out, on ``mini``."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

import pix2seq
from pix2seq.cli import main
from pix2seq.config import SamplingOptions
from pix2seq.examples import PHOTOS
from pix2seq.ui.visit.context import AppContext
from pix2seq.ui.visit.runs import Run
from pix2seq.ui.visit.shelf import ModelShelf
from pix2seq.ui.visit.writer import write
from pix2seq.ui.write.answers import Answers
from pix2seq.ui.write.edits import Prompt, edited_prompt
from pix2seq.ui.write.exports import options_of_link

pytestmark = pytest.mark.slow

SHORT = {"max_objects": 4, "eos": "delay", "seed": 3}
NOTHING = Prompt((), frozenset())


@pytest.fixture(scope="module")
def mini():
    return pix2seq.load("mini", device="cpu")


@pytest.fixture(scope="module")
def context(mini) -> AppContext:
    return AppContext(ModelShelf(lambda _: mini), "mini", [("mini", "mini")])


def written(context, mini, picture, limit=None, prompt=NOTHING, **options) -> Run:
    options = mini.resolve(SamplingOptions(**SHORT | options))
    run = Run(picture, mini, options, prompt=prompt.ids, forced=prompt.forced)
    for _ in write(run, limit=limit):
        pass
    return context.runs.add(run)


def runs(context, mini) -> dict[str, Run]:
    """One run of every kind that the page can make."""
    scene, cat = context.example_picture("scene-26"), context.example_picture("chelsea")
    plain = written(context, mini, scene)
    words = (mini.tokenizer.describe(id) for id in plain.token_ids[4::5])
    label = next(word.value for word in words if word.kind == "class")
    class_edit = edited_prompt(plain, plain.token_ids, {"index": 9, "label": 3})
    drawn = edited_prompt(plain, plain.token_ids[:5], {"box": {"ymin": 40, "xmin": 60}})
    return {
        "a scene": plain,
        "a photo, odd numbers": written(context, mini, cat, top_p=1 / 3, temperature=1.35),
        "coarse bins, argmax": written(context, mini, scene, num_bins=16, temperature=0.0),
        "no grammar, top-k": written(context, mini, scene, grammar=False, top_k=7),
        "a forbidden class": written(context, mini, scene, forbidden_labels=(label, 3)),
        "an edited class": written(context, mini, scene, prompt=class_edit),
        "a drawn prompt": written(context, mini, scene, prompt=drawn, seed=9),
        "stopped in an object": written(context, mini, scene, limit=7),
    }


def test_python_and_command_write_the_run_again(context, mini, capsys):
    answers = Answers(context)
    for kind, run in runs(context, mini).items():
        copied = answers.snippets({"run": run.id})
        boxes = mini.read(run.picture.encoded_by(mini), run.steps, run.options).boxes.tolist()
        names: dict = {}
        exec(compile(copied["python"], kind, "exec"), names)
        assert json.loads(capsys.readouterr().out) == run.token_ids, kind
        assert names["detections"].boxes.tolist() == boxes, kind
        words = shlex.split(copied["command"])
        assert main(words[3:]) == 0
        again = json.loads(capsys.readouterr().out)
        assert [token["id"] for token in again["tokens"]] == run.token_ids, kind
        assert len(again["detections"]) == len(boxes), kind


def test_a_link_carries_every_setting(context, mini):
    answers = Answers(context)
    for kind, run in runs(context, mini).items():
        link = answers.snippets({"run": run.id})["link"]
        if run.prompt:
            assert link == "", "an edited sentence cannot be linked to"
            continue
        query = dict(pair.split("=") for pair in link.removeprefix("?").split("&"))
        assert query["ex"] == run.picture.example
        query = {key: value.replace("%2C", ",") for key, value in query.items()}
        assert mini.resolve(options_of_link(query, mini)[0]) == run.options, kind


def test_a_visitors_picture_is_called_by_its_file(context, mini, tmp_path, monkeypatch, capsys):
    path = tmp_path / "my cat's photo.jpg"
    path.write_bytes(PHOTOS[1].path.read_bytes())
    picture = context.picture_of(str(path))
    run = written(context, mini, picture)
    copied = Answers(context).snippets({"run": run.id})
    assert copied["link"] == "", "a visitor's picture stays here"
    monkeypatch.chdir(tmp_path)
    assert main(shlex.split(copied["command"])[3:]) == 0
    again = json.loads(capsys.readouterr().out)
    assert [token["id"] for token in again["tokens"]] == run.token_ids
    exec(copied["python"], {})
    assert json.loads(capsys.readouterr().out) == run.token_ids


def test_copies_read_the_sentence_as_it_is_on_view(context, mini):
    from tests.served import settings_on_view

    run = written(context, mini, context.example_picture("scene-26"))
    values = settings_on_view(mini, noise="show", score_threshold=0.05)
    copied = Answers(context).snippets({"run": run.id, "values": values})
    assert "noise='show'" in copied["python"] and "score_threshold=0.05" in copied["python"]
    assert (
        f"--noise show --score {mini.resolve().score} --score-threshold 0.05" in copied["command"]
    )
    assert f"noise=show&by={mini.resolve().score}&score=0.05" in copied["link"]


def test_two_copies_of_a_file_keep_their_own_names(context, tmp_path):
    names = ("holiday.jpg", "secret plan.jpg")
    for name in names:
        Path(tmp_path / name).write_bytes(PHOTOS[0].path.read_bytes())
    assert [context.picture_of(str(tmp_path / name)).name for name in names] == list(names)
