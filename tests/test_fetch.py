"""Published checkpoints by name: downloaded, converted once, loaded from the cache afterwards."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

import pix2seq
from pix2seq.checkpoints import (
    CHECKPOINTS,
    DownloadError,
    available_checkpoints,
    find,
    home,
    menu_title,
)
from pix2seq.checkpoints.download import ATTEMPTS
from pix2seq.cli import main
from pix2seq.config import ConfigError
from pix2seq.convert import fetch as fetch_checkpoint
from pix2seq.convert import read_google, read_shariatnia
from tests.bucket import Bucket, serve
from tests.patience import PATIENCE

FIXTURES = Path(__file__).parent / "fixtures"
NAME = "google-coco-vit-b-640"
FOLDER = "/coco_det_finetune/vit_b_640x640"
KIND = FIXTURES / "official" / "vit_mlpratio"  # the smallest one plays every published checkpoint
INDEX, DATA = f"{FOLDER}/ckpt-12345.index", f"{FOLDER}/ckpt-12345.data-00000-of-00001"


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("PIX2SEQ_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("PIX2SEQ_CHECKPOINTS", raising=False)
    monkeypatch.setattr("pix2seq.checkpoints.download.pause", lambda seconds: None)
    return tmp_path / "home"


@pytest.fixture
def bucket(monkeypatch):
    files = {f"{FOLDER}/{path.name}": path.read_bytes() for path in KIND.iterdir()}
    del files[f"{FOLDER}/main.npz"]
    with serve(Bucket(files=files)) as running:
        monkeypatch.setenv("PIX2SEQ_BUCKET", f"{running.url}/")
        yield running


def load(name: str = NAME, **settings) -> pix2seq.Predictor:
    return pix2seq.load(name, device="cpu", **settings)


def damage(content: bytes, at: float = 0.5) -> bytes:
    place = int(len(content) * at)
    return content[:place] + bytes([content[place] ^ 255]) + content[place + 1 :]


def test_a_name_is_downloaded_converted_and_loaded_once(bucket, own_home):
    pieces = []
    predictor = load(progress=lambda *piece: pieces.append(piece))
    wanted = read_google(KIND).weights
    assert all(torch.equal(t, wanted[n]) for n, t in predictor.model.state_dict().items())
    assert predictor.name == NAME and predictor.info.ap == 0.442
    assert predictor.info.title == CHECKPOINTS[NAME].title
    assert predictor.defaults.top_p_rule == "official"
    assert pieces[-1] == (DATA.rpartition("/")[2], len(bucket.files[DATA]), len(bucket.files[DATA]))
    asked = bucket.requests.total()
    assert load().name == NAME
    assert bucket.requests.total() == asked, "the second load stays at home"
    assert find(NAME) == own_home / "checkpoints" / NAME
    assert not (own_home / "downloads" / NAME).exists(), "the raw files are not kept"


def test_a_connection_broken_half_way_is_resumed(bucket):
    half = len(bucket.files[DATA]) // 2
    bucket.breaks[DATA] = [half]
    assert load().name == NAME
    assert bucket.ranges == [f"bytes={half}-"]


def test_a_download_given_up_is_resumed_by_the_next_load(bucket):
    bucket.breaks[DATA] = [200_000] + [0] * ATTEMPTS
    with pytest.raises(DownloadError, match="will be resumed"):
        load()
    assert find(NAME) is None
    assert load().name == NAME
    assert bucket.ranges[-1] == "bytes=200000-"


def test_data_of_a_wrong_size_are_refused(bucket):
    whole = bucket.files[DATA]
    bucket.files[DATA] = whole[:-100]
    with pytest.raises(DownloadError, match=f"{len(whole)} are expected"):
        load()
    assert find(NAME) is None
    bucket.files[DATA] = whole
    assert load().name == NAME


@pytest.mark.parametrize("path", [INDEX, DATA])
def test_damaged_files_are_named_removed_and_fetched_anew(bucket, own_home, path):
    whole = bucket.files[path]
    bucket.files[path] = damage(whole)
    with pytest.raises(ConfigError, match="fetch it again"):
        load()
    assert not list((own_home / "downloads").rglob("ckpt*"))
    bucket.files[path] = whole
    assert load().name == NAME


def test_a_checkpoint_file_without_a_name_is_refused(bucket):
    bucket.files[f"{FOLDER}/checkpoint"] = b"<html>sign in</html>"
    with pytest.raises(ConfigError, match="model_checkpoint_path"):
        load()


def test_a_bucket_path_in_the_checkpoint_file_is_cut_to_the_file_name(bucket):
    bucket.files[f"{FOLDER}/checkpoint"] = b'model_checkpoint_path: "gs://elsewhere/x/ckpt-12345"\n'
    assert load().name == NAME


def test_without_config_json_the_registry_knows_the_image_size(bucket):
    del bucket.files[f"{FOLDER}/config.json"]
    # This tiny checkpoint's small vocabulary is only told by its config.
    with pytest.raises(ConfigError, match="vocab_size is 1200"):
        load()
    vit = FIXTURES / "official" / "vit"
    for path in vit.glob("ckpt*"):
        bucket.files[f"{FOLDER}/{path.name}"] = path.read_bytes()
    assert load().preprocess.image_size == (640, 640)


def test_without_a_network_the_message_says_what_to_do(own_home, monkeypatch, capsys):
    monkeypatch.setenv("PIX2SEQ_BUCKET", "http://127.0.0.1:9")  # nobody listens there
    assert main(["detect", "example:coffee", "--checkpoint", NAME]) == 2
    error = capsys.readouterr().err
    folder = own_home / "checkpoints" / NAME
    assert error.count("\n") == 1
    assert f"http://127.0.0.1:9{FOLDER}/checkpoint" in error
    assert f"python -m pix2seq convert google PREFIX {folder}" in error
    # And that is what helps:
    assert main(["convert", "google", str(KIND / "ckpt-12345"), str(folder)]) == 0
    predictor = load()
    assert predictor.info.ap == 0.442 and predictor.name == NAME


def test_a_copy_converted_by_hand_has_the_published_classes(own_home):
    name = "google-obj365-vit-b-640"
    folder = own_home / "checkpoints" / name
    assert main(["convert", "google", str(KIND), str(folder)]) == 2, "366 names, 100 class tokens"
    assert main(["convert", "google", str(FIXTURES / "official" / "vit"), str(folder)]) == 0
    assert load(name).categories.name(1) == "Person"


def test_two_processes_do_not_collide(bucket):
    code = f"import pix2seq; print(pix2seq.load({NAME!r}, device='cpu').name)"
    other = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        cwd=FIXTURES.parents[1],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while bucket.requests.total() == 0 and other.poll() is None:
        time.sleep(0.01)
    assert load().name == NAME  # waits for the other to finish
    out, err = other.communicate(timeout=PATIENCE)
    assert out.strip() == NAME, err
    assert bucket.requests[DATA] == 1


def test_every_published_checkpoint_is_known_and_described():
    names = [name for name in CHECKPOINTS if name.startswith("google-")]
    assert len(names) == 18
    assert set(names) < set(available_checkpoints())
    for info in CHECKPOINTS.values():
        if info.url:
            assert info.title and info.licence and info.size_mb and info.label_space
            assert info.sampling is not None and info.image_size and info.ap_note


def test_the_menu_says_what_choosing_a_checkpoint_downloads(bucket):
    assert menu_title(NAME) == f"{NAME} (downloads 461 MB)"
    assert menu_title("google-coco-vit-l-1333").endswith("(downloads 1,365 MB)")
    assert menu_title("mini") == "mini" and menu_title("mine") == "mine"
    load()
    assert menu_title(NAME) == NAME


def test_a_public_server_can_forbid_downloads(bucket, monkeypatch):
    monkeypatch.setenv("PIX2SEQ_OFFLINE", "1")
    with pytest.raises(ConfigError, match="PIX2SEQ_OFFLINE forbids downloads"):
        load()
    assert bucket.requests.total() == 0
    monkeypatch.delenv("PIX2SEQ_OFFLINE")
    load()
    monkeypatch.setenv("PIX2SEQ_OFFLINE", "1")
    assert load().name == NAME


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({"PIX2SEQ_HOME": "/a", "XDG_CACHE_HOME": "/b"}, "/a"),
        ({"XDG_CACHE_HOME": "/b"}, "/b/pix2seq"),
        ({"HOME": "/home/her"}, "/home/her/.cache/pix2seq"),
    ],
)
def test_the_cache_is_where_the_environment_says(monkeypatch, variables, wanted):
    for name in ("PIX2SEQ_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert home() == Path(wanted)


def test_a_cache_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("PIX2SEQ_HOME", str(tmp_path / "file"))
    with pytest.raises(ConfigError, match="set PIX2SEQ_HOME"):
        load()


# ---- the VOC model, on Google Drive ---------------------------------------------------------

VOC = "shariatnia-voc"


def use_gdown(monkeypatch, answer) -> None:
    monkeypatch.setitem(sys.modules, "gdown", SimpleNamespace(download=answer))


def test_without_gdown_the_message_says_both_ways(own_home, monkeypatch):
    monkeypatch.setitem(sys.modules, "gdown", None)
    with pytest.raises(ConfigError, match="pip install gdown") as refusal:
        load(VOC)
    assert CHECKPOINTS[VOC].url in str(refusal.value)
    target = own_home / "checkpoints" / VOC
    assert f"python -m pix2seq convert shariatnia FILE.pth {target}" in str(refusal.value)


def test_the_drive_file_is_fetched_with_gdown_and_converted(own_home, monkeypatch):
    weights = FIXTURES / "shariatnia" / "tiny_random_state_dict.pth"
    asked = []

    def download(url, output, quiet):
        asked.append(url)
        Path(output).write_bytes(weights.read_bytes())
        return output

    use_gdown(monkeypatch, download)
    read_tiny = functools.partial(read_shariatnia, vit_heads=3, decoder_heads=4)
    monkeypatch.setattr(fetch_module(), "read_shariatnia", read_tiny)
    assert load(VOC).categories.name(14) == "person"
    load(VOC)
    assert asked == [CHECKPOINTS[VOC].url]
    report = json.loads((own_home / "checkpoints" / VOC / "conversion.json").read_text())
    assert report["kind"] == "shariatnia"


@pytest.mark.parametrize("answer", [lambda *a, **k: None, lambda *a, **k: 1 / 0])
def test_a_drive_that_refuses_is_reported(monkeypatch, answer):
    use_gdown(monkeypatch, answer)
    with pytest.raises(DownloadError, match="in a browser and run"):
        load(VOC)


def fetch_module():
    return sys.modules[fetch_checkpoint.__module__]
