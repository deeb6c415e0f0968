"""Each rule between logits and the drawn token, alone and in the chain."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from pix2seq.config import SamplingOptions
from pix2seq.sampling.filters import (
    CoarseBins,
    Forbid,
    Grammar,
    Temperature,
    TopK,
    TopP,
    build_chain,
    draw,
    uniforms,
)
from pix2seq.tokenizer import Tokenizer
from tests.fakes import tiny_tokenizer

CPU = torch.device("cpu")
FIXTURES = Path(__file__).parent / "fixtures" / "official" / "functions"
TOKENIZER = tiny_tokenizer()


def logs(*probs: float) -> Tensor:
    """(1, V) logits of a distribution."""
    return torch.tensor([probs], dtype=torch.float64).log()


def kept(logits: Tensor) -> list[int]:
    """Ids that are not cut in the only row."""
    return (logits[0] > -math.inf).nonzero()[:, 0].tolist()


def random_logits(seed: int, size: int = TOKENIZER.vocab_size, spread: float = 3.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return spread * torch.randn(1, size, generator=generator, dtype=torch.float64)


seeds = st.integers(0, 10_000)
masses = st.floats(0.01, 0.999)


# ---- top-p ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("probs", "p", "nucleus", "official"),
    [
        ((1.0,), 0.4, [0], [0]),
        ((0.5, 0.3, 0.2), 0.4, [0], [0]),  # the likeliest alone exceeds p
        ((0.2, 0.5, 0.3), 0.6, [1, 2], [1]),  # below p: official stops short of it
        ((0.5, 0.25, 0.25), 0.75, [0, 1], [0, 1, 2]),  # exactly p; official keeps the tie
        ((0.3, 0.3, 0.25, 0.15), 0.1, [0], [0, 1]),  # ties with the likeliest
        ((0.5, 0.3, 0.2), 0.99, [0, 1, 2], [0, 1]),
        ((0.25, 0.25, 0.25, 0.25), 0.5, [0, 1], [0, 1, 2, 3]),
    ],
)
def test_top_p_keeps_the_right_tokens_under_both_rules(probs, p, nucleus, official):
    assert kept(TopP(p, "nucleus")(logs(*probs), 0)) == nucleus
    assert kept(TopP(p, "official")(logs(*probs), 0)) == official


@given(seeds, masses)
def test_the_nucleus_is_the_smallest_set_that_holds_the_mass(seed, p):
    logits = random_logits(seed)
    probs = logits.softmax(-1)[0]
    inside = kept(TopP(p, "nucleus")(logits, 0))
    mass = probs[inside].sum()
    assert mass >= p - 1e-12
    assert mass - probs[inside].min() < p  # without its least likely member it would not
    outside = torch.ones_like(probs).index_fill(0, torch.tensor(inside), 0).bool()
    assert not outside.any() or probs[inside].min() >= probs[outside].max()


@given(seeds, masses)
def test_the_official_rule_stays_within_the_mass_or_keeps_one_token(seed, p):
    logits = random_logits(seed)
    probs = logits.softmax(-1)[0]
    inside = kept(TopP(p, "official")(logits, 0))
    assert inside == [int(probs.argmax())] or probs[inside].sum() <= p + 1e-12
    rest = probs.clone().index_fill(0, torch.tensor(inside), 0)
    assert probs[inside].sum() + rest.max() > p  # no further token would fit


@pytest.mark.parametrize(
    "name", [n for n in np.load(FIXTURES / "top_logits.npz").files if n != "logits"]
)
def test_top_k_and_top_p_equal_the_official_code(name):
    """Recorded from google-research/pix2seq's ``top_logits`` (specs/official.md, section 8)."""
    recorded = np.load(FIXTURES / "top_logits.npz")
    k, p = int(name[1:].split("_")[0]), float(name.split("_p")[1])
    logits = torch.from_numpy(recorded["logits"]).double()
    if k:
        logits = TopK(k)(logits, 0)
    # Rows that add up to p exactly, where float32 rounding decided, are left out.
    mass = logits.sort(descending=True).values.softmax(-1).cumsum(-1)
    clear = ((mass - p).abs() > 1e-6).all(-1) | (p == 1)
    assert clear.sum() >= 4
    if p < 1:
        logits = TopP(p, "official")(logits, 0)
    expected = torch.from_numpy(recorded[name]) > -1e9
    assert torch.equal((logits > -math.inf)[clear], expected[clear])


# ---- top-k, temperature ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("k", "expected"),
    [(1, [0]), (2, [0, 1, 2]), (3, [0, 1, 2]), (4, [0, 1, 2, 3]), (99, [0, 1, 2, 3])],
)
def test_top_k_keeps_k_tokens_and_what_ties_with_the_last(k, expected):
    assert kept(TopK(k)(logs(0.5, 0.2, 0.2, 0.1), 0)) == expected


def test_top_k_brings_nothing_back_that_an_earlier_rule_cut():
    logits = Forbid([0, 1], 4, CPU)(logs(0.4, 0.3, 0.2, 0.1), 0)
    assert kept(TopK(3)(logits, 0)) == [2, 3]


def test_temperature_zero_leaves_the_first_of_the_likeliest():
    assert kept(Temperature(0)(logs(0.1, 0.4, 0.4, 0.1), 0)) == [1]


@pytest.mark.parametrize("temperature", [1e-300, 1e-3, 0.5, 1.0, 2.0, 100.0])
def test_no_temperature_overflows_and_higher_ones_flatten(temperature):
    logits = Forbid([3], 4, CPU)(logs(0.6, 0.3, 0.09, 0.01), 0)
    probs = Temperature(temperature)(logits, 0).softmax(-1)[0]
    expected = torch.tensor([0.6, 0.3, 0.09, 0.0], dtype=torch.float64) ** (1 / temperature)
    if temperature < 1e-2:
        expected = torch.tensor([1.0, 0, 0, 0], dtype=torch.float64)
    torch.testing.assert_close(probs, expected / expected.sum())


# ---- grammar, forbidden ids -----------------------------------------------------------------


def test_the_grammar_lets_each_slot_hold_its_own_kind():
    tokenizer = TOKENIZER
    rule = Grammar(tokenizer, CPU)
    for index in range(12):
        expected = tokenizer.allowed(index).nonzero()[:, 0].tolist()
        assert kept(rule(random_logits(index), index)) == expected


def test_forbidden_labels_and_a_delayed_eos_cannot_be_written():
    options = SamplingOptions(forbidden_labels=(0, 7), eos="delay", grammar=False)
    options = options.resolve(SamplingOptions(), TOKENIZER.config)
    chain = build_chain(TOKENIZER, options, CPU)
    gone = {TOKENIZER.eos_id, TOKENIZER.class_ids[0], TOKENIZER.class_ids[7]}
    assert set(range(TOKENIZER.vocab_size)) - set(kept(chain.allowed(random_logits(1), 0))) == gone


def test_delay_needs_no_special_case_where_padding_is_eos():
    config = TOKENIZER.config.replace(eos_id=TOKENIZER.pad_id)
    tokenizer = Tokenizer(config, TOKENIZER.categories)
    options = SamplingOptions(eos="delay").resolve(SamplingOptions(), config)
    chain = build_chain(tokenizer, options, CPU)
    assert chain.final(random_logits(2), 0)[0, tokenizer.pad_id] == 0


# ---- coarse bins ----------------------------------------------------------------------------


@given(seeds, st.integers(2, 32))
def test_coarse_bins_conserve_the_mass_of_every_cell_and_of_other_tokens(seed, cells):
    logits = random_logits(seed)
    fine = logits.softmax(-1)[0]
    coarse = CoarseBins(TOKENIZER, cells, CPU)(logits, 0).softmax(-1)[0]
    coords = TOKENIZER.coord_ids
    other = ~TOKENIZER.coord_mask
    torch.testing.assert_close(coarse[other], fine[other])
    cell_of = torch.arange(32) * cells // 32
    expected = torch.zeros(cells, dtype=torch.float64).index_add(
        0, cell_of, fine[coords.start : coords.stop]
    )
    written = coarse[coords.start : coords.stop]
    assert int((written > 0).sum()) == cells
    torch.testing.assert_close(written[written > 0], expected)


@given(st.integers(2, 32))
def test_a_cell_stands_on_a_bin_in_its_middle(cells):
    centres = (CoarseBins(TOKENIZER, cells, CPU).centres - TOKENIZER.coord_ids.start).tolist()
    for cell, centre in enumerate(centres):
        members = [b for b in range(32) if b * cells // 32 == cell]
        assert abs(centre - (members[0] + members[-1]) / 2) <= 0.5


def test_coarse_bins_of_cut_coordinates_stay_cut():
    logits = Grammar(TOKENIZER, CPU)(random_logits(3), 4)  # a class slot
    assert torch.equal(CoarseBins(TOKENIZER, 5, CPU)(logits, 4), logits)


# ---- drawing --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "token"), [(0.0, 1), (0.2499, 1), (0.25, 3), (0.7499, 3), (0.75, 4), (1 - 2**-53, 4)]
)
def test_a_token_is_drawn_by_inverse_cdf_in_id_order(number, token):
    final = torch.tensor([[0, 0.25, 0, 0.5, 0.25, 0]], dtype=torch.float64)
    assert draw(final, torch.tensor([number], dtype=torch.float64)).tolist() == [token]


@given(seeds, masses)
def test_what_was_cut_is_never_drawn(seed, p):
    final = TopP(p, "nucleus")(random_logits(seed), 0).softmax(-1)
    for number in (0.0, 0.5, 1 - 2**-53):
        token = draw(final, torch.tensor([number], dtype=torch.float64))
        assert final[0, token] > 0


def test_drawn_frequencies_follow_the_distribution():
    final = torch.tensor([[0.1, 0.0, 0.6, 0.3]], dtype=torch.float64)
    tokens = draw(final.expand(20_000, -1), uniforms(0, 20_000))
    share = torch.bincount(tokens, minlength=4) / len(tokens)
    torch.testing.assert_close(share, final[0].float(), atol=0.015, rtol=0)


@given(seeds, st.integers(1, 600))
def test_a_position_has_the_same_number_whatever_the_length(seed, count):
    assert torch.equal(uniforms(seed, 600)[:count], uniforms(seed, count))


def test_seeds_differ():
    assert not torch.equal(uniforms(0, 5), uniforms(1, 5))


# ---- the chain ------------------------------------------------------------------------------


def test_the_chain_cuts_after_the_grammar_has_renormalised():
    """A forbidden token may hold most of the mass; top-p is a share of what is left."""
    logits = torch.full((1, TOKENIZER.vocab_size), -30.0, dtype=torch.float64)
    first, second = TOKENIZER.coord_ids[3], TOKENIZER.coord_ids[20]
    logits[0, TOKENIZER.class_ids[0]] = 5.0
    logits[0, first], logits[0, second] = math.log(0.6), math.log(0.4)
    options = SamplingOptions(top_p=0.5).resolve(SamplingOptions(), TOKENIZER.config)
    final = build_chain(TOKENIZER, options, CPU).final(logits, 1)
    assert kept(final.log()) == [first]


def test_the_chain_holds_only_the_rules_that_are_on():
    off = SamplingOptions(grammar=False).resolve(SamplingOptions(), TOKENIZER.config)
    chain = build_chain(TOKENIZER, off, CPU)
    assert chain.rules == () and chain.cuts == () and chain.coarse is None
    logits = random_logits(4)
    torch.testing.assert_close(chain.final(logits, 0), logits.softmax(-1))
