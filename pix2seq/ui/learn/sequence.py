"""Lesson 2, the sequence: objects as one sentence of a vocabulary (paper, section 2.1)."""

from __future__ import annotations

import torch
from torch import Tensor

from pix2seq.tokenizer import ObjectOrder, Tokenizer, object_order
from pix2seq.transforms import Letterbox
from pix2seq.ui.learn.views import token_view


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
