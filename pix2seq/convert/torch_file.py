"""``read_state_dict``: the tensors of a file that somebody calls weights, or a plain refusal.

People hand over what a download or a training script left: a web page in place of the file, a Git
LFS pointer, half a file, a pickled model, model and optimizer together, a wrapper's prefix before
every name. Nothing in a file is ever run.
"""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from pix2seq.config import ConfigError, short

_LEGACY_TORCH = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # the magic number, pickled
_PICTURES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"RIFF", b"BM", b"II*\0", b"MM\0*", b"%PDF")
_ARCHIVES = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"Rar!", b"\x28\xb5\x2f\xfd")
_AGAIN = "download it again"
_SAVE_TENSORS = "save it again with torch.save(model.state_dict(), FILE)"


def read_state_dict(path: str | Path, anchor: str) -> dict[str, Tensor]:
    """Read a network's tensors by name.

    Args:
        anchor: a tensor that every such network has; it tells the network's tensors from others,
            and what a wrapper (DataParallel, Lightning) put before every name.

    Raises:
        ConfigError: the file holds something else; the message says what.
    """
    path = Path(path)
    content = _load(path)
    found = {
        place: state
        for place, state in _dictionaries(content)
        if _prefix(state, anchor) is not None
    }
    if len(found) > 1:
        raise ConfigError(
            f"{path} holds several models, under {' and '.join(found)}; save the one you want alone"
        )
    if not found:
        raise _without(path, content, anchor)
    [state] = found.values()
    prefix = _prefix(state, anchor) or ""
    tensors = {
        name.removeprefix(prefix): tensor
        for name, tensor in state.items()
        if isinstance(tensor, Tensor)
    }
    for name, tensor in tensors.items():
        _check_tensor(path, name, tensor)
    return tensors


def _check_tensor(path: Path, name: str, tensor: Tensor) -> None:
    """Raises ``ConfigError`` for a tensor that would take more memory than the file has bytes: one
    number can stand for any shape."""
    try:
        there = tensor.untyped_storage().nbytes()
    except (NotImplementedError, RuntimeError):  # sparse, or without values
        there = -1
    if tensor.layout != torch.strided or tensor.numel() * tensor.element_size() > there:
        raise ConfigError(
            f"{path}: {short(name)} has shape {short(tuple(tensor.shape))}, but not as many "
            f"values; {_AGAIN}"
        )


def _load(path: Path) -> Any:
    """What the file holds, tensors and plain values only."""
    kind = _kind(path)
    try:
        if kind == "safetensors":
            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except SafetensorError as error:
        raise ConfigError(f"{path} is damaged or incomplete ({error}); {_AGAIN}") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}") from None
    except MemoryError:
        raise ConfigError(f"{path} does not fit into this machine's memory") from None
    except Exception as error:  # a damaged file makes torch raise whatever comes first
        text = str(error)
        if re.search(r"unsupported (global|class|operand)|was not an allowed global", text, re.I):
            named = re.search(r"GLOBAL (\S+)", text)
            what = f"Python objects ({named[1]})" if named else "Python objects"
            raise ConfigError(
                f"{path} holds {what}, perhaps a whole model, which is not opened because it could "
                f"run anything; {_SAVE_TENSORS}"
            ) from None
        raise ConfigError(f"{path} is damaged or incomplete; {_AGAIN}") from None


def _kind(path: Path) -> str:
    """What the first bytes say; refuses what is no file of tensors."""
    if os.path.isdir(path):
        raise ConfigError(f"{path} is a folder; name the file with the weights")
    try:
        with open(path, "rb") as file:
            start = file.read(512)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}") from None
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start:
        raise ConfigError(f"{path} is empty (0 bytes); {_AGAIN}")
    if text.startswith(b"version https://git-lfs"):
        raise ConfigError(
            f"{path} is a Git LFS pointer, not the file that it stands for; run git lfs pull"
        )
    if re.match(rb"<(!doctype|html|head|\?xml|script|!--)", text, re.IGNORECASE):
        raise ConfigError(
            f"{path} is a web page (HTML), not weights: the server answered with a message; open "
            "the address in a browser and download the file itself"
        )
    if start.startswith(b"PK\x03\x04"):
        return _zip_kind(path)
    if start.startswith(_LEGACY_TORCH):
        return "torch"
    if len(start) > 8 and start[8:9] == b"{" and int.from_bytes(start[:8], "little") < 1 << 32:
        return "safetensors"
    if re.match(rb"\x80[\x02-\x05]", start):
        raise ConfigError(
            f"{path} is a pickle of Python objects, not a PyTorch file, and is not opened because "
            f"it could run anything; {_SAVE_TENSORS}"
        )
    what = "is not a PyTorch file"
    if start.startswith(_PICTURES):
        what += " but a picture or document"
    elif start.startswith(_ARCHIVES):
        what += " but an archive; unpack it first"
    elif text[:1] in (b"{", b"["):
        what += " but JSON text"
    raise ConfigError(f"{path} {what}; name the .pth file with the weights")


def _zip_kind(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            unfolded = sum(member.file_size for member in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        raise ConfigError(f"{path} is damaged or incomplete; {_AGAIN}") from None
    if not any(name == "data.pkl" or name.endswith("/data.pkl") for name in names):
        raise ConfigError(f"{path} is a ZIP archive, not a PyTorch file; unpack it first")
    if unfolded > os.path.getsize(path):  # PyTorch does not compress
        raise ConfigError(f"{path} unfolds to {unfolded / 1e6:,.0f} MB; {_AGAIN}")
    return "torch"


def _dictionaries(content: Any, place: str = "", depth: int = 3) -> list[tuple[str, Mapping]]:
    """Every dictionary in the file and how to get there: a model may lie beside its optimizer."""
    if not isinstance(content, Mapping) or not depth:
        return []
    inner = [
        found
        for name, value in content.items()
        for found in _dictionaries(value, f"{place}[{name!r}]", depth - 1)
    ]
    return [(place or "its top level", content), *inner]


def _prefix(state: Mapping, anchor: str) -> str | None:
    """What stands before every name; ``None`` if these are not the network's tensors."""
    ends = [
        name.removesuffix(anchor)
        for name in state
        if isinstance(name, str)
        and (name == anchor or name.endswith(f".{anchor}"))
        and isinstance(state[name], Tensor)
    ]
    return ends[0] if len(ends) == 1 else None


def _without(path: Path, content: Any, anchor: str) -> ConfigError:
    """Why there is no network of this kind."""
    if isinstance(content, Mapping) and "param_groups" in content:
        return ConfigError(f"{path} is the state of an optimizer, not of a model; {_SAVE_TENSORS}")
    if not isinstance(content, Mapping):
        return ConfigError(
            f"{path} holds a {type(content).__name__}, no state dict; {_SAVE_TENSORS}"
        )
    there = ", ".join(str(name) for name in list(content)[:3]) or "nothing"
    return ConfigError(f"{path} has no {anchor}; it holds {there}, which is another kind of model")
