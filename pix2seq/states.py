"""The states of a training run: everything needed to go on, saved whole, the last two kept.

state/step-00000200/   what Accelerate writes, and ``manifest.json``: the step, every file's digest
state/step-00000400/

A state is written beside the others and gets its name when it is on the disk, so an interrupted
save leaves the ones before it. One that was damaged later is named, and the one before it is used.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from pix2seq.config import ConfigError
from pix2seq.files import move_in

FOLDER = "state"
KEPT = 2

_MANIFEST = "manifest.json"
_PREFIX = "step-"


@dataclass(frozen=True)
class State:
    """One saved state.

    Attributes:
        folder: where its files are.
        step: optimiser steps that had been made.
        classes: the names of the run's classes, in the order of their labels.
    """

    folder: Path
    step: int
    classes: tuple[str, ...]


def holds_run(out: Path) -> bool:
    """Whether a training run has saved anything there."""
    return any((out / FOLDER).glob(f"{_PREFIX}*"))


def save_state(out: Path, step: int, classes: Sequence[str], accelerator: Any) -> None:
    """Write the state after ``step`` steps; every process of the run calls this.

    Raises:
        ConfigError: it cannot be written; the states before it are untouched.
    """
    target = out / FOLDER / f"{_PREFIX}{step:08d}"
    part = target.with_name(f".{target.name}.part")  # one name for all processes
    try:
        if accelerator.is_main_process:
            for left in target.parent.glob(".*.part"):  # of a save that was cut off
                shutil.rmtree(left, ignore_errors=True)
            part.mkdir(parents=True)
        accelerator.wait_for_everyone()
        accelerator.save_state(str(part))
        accelerator.wait_for_everyone()
        if accelerator.is_main_process:
            files = {path.name: _digest(path) for path in part.iterdir()}
            manifest = {"step": step, "classes": list(classes), "files": files}
            (part / _MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
            move_in(part, target)
            for old in _folders(out)[:-KEPT]:
                shutil.rmtree(old, ignore_errors=True)
    except (OSError, RuntimeError, SafetensorError) as error:  # torch's and safetensors' own kinds
        shutil.rmtree(part, ignore_errors=True)
        reason = getattr(error, "strerror", None) or str(error).partition("\n")[0]
        kept = _folders(out)
        before = f"; {kept[-1]} is whole, go on from it with --resume" if kept else ""
        raise ConfigError(
            f"the state of step {step} cannot be written to {target.parent} ({reason}); "
            f"free some room{before}"
        ) from error


def latest_state(out: Path, warn: Callable[[str], None]) -> State | None:
    """The newest state that is whole; ``None`` if the run has saved none yet.

    Args:
        warn: told about each newer one that is damaged.

    Raises:
        ConfigError: all of them are damaged.
    """
    problems = []
    for folder in reversed(_folders(out)):
        try:
            state = _verified(folder)
        except _Damaged as error:
            problems.append(str(error))
            continue
        for problem in problems:
            warn(problem)
        return state
    if problems:
        raise ConfigError(
            f"no state of this run can be used: {problems[0]}; copy {out / FOLDER} from a backup, "
            "or train anew in another folder"
        )
    return None


class _Damaged(Exception):
    """A state's files are not those that were written."""


def _verified(folder: Path) -> State:
    try:
        manifest = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
        state = State(folder, int(manifest["step"]), tuple(manifest["classes"]))
        digests = dict(manifest["files"])
    except (OSError, ValueError, KeyError, TypeError):
        raise _Damaged(f"state {folder} is damaged: {_MANIFEST} cannot be read") from None
    for name, digest in digests.items():
        try:
            same = _digest(folder / name) == digest
        except OSError:
            raise _Damaged(f"state {folder} is damaged: {name} cannot be read") from None
        if not same:
            raise _Damaged(f"state {folder} is damaged: {name} is not what was written")
    return state


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _folders(out: Path) -> list[Path]:
    """Oldest first."""
    return sorted((out / FOLDER).glob(f"{_PREFIX}*"))
