"""What breaks around the program: signals, memory, disks, ports, clocks. Each ends in one line."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest
import torch

from pix2seq import cli
from pix2seq.cli import main
from pix2seq.cli.replay import REPLAY
from pix2seq.config import ConfigError, SamplingOptions
from pix2seq.device import inference
from pix2seq.ui.page.gate import Gate
from pix2seq.ui.visit.limits import Limits
from pix2seq.ui.visit.runs import Picture, Run
from pix2seq.ui.visit.writer import write
from tests import fakes
from tests.crowd import API, Page, marker
from tests.patience import PATIENCE, allowed, end, until
from tests.served import scripted_predictor
from tests.test_train import config


def written_run(predictor) -> Run:
    run = Run(Picture(fakes.draw_picture()), predictor, predictor.resolve(SamplingOptions()))
    for _ in write(run):
        pass
    return run


# ---- memory ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB."),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
        RuntimeError("MPS backend out of memory (MPS allocated: 9.0 GB)"),
    ],
)
def test_a_device_without_memory_says_what_to_lower(monkeypatch, error):
    predictor = scripted_predictor()

    def fail(*_, **__):
        raise error

    monkeypatch.setattr(predictor.model, "see", fail)
    run = written_run(predictor)
    assert run.lines[-1].startswith("Eerror ") and "use --device cpu" in run.lines[-1]
    monkeypatch.undo()
    monkeypatch.setattr(predictor.model, "decode", fail)
    run = written_run(predictor)
    assert run.lines[-1].startswith("Eerror ") and "smaller checkpoint" in run.lines[-1]
    monkeypatch.undo()
    assert written_run(predictor).lines[-1].startswith("Eeos"), "the next one goes on"


def test_other_errors_of_the_network_stay_what_they_are():
    with pytest.raises(RuntimeError, match="shapes"), inference(torch.device("cpu")):
        raise RuntimeError("shapes do not fit")


# ---- disks ----------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EDQUOT])
def test_an_upload_that_the_servers_disk_does_not_take_is_told(number):
    import asyncio

    async def full(scope, receive, send):
        raise OSError(number, os.strerror(number))

    told = []

    async def send(event):
        told.append(event)

    async def receive():
        return {"type": "http.request", "body": b"x", "more_body": False}

    scope = {"type": "http", "path": "/gradio_api/upload", "method": "POST", "headers": []}
    asyncio.run(Gate(full, Limits())(scope, receive, send))
    said = json.loads(told[1]["body"])["detail"]
    assert told[0]["status"] == 507 and os.strerror(number) in said and "\n" not in said


def test_what_the_log_says_of_a_failed_request_has_nobodys_file_in_it(monkeypatch):
    import asyncio

    async def fails(scope, receive, send):
        raise RuntimeError("my holiday.png")

    async def send(event):
        pass

    told = []
    monkeypatch.setattr("pix2seq.logs.event", lambda name, **facts: told.append((name, facts)))
    path = "/gradio_api/file=/tmp/gradio/my holiday.png"
    scope = {"type": "http", "path": path, "method": "GET", "headers": []}
    asyncio.run(Gate(fails, Limits())(scope, None, send))
    assert told == [("refused", {"door": "/gradio_api/file=", "error": "RuntimeError"})]


def test_two_apps_share_one_cache(tmp_path):
    """One keeps its uploads beside the other's: closing it, or killing it, takes nothing away."""
    code = "from pix2seq.ui.page.uploads import own_uploads; print(own_uploads())"
    here = {"PYTHONPATH": str(Path(__file__).parent.parent), "GRADIO_TEMP_DIR": str(tmp_path)}
    line = [sys.executable, "-c", code]
    folders = {subprocess.check_output(line, env=os.environ | here).decode() for _ in range(2)}
    assert len(folders) == 2 and all(Path(one).parent == tmp_path for one in folders)
    assert not any(Path(one.strip()).exists() for one in folders), "they take theirs away"


# ---- ports and clocks -----------------------------------------------------------------------


def test_a_port_in_use_is_named(capsys, monkeypatch, tiny_checkpoint):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        words = [
            "app",
            "--port",
            str(port),
            "--checkpoint",
            str(tiny_checkpoint),
            "--device",
            "cpu",
        ]
        assert main(words) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert f"the app cannot listen on 127.0.0.1:{port}" in said and "another --port" in said


def test_a_clock_that_jumps_changes_nothing(monkeypatch):
    """Seconds are counted by clocks that only go forward."""
    jumps = iter([1e9, 5.0, 2e9, -7.0] * 1000)
    monkeypatch.setattr(time, "time", lambda: next(jumps))
    run = written_run(scripted_predictor())
    assert 0 < run.seconds < 600
    assert 0 <= json.loads(run.lines[-1][4:])["rate"] < 1e6
    source = Path(__file__).parent.parent / "pix2seq"
    clocks = [path for path in source.rglob("*.py") if "time.time()" in path.read_text()]
    assert not clocks, "durations are taken from time.monotonic or time.perf_counter"


# ---- SIGTERM --------------------------------------------------------------------------------


def started(*words: str, folder: Path) -> subprocess.Popen:
    line = [sys.executable, "-m", "pix2seq", *words]
    here = {"PYTHONPATH": str(Path(__file__).parent.parent), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        line, cwd=folder, env=os.environ | here, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL
    )


@pytest.mark.slow
def test_a_training_run_ends_with_a_line_and_goes_on(tmp_path):
    settings = config(steps=100_000, save_every=2)
    (tmp_path / "recipe.json").write_text(settings.to_json())
    process = started("train", "--config", "recipe.json", "--out", "run", folder=tmp_path)
    until(lambda: len(list((tmp_path / "run" / "state").glob("step-*"))) > 1)
    code, said, seconds = end(process)
    assert code == 143 and "pix2seq: ended by SIGTERM; whatever is written is whole" in said
    assert seconds < allowed(5, work=40) and "Traceback" not in said
    assert list((tmp_path / "run" / "state").glob("step-*/manifest.json"))


@pytest.mark.slow
def test_detecting_many_pictures_ends_with_a_line(tmp_path, tiny_checkpoint):
    (tmp_path / "photos").mkdir()
    for number in range(400):
        marker(number % 40).save(tmp_path / "photos" / f"{number:03d}.png")
    words = ("detect", "photos", "--jsonl", "found.jsonl", "--checkpoint", str(tiny_checkpoint))
    process = started(*words, "--batch-size", "8", "--eos", "delay", folder=tmp_path)
    until(lambda: any(one.stat().st_size for one in tmp_path.glob("*found.jsonl*")))
    code, said, seconds = end(process)
    assert code == 143 and "ended by SIGTERM" in said, said
    assert seconds < allowed(5, work=40) and "Traceback" not in said


@pytest.mark.slow
def test_eight_sentences_that_are_being_written_end_with_a_line(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = started("app", "--port", str(port), "--device", "cpu", folder=tmp_path)
    url, ends, begun, last = f"http://127.0.0.1:{port}", [], [], {}

    def there() -> bool:
        try:
            return httpx.get(f"{url}/healthz", timeout=60).status_code == 200
        except httpx.HTTPError:
            return False

    def watch(number: int) -> None:
        with httpx.Client(base_url=url, timeout=PATIENCE) as web:
            page = Page(web.get("/config").json())
            marker(number).save(tmp_path / f"{number}.png")
            files = {"files": ("a.png", (tmp_path / f"{number}.png").read_bytes())}
            [path] = web.post(f"{API}/upload", files=files).json()
            message = page.message("run", "click", path, f"tab{number}")
            message["data"] = ["delay" if one == "model" else one for one in message["data"]]
            slow = {"data": [2.0], "fn_index": page.events["speed", "change"]["id"]}
            web.post(f"{API}/run/predict", json={**slow, "session_hash": f"tab{number}"})
            web.post(f"{API}/queue/join", json=message)
            query = {"session_hash": f"tab{number}"}
            with web.stream("GET", f"{API}/queue/data", params=query) as answer:
                for line in answer.iter_lines():
                    if re.search(r'["n]T\d+ ', line) and number not in begun:  # a token
                        begun.append(number)
                    last[number] = line[:300] or last[number]
                    if "Estopped" in line:
                        ends.append(number)
                        return

    try:
        until(there)
        tabs = [threading.Thread(target=watch, args=(number,), daemon=True) for number in range(8)]
        for tab in tabs:
            tab.start()
        until(lambda: len(begun) == 8)
        code, said, seconds = end(process)
        for tab in tabs:
            tab.join(PATIENCE)
    finally:
        process.kill()
    assert code == 0 and seconds < allowed(5, work=40) and "Traceback" not in said, (
        code,
        seconds,
        said[-900:],
    )
    assert "closing; sentences that are being written end here" in said
    assert sorted(ends) == list(range(8)), last


def test_sigterm_is_told_in_one_line(capsys, monkeypatch, tmp_path):
    """In this process: what a command says when it is told to end, and that the handler is put
    back."""
    before = signal.getsignal(signal.SIGTERM)

    def run(args):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)
        raise ConfigError("nobody told it")

    sleeper = dataclasses.replace(REPLAY, run=run)
    monkeypatch.setattr(cli, "COMMANDS", (sleeper,))
    assert main(["replay", "x.json"]) == 143
    said = capsys.readouterr().err
    assert said == "pix2seq: ended by SIGTERM; whatever is written is whole\n"
    assert signal.getsignal(signal.SIGTERM) is before
