"""``make`` prepares an environment that fits the machine, and says what it does."""

from __future__ import annotations

import http.server
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_architecture import ROOT

pytestmark = pytest.mark.skipif(
    shutil.which("make") is None or sys.platform != "linux", reason="needs make, on Linux"
)


@pytest.fixture
def index() -> Iterator[str]:
    """A package index that answers, with nothing in it."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    server.RequestHandlerClass.do_GET = lambda self: (self.send_response(200), self.end_headers())
    server.RequestHandlerClass.log_message = lambda *_: None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/cpu"
    server.shutdown()
    server.server_close()


def script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def prepare(folder: Path, gpu: bool, **variables: str) -> tuple[str, list[str]]:
    """Run the target in an environment whose pip only notes its arguments: (said, them)."""
    binaries = folder / "venv" / "bin"
    binaries.mkdir(parents=True)
    notes = folder / "pip.txt"
    script(
        binaries / "python",
        f'if [ "$1" = -m ]; then echo "$@" >> {notes}; else exec {sys.executable} "$@"; fi',
    )
    script(folder / "nvidia-smi", f"exit {0 if gpu else 9}")
    done = subprocess.run(
        [
            "make",
            f"{folder}/venv/.runtime-installed",
            f"VENV={folder}/venv",
            *(f"{name}={value}" for name, value in variables.items()),
        ],
        cwd=ROOT,
        env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "no_proxy": "127.0.0.1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout, notes.read_text().splitlines()


def test_without_a_gpu_the_cpu_build_is_taken_and_said(tmp_path, index):
    said, ran = prepare(tmp_path, gpu=False, CPU_INDEX=index)
    assert f"CPU build from {index}" in said
    assert ran[0].endswith(f"--index-url {index} torch torchvision") and ran[1].endswith("-e .")


def test_without_an_answer_it_says_that_gigabytes_come(tmp_path):
    said, ran = prepare(tmp_path, gpu=False, CPU_INDEX="http://127.0.0.1:9/cpu")
    assert "does not answer" in said and "several GB" in said
    assert len(ran) == 1 and ran[0].endswith("-e .")


def test_with_a_gpu_pypis_build_is_right(tmp_path, index):
    said, ran = prepare(tmp_path, gpu=True, CPU_INDEX=index)
    assert "PyTorch" not in said and len(ran) == 1


@pytest.mark.parametrize(("named", "calls"), [("http://127.0.0.1:9/own", 2), ("pypi", 1)])
def test_a_named_index_is_not_questioned(tmp_path, index, named, calls):
    _, ran = prepare(tmp_path, gpu=False, CPU_INDEX=index, TORCH_INDEX=named)
    assert len(ran) == calls
