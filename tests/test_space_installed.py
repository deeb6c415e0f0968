"""A Space as its host makes one: assembled, installed into a clean environment, started with the
variables that Spaces set, and used in a browser."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.error
import urllib.request
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import psutil
import pytest
from packaging.requirements import Requirement

from pix2seq.checkpoints import CheckpointConfig, locate
from pix2seq.cli import main
from tests import fakes
from tests.browser import browser_page, finished, outside
from tests.patience import PATIENCE, allowed

pytestmark = [pytest.mark.slow, pytest.mark.browser]

GIGABYTES = ("torch", "torchvision")
"""Not installed again: linked from the environment that runs the tests, with what they need."""

BUILDERS = ("uvicorn>=0.14.0", "websockets>=10.4", "spaces")
"""What the builder of Spaces adds, beside Gradio with these extras."""

SPACE_ID = "someone/pix2seq-explorer"
LONGEST = 5 * CheckpointConfig.load(locate("mini") / "config.json").tokenizer.max_objects
"""Tokens of a sentence of the bundled checkpoint, which goes on to the last object it may write."""

WRITTEN = {"width": 300, "height": 200, "tokens": LONGEST}
"""Of the visitor's photo; the page also begins a run of its own when the photo comes."""


def closure(names: tuple[str, ...]) -> list[metadata.Distribution]:
    """Distributions by name, and what they require, as far as it is installed here."""
    found, waiting = {}, list(names)
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in found:
            continue
        try:
            found[name] = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue  # of another platform
        for line in found[name].requires or []:
            requirement = Requirement(line)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name)
    return list(found.values())


def link(names: tuple[str, ...], folder: Path) -> None:
    """Put installed packages into a folder, as links."""
    folder.mkdir()
    here = Path(sysconfig.get_path("purelib"))
    for distribution in closure(names):
        for name in {file.parts[0] for file in distribution.files or []} - {"..", "__pycache__"}:
            if not (folder / name).exists():
                (folder / name).symlink_to(here / name)


@dataclass
class Running:
    """A Space that answers.

    Attributes:
        seconds: from the start of its process to the first answer.
        work: of the processor in that time; a machine may be busy with other things.
    """

    url: str
    log: Path
    seconds: float
    work: float


@pytest.fixture(scope="module")
def space(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("space") / "app"
    # No address but this machine's own configuration: PyTorch is linked.
    assert main(["space", str(out), "--cpu-index", ""]) == 0
    return out


@pytest.fixture(scope="module")
def python(space, tmp_path_factory) -> Path:
    """The interpreter of an environment with what ``requirements.txt`` and the front matter say."""
    folder = tmp_path_factory.mktemp("environment") / "venv"
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    [packages] = folder.glob("lib/*/site-packages")
    link(GIGABYTES, folder / "linked")
    (packages / "linked.pth").write_text(f"{folder / 'linked'}\n")
    version = re.search(r"sdk_version: '?([\d.]+)", (space / "README.md").read_text())[1]
    words = [sys.executable, "-m", "pip", "--python", python, "install", "-q"]
    done = subprocess.run(
        [*words, "-r", space / "requirements.txt", f"gradio[oauth,mcp]=={version}", *BUILDERS],
        capture_output=True,
        text=True,
    )
    if "No matching distribution" in done.stderr and "Connection" in done.stderr:
        pytest.skip("NO PACKAGE INDEX: the Space was not installed")
    assert done.returncode == 0, done.stderr[-2000:]
    return python


@pytest.fixture(scope="module")
def running(space, python, tmp_path_factory) -> Iterator[Running]:
    place = tmp_path_factory.mktemp("run")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(place),
        "SYSTEM": "spaces",
        "SPACE_ID": SPACE_ID,
        "SPACE_HOST": "someone-pix2seq-explorer.hf.space",
        "SPACE_AUTHOR_NAME": "someone",
        "SPACE_REPO_NAME": "pix2seq-explorer",
        "SPACE_TITLE": "Pix2Seq Explorer",
        "CPU_CORES": "2",
        "MEMORY": "16Gi",
        "GRADIO_SERVER_NAME": "0.0.0.0",
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_ANALYTICS_ENABLED": "False",
        "OMP_NUM_THREADS": "1",
        "PYTHONUNBUFFERED": "1",
    }
    log = place / "log"
    with open(log, "w") as output:
        started = time.monotonic()
        app = subprocess.Popen([python, "app.py"], cwd=space, env=environment, stderr=output)
        url = f"http://127.0.0.1:{port}"
        try:
            while True:
                try:
                    urllib.request.urlopen(f"{url}/healthz", timeout=60)
                    break
                except (urllib.error.URLError, TimeoutError):
                    assert app.poll() is None, log.read_text()
                    assert time.monotonic() - started < 2 * PATIENCE, log.read_text()
                    time.sleep(0.1)
            used = psutil.Process(app.pid).cpu_times()
            yield Running(url, log, time.monotonic() - started, used.user + used.system)
            app.send_signal(signal.SIGTERM)
            assert app.wait(PATIENCE) == 0
        finally:
            app.kill()
            app.wait()


def events(running: Running) -> list[dict]:
    return [json.loads(line) for line in running.log.read_text().splitlines() if line[:1] == "{"]


def test_it_says_that_it_is_well_and_which_code_it_is(running, record_property):
    with urllib.request.urlopen(f"{running.url}/healthz") as answer:
        said = json.load(answer)
        assert answer.headers["Cache-Control"] == "no-store"
    assert said["status"] == "ok" and said["checkpoint"] == "mini" and said["device"] == "cpu"
    ready = await_event(running, "ready")
    assert ready["version"].startswith(said["version"])
    record_property("cold_start_seconds", round(running.seconds, 1))
    assert running.work < allowed(60, work=460)


def await_event(running: Running, name: str, **facts: object) -> dict:
    """The line of the log about this: it is written when the work has ended, which the page may
    show before."""
    limit = time.monotonic() + PATIENCE
    while time.monotonic() < limit:
        for one in events(running):
            if one["event"] == name and facts.items() <= one.items():
                return one
        time.sleep(0.1)
    raise AssertionError(f"no {name} with {facts} in the log:\n{running.log.read_text()}")


@dataclass
class Visit:
    """What a visitor, who brought a photo of 300 x 200, was given.

    Attributes:
        duplicate: where the Duplicate button leads.
        version: what the page calls itself.
        tokens: of the sentence about the photo.
        asked: addresses outside this machine that the page wanted.
    """

    duplicate: str
    version: str
    tokens: int
    asked: list[str]


@pytest.fixture(scope="module")
def visit(running, chromium, tmp_path_factory) -> Visit:
    photo = tmp_path_factory.mktemp("visit") / "my holiday.png"
    fakes.draw_picture(300, 200).save(photo)
    asked = []
    with browser_page(
        chromium, running.url, prepare=lambda page: outside(page, SPACE_ID, asked)
    ) as page:
        page.wait_for_function("P2S.stage().record.state === 'done'")  # the opening example
        page.evaluate("window.open = (address) => { window.opened = address; }")
        page.click("#duplicate")
        page.wait_for_function("window.opened")
        duplicate = page.evaluate("window.opened")
        version = page.inner_text("[data-version]").strip()
        page.set_input_files("#image input[type=file]", photo)
        page.wait_for_function("P2S.stage().record.image?.w === 300")
        before = page.evaluate("P2S.stage().record.run")
        page.click("#run")
        finished(page, before)
        tokens = page.evaluate("P2S.stage().record.tokens.length")
    return Visit(duplicate, version, tokens, asked)


def test_a_visitor_writes_about_a_photo_and_finds_the_duplicate_button(visit):
    assert visit.duplicate == f"https://huggingface.co/spaces/{SPACE_ID}?duplicate=true"
    assert re.fullmatch(r"Pix2Seq Explorer \d+\.\d+\.\d+( \(\w+\+?\))?", visit.version)
    assert visit.tokens == LONGEST
    assert {url.split("/")[2] for url in visit.asked} <= {"huggingface.co", "fonts.googleapis.com"}


def test_its_decoder_is_compiled_in_the_clean_environment(running, visit):
    """There is nothing to compile with but what ``requirements.txt`` brings."""
    await_event(running, "run", **WRITTEN)
    done = [one for one in events(running) if one["event"] == "compiled"]
    assert {one["what"]: one["kept"] for one in done} == {
        "step": True,
        "pick": True,
        "follow": True,
        "peaks": True,
    }
    assert not [one for one in events(running) if one["level"] == "warning"]


def test_its_log_has_a_line_per_run_and_nothing_of_what_was_brought(running, visit, space):
    run = await_event(running, "run", **WRITTEN)
    assert run["seconds"] > 0 and run["checkpoint"] == "mini"
    text = running.log.read_text()
    assert "holiday" not in text
    assert str(space) not in text, "no traceback leads through the app"
