"""Lesson 4, the objective: what each token of a training sentence costs the loaded model (paper,
section 2.2, equation 1)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from pix2seq.augment import TrainingSequence
from pix2seq.device import inference
from pix2seq.objective import token_losses, weighted_mean
from pix2seq.predictor import ImageEncoding, Predictor
from pix2seq.tokenizer import Tokenizer
from pix2seq.ui.learn.views import token_view

_CANDIDATES = 5
_LEAST = 5e-5  # of a bell's probabilities; what is less cannot be seen


def teacher_forced_logits(
    predictor: Predictor, encoding: ImageEncoding, pair: TrainingSequence
) -> Tensor:
    """The model's logits at every position of a given sentence, (L, V) float32 on the CPU."""
    with inference(predictor.device):
        ids = pair.input_ids[None].to(predictor.device)
        logits = predictor.model.decode(ids, encoding.memory)
    return logits[0].float().cpu().clone()


def objective(logits: Tensor, pair: TrainingSequence, tokenizer: Tokenizer) -> dict:
    """What each token costs (section 2.2, equation 1): loss in nats, probability, rank.

    Args:
        logits: (L, V) of ``pair.input_ids``.

    Returns:
        Per position the loss, the target's probability and rank (1 is best), the likeliest tokens
        and, where a coordinate is asked for, how the bins share the probability; means weighted as
        in training, over everything and by kind of target; and the loss of a model that finds every
        token equally likely.
    """
    losses = token_losses(logits[None], pair.target_ids[None])[0]
    probs = logits.softmax(-1)
    target_probs = probs.gather(-1, pair.target_ids[:, None])
    ranks = (probs > target_probs).sum(-1) + 1
    best = probs.topk(min(_CANDIDATES, probs.shape[-1]), dim=-1)
    targets = pair.target_ids
    is_coord = tokenizer.is_coord(targets)
    bells = probs[:, tokenizer.coord_ids.start : tokenizer.coord_ids.stop]
    is_label = tokenizer.label_mask[targets]
    weights = pair.token_weights

    def mean(chosen: Tensor) -> float | None:
        kept = weights * chosen
        return weighted_mean(losses, kept).item() if kept.sum() > 0 else None

    return {
        "tokens": [
            {
                "loss": loss,
                "prob": prob,
                "rank": rank,
                "best": [
                    token_view(tokenizer, i) | {"prob": p} for i, p in zip(ids, ps, strict=True)
                ],
                "bell": _bell(bell) if coordinate else None,
            }
            for loss, prob, rank, ids, ps, bell, coordinate in zip(
                losses.tolist(),
                target_probs[:, 0].tolist(),
                ranks.tolist(),
                best.indices.tolist(),
                best.values.tolist(),
                bells,
                (is_coord & (weights > 0)).tolist(),
                strict=True,
            )
        ],
        "mean": mean(torch.ones_like(is_coord)),
        "coord": mean(is_coord),
        "class": mean(is_label),
        "eos": mean(~is_coord & ~is_label),
        "uniform": math.log(tokenizer.vocab_size),
    }


def _bell(probs: Tensor) -> list[list[float]]:
    """The bins that hold any probability worth drawing, each with it."""
    kept = (probs >= _LEAST).nonzero()[:, 0].tolist()
    return [[i, round(probs[i].item(), 5)] for i in kept]
