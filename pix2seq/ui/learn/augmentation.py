"""Lesson 3, sequence augmentation: noise objects behind the real ones (paper, section 2.3)."""

from __future__ import annotations

import torch
from torch import Tensor

from pix2seq.augment import TrainingSequence, build_training_sequence
from pix2seq.config import SLOTS_PER_OBJECT, AugmentConfig, ConfigError
from pix2seq.tokenizer import Tokenizer
from pix2seq.transforms import Letterbox
from pix2seq.ui.learn.views import token_view


def training_sequence(
    boxes: Tensor,
    labels: Tensor,
    letterbox: Letterbox,
    tokenizer: Tokenizer,
    config: AugmentConfig,
    num_objects: int,
    seed: int,
) -> TrainingSequence:
    """One image's objects as a training pair, noise included (section 2.3)."""
    if not 1 <= num_objects <= tokenizer.config.max_objects:
        raise ConfigError(
            f"num_objects is {num_objects}; this model writes 1 to {tokenizer.config.max_objects}"
        )
    return build_training_sequence(
        letterbox.apply_boxes(boxes),
        labels,
        tokenizer,
        config,
        num_objects=num_objects,
        extent=letterbox.extent,
        generator=torch.Generator().manual_seed(seed),
    )


def pair_view(pair: TrainingSequence, letterbox: Letterbox, tokenizer: Tokenizer) -> dict:
    """A training pair, position by position, and where its objects lie in the picture.

    The sentence is read off the input, which holds every coordinate; the very last class is only
    in the target. ``corrupted`` marks an input class that is not the true one.
    """
    inputs, targets = pair.input_ids.tolist(), pair.target_ids.tolist()
    weights = pair.token_weights.tolist()
    written = torch.cat([pair.input_ids[1:], pair.target_ids[-1:]])
    boxes_norm, _ = tokenizer.decode(written)
    boxes = letterbox.invert_boxes(boxes_norm).tolist()
    blanks = {tokenizer.pad_id, tokenizer.eos_id}
    columns = []
    for index, (shown, wanted, weight) in enumerate(zip(inputs, targets, weights, strict=True)):
        before = index - 1
        slot_before = "prompt" if before < 0 else tokenizer.slot(before)
        columns.append(
            {
                "slot": tokenizer.slot(index),
                "object": tokenizer.object_of(index),
                "input": token_view(tokenizer, shown),
                "input_slot": slot_before,
                "input_object": None if before < 0 else tokenizer.object_of(before),
                "corrupted": slot_before == "class" and shown != targets[before],
                "target": token_view(tokenizer, wanted),
                "weight": weight,
            }
        )
    objects = []
    for number, box in enumerate(boxes):
        first = tokenizer.sequence_length(number)
        if written[first].item() in blanks:
            break  # nothing was written from here on
        last = first + SLOTS_PER_OBJECT - 1
        objects.append(
            {
                "box": box,
                "real": number < pair.num_real,
                "place": int(pair.order[number]) if number < pair.num_real else None,
                "text": tokenizer.describe(targets[last]).text,
            }
        )
    return {"columns": columns, "objects": objects, "num_real": pair.num_real}
