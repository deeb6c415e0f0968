"""The wheel, installed: its commands and its page work from any folder, with nothing beside it."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.error
import urllib.request
import venv
import zipfile
from pathlib import Path

import pytest

from tests.patience import PATIENCE, allowed, end
from tests.test_architecture import PACKAGE, ROOT


def checkout(source: Path) -> Path:
    """A copy of what is installed from, so that nothing is written into this checkout."""
    source.mkdir()
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE", "requirements.txt"):
        shutil.copy(ROOT / name, source)
    for name in ("pix2seq", "assets", "checkpoints"):
        ignored = shutil.ignore_patterns("__pycache__", "*.pyi")
        shutil.copytree(ROOT / name, source / name, ignore=ignored)
    return source


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built from a copy, so that no checkout is near."""
    folder = tmp_path_factory.mktemp("wheel")
    source = checkout(folder / "source")
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    subprocess.run([*build, "-w", folder, source], check=True, capture_output=True)
    [built] = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """The ``pix2seq`` command of an environment with the wheel and this one's libraries."""
    return with_libraries(tmp_path_factory.mktemp("environment"), wheel) / "pix2seq"


def with_libraries(folder: Path, *what: str | Path) -> Path:
    """Install into a new environment that finds this one's libraries; returns its ``bin``."""
    venv.create(folder, with_pip=False)
    [packages] = folder.glob("lib/*/site-packages")
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = [sys.executable, "-m", "pip", "--python", folder / "bin" / "python", "install", "-q"]
    subprocess.run([*pip, "--no-deps", *what], check=True, capture_output=True)
    return folder / "bin"


def environment(folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return {**kept, "PIX2SEQ_HOME": str(folder / "home"), "PIX2SEQ_OFFLINE": "1"}


def run(installed: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [installed, *words], cwd=folder, env=environment(folder), capture_output=True, text=True
    )


_SCRIPT = """
import pix2seq
from pix2seq.examples import PHOTOS

found = pix2seq.load("mini").detect(PHOTOS[0].path)
print(pix2seq.__file__, len(found))
"""


def test_a_script_runs_in_the_checkout_and_anywhere_else_after_make_setup(tmp_path):
    """``make setup`` installs the checkout as a link: what is changed there is what is imported."""
    assert "pip install -q -e ." in (ROOT / "Makefile").read_text()
    source = checkout(tmp_path / "checkout")
    binaries = with_libraries(tmp_path / "venv", "--no-build-isolation", "-e", source)
    places = (source, source / "assets", tmp_path)
    for place in places:
        (place / "script.py").write_text(_SCRIPT)
        line = [binaries / "python", "script.py"]
        done = subprocess.run(
            line, cwd=place, env=environment(tmp_path), capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        file, count = done.stdout.split()
        assert Path(file) == source / "pix2seq" / "__init__.py" and int(count) > 0


def test_it_carries_what_its_commands_need(wheel):
    """A wheel without the page's scripts installs fine and then shows an empty stage."""
    inside = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        str(path.relative_to(ROOT))
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyi"
    }
    for name in ("assets/examples", "assets/objects", "assets/lab", "checkpoints/mini"):
        wanted |= {
            f"pix2seq/bundled/{path.relative_to(ROOT)}"
            for path in (ROOT / name).rglob("*")
            if path.is_file()
        }
    assert wanted - inside == set()
    assert not any(name.endswith(".gif") for name in inside)  # the README's


def test_the_package_that_runs_is_the_installed_one(installed, tmp_path):
    code = "import pix2seq, pix2seq.resources as r; print(pix2seq.__file__, r.ASSETS)"
    done = subprocess.run(
        [installed.with_name("python"), "-c", code],
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
    )
    assert done.stdout.count(str(installed.parents[1])) == 2, done.stderr


@pytest.mark.slow
def test_the_bundled_model_finds_the_cup_in_the_bundled_photo(installed, tmp_path):
    done = run(installed, tmp_path, "detect", "example:coffee", "--device", "cpu")
    assert done.returncode == 0 and re.search(r"\bcup\b", done.stdout), done.stderr


def test_scenes_and_recipes_are_there(installed, tmp_path):
    done = run(installed, tmp_path, "scenes", "out", "--count", "1", "--size", "64")
    assert done.returncode == 0, done.stderr
    assert "mini-512" in run(installed, tmp_path, "train", "--help").stdout


@pytest.mark.slow
def test_the_app_starts_anywhere_and_ends_when_it_is_told_to(installed, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [installed, "app", "--port", str(port), "--device", "cpu"]
    app = subprocess.Popen(
        words, cwd=tmp_path, env=environment(tmp_path), stderr=subprocess.PIPE, text=True
    )
    try:
        assert "Pix2Seq Explorer" in page(f"http://127.0.0.1:{port}", app)
        second = run(installed, tmp_path, "app", "--port", str(port), "--device", "cpu")
        assert second.returncode == 2 and f":{port} " in second.stderr
        assert second.stderr.count("pix2seq:") == 1 and "Traceback" not in second.stderr
        code, said, seconds = end(app)
        assert code == 0 and seconds < allowed(5, work=40)
        assert "Traceback" not in said
    finally:
        app.kill()
        app.wait()


def page(url: str, app: subprocess.Popen) -> str:
    """The page's text, as soon as it is served."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(url, timeout=60) as answer:
                return answer.read().decode()
        except urllib.error.URLError:
            assert app.poll() is None, app.stderr.read()
            assert time.monotonic() < until, "the app did not start"
            time.sleep(0.2)
