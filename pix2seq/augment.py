"""Sequence augmentation and training pairs (paper, section 2.3; official code's recipe).

A model that is only shown complete, correct sentences learns to stop too early. So noise objects
fill each sentence up to a fixed count: near-duplicates of real boxes, real boxes moved elsewhere,
and random boxes. Their coordinates carry no loss ("n/a" in the paper's figure); their class target
is the noise class. At inference EOS is delayed, and the noise class tells which of the extra
objects to drop.

Randomness comes from the caller's ``torch.Generator``.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from pix2seq.boxes import lies_in
from pix2seq.config import AugmentConfig
from pix2seq.tokenizer import ObjectOrder, Tokenizer, object_order


@dataclass(frozen=True, eq=False)
class TrainingSequence:
    """One teacher-forced example.

    Attributes:
        input_ids: (L,) what the decoder reads: the prompt, then the sentence.
        target_ids: (L,) what it should say next, the sentence shifted by one.
        token_weights: (L,) float32 loss weights; 0 is "n/a".
        num_real: how many of the objects are real (the others are noise).
        order: (num_real,) which of the given boxes each real object is.
    """

    input_ids: Tensor
    target_ids: Tensor
    token_weights: Tensor
    num_real: int
    order: Tensor


def truncated_normal(shape: tuple[int, ...], std: float, generator: Generator | None) -> Tensor:
    """Normal draws redrawn until within two standard deviations, as TensorFlow's."""
    low, high = torch.erf(torch.tensor([-2.0, 2.0]) / 2**0.5)  # inverse-CDF over +-2 sd
    uniform = torch.rand(shape, generator=generator)
    return torch.erfinv(low + uniform * (high - low)) * 2**0.5 * std


def jitter_boxes(boxes_norm: Tensor, jitter: float, generator: Generator | None) -> Tensor:
    """Move each coordinate by up to ``jitter`` of the box's own size: (N, 4) -> (N, 4)."""
    size = (boxes_norm[:, 2:] - boxes_norm[:, :2]).repeat(1, 2)
    return boxes_norm + size * truncated_normal(tuple(boxes_norm.shape), jitter / 2, generator)


def shift_boxes(boxes_norm: Tensor, generator: Generator | None) -> Tensor:
    """Keep each box's size and put its centre anywhere: (N, 4) -> (N, 4)."""
    half = (boxes_norm[:, 2:] - boxes_norm[:, :2]) / 2
    centre = torch.rand(len(boxes_norm), 2, generator=generator)
    return torch.cat([centre - half, centre + half], dim=1)


def random_boxes(count: int, generator: Generator | None) -> Tensor:
    """Boxes of any place and size: (count, 4); sides are folded normals in [0, 1]."""
    centre = torch.rand(count, 2, generator=generator)
    half = truncated_normal((count, 2), 0.5, generator).abs() / 2
    return torch.cat([centre - half, centre + half], dim=1)


def noise_boxes(
    boxes_norm: Tensor, count: int, jitter: float, generator: Generator | None = None
) -> Tensor:
    """Boxes of noise objects, shuffled (official ``inject_noise_bbox``).

    A uniformly drawn number of them are jittered duplicates of real boxes; the others are picked
    from as many shifted real boxes and as many random ones. Without real boxes all are random.

    Args:
        boxes_norm: (N, 4) real boxes, ``xyxy`` relative to the unpadded image.
        count: how many to make.
        jitter: see ``jitter_boxes``.

    Returns:
        (count, 4), clipped to [0, 1].
    """
    if count == 0:
        return boxes_norm.new_zeros(0, 4)
    if len(boxes_norm) == 0:
        return random_boxes(count, generator).clamp(0, 1)

    def sample_real(number: int) -> Tensor:
        copies = number // len(boxes_norm) + 1
        order = torch.randperm(copies * len(boxes_norm), generator=generator)[:number]
        return boxes_norm[order % len(boxes_norm)]

    duplicates = int(torch.randint(count + 1, (1,), generator=generator))
    bad = count - duplicates
    pool = torch.cat([shift_boxes(sample_real(bad), generator), random_boxes(bad, generator)])
    pool = pool[torch.randperm(2 * bad, generator=generator)[:bad]]
    made = torch.cat([jitter_boxes(sample_real(duplicates), jitter, generator), pool])
    return made[torch.randperm(count, generator=generator)].clamp(0, 1)


def corrupt_classes(
    class_ids: Tensor, tokenizer: Tokenizer, kind: str, generator: Generator | None = None
) -> Tensor:
    """What the input shows in class slots, noise objects' included: (N,) ids -> (N,) ids.

    The official default ``rand_n_fake`` hides every true class, so that the decoder cannot copy
    its own earlier labels. Kinds are those of ``AugmentConfig.class_corruption``.
    """
    if kind == "none" or len(class_ids) == 0:
        return class_ids
    if tokenizer.noise_id is None and kind != "rand":
        raise ValueError(f"class corruption {kind!r} needs a vocabulary with a noise class")
    classes = tokenizer.class_ids
    shape = tuple(class_ids.shape)
    random_ids = torch.randint(classes.start, classes.stop, shape, generator=generator)
    if kind == "rand":
        return random_ids
    noise = torch.full_like(class_ids, tokenizer.noise_id)
    coin = torch.rand(shape, generator=generator)
    if kind == "rand_n_fake":
        return torch.where(coin < 0.5, random_ids, noise)
    if kind == "real_n_fake":
        return torch.where(coin < 0.5, class_ids, noise)
    return torch.where(coin < 0.5, class_ids, torch.where(coin < 0.75, random_ids, noise))


def build_training_sequence(
    boxes_norm: Tensor,
    labels: Tensor,
    tokenizer: Tokenizer,
    config: AugmentConfig,
    *,
    num_objects: int | None = None,
    order: ObjectOrder = "random",
    extent: tuple[float, float] = (1.0, 1.0),
    ignored_norm: Tensor | None = None,
    generator: Generator | None = None,
) -> TrainingSequence:
    """Write one image's objects as a training pair of fixed length ``5 * num_objects``.

    Args:
        boxes_norm: (N, 4) ``xyxy`` relative to the padded input; objects beyond ``num_objects``
            are cut after ordering.
        labels: (N,) labels.
        num_objects: objects per sentence; the tokenizer's ``max_objects`` by default.
        extent: share (y, x) of the padded input that the image covers: noise boxes stay inside.
        ignored_norm: (M, 4) regions that hold objects which nobody is asked for, such as crowds. A
            noise object there might be a real one, so its class carries no loss.

    Returns:
        A ``TrainingSequence``. Real objects weigh 1 on all five tokens; noise objects 0 on the
        coordinates and ``noise_class_weight`` on the class. Where nothing follows, the target is
        EOS with ``eos_weight`` and then padding (also ``eos_weight`` if padding *is* EOS, else 0).
    """
    num_objects = num_objects or tokenizer.config.max_objects
    keep = object_order(boxes_norm, order, generator)[:num_objects]
    boxes_norm, labels = boxes_norm[keep], labels[keep]
    num_real = len(keep)
    length = tokenizer.sequence_length(num_objects)
    use_noise = config.noise_objects and tokenizer.noise_id is not None
    num_noise = num_objects - num_real if use_noise else 0

    scale = boxes_norm.new_tensor([extent[1], extent[0]] * 2)
    noise = noise_boxes(boxes_norm / scale, num_noise, config.jitter, generator) * scale
    filled_labels = torch.cat([labels.long(), labels.new_zeros(num_noise, dtype=torch.long)])
    sentence = tokenizer.encode(torch.cat([boxes_norm, noise]), filled_labels)
    class_at = tokenizer.class_positions(len(sentence))
    if num_noise:
        sentence[class_at[num_real:]] = tokenizer.noise_id

    written = len(sentence)
    target_ids = torch.full((length,), tokenizer.pad_id)
    target_ids[:written] = sentence
    token_weights = torch.zeros(length)
    real_end = tokenizer.sequence_length(num_real)
    token_weights[:real_end] = 1.0
    token_weights[class_at[num_real:]] = config.noise_class_weight
    if ignored_norm is not None:
        token_weights[class_at[num_real:][lies_in(noise, ignored_norm).any(1)]] = 0.0
    if written < length:
        target_ids[written] = tokenizer.eos_id
        token_weights[written] = config.eos_weight
        if tokenizer.pad_id == tokenizer.eos_id:
            token_weights[written:] = config.eos_weight
    if num_noise and config.eos_at_first_noise:
        target_ids[real_end] = tokenizer.eos_id
        token_weights[real_end] = config.eos_weight

    shown = sentence.clone()
    shown[class_at] = corrupt_classes(
        sentence[class_at], tokenizer, config.class_corruption, generator
    )
    input_ids = torch.full((length,), tokenizer.pad_id)
    input_ids[0] = tokenizer.bos_id
    input_ids[1 : written + 1] = shown[: length - 1]
    if written + 1 < length:
        input_ids[written + 1] = tokenizer.eos_id
    return TrainingSequence(input_ids, target_ids, token_weights, num_real, keep)
