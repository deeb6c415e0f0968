"""Lesson 1, quantisation: a coordinate as one of so many bins (paper, section 2.1).

Boxes are ``xyxy`` in pixels of the picture; a ``Letterbox`` says how they lie in the model's input.
No model is needed, only a ruler.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pix2seq.boxes import box_iou
from pix2seq.categories import Categories
from pix2seq.config import SLOTS_PER_OBJECT, ConfigError, Quantizer, TokenizerConfig
from pix2seq.tokenizer import Tokenizer
from pix2seq.transforms import Letterbox
from pix2seq.ui.learn.views import frame

MIN_BINS, MAX_BINS = 8, 2000
_CURVE_POINTS = 40
_ANY = Categories.contiguous(("object",))


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
