"""You are the decoder: five tokens of the sentence on view to bet on, and what bets cost.

Which tokens is decided by the sentence and the game's number, so a class plays the same game. The
model's distribution leaves the server with the price of a bet, not before.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from pix2seq.bets import (
    SPARE,
    Score,
    bell,
    chips,
    dearest,
    even,
    game_text,
    misses,
    model_bet,
    outcomes,
    pick_rounds,
    score_round,
)
from pix2seq.boxes import box_iou
from pix2seq.categories import COCO_80
from pix2seq.config import ConfigError
from pix2seq.examples import scene_sample
from pix2seq.ui.fork.memory import said
from pix2seq.ui.visit.questions import whole_in
from pix2seq.ui.visit.runs import Run

CHIPS = 10
_OFF = (1, 100)  # bins, for the lesson about the ruler
_SAME = 0.5


def rounds(run: Run, question: dict) -> dict:
    """The tokens of game ``seed``, and the names that chips may lie on. Only objects with a name
    and what stands between them are played: who would bet on noise?"""
    tokenizer = run.predictor.tokenizer
    named = len(said(run))  # writes a recording's tokens again
    played = run.steps[:named] or run.steps
    indices = pick_rounds([step.slot for step in played], whole_in(question, "seed"))
    if not indices:
        raise ConfigError("this sentence has no token to bet on")
    names = [
        tokenizer.describe(token_id).text for token_id in outcomes(tokenizer, _class_place(run))
    ]
    return {
        "rounds": [{"index": index, "slot": run.steps[index].slot} for index in indices],
        "bins": tokenizer.num_bins,
        "names": names,
        "chips": CHIPS,
        "spare": SPARE,
    }


def price(run: Run, question: dict) -> dict:
    """What a bet on token ``index`` costs: ``{"bell": {"place", "width"}}`` in bins, or
    ``{"chips": {position: count}}`` on the names."""
    step = run.restore().step_at(whole_in(question, "index"))
    tokenizer = run.predictor.tokenizer
    model, ids = model_bet(step.logits, tokenizer, step.index)
    if step.token_id not in ids:
        raise ConfigError(f"token {step.index + 1} is no {step.slot}; there is nothing to bet on")
    bet = _bet(question, step.slot == "class", len(ids))
    true = _truth(run, step.index)
    written, truth = ids.index(step.token_id), None if true is None else ids.index(true)
    answer = {
        "scores": [vars(score) for score in score_round(bet, model, written, truth)],
        "you": _probabilities(bet),
        "model": _probabilities(model),
        "written": written,
        "truth": truth,
        "most": dearest(len(ids), 1 / (CHIPS + 1) if step.slot == "class" else SPARE),
        "even": None,
        "misses": None,
    }
    if step.index == 0:
        named = sum(token_id in tokenizer.class_ids for token_id in run.token_ids)
        answer["even"] = {"objects": named, "nats": even(max(named, 1))}
    if step.slot != "class":
        answer["misses"] = _ruler(run, step.index, step.slot)
    return answer


def result(run: Run, question: dict) -> dict:
    """The finished game as lines to paste; ``scores`` holds every round's as it was answered."""
    played = question.get("scores")
    if not isinstance(played, list) or not all(isinstance(one, list) for one in played):
        raise ConfigError("scores must be a list of rounds")
    scores = [
        [Score(str(score["player"])[:20], float(score["written"])) for score in one[:3]]
        for one in played[:20]
    ]
    title = f"You are the decoder, {run.picture.name}"
    return {"text": game_text(title, whole_in(question, "seed"), scores)}


# ---- inside ---------------------------------------------------------------------------------


def _bet(question: dict, names: bool, possibilities: int) -> Tensor:
    given = question.get("chips" if names else "bell")
    if not isinstance(given, Mapping):
        raise ConfigError(f"the bet must be {'chips on names' if names else 'a bell over bins'}")
    if not names:
        return bell(float(given["place"]), float(given["width"]), possibilities)
    stakes = {int(name): float(count) for name, count in given.items()}
    if sum(stakes.values()) > CHIPS:
        raise ConfigError(f"{sum(stakes.values()):g} chips are laid; there are {CHIPS}")
    return chips(stakes, possibilities)


def _object(run: Run, index: int) -> list[int] | None:
    """The tokens of the object that a token belongs to; ``None`` if it is unfinished."""
    tokenizer = run.predictor.tokenizer
    at = tokenizer.object_of(index)
    part = run.token_ids[tokenizer.sequence_length(at) : tokenizer.sequence_length(at + 1)]
    whole = len(part) == tokenizer.sequence_length(1) and tokenizer.eos_id not in part
    return part if whole else None


def _truth(run: Run, index: int) -> int | None:
    """The token that the labels would have here: of the true object that the written one is about,
    if this is a scene and there is one."""
    scene, tokens = scene_sample(run.picture.example), _object(run, index)
    if scene is None or tokens is None:
        return None
    tokenizer = run.predictor.tokenizer
    boxes = run.picture.encoded_by(run.predictor).letterbox.apply_boxes(scene.boxes)
    own, _ = tokenizer.decode(torch.tensor(tokens))
    overlap = box_iou(own, boxes)[0]
    best = int(overlap.argmax())
    if float(overlap[best]) <= _SAME:
        return None
    try:
        name = COCO_80.name(int(scene.labels[best]))
        label = torch.tensor([tokenizer.categories.label_of_name(name)])
    except KeyError:  # a checkpoint of other classes
        return None
    ids = tokenizer.encode(boxes[best : best + 1], label)
    return int(ids[index - tokenizer.sequence_length(tokenizer.object_of(index))])


def _ruler(run: Run, index: int, slot: str) -> list[dict] | None:
    """What one bin off and a hundred bins off cost, with and without a ruler."""
    tokens = _object(run, index)
    if tokens is None:
        return None
    tokenizer = run.predictor.tokenizer
    box, _ = tokenizer.decode(torch.tensor(tokens))
    found = misses(box[0].tolist(), slot, _OFF, tokenizer.num_bins)
    return [vars(miss) for miss in found]


def _class_place(run: Run) -> int:
    tokenizer = run.predictor.tokenizer
    return next(i for i in range(len(tokenizer.slots)) if tokenizer.slot(i) == "class")


def _probabilities(logs: Tensor) -> list[float]:
    return [round(p, 6) for p in logs.exp().tolist()]
