"""A Space: the exact tree, what its files say, where it may be written, its upload."""

from __future__ import annotations

import errno
import fnmatch
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import huggingface_hub.constants
import pytest
import yaml
from packaging.requirements import Requirement

from pix2seq.checkpoints import CheckpointConfig, locate
from pix2seq.cli import main
from pix2seq.config import ConfigError
from pix2seq.hub import Repo
from pix2seq.space import assemble, plan_for, tree_size
from pix2seq.version import commit
from tests.hub import Hub, serve
from tests.test_architecture import ROOT

TEN_MB = 10_000_000


@pytest.fixture(scope="module")
def space(tmp_path_factory) -> Path:
    """``space OUT/``, for the bundled checkpoint on CPU hardware."""
    out = tmp_path_factory.mktemp("space") / "OUT"
    assert main(["space", str(out)]) == 0
    return out


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def front(folder: Path) -> dict:
    return yaml.safe_load((folder / "README.md").read_text().split("---\n")[1])


def test_the_tree_is_app_package_assets_checkpoint_and_nothing_else(space):
    there = files(space)
    tops = {name.split("/")[0] for name in there}
    assert tops == {
        "README.md",
        "LICENSE",
        "app.py",
        "requirements.txt",
        ".gitattributes",
        ".gitignore",
        "pix2seq",
        "assets",
        "checkpoints",
    }
    package = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "pix2seq").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyi"
    }
    assert {name for name in there if name.startswith("pix2seq/")} - {"pix2seq/COMMIT"} == package
    assert {name for name in there if name.startswith("checkpoints/")} == {
        f"checkpoints/mini/{name}" for name in ("README.md", "config.json", "model.safetensors")
    }
    assert "assets/examples/coffee.jpg" in there and "assets/lab/mini.json" in there
    assert not any("test" in Path(name).parts[0] or name.endswith(".gif") for name in there)


def test_every_file_is_small_or_in_lfs_form(space):
    lines = (space / ".gitattributes").read_text().splitlines()
    patterns = [line.split()[0] for line in lines if "filter=lfs" in line]
    for path in space.rglob("*"):
        if path.is_file():
            in_lfs = any(fnmatch.fnmatch(path.name, pattern) for pattern in patterns)
            assert in_lfs or path.stat().st_size < TEN_MB, path
            # The hub refuses binary files that are not in LFS form, however small.
            assert in_lfs or b"\0" not in path.read_bytes(), path


def test_a_space_is_small(space):
    count, size = tree_size(space)
    assert count < 700 and size < 25_000_000


def test_the_front_matter_has_what_the_hub_asks_for(space):
    data = front(space)
    required = (ROOT / "requirements.txt").read_text()
    assert data["sdk"] == "gradio" and f"gradio>={data['sdk_version'][:4]}" in required
    assert data["suggested_hardware"] == "cpu-basic"
    config = CheckpointConfig.load(locate("mini") / "config.json")
    assert data["models"] == [f"timm/{config.model.encoder.backbone}.in1k"]
    assert (space / data["app_file"]).is_file() and (space / data["thumbnail"]).is_file()
    assert len(data["short_description"]) <= 60
    assert all(isinstance(data[name], str) for name in ("sdk_version", "python_version"))
    own = yaml.safe_load((ROOT / "README.md").read_text().split("---\n")[1])
    same = set(own) - {"suggested_hardware", "tags"}
    assert {name: data[name] for name in same} == {name: own[name] for name in same}


def requirement_lines(folder: Path) -> list[str]:
    lines = (folder / "requirements.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_cpu_hardware_gets_cpu_wheels(space):
    options, *needed = requirement_lines(space)
    assert options == "--extra-index-url https://download.pytorch.org/whl/cpu"
    names = {Requirement(line).name for line in needed}
    assert {"torch", "timm", "huggingface_hub"} <= names and "gradio" not in names


@pytest.mark.parametrize(("hardware", "called"), [("zero", "zero-a10g"), ("gpu", "t4-small")])
def test_other_hardware_gets_other_requirements(tmp_path, hardware, called):
    assert main(["space", str(tmp_path / "OUT"), "--hardware", hardware]) == 0
    lines = requirement_lines(tmp_path / "OUT")
    assert front(tmp_path / "OUT")["suggested_hardware"] == called
    assert not any(line.startswith("--") for line in lines)
    assert ("spaces" in lines) == (hardware == "zero")


def test_its_app_is_the_app_and_its_variables_have_the_last_word(space, tmp_path):
    code = (
        "import os, runpy, sys; import pix2seq.cli as cli;"
        "cli.main = lambda argv: print(pix2seq.__file__, argv, os.environ['PIX2SEQ_CHECKPOINT'])"
        " or 0; import pix2seq; runpy.run_path('app.py', run_name='__main__')"
    )
    for given, expected in (({}, "mini"), ({"PIX2SEQ_CHECKPOINT": "user/det"}, "user/det")):
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PIX2SEQ", "PYTHON"))}
        kept["PYTHONDONTWRITEBYTECODE"] = "1"
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=space,
            env=kept | given,
            capture_output=True,
            text=True,
        )
        assert done.stdout.split() == [
            str(space / "pix2seq" / "__init__.py"),
            "['app']",
            expected,
        ], done.stderr


def test_the_commit_travels_along(space):
    known = commit()
    if known is not None:  # not in a copy without its history
        assert (space / "pix2seq" / "COMMIT").read_text().strip() == known


def test_a_folder_of_ones_own_goes_along_under_its_name(tiny_checkpoint, tmp_path):
    run = tmp_path / "my fruit"
    shutil.copytree(tiny_checkpoint, run / "checkpoint")
    out = tmp_path / "OUT"
    assert main(["space", str(out), "--checkpoint", str(run)]) == 0
    assert (out / "checkpoints" / "my-fruit" / "model.safetensors").is_file()
    assert not (out / "checkpoints" / "mini").exists()
    assert "'my-fruit'" in (out / "app.py").read_text()


def test_a_repository_is_preloaded_instead_of_copied(tmp_path):
    out = tmp_path / "OUT"
    assert main(["space", str(out), "--checkpoint", "user/my-detector@v2"]) == 0
    data = front(out)
    assert data["models"] == ["user/my-detector"]
    assert data["preload_from_hub"] == ["user/my-detector config.json,model.safetensors v2"]
    assert "'user/my-detector@v2'" in (out / "app.py").read_text()
    assert not list(out.rglob("*.safetensors"))


# ---- where ------------------------------------------------------------------------------------


def test_a_clone_of_the_space_is_brought_up_to_date_and_stays_a_clone(tmp_path):
    out = tmp_path / "clone"
    (out / ".git").mkdir(parents=True)
    (out / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (out / "README.md").write_text("---\nsdk: gradio\n---\n")  # as the hub creates one
    assemble(plan_for("mini"), out)
    (out / "pix2seq" / "left_over.py").write_text("")
    assemble(plan_for("mini", "gpu"), out)
    assert (out / ".git" / "HEAD").is_file() and not (out / "pix2seq" / "left_over.py").exists()
    assert front(out)["suggested_hardware"] == "t4-small"


def test_a_disk_that_fills_is_one_short_line(tmp_path, monkeypatch, capsys):
    copied, copy = [], shutil.copy2

    def copy_until_full(source, target, **more):
        if len(copied) == 40:
            raise OSError(errno.ENOSPC, "No space left on device", str(source), None, str(target))
        copied.append(target)
        return copy(source, target, **more)

    monkeypatch.setattr(shutil, "copy2", copy_until_full)
    assert main(["space", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert f"cannot write {tmp_path / 'out'}: No space left on device; free some room" in said
    assert said.count("\n") == 1 and len(said) < 300
    assert not list((tmp_path / "out").iterdir()), "half a Space"


def test_other_folders_are_left_alone(tmp_path, capsys):
    (tmp_path / "thesis.tex").write_text("years of work")
    assert main(["space", str(tmp_path)]) == 2
    assert "holds other things than a Space" in capsys.readouterr().err
    assert files(tmp_path) == {"thesis.tex"}
    assert main(["space", str(tmp_path / "thesis.tex")]) == 2
    assert "is a file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "name a folder for the Space's files, or --push"),
        (["OUT", "--checkpoint", "nothing"], "there is no checkpoint 'nothing'"),
        (["--push", "user"], "names no repository"),
        (["--push", "user/space"], "hf auth login"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(words, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    assert main(["space", *words]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1
    assert files(tmp_path) == set()


# ---- uploaded ---------------------------------------------------------------------------------


@pytest.fixture
def hub(monkeypatch):
    with serve(Hub()) as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        monkeypatch.setenv("HF_TOKEN", "hf_good")
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_XET", True)
        yield running


def test_a_pushed_space_is_the_assembled_one(hub, space, capsys):
    hub.add("user/space", {"old.py": b"", "README.md": b"---\nsdk: gradio\n---\n"}, kind="space")
    assert main(["space", "--push", "user/space"]) == 0
    assert f"{hub.url}/spaces/user/space" in capsys.readouterr().out
    there = hub.files("user/space", "space")
    assert set(there) == files(space), "exactly the tree: what was there besides is gone"
    different = {name for name in there if there[name] != (space / name).read_bytes()}
    assert different == {"README.md"}  # it knows where its thumbnail will be
    data = yaml.safe_load(there["README.md"].decode().split("---\n")[1])
    assert data["thumbnail"].endswith("/spaces/user/space/resolve/main/assets/thumbnail.jpg")


def test_a_token_that_may_not_write_is_told_so(hub, monkeypatch, capsys):
    monkeypatch.setenv("HF_TOKEN", "hf_reader")
    assert main(["space", "--push", "user/space"]) == 2
    assert "does not let this token write to user/space" in capsys.readouterr().err


def test_hardware_that_costs_is_left_to_people(hub, capsys):
    assert main(["space", "--push", "user/space", "--hardware", "gpu"]) == 0
    assert "choose its hardware in the Space's settings" in capsys.readouterr().out
    assert not any("hardware" in request for request in hub.requests)


def test_plans_are_checked():
    with pytest.raises(ConfigError, match="hardware is 'tpu'"):
        plan_for("mini", "tpu", Repo("user/space"))


def test_the_readmes_numbers_are_not_made_up(space):
    """What README.md and docs say about a Space's size is its size, to the megabyte."""
    said = re.findall(r"a Space of (\d+) MB", (ROOT / "docs" / "space.md").read_text())
    assert said and all(abs(int(mb) - tree_size(space)[1] / 1e6) < 1.5 for mb in said)
