"""The files of a Space, written into a folder, and that folder uploaded."""

from __future__ import annotations

import shutil
import tempfile
from functools import partial
from pathlib import Path

from pix2seq import resources
from pix2seq.checkpoints import CARD_FILE, CONFIG_FILE, WEIGHTS_FILE
from pix2seq.config import ConfigError
from pix2seq.files import cannot_write
from pix2seq.hub.upload import require_token, upload
from pix2seq.space.plan import SpacePlan
from pix2seq.version import COMMIT_FILE, commit

_MARK = "app_file: app.py"
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyi", "*.pyc", "bundled", ".*")
_ASSETS = ("examples", "objects", "lab", "CREDITS.md", "thumbnail.jpg")
_ABOVE = ".git"  # a clone of the Space's repository stays one


def assemble(plan: SpacePlan, out: str | Path) -> Path:
    """Write the tree of a Space to ``out``: a new or empty folder, or an earlier Space's, which is
    replaced but for its ``.git``.

    Raises:
        ConfigError: ``out`` holds something else, or cannot be written.
    """
    out = Path(out)
    _require_place(out)
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".space-", dir=out.parent) as place:
            fresh = Path(place) / "tree"
            _write(plan, fresh)
            for old in out.iterdir():
                if old.name != _ABOVE:
                    shutil.rmtree(old) if old.is_dir() else old.unlink()
            for new in fresh.iterdir():
                shutil.move(new, out / new.name)
    except _NotCopied as stopped:
        raise cannot_write(out, stopped.reason) from None
    except (OSError, shutil.Error) as error:
        if isinstance(error, shutil.Error) or error.errno is None:
            raise ConfigError(f"cannot write {out}: {error}") from None
        raise cannot_write(out, error) from None
    return out


def upload_space(plan: SpacePlan) -> str:
    """Assemble a Space and make its repository exactly that; returns its address.

    Raises:
        ConfigError: nobody is logged in, or the hub refuses or cannot be reached.
    """
    assert plan.repo is not None
    require_token()
    with tempfile.TemporaryDirectory() as place:
        folder = assemble(plan, Path(place) / "space")
        version = commit() or "unknown"
        return upload(folder, plan.repo, "space", f"Pix2Seq Explorer at {version}", exact=True)


def tree_size(folder: Path) -> tuple[int, int]:
    """How many files a tree has, and their bytes."""
    files = [p for p in folder.rglob("*") if p.is_file() and _ABOVE not in p.parts]
    return len(files), sum(path.stat().st_size for path in files)


def _require_place(out: Path) -> None:
    if out.is_file():
        raise ConfigError(f"{out} is a file; name a folder")
    there = [path.name for path in out.iterdir() if path.name != _ABOVE] if out.is_dir() else []
    readme = out / "README.md"
    made_before = readme.is_file() and _MARK in readme.read_text("utf-8", errors="replace")
    from_the_hub = set(there) <= {"README.md", ".gitattributes"}  # a Space that was just created
    if there and not (from_the_hub or ("app.py" in there and made_before)):
        raise ConfigError(f"{out} holds other things than a Space; name a new or empty folder")


class _NotCopied(Exception):
    """``shutil.copytree`` goes on after a file that cannot be copied, and raises a list of hundreds
    where a disk is full; this ends it at the first.

    Attributes:
        reason: why.
    """

    def __init__(self, reason: OSError) -> None:
        self.reason = reason


def _copy(source: str, target: str) -> str:
    try:
        return shutil.copy2(source, target)
    except OSError as error:
        raise _NotCopied(error) from None


def _write(plan: SpacePlan, out: Path) -> None:
    copytree = partial(shutil.copytree, copy_function=_copy)
    copytree(resources.PACKAGE, out / "pix2seq", ignore=_LEFT_OUT)
    for name in _ASSETS:
        source, target = resources.ASSETS / name, out / "assets" / name
        if source.is_dir():
            copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        else:
            shutil.copy2(source, target)
    checkpoints = out / "checkpoints"
    checkpoints.mkdir()
    if plan.folder is not None:
        folder = checkpoints / plan.checkpoint
        folder.mkdir()
        for name in (CONFIG_FILE, WEIGHTS_FILE, CARD_FILE):
            if (plan.folder / name).is_file():
                shutil.copy2(plan.folder / name, folder / name)
    else:
        (checkpoints / "README.md").write_text(
            f"The checkpoint, {plan.checkpoint}, comes from the hub.\n", encoding="utf-8"
        )
    (out / "LICENSE").write_text(resources.licence_text(), encoding="utf-8")
    if (version := commit()) is not None:
        (out / "pix2seq" / COMMIT_FILE).write_text(f"{version}\n")
    for name, text in plan.texts().items():
        (out / name).write_text(text, encoding="utf-8")
