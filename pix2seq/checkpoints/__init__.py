"""Checkpoints: the registry of names, and folders of weights and configuration."""

from pix2seq.checkpoints.download import DownloadError, Progress, download_file
from pix2seq.checkpoints.folder import (
    FORMAT,
    Checkpoint,
    CheckpointConfig,
    load,
    read_info,
    save,
)
from pix2seq.checkpoints.info import CheckpointInfo
from pix2seq.checkpoints.registry import (
    CHECKPOINTS,
    CONFIG_FILE,
    HOME_VARIABLE,
    ROOT_VARIABLE,
    WEIGHTS_FILE,
    available_checkpoints,
    cached_folder,
    checkpoint_roots,
    find,
    home,
    locate,
    menu_title,
)

__all__ = [
    "CHECKPOINTS",
    "CONFIG_FILE",
    "FORMAT",
    "HOME_VARIABLE",
    "ROOT_VARIABLE",
    "WEIGHTS_FILE",
    "Checkpoint",
    "CheckpointConfig",
    "CheckpointInfo",
    "DownloadError",
    "Progress",
    "available_checkpoints",
    "cached_folder",
    "checkpoint_roots",
    "download_file",
    "find",
    "home",
    "load",
    "locate",
    "menu_title",
    "read_info",
    "save",
]
