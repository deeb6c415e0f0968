"""google-research/pix2seq's checkpoints: TensorFlow files in, one of our folders out.

bundle -> shapes -> configs (cross-checked with the official config.json) -> key map -> weights
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from pix2seq.config import ConfigError, ModelConfig, PreprocessConfig
from pix2seq.convert.converted import Converted, meta_state
from pix2seq.convert.google_config import (
    choose_image_size,
    infer_model,
    kind_name,
    read_config,
    sampling_defaults,
    tokenizer_config,
)
from pix2seq.convert.google_map import SUFFIX, is_ignored, key_map, plain_name
from pix2seq.convert.report import ConversionReport
from pix2seq.convert.tensor_bundle import TensorBundle, find_prefix


def read_google(
    path: str | Path, config: str | Path | None = None, image_size: int | None = None
) -> Converted:
    """Read an official checkpoint.

    Args:
        path: its prefix, its ``.index`` file or its folder.
        config: the official ``config.json``; by default the one beside the checkpoint, if any.
        image_size: side of the square input in pixels, where no ``config.json`` says it.

    Raises:
        ConfigError: files are missing or damaged, a variable is missing or unexpected, or shapes,
            ``config.json`` and ``image_size`` contradict each other.
    """
    bundle = TensorBundle(find_prefix(path))
    official = read_config(config, bundle.prefix)
    keys, ignored = _sort_keys(bundle)
    shapes = {name: bundle.entries[key].shape for name, key in keys.items()}
    try:
        size = choose_image_size(official, image_size, bundle.prefix)
        model = infer_model(shapes, size, official)
        tokenizer = tokenizer_config(model, official)
        sampling = sampling_defaults(official, tokenizer)
    except (TypeError, ValueError, OverflowError) as error:  # odd types, too
        raise ConfigError(f"{bundle.prefix}: {error}") from error
    weights, mapped = _convert_weights(bundle, keys, model)
    report = ConversionReport(
        source=str(bundle.prefix),
        kind=kind_name(model),
        parameters=sum(weights[name].numel() for name in mapped),
        mapped=mapped,
        ignored=tuple(ignored),
    )
    return Converted(
        family="google",
        model=model,
        tokenizer=tokenizer,
        preprocess=PreprocessConfig(
            image_size=size, fit="letterbox", pad_value=0.3, antialias=True
        ),
        sampling=sampling,
        weights=weights,
        report=report,
    )


def _sort_keys(bundle: TensorBundle) -> tuple[dict[str, str], list[str]]:
    """Model variables (plain name -> key) and the keys that are known and unneeded."""
    keys: dict[str, str] = {}
    ignored = []
    for key in bundle.entries:
        if is_ignored(key):
            ignored.append(key)
            continue
        name = plain_name(key)
        if name in keys:
            raise ConfigError(f"{bundle.prefix} holds both {keys[name]} and {key}")
        keys[name] = key
    return keys, ignored


def _convert_weights(
    bundle: TensorBundle, keys: dict[str, str], config: ModelConfig
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Our state and the account of where each tensor is from."""
    empty = meta_state(config)
    check_keys(set(keys), empty, config)
    weights, mapped = {}, {}
    for ours, source in key_map(config).items():
        key = keys[source.name]
        tensor = source.turn(torch.from_numpy(bundle.read(key).astype("float32")))
        if tensor.shape != empty[ours].shape:
            raise ConfigError(
                f"{key} becomes {tuple(tensor.shape)}, but {ours} is {tuple(empty[ours].shape)}"
            )
        weights[ours], mapped[ours] = tensor.contiguous(), key
    return weights | step_counters(empty), mapped


def step_counters(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """PyTorch's batch norms count their steps, TensorFlow's do not. The count has no effect at a
    fixed momentum."""
    return {
        name: torch.zeros((), dtype=torch.int64)
        for name in state
        if name.endswith(".num_batches_tracked")
    }


def check_keys(names: set[str], state: Mapping[str, Tensor], config: ModelConfig) -> None:
    """Every tensor of ours has a source and every variable of theirs a use.

    Raises:
        ConfigError: naming what is missing or left over.
    """
    table = key_map(config)
    wanted = {source.name for source in table.values()}
    missing = sorted(wanted - names)
    unexpected = sorted(names - wanted)
    unfed = sorted(set(state) - set(table) - set(step_counters(state)))
    if missing:
        raise ConfigError(f"the checkpoint lacks {_list(missing)}")
    if unexpected:
        raise ConfigError(
            f"the checkpoint holds {_list(unexpected)}, which a {kind_name(config)} model does not "
            f"have (keys end in {SUFFIX})"
        )
    if unfed or set(table) - set(state):
        raise ConfigError(f"the key map does not fit the model: {_list(unfed)}")


def _list(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
