"""Starting from a checkpoint: the same classes, other classes, or your own data in one command.

The backbone, the transformer layers and the coordinate tokens are kept. Class tokens are matched by
name; a class that the checkpoint does not know starts as the mean of those that it knows.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from pix2seq import checkpoints
from pix2seq.categories import Categories
from pix2seq.checkpoints import Checkpoint
from pix2seq.config import SLOTS_PER_OBJECT, ConfigError, DataConfig, TokenizerConfig, TrainConfig
from pix2seq.data import CocoDetection
from pix2seq.hub.fetch import folder_of
from pix2seq.model import Pix2Seq
from pix2seq.model.pretrained import load_unfolded
from pix2seq.tokenizer import Tokenizer

MOST_OBJECTS = 100
"""As far as a limit is raised: the paper's, and a sentence of 500 tokens."""

_MAY_LACK = "encoder.fine.", "encoder.drafts."  # stay as they were where a checkpoint has none
_OF_BACKBONE = "encoder.backbone.", "encoder.pyramid.lateral."
_POSITION_TABLES = ("decoder.positions.object", "decoder.positions.table")


def finetune_config(
    init: str, annotations: str | Path, images: str | Path, **changes
) -> TrainConfig:
    """Settings for training a checkpoint on a COCO-format data set, whatever its classes.

    Args:
        init: the checkpoint's name or folder.
        changes: settings of ``TrainConfig`` to replace.

    Raises:
        ConfigError: the checkpoint or the data set cannot be used.
    """
    source = checkpoints.load(folder_of(init), device="cpu")
    photos = CocoDetection(annotations, images)
    classes = photos.categories
    old = source.tokenizer.config
    if old.noise_id is None:
        raise ConfigError(
            f"checkpoint {init!r} has no noise class, which training here needs; start from mini"
        )
    limit = object_limit(photos.objects_by_photo(), old.max_objects)
    tokenizer = TokenizerConfig.compact(old.num_bins, len(classes), limit).replace(
        box_order=old.box_order, quantizer=old.quantizer
    )
    model = source.model.config
    need = limit * SLOTS_PER_OBJECT + 1  # the prompt, too
    model = model.replace(max_tokens=max(model.max_tokens, need))
    sampling = source.defaults
    if sampling.max_objects == old.max_objects:  # as many as it can write
        sampling = sampling.replace(max_objects=limit)
    if model.ordinal_ids is not None:
        model = model.replace(ordinal_ids=(tokenizer.coord_offset, tokenizer.num_bins))
    settings = {
        "model": model.replace(vocab_size=tokenizer.vocab_size),
        "tokenizer": tokenizer,
        "preprocess": source.preprocess,
        "data": (DataConfig(annotations=str(annotations), images=str(images)),),
        "categories": None,
        "init": init,
        "sampling": sampling,
        "steps": 500,
        "batch_size": 8,
        "sequences_per_image": 4,
        "lr": 3e-4,
        "backbone_lr": 5e-5,
        "coord_sigma": 1.0,
        "ema": 0.99,
    }
    return TrainConfig(**settings | changes)


def object_limit(counts: Sequence[int], old: int) -> int:
    """How many objects the fine-tuned model may write: all that a photo has.

    Unlike bins, places in a sentence can be added: the new ones start from scratch. What is more
    than ``MOST_OBJECTS`` is left out of the training sentences; both are said on stderr.

    Args:
        counts: objects in each photo.
        old: the checkpoint's limit.
    """
    most = max(counts, default=0)
    limit = max(old, min(most, MOST_OBJECTS))
    if limit > old:
        print(
            f"photos hold up to {most} objects, the checkpoint writes {old}: raised to {limit}",
            file=sys.stderr,
        )
    crowded = sum(count > limit for count in counts)
    if crowded:
        print(
            f"{crowded} photos hold more than {limit} objects (up to {most}); each sentence of "
            "theirs is taught a part of them",
            file=sys.stderr,
        )
    return limit


def initialise(model: Pix2Seq, tokenizer: Tokenizer, source: Checkpoint) -> None:
    """Fill ``model`` with a checkpoint's weights.

    Tensors with a row per token are rearranged to the new vocabulary, position tables are copied as
    far as both reach; everything else must have the same shape. Another backbone stays as it was,
    and so do the convolutions that a pyramid reads it with.

    Raises:
        ConfigError: the architectures differ, or the numbers of bins do.
    """
    names = list(model.state_dict())
    if has_other_backbone(model, source):
        names = [name for name in names if not name.startswith(_OF_BACKBONE)]
    _copy(model, tokenizer, source, names)


def has_other_backbone(model: Pix2Seq, source: Checkpoint) -> bool:
    """Whether a pyramid's checkpoint has been made with another backbone than ``model`` has."""
    own, theirs = model.config.encoder, source.model.config.encoder
    return own.kind == theirs.kind == "pyramid" and own.backbone != theirs.backbone


def _copy(model: Pix2Seq, tokenizer: Tokenizer, source: Checkpoint, names: Iterable[str]) -> None:
    if tokenizer.num_bins != source.tokenizer.num_bins:
        raise ConfigError(
            f"the checkpoint has {source.tokenizer.num_bins} bins, the run asks for "
            f"{tokenizer.num_bins}; bins are part of what was learned, keep them"
        )
    theirs = source.model.state_dict()
    own = model.state_dict()
    rows = {"decoder.embedding.rows", "decoder.output.rows", "decoder.output_bias"}
    for name in names:
        value = own[name]
        if name not in theirs and name.startswith(_MAY_LACK):
            continue
        if name not in theirs:
            raise ConfigError(f"the checkpoint has no {name}; it holds another kind of model")
        old = theirs[name].to(value)
        if name in rows:
            own[name] = _rearrange(value, old, tokenizer, source.tokenizer)
        elif name in _POSITION_TABLES:
            both = min(len(value), len(old))
            own[name] = torch.cat([old[:both], value[both:]])
        elif old.shape != value.shape:
            raise ConfigError(
                f"{name} has shape {tuple(old.shape)} in the checkpoint, the run asks for "
                f"{tuple(value.shape)}"
            )
        else:
            own[name] = old
    model.load_state_dict(own)


def initialise_parts(model: Pix2Seq, tokenizer: Tokenizer, source: Checkpoint) -> None:
    """Fill what a model with a feature pyramid shares with one of encoder kind ``features``.

    The backbone's batch norms are folded on the way; decoder, transformer layers and position codes
    are taken as they are. The pyramid and what joins it to the memory stay as they were.

    Raises:
        ConfigError: the shared parts differ, or the checkpoint is of yet another kind.
    """
    kind = source.model.config.encoder.kind
    if kind != "features":
        raise ConfigError(
            f'a pyramid can start from encoder kinds "pyramid" and "features", not {kind!r}'
        )
    load_unfolded(model.encoder, source.model.encoder.backbone.state_dict())
    shared = "encoder.transformer.", "encoder.norm.", "encoder.from_code.", "decoder."
    _copy(model, tokenizer, source, [n for n in model.state_dict() if n.startswith(shared)])


def _rearrange(value: Tensor, old: Tensor, new_words: Tokenizer, old_words: Tokenizer) -> Tensor:
    """Rows of the old vocabulary in the new one's order; (V_new, ...) from (V_old, ...)."""
    value = value.clone()
    for new_id, old_id in (
        (new_words.bos_id, old_words.bos_id),
        (new_words.eos_id, old_words.eos_id),
        (new_words.pad_id, old_words.pad_id),
        (new_words.noise_id, old_words.noise_id),
    ):
        if new_id is not None and old_id is not None:
            value[new_id] = old[old_id]
    value[list(new_words.coord_ids)] = old[list(old_words.coord_ids)]
    known = {name: i for i, name in enumerate(old_words.categories.names) if name is not None}
    old_classes = old[list(old_words.class_ids)]
    mean = old_classes.mean(0)
    for label, name in enumerate(_padded_names(new_words.categories, len(new_words.class_ids))):
        row = new_words.class_ids.start + label
        value[row] = old_classes[known[name]] if name in known else mean
    return value


def _padded_names(categories: Categories, count: int) -> list[str | None]:
    names = list(categories.names)
    return names + [None] * (count - len(names))
