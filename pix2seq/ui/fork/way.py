"""The way of a token: what the picture on view becomes before a word is written about it."""

from __future__ import annotations

import base64

import torch

from pix2seq.ui.visit.runs import Run


def way(run: Run) -> dict:
    """The network's sizes, and how strong each cell of its memory of the picture is.

    Returns:
        ``size`` of the input, ``share`` (y, x) of it that the picture covers, ``grid`` of cells,
        ``dim`` numbers per cell, ``drafts`` (guesses of the encoder that stand ahead of the grid),
        ``encoder`` and ``decoder`` (kind, layers, heads), ``vocab``, and
        ``cells``, the norms of the memory's vectors as grey levels, row by row, in base64.
    """
    predictor = run.predictor
    encoding = run.picture.encoded_by(predictor)
    rows, columns = encoding.grid
    vectors = encoding.memory[0, -rows * columns :].float().cpu()  # behind what is no cell
    norms = vectors.norm(dim=1)
    low, high = norms.min(), norms.max()
    grey = ((norms - low) / (high - low).clamp(min=1e-9) * 255).round().to(torch.uint8)
    height, width = predictor.preprocess.image_size
    inside = encoding.letterbox.apply_boxes(_whole(encoding.letterbox.orig_size))[0]
    answer = {
        "size": [height, width],
        "share": [float(inside[3]), float(inside[2])],
        "grid": [rows, columns],
        "dim": vectors.shape[1],
        "drafts": predictor.model.drafts,
        "vocab": predictor.tokenizer.vocab_size,
        "cells": base64.b64encode(bytes(grey.tolist())).decode("ascii"),
    }
    config = getattr(predictor.model, "config", None)
    if config is not None:
        for name, stack in (("encoder", config.encoder.transformer), ("decoder", config.decoder)):
            answer[name] = {"layers": stack.layers, "heads": stack.heads}
        answer["backbone"] = config.encoder.backbone
    return answer


def _whole(size: tuple[int, int]) -> torch.Tensor:
    height, width = size
    return torch.tensor([[0.0, 0.0, float(width), float(height)]])
