"""Checkpoints on a hub: named, loaded, resumed, kept for later, published."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import huggingface_hub.constants
import pytest
import torch
import yaml

import pix2seq
from pix2seq.checkpoints.download import ATTEMPTS
from pix2seq.cli import main
from pix2seq.config import ConfigError
from pix2seq.hub import Repo, repo_of
from tests.hub import Hub, serve
from tests.patience import PATIENCE
from tests.test_architecture import ROOT

REPO = "someone/my-detector"


@pytest.fixture(autouse=True)
def surroundings(tmp_path, monkeypatch) -> Path:
    """A cache of its own, nobody logged in, and no short cut around plain HTTP."""
    monkeypatch.setenv("PIX2SEQ_HOME", str(tmp_path / "home"))
    for name in ("HF_TOKEN", "HF_HUB_OFFLINE", "PIX2SEQ_OFFLINE", "PIX2SEQ_CHECKPOINTS"):
        monkeypatch.delenv(name, raising=False)
    constants = huggingface_hub.constants
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr("pix2seq.checkpoints.download.pause", lambda seconds: None)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


@pytest.fixture
def hub(monkeypatch):
    with serve(Hub()) as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        yield running


@pytest.fixture
def files(tiny_checkpoint) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in tiny_checkpoint.iterdir()}


@pytest.fixture
def logged_in(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_good")


def load(name: str = REPO, **settings) -> pix2seq.Predictor:
    return pix2seq.load(name, device="cpu", **settings)


def same(a: pix2seq.Predictor, b: pix2seq.Predictor) -> bool:
    mine, theirs = a.model.state_dict(), b.model.state_dict()
    return all(torch.equal(tensor, theirs[name]) for name, tensor in mine.items())


# ---- names ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("user/det", Repo("user/det")),
        ("user/det@v2", Repo("user/det", "v2")),
        ("hf://user/det", Repo("user/det")),
        ("hf://user/det@refs/pr/1", Repo("user/det", "refs/pr/1")),
        ("hf://user/det/", Repo("user/det")),
        ("mini", None),
        ("./user/det", None),
        ("/user/det", None),
        ("a/b/c", None),
        ("user/..", None),
        ("", None),
    ],
)
def test_a_name_means_a_repository_or_something_here(name, meant):
    assert repo_of(name) == meant


def test_a_path_into_a_folder_that_exists_is_a_path(tmp_path):
    (tmp_path / "runs").mkdir()
    assert repo_of("runs/mine") is None  # a mistyped run
    assert repo_of("hf://runs/mine") == Repo("runs/mine")
    with pytest.raises(ConfigError, match="there is no checkpoint 'runs/mine'"):
        load("runs/mine")


@pytest.mark.parametrize("name", ["hf://", "hf://user", "hf://a/b/c", "hf://user/de t"])
def test_what_can_be_no_repository_is_refused(name):
    with pytest.raises(ConfigError, match="names no repository"):
        load(name)


def test_a_revision_is_said_once_and_only_of_a_repository():
    with pytest.raises(ConfigError, match="revision v1, but v2"):
        load("user/det@v1", revision="v2")
    with pytest.raises(ConfigError, match="not on the hub"):
        load("mini", revision="v2")


# ---- loading ----------------------------------------------------------------------------------


def test_a_repository_is_fetched_once_and_is_what_was_put_there(hub, files, tiny_checkpoint):
    hub.add(REPO, files)
    pieces = []
    predictor = load(progress=lambda *piece: pieces.append(piece))
    assert same(predictor, pix2seq.load(tiny_checkpoint, device="cpu"))
    assert predictor.name == REPO
    whole = len(files["model.safetensors"])
    assert pieces[-1] == ("model.safetensors", whole, whole)
    load(f"hf://{REPO}")
    assert hub.requests.count("STORE model.safetensors") == 1


def test_a_revision_is_a_tag_a_branch_or_a_commit(hub, files):
    first = hub.add(REPO, {**files, "README.md": b"the first"})
    hub.add(REPO, {**files, "README.md": b"the second"})
    hub.tags[REPO, "v1"] = hub.tags[REPO, "team/old"] = 0
    assert load().card == "the second"
    assert load(f"{REPO}@v1").card == "the first"
    assert load(f"{REPO}@team/old").card == "the first"
    old = load(revision=first)
    assert old.card == "the first" and old.name == f"{REPO}@{first}"
    with pytest.raises(ConfigError, match="no revision 'v9'"):
        load(revision="v9")


def test_a_new_commit_is_noticed(hub, files):
    hub.add(REPO, {**files, "README.md": b"old"})
    assert load().card == "old"
    hub.add(REPO, {**files, "README.md": b"new"})
    assert load().card == "new"


def test_a_broken_download_goes_on_where_it_broke_even_after_a_kill(hub, files):
    hub.add(REPO, files)
    hub.breaks["model.safetensors"] = [100_000] + [0] * ATTEMPTS
    with pytest.raises(ConfigError, match="will be resumed"):
        load()
    assert hub.ranges[-1] == "bytes=100000-"
    hub.breaks.clear()
    before = len(hub.ranges)
    assert load().name == REPO
    assert hub.ranges[before:] == ["bytes=100000-"]


def test_damage_on_the_way_is_noticed(hub, files, monkeypatch):
    hub.add(REPO, files)
    monkeypatch.setattr("pix2seq.hub.fetch._sha256", lambda path: "0" * 64)
    with pytest.raises(ConfigError, match="arrived damaged"):
        load()
    monkeypatch.undo()


def test_without_a_network_the_last_one_fetched_is_used(hub, files, monkeypatch):
    hub.add(REPO, files)
    load()
    asked = len(hub.requests)
    monkeypatch.setenv("PIX2SEQ_OFFLINE", "1")
    assert load().name == REPO and len(hub.requests) == asked
    with pytest.raises(ConfigError, match="PIX2SEQ_OFFLINE forbids downloads"):
        load("someone/else")
    monkeypatch.delenv("PIX2SEQ_OFFLINE")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # nobody listens there
    assert load().name == REPO
    with pytest.raises(ConfigError, match="does not answer"):
        load("someone/else")


def test_what_the_hubs_library_has_already_is_not_fetched_again(hub, files, tmp_path, monkeypatch):
    """A Space's ``preload_from_hub`` and ``hf download`` fill the library's own cache."""
    commit = hub.add(REPO, files)
    cache = tmp_path / "hf"
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(cache))
    place = cache / "models--someone--my-detector"
    (place / "snapshots" / commit).mkdir(parents=True)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text(commit)
    for name, content in files.items():
        (place / "snapshots" / commit / name).write_bytes(content)
    assert load().name == REPO
    assert "STORE model.safetensors" not in hub.requests
    monkeypatch.setenv("PIX2SEQ_OFFLINE", "1")
    assert load().name == REPO


def test_what_is_not_there_or_not_ours_is_named(hub, files):
    with pytest.raises(ConfigError, match="no model 'someone/nothing'"):
        load("someone/nothing")
    hub.add(REPO, {"pytorch_model.bin": b"something else"})
    with pytest.raises(ConfigError, match=r"has no config\.json; it is no checkpoint"):
        load()
    hub.add("someone/gated", files)
    hub.gated.add("someone/gated")
    with pytest.raises(ConfigError, match="conditions to be accepted"):
        load("someone/gated")


def test_a_private_repository_is_read_with_a_token_that_the_file_server_never_sees(
    hub, files, monkeypatch
):
    hub.add(REPO, files)
    hub.private.add(REPO)
    with pytest.raises(ConfigError, match="private and you are not logged in"):
        load()
    monkeypatch.setenv("HF_TOKEN", "hf_good")
    assert load().name == REPO


def test_the_command_line_knows_repositories_too(hub, files, capsys):
    hub.add(REPO, files)
    assert main(["detect", "example:coffee", "--checkpoint", REPO, "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["checkpoint"] == REPO
    assert main(["detect", "example:coffee", "--checkpoint", "someone/nothing"]) == 2
    assert "the hub has no model" in capsys.readouterr().err


def test_a_fresh_process_finds_the_hub_by_its_variable(hub, files, tmp_path):
    hub.add(REPO, files)
    code = f"import pix2seq; print(pix2seq.load({REPO!r}, 'cpu').name)"
    surroundings = {**os.environ, "PYTHONPATH": str(ROOT), "HF_ENDPOINT": hub.url}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=surroundings,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.stdout.strip() == REPO, done.stderr


# ---- publishing -------------------------------------------------------------------------------


def front(card: bytes) -> dict:
    return yaml.safe_load(card.decode().split("---\n")[1])


def test_what_is_published_can_be_loaded_again(hub, tiny_checkpoint, logged_in):
    mine = pix2seq.load(tiny_checkpoint, device="cpu")
    where = mine.push_to_hub(REPO)
    assert where == f"{hub.url}/{REPO}"
    assert set(hub.files(REPO)) == {"README.md", "config.json", "model.safetensors"}
    theirs = load()
    assert same(mine, theirs) and theirs.defaults == mine.defaults
    assert f'pix2seq.load("{REPO}")' in theirs.card


def test_a_card_has_metrics_and_licence_and_keeps_its_words(hub, tiny_checkpoint, logged_in):
    mine = pix2seq.load(tiny_checkpoint, device="cpu")
    mine.info = mine.info.replace(licence="MIT", ap_note="40 photos of ours")
    mine.card = "---\ntags: [ours]\n---\n# Ours\nMade on a Friday.\n"
    mine.push_to_hub(REPO, metrics={"AP": 0.25, "AP50": 0.5, "images": 40, "AP75": None})
    card = hub.files(REPO)["README.md"]
    said = front(card)
    assert said["license"] == "mit" and said["tags"] == ["ours"]
    assert said["pipeline_tag"] == "object-detection"
    [result] = said["model-index"][0]["results"]
    assert result["dataset"]["name"] == "40 photos of ours"
    assert [(one["type"], one["value"]) for one in result["metrics"]] == [
        ("AP", 0.25),
        ("AP50", 0.5),
    ]
    assert card.endswith(b"# Ours\nMade on a Friday.\n")


def test_the_bundled_models_card_goes_along(hub, logged_in):
    mini = pix2seq.load("mini", device="cpu")
    mini.push_to_hub("someone/mini")
    card = hub.files("someone/mini")["README.md"]
    assert front(card)["license"] == "apache-2.0" and b"## What goes wrong" in card
    assert front(card)["model-index"][0]["results"][0]["metrics"][0]["value"] == mini.info.ap


def test_a_second_push_is_a_second_commit(hub, tiny_checkpoint, logged_in):
    mine = pix2seq.load(tiny_checkpoint, device="cpu")
    mine.push_to_hub(REPO)
    mine.push_to_hub(f"hf://{REPO}")
    assert len(hub.commits["model", REPO]) == 3  # the empty one of a new repository, too


def test_a_private_repository_is_made_private(hub, tiny_checkpoint, logged_in):
    pix2seq.load(tiny_checkpoint, device="cpu").push_to_hub(REPO, private=True)
    assert REPO in hub.private


def test_without_a_token_nothing_is_done_and_the_remedy_is_named(hub, tiny_checkpoint):
    mine = pix2seq.load(tiny_checkpoint, device="cpu")
    with pytest.raises(ConfigError, match="hf auth login"):
        mine.push_to_hub(REPO)
    assert hub.requests == []


def test_a_token_that_may_not_write_there_is_told_so(hub, tiny_checkpoint, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_reader")
    with pytest.raises(ConfigError, match=r"does not let this token write.*\(403\)"):
        pix2seq.load(tiny_checkpoint, device="cpu").push_to_hub(REPO)


def test_a_hub_that_does_not_answer_is_one_line(tiny_checkpoint, logged_in, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ConfigError, match="cannot be uploaded"):
        pix2seq.load(tiny_checkpoint, device="cpu").push_to_hub(REPO)
