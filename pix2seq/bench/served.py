"""``Served``: the app in a process of its own, called as programs call it."""

from __future__ import annotations

import io
import itertools
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pix2seq.config import ConfigError
from pix2seq.data import make_scene

_START_S = 180.0
_PATIENCE_S = 300.0
_BOUNDARY = "pix2seq-bench"


class Served:
    """A running app.

    Attributes:
        url: of the page.
        runs: calls that it has answered.
    """

    def __init__(self, process: subprocess.Popen, port: int) -> None:
        self.process = process
        self.url = f"http://127.0.0.1:{port}"
        self.runs = 0
        self._api = f"{self.url}/gradio_api"
        self._seeds = itertools.count()
        self._defaults: dict[str, list[Any]] = {}

    def memory(self) -> float | None:
        """Resident gigabytes; ``None`` where the system does not say."""
        try:
            status = Path(f"/proc/{self.process.pid}/status").read_text()
        except OSError:
            return None
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) * 1024 / 1e9

    def rate(self, name: str, callers: int, each: int) -> float:
        """Runs per second of so many callers, each with ``each`` new pictures one after another."""
        self.call(name, self.upload())
        pictures = [[self.upload() for _ in range(each)] for _ in range(callers)]
        with ThreadPoolExecutor(callers) as pool:
            start = time.perf_counter()
            list(pool.map(lambda mine: [self.call(name, path) for path in mine], pictures))
            return callers * each / (time.perf_counter() - start)

    def upload(self) -> str:
        """A picture that nobody has sent before; returns where the server keeps it."""
        file = io.BytesIO()
        make_scene(seed=next(self._seeds)).image.save(file, "JPEG")
        head = (
            f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\n"
            'Content-Disposition: form-data; name="files"; filename="scene.jpg"\r\n\r\n'
        )
        body = head.encode() + file.getvalue() + f"\r\n--{_BOUNDARY}--\r\n".encode()
        kind = f"multipart/form-data; boundary={_BOUNDARY}"
        return json.loads(self._ask("/upload", body, kind))[0]

    def call(self, name: str, path: str) -> str:
        """Run an endpoint with the page's defaults; returns its whole event stream."""
        if not self._defaults:
            for endpoint, told in json.loads(self._ask("/info"))["named_endpoints"].items():
                usual = [one.get("parameter_default") for one in told["parameters"]]
                self._defaults[endpoint] = usual
        picture = {"path": path, "meta": {"_type": "gradio.FileData"}}
        data = {"data": [picture, *self._defaults[name][1:]]}
        asked = self._ask(f"/call{name}", json.dumps(data).encode(), "application/json")
        events = self._ask(f"/call{name}/{json.loads(asked)['event_id']}").decode()
        if "event: complete" not in events:
            raise ConfigError(f"{name} failed: {events[-300:]}")
        self.runs += 1
        return events

    def _ask(self, path: str, body: bytes | None = None, kind: str = "") -> bytes:
        request = urllib.request.Request(
            self._api + path, body, {"Content-Type": kind} if kind else {}
        )
        with urllib.request.urlopen(request, timeout=_PATIENCE_S) as answer:
            return answer.read()


@contextmanager
def served(checkpoint: str) -> Iterator[Served]:
    """The app over one checkpoint on the CPU, until the block ends.

    Raises:
        ConfigError: it does not start.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "pix2seq", "app", "--port", str(port)]
    command += ["--checkpoint", checkpoint, "--device", "cpu"]
    environment = os.environ | {"GRADIO_ANALYTICS_ENABLED": "False"}
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment
    ) as process:
        app = Served(process, port)
        try:
            _wait(app)
            yield app
        finally:
            process.kill()


def _wait(app: Served) -> None:
    until = time.monotonic() + _START_S
    while time.monotonic() < until:
        if app.process.poll() is not None:
            said = app.process.stderr.read().decode(errors="replace").strip()
            raise ConfigError(f"the app did not start: {said.splitlines()[-1] if said else '?'}")
        try:
            urllib.request.urlopen(app.url, timeout=5).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise ConfigError(f"the app did not answer within {_START_S:g} s")
