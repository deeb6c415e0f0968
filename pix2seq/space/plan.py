"""``SpacePlan``: what somebody wants to publish, and the texts that follow from it.

A Space is configured by its README's front matter, its ``requirements.txt`` and environment
variables; https://huggingface.co/docs/hub/spaces-config-reference lists the first.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pix2seq.checkpoints import (
    CONFIG_FILE,
    WEIGHTS_FILE,
    CheckpointConfig,
    CheckpointInfo,
    locate,
    read_info,
)
from pix2seq.config import ConfigError
from pix2seq.convert import ensure
from pix2seq.hub.repo import Repo, repo_of
from pix2seq.resources import requirements

CPU_INDEX = "https://download.pytorch.org/whl/cpu"
HARDWARE = {"cpu": "cpu-basic", "zero": "zero-a10g", "gpu": "t4-small"}
"""What ``--hardware`` takes, and what the hub calls it."""

PYTHON_VERSION = "3.11"
THUMBNAIL = "assets/thumbnail.jpg"
LARGE_FILES = ("*.safetensors", "*.jpg", "*.png", "*.webp")
"""Stored by Git LFS: the hub refuses larger files than 10 MB otherwise, and binary ones at all."""

_APP = '''"""The Space's app: ``pix2seq app``, with the checkpoint that it was made for."""

import os
import sys

# Variables of the Space's settings come first: that is how a duplicate is configured without code.
os.environ.setdefault("PIX2SEQ_CHECKPOINT", {checkpoint!r})
os.environ.setdefault("PIX2SEQ_CHECKPOINTS", {checkpoint!r})
os.environ.setdefault("PIX2SEQ_LOG_LEVEL", "info")

from pix2seq.cli import main

if __name__ == "__main__":
    sys.exit(main(["app"]))
'''

_WORDS = """# {title}

A detector that writes: [Pix2Seq](https://arxiv.org/abs/2109.10852) reads an image and writes one
sentence about it, `ymin xmin ymax xmax class` per object. Watch every token appear, look into its
distribution, put another in its place, compare settings, and learn the method on your own picture.

**First steps**: press *Run*; click a token; move *Top-p* and run again.

The checkpoint is `{checkpoint}`{licence}. Pictures stay in this Space's memory until newer ones
push them out; nothing is stored, nothing is sent elsewhere.

## Your own

Press *Duplicate* at the page's foot. A duplicate needs no code; its settings' variables decide:

| variable | means |
|---|---|
| `PIX2SEQ_CHECKPOINT` | what the page opens with, also `user/my-detector` of the hub |
| `PIX2SEQ_CHECKPOINTS` | what the menu offers, separated by commas |
| `PIX2SEQ_DEVICE` | `auto`, `cpu` or `cuda` |
| `PIX2SEQ_LOG_LEVEL` | `debug`, `info` (one JSON line per run), `warning`, `error` |

On a laptop: `pip install -r requirements.txt "gradio=={gradio}"`, then `python app.py`.
"""


@dataclass(frozen=True)
class SpacePlan:
    """One Space.

    Attributes:
        checkpoint: a bundled name, or a repository on the hub, fetched when the Space is built.
        folder: the checkpoint's folder on this machine; ``None`` for a repository.
        info: what is known about the checkpoint; ``None`` for a repository.
        hardware: a key of ``HARDWARE``.
        repo: where the Space will be, if that is known.
        cpu_index: where pip finds PyTorch's CPU builds.
        backbone: the timm model that the network is built on, empty if none.
    """

    checkpoint: str
    folder: Path | None
    info: CheckpointInfo | None
    hardware: str = "cpu"
    repo: Repo | None = None
    cpu_index: str = CPU_INDEX
    backbone: str = ""

    def __post_init__(self) -> None:
        if self.hardware not in HARDWARE:
            raise ConfigError(f"hardware is {self.hardware!r}; use one of {', '.join(HARDWARE)}")

    def texts(self) -> dict[str, str]:
        """The files that are written for this Space, by path."""
        return {
            "README.md": self._readme(),
            "app.py": _APP.format(checkpoint=self.checkpoint),
            "requirements.txt": self._requirements(),
            ".gitattributes": "".join(
                f"{pattern} filter=lfs diff=lfs merge=lfs -text\n" for pattern in LARGE_FILES
            ),
            ".gitignore": "__pycache__/\n.gradio/\n",
        }

    def front_matter(self) -> dict[str, Any]:
        """What the hub reads of the README."""
        thumbnail = THUMBNAIL
        if self.repo is not None:
            thumbnail = f"https://huggingface.co/spaces/{self.repo.id}/resolve/main/{THUMBNAIL}"
        data: dict[str, Any] = {
            "title": "Pix2Seq Explorer",
            "emoji": "✍️",
            "colorFrom": "blue",
            "colorTo": "green",
            "sdk": "gradio",
            "sdk_version": gradio_version(),
            "python_version": PYTHON_VERSION,
            "app_file": "app.py",
            "pinned": False,
            "license": "apache-2.0",
            "short_description": "Object detection as a language, token by token",
            "thumbnail": thumbnail,
            "tags": ["object-detection", "pix2seq", "explainability"],
            "models": self._models(),
            "suggested_hardware": HARDWARE[self.hardware],
            "startup_duration_timeout": "30m",
            "fullWidth": True,
        }
        if self.folder is None:
            name, _, revision = self.checkpoint.partition("@")
            preloaded = f"{name} {CONFIG_FILE},{WEIGHTS_FILE} {revision}"
            data["preload_from_hub"] = [preloaded.rstrip()]
        return {key: value for key, value in data.items() if value != []}

    def _models(self) -> list[str]:
        """Models on the hub that this one is, or is built on."""
        if self.folder is None:
            return [self.checkpoint.partition("@")[0]]
        return [f"timm/{self.backbone}"] if self.backbone else []

    def _readme(self) -> str:
        front = yaml.safe_dump(self.front_matter(), sort_keys=False, allow_unicode=True, width=100)
        licence = self.info.licence if self.info is not None else ""
        words = _WORDS.format(
            title="Pix2Seq Explorer",
            checkpoint=self.checkpoint,
            licence=f" ({licence})" if licence else "",
            gradio=gradio_version(),
        )
        return f"---\n{front}---\n\n{words}"

    def _requirements(self) -> str:
        """The package's own, without Gradio (``sdk_version`` decides that), for this hardware."""
        lines = ["# What the Space's builder installs beside Gradio, whose version README.md says."]
        if self.hardware == "cpu":
            # A local version such as 2.9.0+cpu is newer than the same release on PyPI.
            lines += [f"--extra-index-url {self.cpu_index}"] if self.cpu_index else []
        if self.hardware == "zero":
            lines += ["spaces"]
        lines += [line for line in requirements() if _name(line) != "gradio"]
        return "\n".join(lines) + "\n"


def gradio_version() -> str:
    """The release that the app was tested with: the lowest that its requirements allow."""
    line = next(line for line in requirements() if _name(line) == "gradio")
    found = re.search(r">=\s*(\d+(?:\.\d+)*)", line)
    assert found, line
    parts = found[1].split(".")
    return ".".join([*parts, "0", "0"][:3])


def _name(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9_.-]", requirement.strip(), maxsplit=1)[0].lower()


def plan_for(
    checkpoint: str,
    hardware: str = "cpu",
    repo: Repo | None = None,
    cpu_index: str | None = None,
) -> SpacePlan:
    """The plan for a checkpoint by name, folder or repository; a published one is fetched first.

    Raises:
        ConfigError: there is no such checkpoint, or no such hardware.
    """
    index = CPU_INDEX if cpu_index is None else cpu_index
    source = repo_of(checkpoint)
    if source is not None:
        return SpacePlan(str(source), None, None, hardware, repo, index)
    folder = locate(ensure(checkpoint))
    config = CheckpointConfig.load(folder / CONFIG_FILE)
    # A training run keeps its checkpoint in a folder of that name: the run's says more.
    name = folder.resolve().name
    name = folder.resolve().parent.name if name == "checkpoint" else name
    return SpacePlan(
        re.sub(r"[^A-Za-z0-9._-]+", "-", name),
        folder,
        read_info(folder),
        hardware,
        repo,
        index,
        _backbone(config),
    )


def _backbone(config: CheckpointConfig) -> str:
    """The timm model in a network, by its name on the hub; empty if there is none."""
    encoder = config.model.encoder
    if encoder.kind not in ("features", "pyramid"):
        return ""
    from timm.models import get_pretrained_cfg

    known = get_pretrained_cfg(encoder.backbone, allow_unregistered=True)
    return f"{known.architecture}.{known.tag}" if known is not None and known.tag else ""
