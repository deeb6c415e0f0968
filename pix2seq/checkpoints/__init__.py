"""Checkpoints: the registry of names, and folders of weights and configuration.

What reads and writes weights is imported on first use: looking up a name needs no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from pix2seq.checkpoints.download import DownloadError, Progress, download_file
from pix2seq.checkpoints.info import CheckpointInfo
from pix2seq.checkpoints.registry import (
    CARD_FILE,
    CHECKPOINTS,
    CONFIG_FILE,
    HOME_VARIABLE,
    OFFER_VARIABLE,
    WEIGHTS_FILE,
    available_checkpoints,
    cached_folder,
    checkpoint_roots,
    default_name,
    find,
    home,
    locate,
    menu_title,
    offered,
    weights_checksum,
)

if TYPE_CHECKING:
    from pix2seq.checkpoints.folder import (
        FORMAT,
        Checkpoint,
        CheckpointConfig,
        load,
        read_card,
        read_info,
        save,
    )

__all__ = [
    "CARD_FILE",
    "CHECKPOINTS",
    "CONFIG_FILE",
    "FORMAT",
    "HOME_VARIABLE",
    "OFFER_VARIABLE",
    "WEIGHTS_FILE",
    "Checkpoint",
    "CheckpointConfig",
    "CheckpointInfo",
    "DownloadError",
    "Progress",
    "available_checkpoints",
    "cached_folder",
    "checkpoint_roots",
    "default_name",
    "download_file",
    "find",
    "home",
    "load",
    "locate",
    "menu_title",
    "offered",
    "read_card",
    "read_info",
    "save",
    "weights_checksum",
]

_IN_FOLDER = (
    "FORMAT",
    "Checkpoint",
    "CheckpointConfig",
    "load",
    "read_card",
    "read_info",
    "save",
)


def __getattr__(name: str) -> Any:
    if name not in _IN_FOLDER:
        raise AttributeError(f"module 'pix2seq.checkpoints' has no attribute {name!r}")
    return getattr(importlib.import_module("pix2seq.checkpoints.folder"), name)
