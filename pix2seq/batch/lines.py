"""One picture's result as plain data: a line of JSONL, a row of Parquet or of a Ray data set."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pix2seq.many import Found
from pix2seq.predictor import Predictor

if TYPE_CHECKING:
    import pyarrow


def result_line(
    predictor: Predictor, name: str, image_id: int, written: Found, tokens: bool = False
) -> dict[str, Any]:
    """What is kept of one picture.

    Args:
        tokens: whether every token is told, too, with log-probability and entropy (nats).
    """
    height, width = written.encoding.orig_size
    ids = [step.token_id for step in written.steps]
    line = {
        "name": name,
        "image_id": image_id,
        "width": width,
        "height": height,
        "seed": written.options.seed,
        "detections": _detections(predictor, written, ids),
        "degenerate": written.detections.degenerate,
    }
    if tokens:
        line["tokens"] = _tokens(predictor, written)
    return line


def to_json(line: dict[str, Any]) -> bytes:
    """One line, its end included; ASCII whatever the name holds."""
    return json.dumps(line, separators=(",", ":"), allow_nan=False).encode("ascii") + b"\n"


def coco_results(line: dict[str, Any]) -> list[dict[str, Any]]:
    """COCO result records of the named objects (``bbox`` is x, y, width, height)."""
    results = []
    for found in line["detections"]:
        if found["category_id"] is not None:
            x0, y0, x1, y1 = found["box"]
            results.append(
                {
                    "image_id": line["image_id"],
                    "category_id": found["category_id"],
                    "bbox": [x0, y0, rounded(x1 - x0), rounded(y1 - y0)],
                    "score": found["score"],
                }
            )
    return results


def table_schema() -> pyarrow.Schema:
    """The columns of ``result_line``, and ``error`` for a picture that could not be used."""
    import pyarrow as pa

    detection = pa.struct(
        [
            ("box", pa.list_(pa.float64())),
            ("label", pa.string()),
            ("label_id", pa.int32()),
            ("category_id", pa.int64()),
            ("score", pa.float64()),
            ("noise_probability", pa.float64()),
            ("edge_score", pa.float64()),
            ("is_noise", pa.bool_()),
            ("token_ids", pa.list_(pa.int32())),
        ]
    )
    token = pa.struct(
        [
            ("index", pa.int32()),
            ("id", pa.int32()),
            ("slot", pa.string()),
            ("text", pa.string()),
            ("logprob", pa.float64()),
            ("entropy", pa.float64()),
        ]
    )
    return pa.schema(
        [
            ("name", pa.string()),
            ("image_id", pa.int64()),
            ("width", pa.int32()),
            ("height", pa.int32()),
            ("seed", pa.int64()),
            ("detections", pa.list_(detection)),
            ("degenerate", pa.int32()),
            ("tokens", pa.list_(token)),
            ("error", pa.string()),
        ]
    )


def rounded(value: float) -> float:
    """Six significant digits: a float32 has no more to say."""
    return float(f"{value:.6g}")


def _detections(predictor: Predictor, written: Found, ids: list[int]) -> list[dict[str, Any]]:
    tokenizer, categories = predictor.tokenizer, predictor.categories
    found, rows = written.detections, []
    for i, label in enumerate(found.labels.tolist()):
        at = int(found.objects[i])
        first, stop = tokenizer.sequence_length(at), tokenizer.sequence_length(at + 1)
        named = label < len(categories) and categories.names[label] is not None
        rows.append(
            {
                "box": [rounded(value) for value in found.boxes[i].tolist()],
                "label": categories.name(label),
                "label_id": label,
                "category_id": categories.ids[label] if named else None,
                "score": rounded(float(found.scores[i])),
                "noise_probability": rounded(float(found.noise_scores[i])),
                "edge_score": rounded(float(found.edge_scores[i])),
                "is_noise": bool(found.is_noise[i]),
                "token_ids": ids[first:stop],
            }
        )
    return rows


def _tokens(predictor: Predictor, written: Found) -> list[dict[str, Any]]:
    return [
        {
            "index": step.index,
            "id": step.token_id,
            "slot": step.slot,
            "text": predictor.tokenizer.describe(step.token_id).text,
            "logprob": rounded(step.logprob),
            "entropy": rounded(step.entropy),
        }
        for step in written.steps
    ]
