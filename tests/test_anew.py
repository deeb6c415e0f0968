"""What is made anew when the bundled checkpoint changes: nothing that shows its weights is left."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_architecture import ROOT

SCRIPT = ROOT / "benchmarks" / "mini" / "anew.py"
PHOTOS = ("assets/examples/", "benchmarks/mini/ten/")
OTHERS = {
    "assets/CREDITS.md",
    "assets/examples/boxes.json",  # true boxes, drawn by hand
    "benchmarks/mini/ten/boxes.json",
    "assets/lab/argument.json",  # of the pair mini-plain and mini-control
    "assets/learn/snapshots.json",  # of two runs at 192 px
    "assets/machine.gif",  # their film
}
"""Files beside them that are of no weights, or of others."""


@pytest.fixture
def anew(monkeypatch):
    spec = importlib.util.spec_from_file_location("anew", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "anew", module)  # where dataclasses look for it
    spec.loader.exec_module(module)
    return module


def test_every_file_that_shows_the_weights_is_made_by_a_step(anew):
    listed = subprocess.run(
        ["git", "ls-files", "assets", "benchmarks/mini"], cwd=ROOT, capture_output=True, text=True
    )
    if listed.returncode:
        pytest.skip("no checkout of git")
    made = {path for step in anew.STEPS for path in step.makes}
    left = [
        name
        for name in listed.stdout.splitlines()
        if not made & {name, *map(str, Path(name).parents)}
        and not name.startswith("assets/objects/")
        and not (name.startswith(PHOTOS) and name.endswith(".jpg"))
        and not name.endswith(".py")
        and name not in OTHERS
    ]
    assert left == []


def test_what_a_step_makes_is_there_and_what_it_runs_exists(anew):
    for step in anew.STEPS:
        for path in step.makes:
            assert (ROOT / path).exists(), f"{step.name} makes {path}"
        for _, program, *rest in anew.commands(step, Path("photos"), "scratch"):
            if program == "-m":
                assert importlib.util.find_spec(rest[0]), step.name
            else:
                assert (ROOT / program).is_file(), step.name
            assert not any("{" in word for word in rest)


def test_a_step_that_fails_is_named_and_the_others_are_made(anew, monkeypatch, capsys):
    steps = [
        anew.Step("bad", "page", ("-c raise(SystemExit(3))", "-c print(1)"), ()),
        anew.Step("good", "page", ("-c pass",), ()),
        anew.Step("apart", "films", ("-c raise(SystemExit(3))",), ()),
    ]
    monkeypatch.setattr(anew, "STEPS", steps)
    assert anew.main(["--only", "page"]) == 1
    said = capsys.readouterr()
    assert "bad: FAILED" in said.out and "good: done" in said.out and "apart" not in said.out
    assert said.err == "1 of 2 steps failed: bad\n"
    assert anew.main(["--only", "good"]) == 0
