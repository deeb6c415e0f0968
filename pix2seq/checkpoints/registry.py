"""Which checkpoints exist, and where their folders are.

Names are looked up in ``$PIX2SEQ_CHECKPOINTS`` (folders, separated like ``$PATH``), then in the
repository's own ``checkpoints/``, then in the cache of downloads.
"""

from __future__ import annotations

import os
from pathlib import Path

from pix2seq.checkpoints.info import CheckpointInfo
from pix2seq.checkpoints.published import PUBLISHED
from pix2seq.config import ConfigError

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
ROOT_VARIABLE = "PIX2SEQ_CHECKPOINTS"
HOME_VARIABLE = "PIX2SEQ_HOME"


CHECKPOINTS: dict[str, CheckpointInfo] = {
    info.name: info
    for info in (
        CheckpointInfo(
            name="mini",
            title="mini: small, bundled, trained here on generated scenes and COCO photos",
            source="python -m pix2seq train",
            licence="Apache-2.0",
            ap=0.099,
            ap_note="measured here on 300 photos of coco3k; 83.0 on generated scenes",
            label_space="coco80",
        ),
        *PUBLISHED,
    )
}
"""Every checkpoint known by name, in menu order. A folder's own ``info`` has the last word."""


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
    listed = os.environ.get(ROOT_VARIABLE, "").split(os.pathsep)
    bundled = Path(__file__).resolve().parents[2] / "checkpoints"
    cache = cached_folder("any").parent
    return [*(Path(root).expanduser() for root in listed if root), bundled, cache]


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
        names += sorted(p.parent.name for p in root.glob(f"*/{CONFIG_FILE}"))
    return list(dict.fromkeys(names))


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
    if name and os.path.isdir(path):
        return path
    if name in CHECKPOINTS:
        roots = " or ".join(str(root) for root in checkpoint_roots())
        raise ConfigError(
            f"checkpoint {name!r} is not on this machine; put its folder into {roots}"
        )
    raise ConfigError(
        f"there is no checkpoint {name!r}; use a folder or one of "
        f"{', '.join(available_checkpoints())}"
    )
