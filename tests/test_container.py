"""The Dockerfile, as far as it can be checked without Docker: what it copies, runs and promises."""

from __future__ import annotations

import fnmatch
import json
import re
import shlex
from pathlib import Path

from tests.test_architecture import PACKAGE, ROOT

TEXT = (ROOT / "Dockerfile").read_text()
JOINED = re.sub(r"\\\n\s*", " ", re.sub(r"^#.*\n", "", TEXT, flags=re.MULTILINE))
LINES = [line for line in JOINED.splitlines() if line.strip()]
STAGES = JOINED.split("\nFROM ")


def instructions(name: str, text: str = JOINED) -> list[str]:
    return re.findall(rf"^{name} (.*)$", text, re.MULTILINE)


def copied() -> list[str]:
    """What is copied from the checkout."""
    lines = [line.split() for line in instructions("COPY") if not line.startswith("--from")]
    return [name for words in lines for name in words[:-1]]


def test_what_it_copies_is_there_and_is_all_that_docker_is_sent():
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] != "#"]
    assert rules[0] == "*", "nothing but what is named"
    assert {rule[1:] for rule in rules if rule[0] == "!"} == set(copied())
    assert all((ROOT / name).exists() for name in copied())


def test_it_copies_what_the_wheel_is_made_of():
    used = {"pyproject.toml", "setup.py", "requirements.txt", "README.md", "LICENSE"}
    assert used | {"pix2seq", "assets", "checkpoints"} == set(copied())


def test_bases_are_named_with_their_version_and_python_is_new_enough():
    for base in re.findall(r"^FROM (\S+)", JOINED, re.MULTILINE):
        assert base == "python:${PYTHON}-slim"
    [version] = re.findall(r"^ARG PYTHON=(\S+)", JOINED, re.MULTILINE)
    assert f'requires-python = ">={version}"' in (ROOT / "pyproject.toml").read_text()


def test_the_device_is_cpu_or_cuda_and_nothing_else():
    [step] = [line for line in instructions("RUN") if "$DEVICE" in line]
    assert re.findall(r"(\w+|\*)\) (?:pip|echo)", step) == ["cpu", "cuda", "*"]
    assert "download.pytorch.org/whl/cpu" in step and "exit 1" in step


def test_it_runs_as_an_ordinary_user_and_writes_to_tmp_alone():
    final = STAGES[-1]
    assert instructions("USER", final) == ["1000:1000"]
    after = final.split("USER 1000:1000")[1]
    assert "RUN" not in after and "COPY" not in after
    [block] = [line for line in instructions("ENV", final)]
    variables = dict(word.split("=", 1) for word in shlex.split(block))
    for name in ("HOME", "MPLCONFIGDIR", "GRADIO_TEMP_DIR", "PIX2SEQ_HOME"):
        assert variables[name].startswith("/tmp"), name
    assert variables["GRADIO_SERVER_NAME"] == "0.0.0.0"
    ours = {name for name in variables if name.startswith("PIX2SEQ")}
    code = "".join(path.read_text() for path in PACKAGE.rglob("*.py"))
    assert all(name in code for name in ours)


def test_what_a_volume_keeps_belongs_to_the_user_who_writes_it():
    """A new volume has the owner of the image's folder, or root where there is none."""
    [told] = re.findall(r"`(-v .*)`", TEXT)
    [folder] = re.findall(r"-v \w+:(\S+)", told)
    variables = dict(re.findall(r"-e (\w+)=(\S+)", told))
    assert set(variables) == {"PIX2SEQ_HOME", "NUMBA_CACHE_DIR"}
    assert all(Path(place).is_relative_to(folder) for place in variables.values())
    [made] = [step for step in instructions("RUN", STAGES[-1]) if "useradd" in step]
    assert f"install -d -o 1000 -g 1000 {folder}" in made and "--uid 1000" in made


def test_the_health_check_asks_what_the_app_answers():
    [check] = instructions("HEALTHCHECK")
    words = json.loads(check[check.index("[") :])
    assert words[0] == "python" and compile(words[2], "check", "exec")
    from pix2seq.ui.page.health import PATH

    assert PATH in words[2] and "GRADIO_SERVER_PORT" in words[2]


def test_shell_steps_stop_at_the_first_mistake():
    for step in instructions("RUN"):
        without_cases = re.sub(r"case .*? esac", "", step)
        without_ifs = re.sub(r"if .*? fi", "", without_cases)
        assert ";" not in without_ifs, "chain with &&"
        assert "sudo" not in step and " cd " not in step and "apt-get" not in step


def test_nothing_secret_or_large_is_sent_along():
    rules = (ROOT / ".dockerignore").read_text().splitlines()
    assert any(fnmatch.fnmatch("assets/stage.gif", rule) for rule in rules)
    assert not Path(ROOT / "pix2seq" / ".env").exists()
