"""Which checkpoints exist, and where their folders are.

``$PIX2SEQ_CHECKPOINTS`` says what is offered here, separated by commas: names, checkpoint folders,
repositories on the hub, and folders of checkpoint folders. Names are looked up there, then in the
bundled ``checkpoints/``, then in the cache of downloads.
"""

from __future__ import annotations

import hashlib
import os
from functools import lru_cache
from pathlib import Path

from pix2seq.checkpoints.info import CheckpointInfo
from pix2seq.checkpoints.published import PUBLISHED
from pix2seq.config import ConfigError
from pix2seq.resources import CHECKPOINTS_FOLDER

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
CARD_FILE = "README.md"
OFFER_VARIABLE = "PIX2SEQ_CHECKPOINTS"
HOME_VARIABLE = "PIX2SEQ_HOME"
DEFAULT_VARIABLE = "PIX2SEQ_CHECKPOINT"

CHECKPOINTS: dict[str, CheckpointInfo] = {
    info.name: info
    for info in (
        CheckpointInfo(
            name="mini",
            title="mini: small, bundled, trained here on photos and generated scenes",
            source="python -m pix2seq distill, then train --objective reward",
            licence="Apache-2.0",
            ap=0.186,
            ap_note="measured here on 300 photos of coco3k; 81.2 on generated scenes",
            label_space="coco80",
        ),
        CheckpointInfo(
            name="mini-plain",
            title="mini-plain: mini trained on without sequence augmentation",
            source="python -m pix2seq train --config mini-plain",
            licence="Apache-2.0",
            label_space="coco80",
        ),
        CheckpointInfo(
            name="mini-control",
            title="mini-control: mini trained on as long with it, the control of mini-plain",
            source="python -m pix2seq train --config mini-control",
            licence="Apache-2.0",
            label_space="coco80",
        ),
        *PUBLISHED,
    )
}
"""Every checkpoint known by name, in menu order. A folder's own ``info`` has the last word."""


def default_name() -> str:
    """The name or folder that commands and the app open with: ``$PIX2SEQ_CHECKPOINT``, else
    ``mini``."""
    return os.environ.get(DEFAULT_VARIABLE) or "mini"


def home() -> Path:
    """The cache of downloads: ``$PIX2SEQ_HOME``, else ``pix2seq`` in the user's cache folder."""
    if os.environ.get(HOME_VARIABLE):
        return Path(os.environ[HOME_VARIABLE]).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "pix2seq"


def cached_folder(name: str) -> Path:
    """Where a downloaded checkpoint is kept, whether it is there or not."""
    return home() / "checkpoints" / name


def checkpoint_roots() -> list[Path]:
    """Folders in which checkpoints are looked up by name, first match wins."""
    cache = cached_folder("any").parent
    listed = (_root_of(entry) for entry in _entries())
    return [*(root for root in listed if root is not None), CHECKPOINTS_FOLDER, cache]


def offered() -> list[str]:
    """What a menu offers: every name of the registry, or what ``$PIX2SEQ_CHECKPOINTS`` lists, with
    the checkpoints in a listed folder by their names."""
    names: list[str] = []
    for entry in _entries():
        root = _root_of(entry)
        names += [entry] if root is None else _names_in(root)
    return list(dict.fromkeys(names)) or list(CHECKPOINTS)


def _entries() -> list[str]:
    listed = os.environ.get(OFFER_VARIABLE, "").split(",")
    return [entry.strip() for entry in listed if entry.strip()]


def _root_of(entry: str) -> Path | None:
    """The folder of checkpoint folders that an entry of the variable names, if it does."""
    path = Path(entry).expanduser()
    is_root = entry not in CHECKPOINTS and os.path.isdir(path)
    return path if is_root and not os.path.isfile(path / CONFIG_FILE) else None


def _names_in(root: Path) -> list[str]:
    return sorted(path.parent.name for path in root.glob(f"*/{CONFIG_FILE}"))


def find(name: str) -> Path | None:
    """The folder of a checkpoint by name, if it is on this machine."""
    for root in checkpoint_roots():
        if os.path.isfile(root / name / CONFIG_FILE):  # unlike Path's, never raises
            return root / name
    return None


def menu_title(name: str) -> str:
    """A checkpoint's name for a menu, with what choosing it would download.

    >>> menu_title("google-coco-resnet-640")  # while it is not on this machine
    'google-coco-resnet-640 (downloads 147 MB)'
    """
    info = CHECKPOINTS.get(name)
    if info is None or not info.url or find(name) is not None:
        return name
    return f"{name} (downloads {info.size_mb:,.0f} MB)"


def available_checkpoints() -> list[str]:
    """Names that ``load`` takes: the registry, then other folders that are on this machine."""
    names = list(CHECKPOINTS)
    for root in checkpoint_roots():
        names += _names_in(root)
    return list(dict.fromkeys(names))


def _folder_of(path: Path) -> Path | None:
    """The checkpoint folder that a path means: itself, the ``checkpoint/`` of a training run, or
    the folder that a file of weights or settings lies in."""
    if os.path.isdir(path):
        run = path / "checkpoint"
        is_run = not os.path.isfile(path / CONFIG_FILE) and os.path.isfile(run / CONFIG_FILE)
        return run if is_run else path
    if path.name in (CONFIG_FILE, WEIGHTS_FILE) and os.path.isfile(path.parent / CONFIG_FILE):
        return path.parent
    return None


def locate(name_or_path: str | Path) -> Path:
    """The folder of a checkpoint. A name comes before a path of the same spelling.

    Raises:
        ConfigError: there is none; the message lists what there is.
    """
    name = str(name_or_path)
    is_name = bool(name) and Path(name).name == name and name not in (".", "..")
    if is_name and (folder := find(name)) is not None:
        return folder
    path = Path(name).expanduser()
    if name and (folder := _folder_of(path)) is not None:
        return folder
    if name in CHECKPOINTS:
        roots = " or ".join(str(root) for root in checkpoint_roots())
        raise ConfigError(
            f"checkpoint {name!r} is not on this machine; put its folder into {roots}"
        )
    raise ConfigError(
        f"there is no checkpoint {name!r}; use a folder or one of "
        f"{', '.join(available_checkpoints())}"
    )


@lru_cache(maxsize=16)
def weights_checksum(name: str) -> str:
    """SHA-256 of a checkpoint's weights, empty if it is not on this machine."""
    try:
        path = locate(name) / WEIGHTS_FILE
    except ConfigError:
        return ""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
