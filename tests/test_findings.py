"""Sentences over tables: they turn with the numbers, and are silent where nobody can tell."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2seq.sweep import (
    KNOBS,
    Doubles,
    Trust,
    best_row,
    contrast,
    doubles_in_words,
    doubles_table,
    finding,
    trust_in_words,
)
from pix2seq.sweep.findings import FINDINGS, METRICS, NOTHING

ROWS = {"argument": 4, "top_p": 7, "max_objects": 5, "eos": 2, "noise": 3, "num_bins": 6}


@dataclass
class Line:
    """A row: all its metrics have one value, and wobble around it from image to image."""

    name: str
    value: float
    wobble: float = 0.01
    seed: int = 0
    draws: dict = field(init=False)
    values: dict = field(init=False)

    def __post_init__(self) -> None:
        noise = np.random.default_rng(self.seed).normal(0, self.wobble, 200)
        self.values = dict.fromkeys(METRICS, self.value)
        self.draws = {name: self.value + noise for name in METRICS}


def table(*values: float, wobble: float = 0.01) -> list[Line]:
    return [Line(f"row {i}", v, wobble, seed=i) for i, v in enumerate(values)]


def rising(knob: str) -> list[float]:
    return list(np.linspace(0.2, 0.8, ROWS[knob]))


def test_every_sweep_has_a_sentence():
    assert FINDINGS.keys() == KNOBS.keys() == ROWS.keys()


@pytest.mark.parametrize("knob", KNOBS)
def test_a_table_that_says_the_opposite_turns_the_sentence(knob):
    up, down = (finding(knob, table(*values)) for values in (rising(knob), rising(knob)[::-1]))
    assert NOTHING not in (up, down)
    assert up != down
    pairs = [
        ("finds more", "finds less"), ("It pays", "It does not pay"), ("rises", "falls"),
        ("beats", "loses against"),
        ("More of what", "Less of what"), ("helps", "costs"),
    ]  # fmt: skip
    turned = [(one, other) for one, other in pairs if one in up]
    assert turned
    for one, other in turned:
        assert one not in down and other in down


@pytest.mark.parametrize("knob", KNOBS)
def test_a_table_that_says_nothing_is_not_talked_about(knob):
    for rows in (table(*[0.5] * ROWS[knob]), table(*rising(knob), wobble=2.0)):
        assert finding(knob, rows) == NOTHING


@pytest.mark.parametrize("knob", KNOBS)
def test_every_number_in_a_sentence_stands_in_its_table(knob):
    rows = table(*rising(knob))
    values = {f"{row.value:.3f}" for row in rows}
    said = finding(knob, rows)
    found = [word.strip("(),;.") for word in said.split()]
    numbers = [one for one in found if one.startswith("0.") and len(one) == 5]
    changes = {f"{abs(a.value - b.value):.3f}" for a in rows for b in rows}
    assert numbers and all(n in values | changes or "[" in said for n in numbers)
    assert any(n in values for n in numbers)


def test_looser_boxes_are_only_spoken_of_where_ap_falls_more_than_ap50():
    rows = table(*rising("top_p")[::-1])
    assert "looser" not in finding("top_p", rows)
    for row in rows:
        row.values["AP50"] = 0.9
        row.draws["AP50"] = np.full(200, 0.9)
    assert "looser" in finding("top_p", rows)
    assert "tighter" in finding("top_p", [*reversed(rows)])


def test_a_change_is_told_with_an_interval_that_excludes_zero_as_it_says():
    """Draws need not lie evenly about a change: half their width can belie the finding."""
    first, second = table(0.96, 0.93)
    second.draws["precision"] = first.draws["precision"] - np.geomspace(0.001, 0.2, 200)
    said = contrast(first, second, "precision").said("more", "less")
    low, high = (-float(one) for one in re.search(r"\[−([\d.]+), −([\d.]+)\]", said).groups())
    assert low < second.values["precision"] - first.values["precision"] < high < 0
    assert (high - low) / 2 > 0.03 and said.startswith("less")


def test_a_plateau_is_named_by_its_first_row():
    said = finding("num_bins", table(0.2, 0.4, 0.8, 0.8, 0.8))
    assert "AP50 is 0.400 with row 1, measurably below the 0.800 with row 4" in said
    assert "from row 2 on (0.800) it is not told apart from that" in said


def test_doubt_is_a_reason_only_where_keep_going_finds_more():
    assert "only doubt is left" in finding("eos", table(0.2, 0.8))
    assert "only doubt is left" not in finding("eos", table(0.8, 0.2))


@given(st.floats(-1, 1), st.floats(0.001, 0.2), st.integers(0, 99))
def test_a_contrast_points_where_its_interval_lies(change, wobble, seed):
    one = contrast(Line("a", 0.0, wobble, seed), Line("b", change, wobble, seed + 1), "AP")
    assert one.low <= one.high
    assert one.direction == (1 if one.low > 0 else -1 if one.high < 0 else 0)
    turned = contrast(Line("b", change, wobble, seed + 1), Line("a", 0.0, wobble, seed), "AP")
    assert turned.direction == -one.direction


def test_what_was_not_measured_is_not_compared():
    row = Line("a", 0.5)
    row.draws = {"AP": np.full(200, np.nan)}
    assert contrast(row, Line("b", 0.9), "AP").direction == 0
    assert contrast(row, Line("b", 0.9), "recall").direction == 0
    assert finding("eos", [row]) == ""


def test_bold_is_what_the_interval_separates_from_every_other_row():
    assert best_row(table(0.2, 0.9, 0.5), "AP") == 1
    assert best_row(table(0.2, 0.9, 0.9), "AP") is None, "0.836 and 0.835 are one number"
    assert best_row(table(0.9), "AP") is None


def trust(said: float, right: float, half: float) -> Trust:
    return Trust("all objects", (), 100, said, right, right - half, right + half)


def test_scores_promise_too_much_too_little_or_nothing_is_said():
    much, little = trust_in_words([trust(0.9, 0.5, 0.1)]), trust_in_words([trust(0.5, 0.9, 0.1)])
    assert "promise too much: 0.90 on average, and 0.50 are right" in much
    assert "promise too little" in little
    assert "promise too" not in trust_in_words([trust(0.55, 0.5, 0.1)])


def doubles(without: int, with_it: int) -> str:
    """40 images with ten boxes each; ``without`` and ``with_it`` of 40 hold a double."""
    shown = np.full(40, 10)
    rows = [("stop", 0), ("no noise class", without), ("dropped", with_it), ("paper", with_it)]
    return doubles_in_words(
        doubles_table([Doubles(name, shown, (np.arange(40) < count) * 1) for name, count in rows])
    )


def test_the_noise_class_is_praised_for_fewer_doubles_only_where_there_are_fewer():
    helps, harms, neither = doubles(30, 5), doubles(5, 30), doubles(11, 10)
    assert "5 of 400 boxes shown" in helps and "(IoU over 0.6): 1.2\u00a0%" in helps
    assert "it would be more: 7.5\u00a0%" in helps
    assert "it would be less: 1.2\u00a0%" in harms
    assert "cannot be told" in neither
    assert "nan" not in doubles(0, 0) and "0 of 400" in doubles(0, 0)
