"""A token drawn by compiled code: the one that the rules of ``filters`` draw."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pix2seq import logs
from pix2seq.config import SamplingOptions
from pix2seq.model import native
from pix2seq.sampling.filters import FilterChain, TopK, build_chain
from pix2seq.sampling.picking import CompiledPick, compile_ahead, compiled_pick, works
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
    return drawn, CompiledPick(chain, SIZE)(logits, index, number)[0]


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
    assert CompiledPick(chain, SIZE)(logits, 0, 0.5)[0] == -1


class Louder(TopK):
    """A rule that somebody added."""


@pytest.mark.parametrize("part", ["rules", "temperature", "cuts"])
def test_a_rule_that_is_not_written_there_is_left_to_those_who_know_it(part):
    chain = chain_of(SamplingOptions())
    setattr(chain, part, Louder(1) if part == "temperature" else (Louder(1),))
    assert compiled_pick(chain, SIZE) is None


def test_where_numba_is_not_wanted_nothing_is_compiled(monkeypatch):
    chain = chain_of(SamplingOptions())
    assert compiled_pick(chain, SIZE) is not None
    monkeypatch.setenv(native.NATIVE_VARIABLE, "0")
    assert compiled_pick(chain, SIZE) is None
    monkeypatch.delenv(native.NATIVE_VARIABLE)
    monkeypatch.setitem(__import__("sys").modules, "pix2seq.sampling.kernels", None)
    monkeypatch.setattr(logs._LOGGER, "propagate", True)  # nobody has started the log
    works.cache_clear()
    with pytest.warns(UserWarning, match="Numba cannot be used"):
        assert compiled_pick(chain, SIZE) is None
    works.cache_clear()


def test_compiling_ahead_compiles_what_every_run_draws_with():
    from pix2seq.sampling.kernels import pick_token

    compile_ahead()
    compiled = list(pick_token.signatures)
    both(SamplingOptions(num_bins=5, top_k=3, top_p=0.5), np.zeros(SIZE, np.float32), 1, 0.5)
    both(SamplingOptions(temperature=0.0, grammar=False), np.zeros(SIZE, np.float32), 4, 0.5)
    assert pick_token.signatures == compiled and compiled


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
    token, settled = CompiledPick(chain, SIZE)(logits, index, number, margin)
    assert token == CompiledPick(chain, SIZE)(logits, index, number)[0]
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
    assert CompiledPick(chain, SIZE)(row, 0, number, 1e-6)[1] == settled
