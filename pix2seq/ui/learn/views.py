"""What every lesson tells the page in the same words: a token, a place, a line of JSON."""

from __future__ import annotations

import json

import torch

from pix2seq.tokenizer import Tokenizer
from pix2seq.transforms import Letterbox


def line(kind: str, **data: object) -> str:
    """One line of what the page follows."""
    return json.dumps({"k": kind, **data}, separators=(",", ":")) + "\n"


def token_view(tokenizer: Tokenizer, token_id: int) -> dict:
    """A token as the page shows it."""
    info = tokenizer.describe(token_id)
    return {"id": token_id, "text": info.text, "kind": info.kind}


def frame(letterbox: Letterbox) -> list[float]:
    """Where coordinates 0 and 1 lie in the picture: ``xyxy`` in pixels, padding included."""
    return letterbox.invert_boxes(torch.tensor([[0.0, 0.0, 1.0, 1.0]]))[0].tolist()
