"""Bets on the next token: distributions, prices, and a loss without a ruler."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pix2seq.bets import (
    NARROWEST,
    Score,
    bell,
    chips,
    dearest,
    even,
    game_text,
    misses,
    model_bet,
    nats,
    outcomes,
    pick_rounds,
    score_round,
)
from pix2seq.config import ConfigError
from tests.fakes import tiny_tokenizer

TOKENIZER = tiny_tokenizer()


@given(place=st.floats(0, 255), width=st.floats(0.25, 500))
def test_a_bell_is_a_distribution_with_its_top_where_it_stands(place, width):
    bet = bell(place, width, 256)
    assert float(bet.exp().sum()) == pytest.approx(1)
    assert abs(int(bet.argmax()) - place) <= 0.5 + 1e-6
    assert all(math.isfinite(nats(bet, outcome)) for outcome in (0, 255))


@given(place=st.integers(0, 31), near=st.integers(0, 31), far=st.integers(0, 31))
def test_a_bell_has_a_ruler(place, near, far):
    bet = bell(place, 3.0, 32)
    if abs(near - place) < abs(far - place):
        assert nats(bet, near) <= nats(bet, far)
        assert nats(bet, near) < nats(bet, far) or abs(near - place) > 15, "near enough to matter"


def test_a_narrow_bell_wins_more_and_loses_more():
    narrow, wide = bell(100, 0.25, 256), bell(100, 10, 256)
    assert nats(narrow, 100) < 0.02 < nats(wide, 100)
    assert nats(narrow, 130) > 10 > nats(wide, 130)


@given(
    place=st.floats(0, 255),
    width=st.floats(NARROWEST, 500),
    outcome=st.integers(0, 255),
    stakes=st.dictionaries(st.integers(0, 80), st.integers(0, 5), max_size=2),
)
def test_no_bet_costs_more_than_what_lies_on_all_alike_leaves(place, width, outcome, stakes):
    """A spike that misses once cost 209,952 nats, and one such round decided a game."""
    assert 0 < nats(bell(place, width, 256), outcome) <= dearest(256) < 10.2
    assert nats(bell(0, NARROWEST, 256), 255) == pytest.approx(dearest(256))
    assert nats(chips(stakes, 81), 80) <= dearest(81, 1 / 11) + 1e-9


@given(st.dictionaries(st.integers(0, 80), st.floats(0, 100), max_size=6))
def test_chips_are_a_distribution_and_nothing_is_impossible(stakes):
    bet = chips(stakes, 81)
    assert float(bet.exp().sum()) == pytest.approx(1)
    assert bool(bet.isfinite().all())


def test_nine_chips_of_ten_and_the_spare_one():
    bet = chips({3: 9}, 81)
    assert math.exp(bet[3]) == pytest.approx((9 + 1 / 81) / 10)
    assert math.exp(bet[0]) == pytest.approx(1 / 810)
    assert nats(chips({}, 81), 5) == pytest.approx(even(81)) == pytest.approx(math.log(81))


def test_the_model_is_scored_on_the_same_possibilities():
    logits = torch.randn(TOKENIZER.vocab_size, generator=torch.Generator().manual_seed(0))
    for index, count in ((0, 32), (3, 32), (4, 81)):
        bet, ids = model_bet(logits, TOKENIZER, index)
        assert len(bet) == len(ids) == count
        assert ids == outcomes(TOKENIZER, index)
        assert float(bet.exp().sum()) == pytest.approx(1)
        probs = logits.double().softmax(0)[torch.tensor(ids)]
        torch.testing.assert_close(bet.exp(), probs / probs.sum())
    assert TOKENIZER.noise_id in outcomes(TOKENIZER, 4)
    assert TOKENIZER.eos_id not in outcomes(TOKENIZER, 0)


def test_a_round_scores_you_the_model_and_nobody():
    model = bell(10, 1.0, 32)
    scores = score_round(bell(12, 2.0, 32), model, written=10, truth=11)
    assert [score.player for score in scores] == ["you", "model", "uniform"]
    assert scores[2].written == scores[2].truth == pytest.approx(math.log(32))
    assert scores[1].written == nats(model, 10) < scores[0].written
    assert score_round(model, model, 10)[0].truth is None
    with pytest.raises(ConfigError, match="the bet has 31 possibilities, the model 32"):
        score_round(bell(1, 1, 31), model, 3)


def test_a_spike_pays_the_same_at_any_distance_and_a_bell_does_not():
    one, ten, hundred = misses((0.2, 0.3, 0.6, 0.7), "xmax", (1, 10, 100), 256)
    assert one.spike == ten.spike == hundred.spike
    assert one.bell < ten.bell < hundred.bell == pytest.approx(one.spike, abs=0.01)
    assert 0.98 < one.iou and one.iou > ten.iou > hundred.iou
    right = misses((0.2, 0.3, 0.6, 0.7), "ymin", (0,), 256)[0]
    assert right.iou == pytest.approx(1) and right.spike < one.spike


def test_an_edge_stops_at_the_end_of_its_axis():
    assert misses((0.2, 0.3, 0.9, 0.7), "xmax", (100,), 256)[0].off == 255 - 230


@given(seed=st.integers(0, 10**6), objects=st.integers(1, 16), count=st.integers(1, 8))
def test_the_same_seed_is_the_same_game(seed, objects, count):
    slots = [*TOKENIZER.slots] * objects + ["eos"]
    rounds = pick_rounds(slots, seed, count)
    assert rounds == pick_rounds(slots, seed, count)
    assert rounds[0] == 0 and len(rounds) == min(count, 5 * objects)
    assert len(set(rounds)) == len(rounds) and len(slots) - 1 not in rounds
    if count >= 3:
        assert any(slots[i] == "class" for i in rounds)


def test_seeds_differ_and_a_sentence_without_objects_has_no_game():
    slots = [*TOKENIZER.slots] * 6
    assert len({tuple(pick_rounds(slots, seed)) for seed in range(20)}) > 10
    assert pick_rounds(["eos"], 0) == []


def test_a_result_can_be_pasted():
    rounds = [[Score("you", 2.0), Score("model", 1.0)], [Score("you", 0.5), Score("model", 0.25)]]
    assert game_text("example:scene-26", 7, rounds).splitlines() == [
        "example:scene-26, seed 7: you 2.50, model 1.25 nats",
        "1: you 2.00, model 1.00",
        "2: you 0.50, model 0.25",
    ]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: bell(-1, 1, 32), "stands at bin -1; use 0 to 31"),
        (lambda: bell(float("nan"), 1, 32), "stands at bin nan"),
        (lambda: bell(3, 0, 32), "0 bins wide; use 0.25 or more"),
        (lambda: bell(3, math.inf, 32), "inf bins wide"),
        (lambda: bell(0, 1, 1), "there are 1 bins"),
        (lambda: chips({81: 1}, 81), "name 81; use 0 to 80"),
        (lambda: chips({3: -1}, 81), "-1 chips lie on name 3"),
        (lambda: chips({}, 81, spare=0), "spare is 0"),
        (lambda: nats(bell(3, 1, 32), 32), "outcome 32 is not among 32"),
        (lambda: misses((0, 0, 1, 1), "class", (1,), 32), "side is 'class'"),
        (lambda: misses((0, 0, 1, 1), "xmin", (1,), 32, trust=1), "trust is 1"),
        (lambda: pick_rounds([], 0, 0), "a game has 0 rounds"),
    ],
)
def test_an_impossible_bet_is_refused_in_one_line(call, words):
    with pytest.raises(ConfigError, match=words):
        call()
