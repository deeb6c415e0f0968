"""The recorded file: numbers for the page, and a gallery of boxes with their sentences."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from pix2seq.argument.measured import METRICS, THRESHOLDS, Comparison, Measured
from pix2seq.argument.sides import SIDES, Pair, Told
from pix2seq.argument.verdicts import VERDICTS
from pix2seq.evaluate.run import Samples

FORMAT = "pix2seq-argument"
VERSION = 1
_SIDE = 320  # pixels of a picture in the gallery
_QUALITY = 55
_DIGITS = 4


def as_record(pair: Pair, weights: tuple[str, str], sets: Sequence[dict]) -> dict[str, Any]:
    """The whole file.

    Args:
        weights: checksums of the plain model and of its control.
        sets: from ``set_record``.
    """
    return {
        "format": FORMAT,
        "version": VERSION,
        "plain": {"name": pair.plain.name, "weights": weights[0]},
        "control": {"name": pair.control.name, "weights": weights[1]},
        "options": pair.options.to_dict(),
        "sides": [{"name": side.name, "title": side.title} for side in SIDES],
        "thresholds": list(THRESHOLDS),
        "sets": list(sets),
    }


def set_record(
    title: str, pair: Pair, samples: Samples, told: Told, compared: Comparison, pictures: int
) -> dict[str, Any]:
    """One labelled set.

    Args:
        title: what the set is called.
        pictures: that many of the first images go into the file with all their boxes.
    """
    return {
        "title": title,
        "images": len(told.truths),
        "objects": compared.objects,
        "missing": list(told.missing),
        "sides": {name: _side(one) for name, one in compared.sides.items()},
        "differences": {
            name: {"precision": _rounded(ends[0]), "recall": _rounded(ends[1])}
            for name, ends in compared.differences.items()
        },
        "gallery": [
            _picture(pair, samples, told, compared, index)
            for index in range(min(pictures, len(told.truths)))
        ],
    }


def as_table(record: dict) -> str:
    """For a terminal: the averages of every side on every set, with their intervals."""
    lines = []
    for one in record["sets"]:
        lines.append(f"{one['title']}: {one['images']} images, {one['objects']} objects")
        for side in record["sides"]:
            metrics = one["sides"][side["name"]]["metrics"]
            cells = [f"{name} {_percent(metrics[name])}" for name in METRICS]
            lines.append(f"  {side['title']:<34}" + "  ".join(cells))
    return "\n".join(lines)


def _percent(value: Sequence[float | None]) -> str:
    middle, low, high = (math.nan if v is None else 100 * v for v in value)
    return f"{middle:5.1f} [{low:.1f}, {high:.1f}]"


def _side(one: Measured) -> dict[str, Any]:
    return {
        "counts": {name: one.counts[k].tolist() for k, name in enumerate(VERDICTS)},
        "precision": _rounded(one.precision),
        "recall": _rounded(one.recall),
        "metrics": {name: _rounded(np.array(value)) for name, value in one.metrics.items()},
        "calibration": _rounded(np.array(one.calibration).reshape(-1, 3)),
        "by_place": _rounded(np.array(one.by_place).reshape(-1, 3)),
    }


def _picture(
    pair: Pair, samples: Samples, told: Told, compared: Comparison, index: int
) -> dict[str, Any]:
    """One image of the gallery: what is in it, and what every side wrote."""
    truth = told.truths[index]
    return {
        "image": _thumbnail(samples[index].image),
        "size": list(truth.size),
        "truth": [
            [_rounded(box, 1), pair.control.categories.name(label)]
            for box, label, crowd in zip(
                truth.boxes.numpy(), truth.labels.tolist(), truth.is_crowd.tolist(), strict=True
            )
            if not crowd
        ],
        "sides": {side.name: _boxes(pair, told, compared, side.name, index) for side in SIDES},
    }


def _boxes(pair: Pair, told: Told, compared: Comparison, side: str, index: int) -> list[dict]:
    """Every box with its words, in the order of writing."""
    found, verdicts = told.found[side][index], compared.verdicts[side][index]
    ids, tokenizer = told.sentences[side][index], pair.control.tokenizer
    rows = []
    for row, place in enumerate(found.objects.tolist()):
        words = ids[tokenizer.sequence_length(place) : tokenizer.sequence_length(place + 1)]
        kind = int(verdicts.kinds[row])
        rows.append(
            {
                "place": place,
                "box": _rounded(found.boxes[row].numpy(), 1),
                "name": pair.control.categories.name(int(found.labels[row])),
                "score": round(float(found.scores[row]), _DIGITS),
                "words": [tokenizer.describe(word).text for word in words],
                "verdict": VERDICTS[kind] if kind >= 0 else "crowd",
                "object": int(verdicts.objects[row]),
            }
        )
    return rows


def _thumbnail(image: Image.Image) -> str:
    small = image.convert("RGB")
    small.thumbnail((_SIDE, _SIDE))
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=_QUALITY, method=6)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def _rounded(values: np.ndarray, digits: int = _DIGITS) -> list:
    """Plain rounded numbers; NaN as ``None``, whole numbers without a point."""
    if values.ndim > 1:
        return [_rounded(row, digits) for row in values]
    plain = []
    for value in values.tolist():
        if isinstance(value, float) and math.isnan(value):
            plain.append(None)
        else:
            value = round(value, digits)
            plain.append(int(value) if value == int(value) else value)
    return plain
