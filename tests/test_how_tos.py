"""Every command and every Python block of ``docs/`` that this machine can run is run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests import fakes
from tests.test_architecture import ROOT

PAGE = (ROOT / "docs" / "cluster.md").read_text()
SHELL = re.findall(r"^```bash\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
PYTHON = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture
def place(tmp_path, tiny_checkpoint) -> dict[str, str]:
    """A folder with what the page assumes, where ``mini`` is a tiny network; its environment."""
    shutil.copytree(tiny_checkpoint, tmp_path / "checkpoints" / "mini")
    (tmp_path / "photos").mkdir()
    for i in range(4):
        fakes.draw_picture(80 + 10 * i, 60).save(tmp_path / "photos" / f"{i}.jpg")
    images = [{"id": i, "file_name": f"{i}.jpg"} for i in range(4)]
    (tmp_path / "instances.json").write_text(str({"images": images}).replace("'", '"'))
    binaries = Path(sys.executable).parent
    return os.environ | {
        "PATH": os.pathsep.join([str(binaries), os.environ["PATH"]]),
        "PYTHONPATH": str(ROOT),
        "PIX2SEQ_CHECKPOINTS": str(tmp_path / "checkpoints"),
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(tmp_path / "hf"),
    }


def run(words: list[str], place: dict[str, str], folder: Path) -> None:
    done = subprocess.run(words, cwd=folder, env=place, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]


@pytest.fixture
def ray(request, block, place) -> None:
    """What is about Ray has the machine's to itself. A block that does not start a cluster asks
    for none: it does not look for one that others run, as at this address, where nobody is."""
    if not re.search(r"\bray\b", block):
        return
    request.getfixturevalue("only_ray")
    if "ray start" not in block:
        place["RAY_ADDRESS"] = "127.0.0.1:9"
    elif any(p.name() == "raylet" for p in psutil.process_iter()):
        pytest.skip("a Ray cluster runs on this machine, which ray stop would end")


@pytest.mark.parametrize("block", SHELL, ids=lambda block: block.split("\n")[-2][:60])
def test_the_commands_of_a_block_run_one_after_another(block, ray, place, tmp_path):
    run(["bash", "-euo", "pipefail", "-c", block], place, tmp_path)


@pytest.mark.parametrize("block", PYTHON, ids=lambda block: re.findall(r"import (\w+)", block)[0])
def test_the_python_of_a_block_runs(block, ray, place, tmp_path):
    (tmp_path / "block.py").write_text(block)
    run([sys.executable, "block.py"], place, tmp_path)


def test_the_page_has_what_a_reader_looks_for():
    headings = re.findall(r"^## (.*)$", PAGE, re.MULTILINE)
    assert {"One node with Ray", "Many nodes", "Kubernetes", "In Python"} <= set(headings)
    assert len(SHELL) == 4 and len(PYTHON) == 4
