"""Where a network looked, as maps over the photo.

The decoder's attention goes to the cells of the memory's grid and, in a model whose encoder drafts
objects (``model.drafts``), to these drafts, too. A cell has a place; a draft has a box that it
speaks of. So cells become a grid of grey levels and drafts outlines, each with its share.
"""

from __future__ import annotations

import base64

import torch
from torch import Tensor

from pix2seq.boxes import clip_boxes
from pix2seq.config import ConfigError
from pix2seq.device import inference
from pix2seq.encoding import Looked
from pix2seq.model.drafts import Drafted
from pix2seq.transforms import Letterbox
from pix2seq.ui.visit.runs import Run

_MOST_DRAFTS = 5
_LEAST_SHARE = 0.02  # of all attention: a draft that got less is not worth an outline


def decoder_looked(run: Run, question: dict) -> dict:
    """Where the decoder looked when it wrote the token ``index``.

    Args:
        question: ``layer`` and ``head`` are numbers, or ``None`` for the mean; ``box`` (xyxy in
            pixels of the picture) asks for the share of the attention that falls inside it.

    Returns:
        A map of cells and, in a model that has them, ``drafts``: the ``share`` of the attention
        that they got together and the ``most`` looked at. With a box, ``inside``.
    """
    index = int(question["index"])
    encoding = run.picture.encoded_by(run.predictor)
    looked = run.predictor.cross_attention(encoding, run.token_ids[: index + 1])
    # the position that predicts the token: (layers, heads, N)
    here = Looked(looked.cells[:, :, index], looked.drafts[:, :, index])
    answer = _map(here.cells, encoding.grid, question)
    shares, drafted = _picked(here.drafts, question), None
    if len(shares):
        drafted = encoding.drafts
        answer["drafts"] = {
            "count": len(shares),
            "share": float(shares.sum()),
            "most": _most(run, encoding.letterbox, drafted, shares),
        }
    if question.get("box") is None:
        return answer
    pixels = torch.tensor([[float(edge) for edge in question["box"]]])
    box = encoding.letterbox.apply_boxes(pixels)[0]
    cells = _picked(here.cells, question)
    boxes = None if drafted is None else drafted.boxes[0].float().cpu()
    return answer | {"inside": inside_share(cells, encoding.grid, box, shares, boxes)}


def encoder_looks(run: Run, question: dict) -> dict:
    """Where the encoder looks from the cell under pixel (``x``, ``y``): a map of cells."""
    x, y = float(question["x"]), float(question["y"])
    encoding = run.picture.encoded_by(run.predictor)
    rows, columns = encoding.grid
    encoder = getattr(run.predictor.model, "encoder", None)
    if not hasattr(encoder, "attention_weights"):
        raise ConfigError("this checkpoint's encoder has no attention to show")
    letterbox = encoding.letterbox
    place = letterbox.apply_boxes(torch.tensor([[x, y, x, y]]))[0].clamp(0, 1 - 1e-6)
    cell = int(place[1] * rows) * columns + int(place[0] * columns)
    pixels = letterbox.apply_image(run.picture.image)[None].to(run.predictor.device)
    with inference(run.predictor.device):
        row = cell - rows * columns  # from the end: a class token may stand before the cells
        asked = slice(row, row + 1 or None)
        weights = encoder.attention_weights(pixels, asked)[0]  # (layers, heads, 1, N)
    return _map(weights[:, :, 0, -rows * columns :].float().cpu(), encoding.grid, question)


def inside_share(
    cells: Tensor,
    grid: tuple[int, int],
    box: Tensor,
    shares: Tensor | None = None,
    drafts: Tensor | None = None,
) -> float:
    """Share of the attention inside ``box`` (xyxy in [0, 1] of the grid). A cell that the box cuts
    counts by the part of it that is inside, and so does the box that a draft speaks of.

    Args:
        cells: attention to the cells, rows x columns, flat.
        shares, drafts: attention to drafts (K,), and their boxes (K, 4).
    """
    rows, columns = grid

    def covered(low: float, high: float, count: int) -> Tensor:
        which = torch.arange(count, device=cells.device, dtype=cells.dtype)
        ends = (which + 1).clamp(max=high * count)
        return (ends - which.clamp(min=low * count)).clamp(min=0)

    x0, y0, x1, y1 = box.tolist()
    parts = covered(y0, y1, rows)[:, None] * covered(x0, x1, columns)
    inside, whole = (cells.view(rows, columns) * parts).sum(), cells.sum()
    if drafts is not None and shares is not None:
        inside, whole = inside + (shares * _lies_in(drafts, box)).sum(), whole + shares.sum()
    return float(inside / whole.clamp(min=1e-12))


def _lies_in(drafts: Tensor, box: Tensor) -> Tensor:
    """The part of each draft's box (K, 4) that lies in ``box``; of one without area, its middle."""
    sides = (drafts[:, 2:] - drafts[:, :2]).clamp(min=1e-6)
    low = torch.minimum(drafts[:, :2], drafts[:, 2:])
    within = torch.minimum(low + sides, box[2:]) - torch.maximum(low, box[:2])
    return (within.clamp(min=0) / sides).prod(-1)


def _most(run: Run, letterbox: Letterbox, drafted: Drafted, shares: Tensor) -> list[dict]:
    """The drafts that were looked at most: box in pixels of the picture, how sure the encoder is of
    it, what it calls it (``None`` where the checkpoint has other classes), share of attention."""
    names = run.predictor.categories.names
    same = run.predictor.model.config.encoder.pyramid.classes == len(names)
    boxes = clip_boxes(letterbox.invert_boxes(drafted.boxes[0].float().cpu()), letterbox.orig_size)
    best = shares.topk(min(_MOST_DRAFTS, len(shares)))
    return [
        {
            "box": [round(edge, 1) for edge in boxes[i].tolist()],
            "name": names[int(drafted.classes[0, i])] if same else None,
            "sure": float(drafted.sure[0, i]),
            "share": share,
        }
        for share, i in zip(best.values.tolist(), best.indices.tolist(), strict=True)
        if share >= _LEAST_SHARE
    ]


def _map(weights: Tensor, grid: tuple[int, int], question: dict) -> dict:
    """Weights (layers, heads, N) of cells as grey levels, for one layer and head or their means."""
    layers, heads = weights.shape[:2]
    picked = _picked(weights, question)
    # Where others got it all, the cell that got most of nearly nothing is not to shine.
    peak = max(float(picked.max()), 1 / len(picked))
    grey = (picked / peak * 255).round().to(torch.uint8)
    return {
        "rows": grid[0],
        "columns": grid[1],
        "layers": layers,
        "heads": heads,
        "peak": peak,
        "cells": base64.b64encode(bytes(grey.tolist())).decode("ascii"),
    }


def _picked(weights: Tensor, question: dict) -> Tensor:
    """Of weights (layers, heads, N) those of one layer and head, or their means: (N,)."""
    layer, head = question.get("layer"), question.get("head")
    picked = weights.mean(0) if layer is None else weights[int(layer)]  # (heads, N)
    return picked.mean(0) if head is None else picked[int(head)]
