"""Ray Data: ``DetectBatch`` by itself, and ``--engine ray`` on a cluster of this machine's own."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from pix2seq.batch import DetectBatch
from pix2seq.batch.journal import read_lines
from pix2seq.batch.ray import rows_per_call
from pix2seq.cli import main
from tests import fakes
from tests.patience import PATIENCE
from tests.test_architecture import ROOT

OPTIONS = {"temperature": 30.0, "max_objects": 3, "eos": "delay", "score_threshold": 0.0}
TOKEN = secrets.token_hex(32)
RAY = str(Path(sys.executable).with_name("ray"))
HOW = ["--temperature", "30", "--max-objects", "3", "--eos", "delay", "--score-threshold", "0"]
OURS = ["detect", "photos", "--checkpoint", "tiny", *HOW]
PATIENT = ["--timeout", "600"]  # a busy machine is not a slow picture


@pytest.fixture(autouse=True)
def album(tmp_path, tiny_checkpoint, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIX2SEQ_CHECKPOINTS", str(tiny_checkpoint.parent))
    Path("photos").mkdir()
    for i in range(3):
        fakes.draw_picture(80 + 10 * i, 60).save(f"photos/{i}.png")
    return tmp_path / "photos"


class TestDetectBatch:
    @pytest.fixture
    def detect(self) -> DetectBatch:
        return DetectBatch("tiny", OPTIONS, workers=0, tokens=True)

    def test_bytes_arrays_and_paths_give_the_same(self, detect, album):
        paths = [f"photos/{i}.png" for i in range(3)]
        name = {"name": np.array(paths, dtype=object)}
        images = np.empty(3, dtype=object)
        images[:] = [np.asarray(Image.open(path)) for path in paths]
        batches = [
            {"path": np.array(paths, dtype=object)},
            {"bytes": np.array([Path(p).read_bytes() for p in paths], dtype=object), **name},
            {"image": images, **name},
        ]
        first, *others = [detect(batch) for batch in batches]
        assert first.num_rows == 3 and first["error"].null_count == 3
        assert all(table.equals(first) for table in others)

    def test_rows_are_the_lines_of_detect(self, detect):
        assert main([*OURS, "--workers", "0", "--jsonl", "a.jsonl", "--tokens"]) == 0
        rows = detect({"path": np.array([f"photos/{i}.png" for i in range(3)], dtype=object)})
        for row in rows.to_pylist():
            assert row.pop("error") is None
            [line] = [one for one in read_lines("a.jsonl") if one["name"] == row["name"]]
            line.pop("run")
            assert row == line

    def test_its_reading_process_lives_as_long_as_it(self, monkeypatch):
        """One per call cost an actor as much as its work."""
        started = []
        begin = subprocess.Popen.__init__
        monkeypatch.setattr(
            subprocess.Popen, "__init__", lambda *a, **k: (started.append(a[1]), begin(*a, **k))[1]
        )
        detect = DetectBatch("tiny", OPTIONS, workers=1, timeout=600)
        for i in range(3):
            assert detect({"path": np.array([f"photos/{i}.png"], dtype=object)}).num_rows == 1
        assert len(started) == 1 and started[0][-1] == "pix2seq.pictures.worker"
        detect.readers.close()

    def test_a_picture_that_is_none_is_a_row_with_an_error(self, detect):
        Path("photos/bad.png").write_bytes(b"no")
        rows = detect({"path": np.array(["photos/bad.png", "photos/0.png"], dtype=object)})
        errors = {row["name"]: row["error"] for row in rows.to_pylist()}
        assert errors["photos/0.png"] is None and "not an image" in errors["photos/bad.png"]


@pytest.mark.parametrize(
    ("pictures", "actors", "expected"),
    [(1, 1, 8), (45, 2, 8), (100, 2, 12), (10_000, 8, 64), (10_000, 1000, 8)],
)
def test_every_actor_is_handed_a_few_blocks(pictures, actors, expected):
    assert rows_per_call(pictures, actors) == expected


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.usefixtures("only_ray")
class TestCluster:
    def test_an_actor_is_killed_and_every_picture_is_there_once(self, tmp_path):
        for i in range(3, 200):
            fakes.draw_picture(60 + i % 50, 50).save(f"photos/{i}.png")
        Path("photos/bad.png").write_bytes(b"no picture")
        port = _free_port()
        with cluster(port, cores=2) as daemons:
            words = ["-m", "pix2seq", *OURS, *PATIENT, "--jsonl", "a.jsonl"]
            words += ["--engine", "ray", "--address", f"127.0.0.1:{port}"]
            run = subprocess.Popen([sys.executable, *words, "--actors", "2"], env=_environment())
            while run.poll() is None and _lines("a.jsonl") < 5:
                time.sleep(0.02)
            actors = _actors(daemons)
            assert run.poll() is None and actors, "it ended before an actor could be killed"
            actors[0].kill()
            assert run.wait(timeout=1200) == 3
        done = [line["name"] for line in read_lines("a.jsonl")]
        assert len(done) == len(set(done)) == 200
        assert json.loads(Path("errors.jsonl").read_text())["file"] == "photos/bad.png"
        assert main([*OURS, "--workers", "0", "--jsonl", "b.jsonl"]) == 3
        ours, theirs = (
            sorted(read_lines(p), key=lambda line: line["name"]) for p in ("a.jsonl", "b.jsonl")
        )
        assert ours == theirs


@contextmanager
def cluster(port: int, cores: int) -> Iterator[list[psutil.Process]]:
    """A cluster of this machine alone, as ``ray start`` makes it; yields its daemons. Only these
    are stopped: ``ray stop`` would end whatever else of Ray runs here."""
    folder = f"/tmp/ray-test-{os.getpid()}"
    words = f"start --head --port {port} --num-cpus {cores} --include-dashboard false"
    words = [RAY, *words.split(), "--object-store-memory", "100000000", "--temp-dir", folder]
    begun = subprocess.run(words, env=_environment(), capture_output=True, text=True)
    try:
        assert begun.returncode == 0, begun.stdout + begun.stderr
        yield _daemons(folder)
    finally:
        daemons = _daemons(folder)
        children = [child for one in daemons for child in one.children(recursive=True)]
        for process in (*daemons, *children):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(daemons, timeout=PATIENCE)
        shutil.rmtree(folder, ignore_errors=True)


def _environment() -> dict[str, str]:
    """A token of this test's own; and Ray's workers, which stand back by default, would starve on
    a busy machine."""
    ours = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": TOKEN, "RAY_worker_niceness": "0"}
    return os.environ | ours | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


def _daemons(folder: str) -> list[psutil.Process]:
    """The processes that know a cluster's own folder."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if any(folder in word for word in process.info["cmdline"] or []):
            found.append(process)
    return found


def _actors(daemons: list[psutil.Process]) -> list[psutil.Process]:
    children = [child for one in daemons if one.is_running() for child in one.children()]
    return [one for one in children if "DetectBatch" in " ".join(one.cmdline())]


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def _lines(path: str) -> int:
    return Path(path).read_bytes().count(b"\n") if Path(path).exists() else 0


@pytest.mark.parametrize("address", ["127.0.0.1:{}", "ray://127.0.0.1:{}"])
def test_a_cluster_that_does_not_answer_is_named_at_once(address, capsys):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = address.format(free.getsockname()[1])
    start = time.monotonic()
    assert main([*OURS, "--jsonl", "o.jsonl", "--engine", "ray", "--address", address]) == 2
    assert time.monotonic() - start < PATIENCE
    told = capsys.readouterr().err
    assert f"no Ray cluster at {address}" in told and "check the address" in told


def test_a_port_that_is_no_number_is_told_as_a_wrong_address(capsys):
    asked = ["--jsonl", "o.jsonl", "--engine", "ray", "--address", "head:six"]
    assert main([*OURS, *asked]) == 2
    assert "no Ray cluster at head:six" in capsys.readouterr().err
