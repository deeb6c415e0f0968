"""A token drawn by compiled code: the one that the rules of ``filters`` draw."""

from __future__ import annotations

import math
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pix2seq import logs
from pix2seq.config import SamplingOptions
from pix2seq.model import native
from pix2seq.sampling import kernels, telling
from pix2seq.sampling.filters import FilterChain, Temperature, TopK, build_chain
from pix2seq.sampling.picking import CompiledRules, compile_ahead, compiled_rules, works
from pix2seq.sampling.steps import StepRules
from tests.fakes import tiny_tokenizer

TOKENIZER = tiny_tokenizer()
SIZE = TOKENIZER.vocab_size
CPU = torch.device("cpu")

every_rule = st.builds(
    SamplingOptions,
    temperature=st.sampled_from([0.0, 1e-300, 0.3, 1.0, 2.0, 100.0]),
    top_k=st.sampled_from([0, 1, 2, 7, 1000]),
    top_p=st.sampled_from([0.1, 0.4, 0.75, 0.95, 1.0]),
    top_p_rule=st.sampled_from(["nucleus", "official"]),
    num_bins=st.sampled_from([None, 2, 5, 7]),
    grammar=st.booleans(),
    eos=st.sampled_from(["model", "delay"]),
    forbidden_labels=st.sampled_from([(), (0,)]),
)


def chain_of(options: SamplingOptions) -> FilterChain:
    return build_chain(TOKENIZER, options.resolve(SamplingOptions(), TOKENIZER.config), CPU)


def both(options: SamplingOptions, logits: np.ndarray, index: int, number: float):
    """What the rules draw from logits (V,), and what compiled code draws."""
    chain = chain_of(options)
    numbers = torch.tensor([number], dtype=torch.float64)
    drawn = int(chain.pick(torch.from_numpy(logits)[None], index, numbers))
    return drawn, CompiledRules(chain, SIZE).pick(logits, index, number)[0]


@given(
    every_rule,
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.0, 0.1, 3.0, 30.0]),
    st.booleans(),
    st.integers(0, 9),
    st.floats(0, 1, exclude_max=True),
)
def test_it_is_the_token_that_the_rules_draw(options, seed, spread, tied, index, number):
    logits = (spread * np.random.default_rng(seed).normal(size=SIZE)).astype(np.float32)
    theirs, ours = both(options, logits.round() if tied else logits, index, number)
    assert ours == theirs


@pytest.mark.parametrize("rule", ["nucleus", "official"])
@pytest.mark.parametrize("number", [0.0, 0.2, 0.5, 1 - 2**-53])
def test_a_thousand_tokens_that_tie_are_drawn_in_the_order_of_their_ids(rule, number):
    options = SamplingOptions(top_p=0.5, top_p_rule=rule, grammar=False)
    theirs, ours = both(options, np.zeros(SIZE, np.float32), 0, number)
    assert ours == theirs


@pytest.mark.parametrize("place", [0, SIZE // 2, SIZE - 1])
def test_logits_that_are_not_numbers_are_told_wherever_they_stand(place):
    chain = chain_of(SamplingOptions())
    logits = np.zeros(SIZE, np.float32)
    logits[place] = math.nan
    assert CompiledRules(chain, SIZE).pick(logits, 0, 0.5)[0] == -1


def told_both_ways(options: SamplingOptions, logits: np.ndarray, index, token_id, drawn):
    """A step's numbers by compiled code and by PyTorch's operations."""
    rules, logits = StepRules(TOKENIZER, chain_of(options)), torch.from_numpy(logits)
    ours = rules.tell(logits, index, token_id, drawn)
    return ours, rules._tell(logits, index, token_id, drawn)


@given(
    every_rule,
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.1, 3.0, 30.0, 300.0]),
    st.integers(0, 9),
    st.integers(0, SIZE - 1),
    st.booleans(),
)
def test_what_is_told_about_a_token_is_what_the_rules_say(
    options, seed, spread, index, token_id, written
):
    """Of a token that was drawn, and of any that may stand in a prefix."""
    logits = (spread * np.random.default_rng(seed).normal(size=SIZE)).astype(np.float32)
    if written:
        token_id = both(options, logits, index, 0.7)[0]
    ours, theirs = told_both_ways(options, logits, index, token_id, written)
    assert ours.kept == theirs.kept
    assert [one.token_id for one in ours.candidates] == [one.token_id for one in theirs.candidates]
    for name in ("logprob", "prob", "entropy", "kept_mass", "grammar_mass", "eos_prob"):
        assert getattr(ours, name) == pytest.approx(getattr(theirs, name), rel=1e-9, abs=1e-14)
    for one, other in zip(ours.candidates, theirs.candidates, strict=True):
        assert one.prob == pytest.approx(other.prob, rel=1e-9, abs=1e-14)
        assert one.final_prob == pytest.approx(other.final_prob, rel=1e-9, abs=1e-14)


def test_of_equally_likely_candidates_those_with_the_smaller_ids_are_told():
    ours, _ = told_both_ways(SamplingOptions(), np.zeros(SIZE, np.float32), 0, SIZE - 1, False)
    assert [one.token_id for one in ours.candidates] == [0, 1, 2, 3, SIZE - 1]
    assert ours.entropy == pytest.approx(math.log(SIZE))


@given(st.integers(0, 2**32 - 1), st.integers(1, SIZE), st.booleans())
def test_nothing_that_is_told_is_negative_or_more_than_all(seed, count, grammar):
    """Sums of probabilities are rounded: of few tokens that hold nearly all, or of very many."""
    rng = np.random.default_rng(seed)
    logits = np.full(SIZE, -500, np.float32)
    logits[:count] = rng.normal(size=count)
    options = SamplingOptions(temperature=1.0, top_p=1.0, grammar=grammar)
    told, _ = told_both_ways(options, logits, 0, 0, True)
    for name in ("prob", "kept_mass", "grammar_mass", "eos_prob"):
        assert 0 <= getattr(told, name) <= 1
    assert told.entropy >= 0 and math.copysign(1, told.entropy) == 1


def test_there_are_no_more_candidates_than_tokens():
    """A vocabulary of two."""
    rules = CompiledRules(FilterChain((), Temperature(1), (), None, [None]), 2)
    told, best, probs = rules.tell(
        np.array([0, math.log(3)], np.float32), 0, 0, True, np.ones(2, bool), 1, 5
    )
    assert best == [1, 0] and probs[0] == pytest.approx([0.75, 0.25])
    assert told[0] == pytest.approx(math.log(0.25))


def test_what_tells_is_compiled_anew_when_what_it_calls_changes():
    """Numba looks at the date of ``telling.py`` alone."""
    crc = zlib.crc32(Path(kernels.__file__).read_text().encode())
    assert telling._KERNELS == f"{crc:08x}", "kernels.py has changed: write its CRC into telling.py"


class Louder(TopK):
    """A rule that somebody added."""


@pytest.mark.parametrize("part", ["rules", "temperature", "cuts"])
def test_a_rule_that_is_not_written_there_is_left_to_those_who_know_it(part):
    chain = chain_of(SamplingOptions())
    setattr(chain, part, Louder(1) if part == "temperature" else (Louder(1),))
    assert compiled_rules(chain, SIZE) is None


def test_where_numba_is_not_wanted_nothing_is_compiled(monkeypatch):
    chain = chain_of(SamplingOptions())
    assert compiled_rules(chain, SIZE) is not None
    monkeypatch.setenv(native.NATIVE_VARIABLE, "0")
    assert compiled_rules(chain, SIZE) is None
    monkeypatch.delenv(native.NATIVE_VARIABLE)
    monkeypatch.setitem(__import__("sys").modules, "pix2seq.sampling.kernels", None)
    monkeypatch.setattr(logs._LOGGER, "propagate", True)  # nobody has started the log
    works.cache_clear()
    with pytest.warns(UserWarning, match="Numba cannot be used"):
        assert compiled_rules(chain, SIZE) is None
    works.cache_clear()


def test_compiling_ahead_compiles_what_every_run_draws_with():
    pick_token, tell_token = kernels.pick_token, telling.tell_token
    compile_ahead()
    compiled = list(pick_token.signatures), list(tell_token.signatures)
    both(SamplingOptions(num_bins=5, top_k=3, top_p=0.5), np.zeros(SIZE, np.float32), 1, 0.5)
    both(SamplingOptions(temperature=0.0, grammar=False), np.zeros(SIZE, np.float32), 4, 0.5)
    for options in (SamplingOptions(num_bins=5, top_k=3), SamplingOptions(grammar=False)):
        told_both_ways(options, np.zeros(SIZE, np.float32), 1, 40, False)
    assert (pick_token.signatures, tell_token.signatures) == compiled and all(compiled)


MARGINS = st.sampled_from([1e-6, 1e-4, 1e-2])


@given(
    every_rule,
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.1, 3.0, 30.0]),
    st.booleans(),
    st.integers(0, 9),
    st.floats(0, 1, exclude_max=True),
    MARGINS,
)
def test_no_logits_within_the_margin_draw_another_token_than_a_settled_one(
    options, seed, spread, tied, index, number, margin
):
    rng = np.random.default_rng(seed)
    logits = (spread * rng.normal(size=SIZE)).astype(np.float32)
    logits = logits.round() if tied else logits
    chain = chain_of(options)
    token, settled = CompiledRules(chain, SIZE).pick(logits, index, number, margin)
    assert token == CompiledRules(chain, SIZE).pick(logits, index, number)[0]
    if not settled:
        return
    reach = 0.999 * margin * np.ptp(logits.astype(np.float64))
    places, likelier = np.arange(SIZE), logits > logits[token]
    signs = [np.where(places < token, 1, -1), np.where(places > token, 1, -1)]
    signs += [np.where(places == token, 1, -1), np.where(likelier, 1, -1)]
    signs += list(rng.choice([-1, 1], size=(8, SIZE)))
    for direction in (*signs, *(-one for one in signs[:4])):
        other = torch.from_numpy(logits.astype(np.float64) + reach * direction)[None]
        drawn = chain.pick(other, index, torch.tensor([number], dtype=torch.float64))
        assert int(drawn) == token


@pytest.mark.parametrize(
    ("options", "logits", "number", "settled"),
    [
        ({"temperature": 0.0}, [3, 3 - 1e-5, 0], 0.5, False),
        ({"temperature": 0.0}, [3, 3 - 1e-3, 0], 0.5, True),
        ({}, [0, 0, -20], 0.5, False),
        ({}, [0, 0, -20], 0.5 - 1e-5, False),
        ({}, [0, 0, -20], 0.5 - 1e-3, True),
        ({"temperature": 0.01}, [0, 0, -20], 0.5 - 5e-4, False),
        ({"top_p": 0.5}, [0, 0, -20], 0.25, False),  # one token, or two?
        ({"top_p": 0.5001}, [0, 0, -20], 0.6, True),
        ({"top_p": 0.5, "top_p_rule": "official"}, [1, 0, -20], 0.9, True),
        ({"top_k": 1}, [0, 0, -20], 0.25, False),
        ({"top_k": 2}, [0, 0, -20], 0.25, True),
    ],
)
def test_a_draw_that_the_last_digits_decide_is_not_settled(options, logits, number, settled):
    """All of the whole vocabulary; the spread is 20, so the margin of a logit is 2e-5."""
    usual = {"temperature": 1.0, "top_p": 1.0, "grammar": False}
    chain = chain_of(SamplingOptions(**{**usual, **options}))
    row = np.full(SIZE, -17.0 if logits[0] == 3 else -20.0, np.float32)
    row[:3] = logits
    assert CompiledRules(chain, SIZE).pick(row, 0, number, 1e-6)[1] == settled
