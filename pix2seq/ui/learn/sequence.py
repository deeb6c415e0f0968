"""What the first three *Learn* pages show: quantisation, sequence construction, augmentation.

The library's own parts compute it (paper, sections 3.1 and 3.3); results are plain values that the
page draws. No model is needed, only a vocabulary. ``lessons_model`` goes on from here.

Boxes are ``xyxy`` in pixels of the picture; a ``Letterbox`` says how they lie in the model's input.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pix2seq.augment import TrainingSequence, build_training_sequence
from pix2seq.boxes import box_iou
from pix2seq.categories import Categories
from pix2seq.config import SLOTS_PER_OBJECT, AugmentConfig, ConfigError, Quantizer, TokenizerConfig
from pix2seq.tokenizer import ObjectOrder, Tokenizer, object_order
from pix2seq.transforms import Letterbox

MIN_BINS, MAX_BINS = 8, 2000
_CURVE_POINTS = 40
_ANY = Categories.contiguous(("object",))


def frame(letterbox: Letterbox) -> list[float]:
    """Where coordinates 0 and 1 lie in the picture: ``xyxy`` in pixels, padding included."""
    return letterbox.invert_boxes(torch.tensor([[0.0, 0.0, 1.0, 1.0]]))[0].tolist()


# ---- 1: quantisation --------------------------------------------------------------------------


def quantization(boxes: Tensor, letterbox: Letterbox, num_bins: int, quantizer: Quantizer) -> dict:
    """Write boxes with ``num_bins`` bins per axis and read them back (section 2.1).

    Args:
        boxes: (N, 4).

    Returns:
        Per box the bins and the edges' errors in pixels, both in the order ymin, xmin, ymax, xmax,
        the box that is read back and its IoU with the true one; and the size of a bin in pixels.
    """
    tokenizer = _ruler(num_bins, quantizer)
    bins, snapped = _write_and_read(boxes, letterbox, tokenizer)
    errors = (snapped - boxes)[:, [1, 0, 3, 2]]
    overlaps = _own_iou(boxes, snapped)
    x0, y0, x1, y1 = frame(letterbox)
    return {
        "bins": num_bins,
        "quantizer": quantizer,
        "bin_px": [(x1 - x0) / (num_bins - 1), (y1 - y0) / (num_bins - 1)],
        "slots": list(tokenizer.slots[:4]),
        "boxes": [
            {"bins": b, "snapped": s, "errors": e, "worst": max(map(abs, e)), "iou": iou}
            for b, s, e, iou in zip(
                bins.tolist(), snapped.tolist(), errors.tolist(), overlaps.tolist(), strict=True
            )
        ],
        "worst": errors.abs().max().item() if len(boxes) else None,
        "mean_iou": overlaps.mean().item() if len(boxes) else None,
    }


def error_curve(boxes: Tensor, letterbox: Letterbox) -> dict:
    """Mean IoU and worst edge error of these boxes over the number of bins, for both quantisers."""
    step = (MAX_BINS / MIN_BINS) ** (1 / (_CURVE_POINTS - 1))
    counts = sorted({round(MIN_BINS * step**i) for i in range(_CURVE_POINTS)})
    curve: dict = {"bins": counts}
    for quantizer in ("round", "floor"):
        rows = []
        for count in counts if len(boxes) else ():
            _, snapped = _write_and_read(boxes, letterbox, _ruler(count, quantizer))
            worst = (snapped - boxes).abs().max().item()
            rows.append((_own_iou(boxes, snapped).mean().item(), worst))
        curve[quantizer] = {"iou": [iou for iou, _ in rows], "worst": [worst for _, worst in rows]}
    return curve


def _ruler(num_bins: int, quantizer: Quantizer) -> Tokenizer:
    """A vocabulary of which only the coordinates matter."""
    if not MIN_BINS <= num_bins <= MAX_BINS:
        raise ConfigError(f"num_bins is {num_bins}; use {MIN_BINS} to {MAX_BINS} here")
    config = TokenizerConfig.compact(num_bins, num_classes=1).replace(quantizer=quantizer)
    return Tokenizer(config, _ANY)


def _write_and_read(
    boxes: Tensor, letterbox: Letterbox, tokenizer: Tokenizer
) -> tuple[Tensor, Tensor]:
    """Bins (N, 4) in token order, and the boxes that they stand for (N, 4)."""
    ids = tokenizer.encode(letterbox.apply_boxes(boxes), torch.zeros(len(boxes), dtype=torch.long))
    boxes_norm, _ = tokenizer.decode(ids)
    coords = ids.reshape(-1, SLOTS_PER_OBJECT)[:, :4]
    return coords - tokenizer.coord_ids.start, letterbox.invert_boxes(boxes_norm)


def _own_iou(boxes: Tensor, others: Tensor) -> Tensor:
    """IoU of each box with the one of the same index, (N,)."""
    return box_iou(boxes, others).diagonal()


# ---- 2: sequence construction -----------------------------------------------------------------


def vocabulary_layout(tokenizer: Tokenizer) -> list[dict]:
    """The vocabulary as runs of ids of one kind, lowest first; gaps are ids that mean nothing."""
    specials = {tokenizer.pad_id: "PAD", tokenizer.eos_id: "EOS", tokenizer.bos_id: "BOS"}
    if tokenizer.pad_id == tokenizer.eos_id:
        specials[tokenizer.eos_id] = "EOS = PAD"
    if tokenizer.noise_id is not None:
        specials[tokenizer.noise_id] = "noise"
    parts = [("special", range(i, i + 1), text) for i, text in specials.items()]
    parts.append(("coord", tokenizer.coord_ids, "coordinates"))
    parts.append(("class", tokenizer.class_ids, "classes"))
    parts.sort(key=lambda part: part[1].start)
    layout, next_id = [], 0
    for kind, ids, text in parts:
        if next_id < ids.start:
            layout.append(_part("unused", range(next_id, ids.start), "unused"))
        layout.append(_part(kind, ids, text))
        next_id = ids.stop
    if next_id < tokenizer.vocab_size:
        layout.append(_part("unused", range(next_id, tokenizer.vocab_size), "unused"))
    return layout


def _part(kind: str, ids: range, text: str) -> dict:
    return {"kind": kind, "first": ids.start, "last": ids.stop - 1, "count": len(ids), "text": text}


def sentence(
    boxes: Tensor,
    labels: Tensor,
    letterbox: Letterbox,
    tokenizer: Tokenizer,
    order: ObjectOrder,
    seed: int,
) -> dict:
    """Write objects as one sentence with EOS (section 2.1).

    Args:
        boxes: (N, 4).
        labels: (N,).
        order: see ``object_order``; ``seed`` matters for ``random`` only.

    Returns:
        The order as indices into ``boxes`` and the tokens with slot, meaning and object.
    """
    boxes_norm = letterbox.apply_boxes(boxes)
    places = object_order(boxes_norm, order, torch.Generator().manual_seed(seed))
    places = places[: tokenizer.config.max_objects]
    ids = tokenizer.encode(boxes_norm[places], labels[places], eos=True).tolist()
    return {
        "order": places.tolist(),
        "left_out": len(boxes) - len(places),
        "tokens": [
            token_view(tokenizer, token_id)
            | (
                {"slot": tokenizer.slot(index), "object": tokenizer.object_of(index)}
                if index < len(ids) - 1
                else {"slot": "eos", "object": None}
            )
            for index, token_id in enumerate(ids)
        ],
    }


def token_view(tokenizer: Tokenizer, token_id: int) -> dict:
    """A token as the page shows it."""
    info = tokenizer.describe(token_id)
    return {"id": token_id, "text": info.text, "kind": info.kind}


# ---- 3: sequence augmentation -----------------------------------------------------------------


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
                "text": tokenizer.describe(targets[last]).text,
            }
        )
    return {"columns": columns, "objects": objects, "num_real": pair.num_real}


def labels_of(names: Sequence[str], categories: Categories) -> list[int | None]:
    """Labels of class names; ``None`` where a checkpoint has no such class."""
    known = {name: label for label, name in enumerate(categories.names) if name is not None}
    return [known.get(name) for name in names]
