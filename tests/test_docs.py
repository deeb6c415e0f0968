"""The README is checked against what it describes: commands, options, package map, Python."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex
import sys

import pytest
import yaml

from pix2seq import cli
from pix2seq.checkpoints import CHECKPOINTS
from pix2seq.reading import DOUBLE_IOU
from tests import fakes
from tests.test_architecture import ORDER, PACKAGE, ROOT

README = (ROOT / "README.md").read_text()
_, FRONT_MATTER, BODY = README.split("---\n", 2)


def blocks(language: str) -> list[str]:
    """Contents of the README's fenced blocks of one language."""
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", BODY, re.MULTILINE | re.DOTALL)
    return [content for name, content in fenced if name == language]


def commands() -> list[list[str]]:
    lines = [line for block in blocks("bash") for line in block.splitlines() if line.strip()]
    return [shlex.split(line, comments=True) for line in lines]


def module_commands() -> list[list[str]]:
    return [words[3:] for words in commands() if words[:3] == ["python", "-m", "pix2seq"]]


def test_every_command_starts_with_something_that_exists():
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for words in commands():
        if words[0] == "make":
            assert words[1] in targets
        else:
            assert words[:3] == ["python", "-m", "pix2seq"], words


@pytest.mark.parametrize("arguments", module_commands(), ids=" ".join)
def test_the_command_line_takes_what_the_readme_shows(arguments):
    assert cli.build_parser().parse_args(arguments)


def test_every_subcommand_is_in_the_readme():
    shown = {arguments[0] for arguments in module_commands()}
    explained = set(re.findall(r"^\| `(\w+)` \| \w+s ", BODY, re.MULTILINE))
    assert shown == explained == {command.name for command in cli.COMMANDS}


def test_files_that_the_readme_names_exist():
    for words in commands():
        for word in words:
            if word.startswith(("pix2seq/", "assets/", "checkpoints/", "docs/", "benchmarks/")):
                assert (ROOT / word).exists(), word
    links = re.findall(r"\]\(([^)#]+)\)", BODY)
    for link in [link for link in links if "://" not in link]:
        assert (ROOT / link).exists(), link


def test_the_package_map_is_the_package():
    tree = next(block for block in blocks("") if block.startswith("pix2seq/"))
    listed = re.findall(r"^[├└]── (\S+)", tree, re.MULTILINE)
    parts = [name.removesuffix("/").removesuffix(".py") for name in listed]
    for name in listed:
        assert (PACKAGE / name).is_dir() == name.endswith("/"), name
        assert (PACKAGE / name).exists(), name
    assert [part for part in parts if part != "configs"] == ORDER
    there = {
        path.stem for path in PACKAGE.iterdir() if path.stem not in ("__init__", "__pycache__")
    }
    assert set(parts) == there


def test_the_python_example_runs(tiny_checkpoint, tmp_path, monkeypatch):
    fakes.draw_picture().save(tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    [code] = blocks("python")
    assert '"mini"' in code
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code.replace('"mini"', repr(str(tiny_checkpoint))), {})
    lines = printed.getvalue().splitlines()
    assert lines[0].split()[0] in ("ymin", "eos")
    assert lines[-1].endswith("]")  # a class and its box


def test_ci_runs_the_readmes_test_command():
    script = (ROOT / ".ci" / "run").read_text().splitlines()
    assert script[-1] == "CI=1 make test"
    assert ["make", "test"] in commands()
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111


def test_a_space_can_be_made_of_the_repository():
    settings = yaml.safe_load(FRONT_MATTER)
    assert settings["sdk"] == "gradio" and (ROOT / settings["app_file"]).is_file()
    assert isinstance(settings["sdk_version"], str) and isinstance(settings["python_version"], str)
    assert len(settings["short_description"]) <= 60
    major, minor, _ = settings["sdk_version"].split(".")
    required = (ROOT / "requirements.txt").read_text()
    assert f"gradio>={major}.{minor},<{int(major) + 1}" in required


def test_the_changelog_has_an_entry_for_what_comes_next():
    changelog = (ROOT / "CHANGELOG.md").read_text()
    assert re.search(r"^## \[Unreleased\]\n\n### ", changelog, re.MULTILINE)


def test_requirements_are_the_libraries_that_are_imported():
    from tests.test_architecture import MODULES, imported_modules

    names = {
        name.split(".")[0]
        for path in [*MODULES, ROOT / "app.py"]
        for name in imported_modules(path.read_text())
    }
    optional = {"gdown", "fsspec", "pyarrow", "ray", "supervision", "playwright", "spaces"}
    third_party = (
        names
        - set(sys.stdlib_module_names)
        - {"pix2seq"}
        - optional
        - {"fastapi", "starlette", "anyio"}
    )  # Gradio is made of them
    package = {"PIL": "pillow", "yaml": "pyyaml"}
    needed = {package.get(name, name).lower() for name in third_party}
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    listed = {re.split(r"[><=\s]", line)[0] for line in lines if line and line[0] != "#"}
    assert needed <= listed
    assert listed - needed <= {"torchvision"}  # timm imports it


def test_doubles_are_quoted_as_they_were_counted():
    """One threshold, that of the page, and the files' own numbers in every text."""
    counted = json.loads((ROOT / "benchmarks/mini/repetition.json").read_text())
    photos = json.loads((ROOT / "benchmarks/mini/photos.json").read_text())
    card = (ROOT / "checkpoints/mini/README.md").read_text()
    share = f"{100 * photos['duplicates']:.1f}"
    for text in (README, card):
        assert f"IoU over {DOUBLE_IOU:g}" in text and "IoU over 0.8" not in text
        assert share in text
    for kind in ("photos", "scenes"):
        assert counted[kind]["shown"]["iou"] == DOUBLE_IOU
        rows = {row["name"]: row["share"] for row in counted[kind]["shown"]["rows"]}
        for share in (rows["keep going, as in the paper"], rows["keep going, no noise class"]):
            assert f"{100 * share:.1f} %" in README


def test_the_bundled_checkpoint_says_what_was_measured():
    """Its configuration, the registry's entry, and the files that ``evaluate`` wrote."""
    measured = {
        name: json.loads((ROOT / f"benchmarks/mini/{name}.json").read_text())["AP"]
        for name in ("photos", "scenes")
    }
    config = json.loads((ROOT / "checkpoints/mini/config.json").read_text())["info"]
    listed = CHECKPOINTS["mini"]
    for ap, note in ((config["ap"], config["ap_note"]), (listed.ap, listed.ap_note)):
        assert ap == pytest.approx(measured["photos"], abs=5e-4)
        assert f"{100 * measured['scenes']:.1f} on generated scenes" in note
