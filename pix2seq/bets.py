"""You are the decoder: bets on the next token, and what they cost.

A bet is a distribution over what a slot may hold, as natural logs: a bell over the bins, chips over
the class names. It is scored as the model is, in nats: −ln of what was put on the token that is
written. Everything here is arithmetic; no model and no picture.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pix2seq.boxes import box_iou
from pix2seq.config import ConfigError
from pix2seq.tokenizer import Slot, Tokenizer

NARROWEST = 0.25
"""Least deviation of a bell, in bins: one bin off it has a three-thousandth of its top."""

SPARE = 0.01
"""Share of a bell that lies on all bins alike, as the spare chip lies on all names: a lost bell
costs ln(bins / SPARE) at most, 10.2 nats over 256. A bell alone would put e^-200,000 on a far bin,
which is nobody's belief, and one such round would decide the game."""

ROUNDS = 5


def bell(place: float, width: float, bins: int) -> Tensor:
    """A Gaussian over the bins, and ``SPARE`` of it on all of them alike.

    Args:
        place: its middle, in bins; it may lie between two.
        width: its deviation in bins, at least ``NARROWEST``.

    Returns:
        (bins,) float64 natural logs of probabilities that add up to 1.
    """
    if bins < 2:
        raise ConfigError(f"there are {bins} bins; a bell needs at least 2")
    if not 0 <= place <= bins - 1:
        raise ConfigError(f"the bell stands at bin {place:g}; use 0 to {bins - 1}")
    if not NARROWEST <= width < math.inf:
        raise ConfigError(f"the bell is {width:g} bins wide; use {NARROWEST} or more")
    distance = torch.arange(bins, dtype=torch.float64) - place
    gaussian = (-0.5 * (distance / width) ** 2).softmax(0)
    return ((1 - SPARE) * gaussian + SPARE / bins).log()


def chips(stakes: Mapping[int, float], names: int, spare: float = 1.0) -> Tensor:
    """Chips on class names; ``spare`` more are spread over all of them alike, so that no name is
    impossible.

    Args:
        stakes: chips by position in the slot's list of names.
        names: how many there are.

    Returns:
        (names,) float64 natural logs of probabilities that add up to 1.
    """
    if spare <= 0:
        raise ConfigError(f"spare is {spare:g}; without a spare chip a lost bet costs infinity")
    pile = torch.full((names,), spare / names, dtype=torch.float64)
    for name, stake in stakes.items():
        if not 0 <= name < names:
            raise ConfigError(f"chips lie on name {name}; use 0 to {names - 1}")
        if not 0 <= stake < math.inf:
            raise ConfigError(f"{stake:g} chips lie on name {name}; use 0 or more")
        pile[name] += stake
    return (pile / pile.sum()).log()


def nats(bet: Tensor, outcome: int) -> float:
    """What a bet (n,) costs when position ``outcome`` comes: −ln p, in nats."""
    if not 0 <= outcome < len(bet):
        raise ConfigError(f"outcome {outcome} is not among {len(bet)} possibilities")
    return -float(bet[outcome]) + 0.0  # no -0.0


def even(possibilities: int) -> float:
    """What it costs to bet on everything alike: ln n. The first ymin of n objects in free order
    costs about that much beside its edge, and no model can do better."""
    return math.log(possibilities)


def dearest(possibilities: int, share: float = SPARE) -> float:
    """The most that a bet can cost, nats, of which at least ``share`` lies on all possibilities
    alike."""
    return math.log(possibilities / share)


def model_bet(logits: Tensor, tokenizer: Tokenizer, index: int) -> tuple[Tensor, list[int]]:
    """The model as a player: its distribution over what the bet is about.

    Args:
        logits: (V,) raw, of token ``index``.

    Returns:
        (n,) natural logs, renormalised to the slot's bins or names (EOS is left out), and the n
        token ids in the order of positions.
    """
    ids = outcomes(tokenizer, index)
    return logits.double()[torch.tensor(ids)].log_softmax(0), ids


def outcomes(tokenizer: Tokenizer, index: int) -> list[int]:
    """The token ids that a bet on ``index`` spreads over: all bins, or all names and noise."""
    if tokenizer.slot(index) == "class":
        return tokenizer.label_mask.nonzero()[:, 0].tolist()
    return list(tokenizer.coord_ids)


@dataclass(frozen=True)
class Score:
    """One player's price for one token.

    Attributes:
        player: ``you``, ``model`` or ``uniform``.
        written, truth: nats against what is written and against the labelled truth, where there
            is one.
    """

    player: str
    written: float
    truth: float | None = None


def score_round(bet: Tensor, model: Tensor, written: int, truth: int | None = None) -> list[Score]:
    """You, the model and nobody's guess, for one token.

    Args:
        bet, model: (n,) natural logs over the same possibilities.
        written, truth: positions among them.
    """
    if len(bet) != len(model):
        raise ConfigError(f"the bet has {len(bet)} possibilities, the model {len(model)}")
    uniform = torch.full_like(model, -even(len(model)))
    players = (("you", bet), ("model", model), ("uniform", uniform))
    return [
        Score(name, nats(logs, written), None if truth is None else nats(logs, truth))
        for name, logs in players
    ]


@dataclass(frozen=True)
class Miss:
    """An edge that is ``off`` bins from where it should be.

    Attributes:
        spike: nats of one bin that holds nearly everything and is wrong: the same at any distance.
        bell: nats of a bell around the wrong bin.
        iou: overlap of the box with the moved edge and the true one.
    """

    off: int
    spike: float
    bell: float
    iou: float


def misses(
    box_norm: Sequence[float],
    side: Slot,
    offsets: Sequence[int],
    bins: int,
    width: float = 2.0,
    trust: float = 1 - SPARE,
) -> list[Miss]:
    """The loss knows no ruler: what it says about an edge one bin off and a hundred bins off.

    A bet with no notion of neighbours (``trust`` on one bin, the rest spread over all others) costs
    the same however far it misses, though the box hardly changes or is lost. A bell does have a
    ruler, and pays as much only where it is lost; nobody told the model to grow one.

    Args:
        box_norm: the true ``xyxy`` in [0, 1].
        side: which edge is moved.
        offsets: by how many bins; what would leave the axis stops at its end.
        width: deviation of the bell in bins.
    """
    sides = {"xmin": 0, "ymin": 1, "xmax": 2, "ymax": 3}
    if side not in sides:
        raise ConfigError(f"side is {side!r}; use one of {', '.join(sides)}")
    if not 0 < trust < 1:
        raise ConfigError(f"trust is {trust:g}; use a probability between 0 and 1")
    true = torch.tensor([box_norm], dtype=torch.float64)
    right = round(float(true[0, sides[side]]) * (bins - 1))
    found = []
    for off in offsets:
        wrong = min(max(right + off, 0), bins - 1)
        moved = true.clone()
        moved[0, sides[side]] += (wrong - right) / (bins - 1)
        p = trust if wrong == right else (1 - trust) / (bins - 1)
        found.append(
            Miss(
                off=wrong - right,
                spike=-math.log(p),
                bell=nats(bell(wrong, width, bins), right),
                iou=float(box_iou(true, moved)),
            )
        )
    return found


def pick_rounds(slots: Sequence[str], seed: int, count: int = ROUNDS) -> list[int]:
    """Which tokens of a sentence are bet on: the first, because it shows the price of a free order,
    and others drawn by the seed, names and edges in turn where there are enough. Whoever has the
    same sentence and seed plays the same game.

    Args:
        slots: of all tokens, in order; EOS is not bet on.
    """
    if count < 1:
        raise ConfigError(f"a game has {count} rounds; play at least one")
    generator = random.Random(seed)
    names = [i for i, slot in enumerate(slots) if slot == "class"]
    edges = [i for i, slot in enumerate(slots) if slot not in ("class", "eos") and i > 0]
    generator.shuffle(names)
    generator.shuffle(edges)
    picked = [0] if slots and slots[0] not in ("class", "eos") else []
    while len(picked) < count and (names or edges):
        from_names = names and (not edges or len(picked) % 2 == 0)
        picked.append((names if from_names else edges).pop())
    return sorted(picked)


def game_text(title: str, seed: int, rounds: Sequence[Sequence[Score]]) -> str:
    """A game's result in a few lines, to be pasted anywhere: the sums and every round.

    Args:
        rounds: ``score_round`` of each.
    """
    totals: dict[str, float] = {}
    lines = []
    for number, scores in enumerate(rounds, start=1):
        for score in scores:
            totals[score.player] = totals.get(score.player, 0.0) + score.written
        lines.append(
            f"{number}: " + ", ".join(f"{score.player} {score.written:.2f}" for score in scores)
        )
    total = ", ".join(f"{player} {nats_:.2f}" for player, nats_ in totals.items())
    return "\n".join([f"{title}, seed {seed}: {total} nats", *lines])
