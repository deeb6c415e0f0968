"""A checkpoint's folder: weights that travel with everything needed to use them.

config.json         format, model, tokenizer, preprocess, categories, sampling defaults, info
model.safetensors   the network's tensors under our own names, fp16 or fp32
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from pix2seq.categories import LABEL_SPACES, Categories
from pix2seq.checkpoints.info import CheckpointInfo
from pix2seq.checkpoints.registry import CARD_FILE, CHECKPOINTS, CONFIG_FILE, WEIGHTS_FILE, locate
from pix2seq.config import (
    Config,
    ConfigError,
    ModelConfig,
    PreprocessConfig,
    SamplingOptions,
    TokenizerConfig,
    short,
)
from pix2seq.device import pick_device
from pix2seq.files import cannot_write, replacing
from pix2seq.model import Pix2Seq
from pix2seq.model.claims import claimed_state
from pix2seq.sampling.picking import compile_ahead
from pix2seq.tokenizer import Tokenizer

FORMAT = "pix2seq-explorer/1"
_LONGEST_HEAD = 100 << 20  # bytes; as safetensors itself
_parsed = lru_cache(1)(json.loads)  # every tensor of a file asks for the same text

SUMS = "crc32"
"""Where a file of weights keeps its tensors' checksums, as JSON by name. Older files have none, or
``crc32.json`` beside them (the bundled ones, whose bytes recordings are bound to)."""


@dataclass(frozen=True)
class CheckpointConfig(Config):
    """The contents of ``config.json``.

    Attributes:
        categories: the name of one of ``LABEL_SPACES``, or ``{"names": [...], "ids": [...]}``.
        sampling: this checkpoint's recommended options.
    """

    model: ModelConfig
    tokenizer: TokenizerConfig
    preprocess: PreprocessConfig
    categories: str | dict[str, Any]
    sampling: SamplingOptions = field(default_factory=SamplingOptions)
    info: CheckpointInfo | None = None
    format: str = FORMAT

    def __post_init__(self) -> None:
        if self.format != FORMAT:
            raise ConfigError(f"format is {self.format!r}; this version reads {FORMAT!r}")
        vocab_size = self.model.vocab_size, self.tokenizer.vocab_size
        if vocab_size[0] != vocab_size[1]:
            raise ConfigError(
                f"the model has {vocab_size[0]} tokens, the tokenizer {vocab_size[1]}"
            )
        positions = Tokenizer(self.tokenizer, self.label_space()).sequence_length(
            self.tokenizer.max_objects
        )
        if positions > self.model.max_tokens:
            raise ConfigError(
                f"max_objects is {self.tokenizer.max_objects}, which needs {positions} positions; "
                f"the model has {self.model.max_tokens}"
            )
        if len(self.label_space()) > self.tokenizer.num_classes:
            raise ConfigError(
                f"there are {len(self.label_space())} categories, but only "
                f"{self.tokenizer.num_classes} class tokens"
            )
        self.sampling.resolve(SamplingOptions(), self.tokenizer, self.model.drafts)

    def label_space(self) -> Categories:
        """The classes by label. Raises ``ConfigError`` if they cannot be built."""
        if isinstance(self.categories, str):
            if self.categories not in LABEL_SPACES:
                raise ConfigError(
                    f"categories is {short(self.categories)}; use one of {', '.join(LABEL_SPACES)}"
                )
            return LABEL_SPACES[self.categories]
        try:
            return Categories(tuple(self.categories["names"]), tuple(self.categories["ids"]))
        except (KeyError, TypeError, ValueError) as error:
            raise ConfigError(f"categories needs equally many names and ids ({error})") from None


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A loaded checkpoint's parts: the network in eval mode on its device, and what it needs.

    Attributes:
        card: its ``README.md``; empty if there is none.
    """

    model: Pix2Seq
    tokenizer: Tokenizer
    preprocess: PreprocessConfig
    defaults: SamplingOptions
    info: CheckpointInfo
    card: str = ""


def load(name_or_path: str | Path = "mini", device: str | torch.device = "auto") -> Checkpoint:
    """Load a checkpoint; every tensor must be there, with the right shape, and none left over.

    Raises:
        ConfigError: not found, incomplete, damaged, or not made for its own configuration.
    """
    target = pick_device(device)
    folder = locate(name_or_path)
    config = _read_config(folder)
    weights = folder / WEIGHTS_FILE
    _check_claims(config.model, weights)
    model = Pix2Seq(config.model)
    _fill(model, _read_weights(weights), weights)
    if target.type == "cpu":
        compile_ahead()  # part of loading, not of the first sentence
    return Checkpoint(
        model=model.eval().requires_grad_(False).to(target),
        tokenizer=Tokenizer(config.tokenizer, config.label_space()),
        preprocess=config.preprocess,
        defaults=config.sampling,
        info=read_info(folder),
        card=read_card(folder),
    )


def read_card(folder: Path) -> str:
    """The text of a checkpoint's ``README.md``; empty if there is none."""
    path = folder / CARD_FILE
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""


def read_info(folder: Path) -> CheckpointInfo:
    """What a checkpoint's folder says about itself, filled up from the registry and its files."""
    config = _read_config(folder)
    info = config.info or CHECKPOINTS.get(folder.name) or CheckpointInfo(folder.name)
    weights = folder / WEIGHTS_FILE
    space = config.categories if isinstance(config.categories, str) else "its own"
    return info.replace(
        title=info.title or info.name,
        size_mb=round(weights.stat().st_size / 1e6, 1) if weights.is_file() else info.size_mb,
        label_space=info.label_space or space,
        image_size=info.image_size or config.preprocess.image_size,
        sampling=config.sampling,
    )


def save(
    folder: str | Path,
    model: Pix2Seq,
    tokenizer: TokenizerConfig,
    preprocess: PreprocessConfig,
    categories: str | Categories,
    defaults: SamplingOptions | None = None,
    info: CheckpointInfo | None = None,
    state_dict: Mapping[str, Tensor] | None = None,
    half: bool = True,
) -> Path:
    """Write a checkpoint folder. Both files appear complete, together, or not at all.

    Args:
        categories: a label space or the name of one of ``LABEL_SPACES``.
        defaults: the options that this checkpoint recommends.
        state_dict: weights to save in place of the model's own (an average of them, say).
        half: store weights in fp16 where that loses no more than precision; buffers, and tensors
            that would overflow, stay as they are.

    Returns:
        The folder.

    Raises:
        ConfigError: the parts do not fit, a weight is no number, or the disk does not take them.
    """
    folder = Path(folder)
    named = {space: name for name, space in LABEL_SPACES.items()}
    if isinstance(categories, Categories):
        listed = {"names": list(categories.names), "ids": list(categories.ids)}
        categories = named.get(categories) or listed
    config = CheckpointConfig(
        model=model.config,
        tokenizer=tokenizer,
        preprocess=preprocess,
        categories=categories,
        sampling=defaults or SamplingOptions(),
        info=info,
    )
    weights = {name for name, _ in model.named_parameters()}
    tensors = {}
    for name, tensor in (state_dict or model.state_dict()).items():
        tensor = tensor.detach().cpu()
        if half and name in weights and tensor.is_floating_point():
            small = tensor.half()
            tensor = small if small.isfinite().all() else tensor
        tensors[name] = tensor.contiguous().clone()
    _check_state(model.state_dict(), tensors, folder)
    _check_finite(tensors, folder / WEIGHTS_FILE, "lower lr")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(folder / WEIGHTS_FILE, folder / CONFIG_FILE) as (weights_part, config_part):
            sums = json.dumps({name: _sum(tensor) for name, tensor in tensors.items()})
            save_file(tensors, weights_part, metadata={"format": FORMAT, SUMS: sums})
            config_part.write_text(json.dumps(config.to_dict(), indent=2) + "\n", "utf-8")
    except SafetensorError as error:  # what it makes of a full disk
        raise ConfigError(f"cannot write {folder}: {error}; free some room") from None
    except OSError as error:
        raise cannot_write(folder, error) from None
    return folder


def _read_config(folder: Path) -> CheckpointConfig:
    path = folder / CONFIG_FILE
    if not path.is_file():
        raise ConfigError(f"{folder} has no {CONFIG_FILE}; it is not a checkpoint folder")
    return CheckpointConfig.load(path)


def _check_claims(config: ModelConfig, weights: Path) -> None:
    """Compare what the configuration describes with what the file holds, by names and shapes alone:
    one that lies costs no memory, however large a model it claims."""
    shapes = _read_shapes(weights)
    try:
        expected = claimed_state(config)
    except ConfigError:
        raise
    except Exception as error:  # sizes that do not fit, or a backbone that timm does not know
        reason = short(" ".join(str(error).split()))
        raise ConfigError(
            f"{weights.parent / CONFIG_FILE} describes a model that cannot be built ({reason})"
        ) from None
    _check_state(expected, shapes, weights)


def _read_shapes(path: Path) -> dict[str, Tensor]:
    """Every tensor of the file without its values."""

    def shape_of(file: Any, name: str) -> Tensor:
        return torch.empty(file.get_slice(name).get_shape(), device="meta")

    return _from_weights(path, shape_of)


def _read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors, compared with their checksums."""
    beside = path.with_name(f"{SUMS}.json")
    known = beside.read_text("utf-8") if beside.is_file() else "{}"

    def checked(file: Any, name: str) -> Tensor:
        tensor = file.get_tensor(name)
        sums = _parsed((file.metadata() or {}).get(SUMS, known))
        if isinstance(sums, dict) and name in sums and sums[name] != _sum(tensor):
            raise ValueError("its values have changed since they were written")
        return tensor

    return _from_weights(path, checked)


def _sum(tensor: Tensor) -> int:
    """CRC-32 of a tensor's bytes as they lie in the file."""
    return zlib.crc32(tensor.contiguous().flatten().view(torch.uint8).numpy())


def _from_weights(path: Path, take: Callable[[Any, str], Tensor]) -> dict[str, Tensor]:
    """``take(file, name)`` of every tensor. Raises ``ConfigError`` naming the file, and the tensor
    if it is one that cannot be read."""
    if not path.is_file():
        raise ConfigError(f"{path} is missing; copy or download the checkpoint again")
    at = ""
    try:
        with safe_open(path, "pt") as file:
            found = {}
            for name in file.keys():
                at = f" at {short(name)}"
                found[name] = take(file, name)
            return found
    except (SafetensorError, OSError, ValueError, RuntimeError, OverflowError) as error:
        reason = " ".join(str(error).split())[:120]
        raise ConfigError(
            f"{path} is damaged or incomplete{at or _cut_off(path)} ({reason}); copy or download "
            "it again"
        ) from None


def _cut_off(path: Path) -> str:
    """Where a file of weights ends too early, in words; empty if that is not what is wrong."""
    try:
        size = os.path.getsize(path)
        with open(path, "rb") as file:
            head = int.from_bytes(file.read(8), "little")
            listed = json.loads(file.read(min(head, _LONGEST_HEAD)))
        ends = {
            name: 8 + head + entry["data_offsets"][1]
            for name, entry in listed.items()
            if name != "__metadata__"
        }
        lost = sorted((end, name) for name, end in ends.items() if end > size)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return ""
    return f" from {short(lost[0][1])} on" if lost else ""


def _check_state(expected: Mapping[str, Tensor], found: Mapping[str, Tensor], where: Path) -> None:
    """Compare names and shapes; the message names the first few that differ."""
    for what, names in (
        ("lacks", [n for n in expected if n not in found]),
        ("has unknown", [n for n in found if n not in expected]),
    ):
        if names:
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            raise ConfigError(
                f"{where} {what} {', '.join(names[:3])}{more}; its {CONFIG_FILE} describes "
                "another model"
            )
    for name, tensor in expected.items():
        if found[name].shape != tensor.shape:
            raise ConfigError(
                f"{where}: {name} has shape {tuple(found[name].shape)}, its {CONFIG_FILE} asks "
                f"for {tuple(tensor.shape)}"
            )


def _fill(model: Pix2Seq, tensors: dict[str, Tensor], where: Path) -> None:
    _check_state(model.state_dict(), tensors, where)
    _check_finite(tensors, where, "copy or download it again")
    model.load_state_dict(tensors, strict=True)


def _check_finite(tensors: Mapping[str, Tensor], where: Path, remedy: str) -> None:
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise ConfigError(f"{where}: {name} holds values that are not numbers; {remedy}")
