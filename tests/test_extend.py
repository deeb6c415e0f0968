"""The how-tos of ``docs/``: their edits are made in a copy of the repository, their code is run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_architecture import ROOT

pytestmark = pytest.mark.slow

EXTEND = (ROOT / "docs" / "extend.md").read_text()
HOW_TOS = dict(re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", EXTEND, re.MULTILINE | re.DOTALL))

_BLOCK = r"\n\n```\w+\n(.*?)^```$"
_EDIT = re.compile(
    rf"^New file `(?P<new>[^`]+)`:{_BLOCK}"
    rf"|^In `(?P<file>[^`]+)`, (?P<where>behind|before) `(?P<line>[^`]+)`:{_BLOCK}"
    r"|^In `(?P<place>[^`]+)`, `(?P<old>[^`]+)` becomes `(?P<now>[^`]+)`\.$",
    re.MULTILINE | re.DOTALL,
)
_RUN = re.compile(rf"^(?:Then|.* No edit\.){_BLOCK}", re.MULTILINE | re.DOTALL)


@pytest.fixture
def copy(tmp_path) -> Path:
    """The repository, as far as the package needs it, to be edited."""
    skipped = shutil.ignore_patterns("__pycache__", "*.gif")
    for name in ("pix2seq", "assets", "checkpoints"):
        shutil.copytree(ROOT / name, tmp_path / "copy" / name, ignore=skipped)
    for name in ("requirements.txt", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path / "copy")
    return tmp_path / "copy"


def edit(folder: Path, how_to: str) -> list[str]:
    """Make a how-to's edits; returns the files that they touch."""
    touched = []
    for found in _EDIT.finditer(how_to):
        new_text, added = found.group(2), found.group(6)
        if found["new"]:
            path = folder / found["new"]
            assert not path.exists(), f"{path} is there already"
            path.write_text(new_text)
        elif found["file"]:
            path = folder / found["file"]
            lines = path.read_text().splitlines(keepends=True)
            wanted = [i for i, line in enumerate(lines) if line.strip() == found["line"].strip()]
            assert wanted, f"{found['file']} has no line {found['line']!r}"
            lines.insert(wanted[0] + (found["where"] == "behind"), added)
            path.write_text("".join(lines))
        else:
            path = folder / found["place"]
            text = path.read_text()
            assert text.count(found["old"]) == 1, f"{found['old']!r} in {found['place']}"
            path.write_text(text.replace(found["old"], found["now"]))
        touched.append(str(path.relative_to(folder)))
    return touched


def run(words: list, cwd: Path, package: Path) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": str(package),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "GRADIO_ANALYTICS_ENABLED": "False",
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "PIX2SEQ_HOME": str(cwd / "home"),
    }
    done = subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]


@pytest.mark.parametrize("title", HOW_TOS)
def test_the_edits_of_a_how_to_do_what_it_says(title, copy, tmp_path):
    edits = {"A checkpoint family": 1, "A backbone": 0, "A control": 1, "A lesson": 7}
    assert len(edit(copy, HOW_TOS[title])) == edits[title]
    [code] = _RUN.findall(HOW_TOS[title])
    (tmp_path / "then.py").write_text(code)
    run([sys.executable, "then.py"], tmp_path, copy)


def test_what_a_how_to_adds_is_in_the_house_style(copy):
    for text in HOW_TOS.values():
        edit(copy, text)
    shutil.copy(ROOT / "pyproject.toml", copy)
    for words in (["check"], ["format", "--check"]):
        run([sys.executable, "-m", "ruff", *words, "pix2seq"], copy, copy)


def test_a_new_lesson_is_on_the_page(copy, tmp_path, chromium):
    edit(copy, HOW_TOS["A lesson"])
    code = f"""
from tests.browser import browser_page, open_tab, running_app
with running_app() as url, browser_page({chromium!r}, url) as page:
    open_tab(page, "Learn")
    page.click("[data-lesson=counting]")
    page.wait_for_function("document.querySelector('[data-count]')?.textContent.includes('tokens')")
    print(page.inner_text("[data-count]"))
"""
    shutil.copytree(ROOT / "tests", copy / "tests", ignore=shutil.ignore_patterns("fixtures"))
    (tmp_path / "look.py").write_text(code)
    run([sys.executable, "look.py"], tmp_path, copy)


@pytest.mark.parametrize("page", ["own-data.md", "space.md"])
def test_the_commands_of_a_page_run_one_after_another(page, tmp_path):
    blocks = re.findall(
        r"^```bash\n(.*?)^```$", (ROOT / "docs" / page).read_text(), re.MULTILINE | re.DOTALL
    )
    if page == "space.md":
        blocks.insert(0, "mkdir runs; ln -s " + str(ROOT / "checkpoints" / "mini") + " runs/mine")
    script = "\n".join(blocks)
    run(["bash", "-euo", "pipefail", "-c", script], tmp_path, ROOT)
    expected = {"own-data.md": "metrics.json", "space.md": "build/space/app.py"}
    assert (tmp_path / expected[page]).is_file()
