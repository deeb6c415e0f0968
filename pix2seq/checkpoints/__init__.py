"""Checkpoints: the registry of names, and folders of weights and configuration."""

from pix2seq.checkpoints.folder import (
    FORMAT,
    Checkpoint,
    CheckpointConfig,
    load,
    read_info,
    save,
)
from pix2seq.checkpoints.registry import (
    CHECKPOINTS,
    CONFIG_FILE,
    ROOT_VARIABLE,
    WEIGHTS_FILE,
    CheckpointInfo,
    available_checkpoints,
    checkpoint_roots,
    find,
    locate,
)

__all__ = [
    "CHECKPOINTS",
    "CONFIG_FILE",
    "FORMAT",
    "ROOT_VARIABLE",
    "WEIGHTS_FILE",
    "Checkpoint",
    "CheckpointConfig",
    "CheckpointInfo",
    "available_checkpoints",
    "checkpoint_roots",
    "find",
    "load",
    "locate",
    "read_info",
    "save",
]
