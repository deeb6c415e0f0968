"""A loaded checkpoint becomes a repository on the hub: weights, settings and a card."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from pix2seq import checkpoints
from pix2seq.checkpoints import CARD_FILE, Checkpoint
from pix2seq.hub.card import card
from pix2seq.hub.upload import upload, writable_repo


def publish(
    parts: Checkpoint,
    name: str,
    metrics: Mapping[str, float] | None = None,
    private: bool = False,
    half: bool = True,
) -> str:
    """Upload; see ``Predictor.push_to_hub``."""
    repo = writable_repo(name)
    info = parts.info.replace(name=repo.id.partition("/")[2], sampling=None)
    weights = sum(parameter.numel() for parameter in parts.model.parameters())
    with tempfile.TemporaryDirectory() as place:
        folder = checkpoints.save(
            Path(place) / "checkpoint",
            parts.model,
            parts.tokenizer.config,
            parts.preprocess,
            parts.tokenizer.categories,
            parts.defaults,
            info,
            half=half,
        )
        text = card(repo, info, parts.card, metrics, weights)
        (folder / CARD_FILE).write_text(text, encoding="utf-8")
        return upload(folder, repo, "model", f"{info.name}, from Pix2Seq Explorer", private)
