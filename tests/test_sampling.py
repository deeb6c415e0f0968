"""The loop: what ``sample_stream`` and ``sample_batch`` write, with scripted and real networks."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pix2seq.config import ConfigError, SamplingOptions
from pix2seq.sampling import explain_step, sample_batch, sample_stream
from pix2seq.tokenizer import Tokenizer
from tests.fakes import ScriptedModel, script, tiny_model, tiny_tokenizer, write_objects

TOKENIZER = tiny_tokenizer()
MODEL = tiny_model(spread=4.0)  # random, with clear favourites
MEMORY = torch.randn(3, 16, 32, generator=torch.Generator().manual_seed(0))
IMAGE = MEMORY[:1]
TWO_OBJECTS = write_objects(TOKENIZER, [((0.1, 0.2, 0.5, 0.6), 16), ((0.3, 0.3, 0.9, 0.8), 0)])

few = settings(max_examples=20)  # each example writes whole sentences
any_options = st.builds(
    SamplingOptions,
    temperature=st.sampled_from([0.0, 0.7, 1.0, 2.0]),
    top_k=st.sampled_from([0, 1, 5]),
    top_p=st.sampled_from([0.1, 0.4, 0.9, 1.0]),
    top_p_rule=st.sampled_from(["nucleus", "official"]),
    max_objects=st.integers(1, 8),
    eos=st.sampled_from(["model", "delay"]),
    grammar=st.booleans(),
    num_bins=st.sampled_from([None, 2, 7, 32]),
    forbidden_labels=st.sampled_from([(), (0, 1, 2), tuple(range(79))]),
    seed=st.integers(0, 99),
)


def write(model=MODEL, memory=IMAGE, options=None, prefix=(), forced=(), tokenizer=TOKENIZER):
    options = options or SamplingOptions()
    return list(sample_stream(model, memory, tokenizer, options, prefix, forced))


def ids(steps) -> list[int]:
    return [step.token_id for step in steps]


# ---- one sentence ---------------------------------------------------------------------------


def test_a_model_sure_of_its_sentence_writes_it_and_stops(scripted):
    steps = write(scripted(TWO_OBJECTS, peak=40.0))
    assert ids(steps) == TWO_OBJECTS
    assert [s.slot for s in steps] == ["ymin", "xmin", "ymax", "xmax", "class"] * 2 + ["eos"]
    assert [s.index for s in steps] == list(range(11))


def test_an_empty_image_is_one_eos(scripted):
    steps = write(scripted([TOKENIZER.eos_id], peak=40.0))
    assert [s.slot for s in steps] == ["eos"]


def test_each_token_is_yielded_before_the_next_forward(scripted):
    model = scripted(TWO_OBJECTS, peak=40.0)
    stream = sample_stream(model, torch.zeros(1, 16, 8), TOKENIZER, SamplingOptions())
    assert model.forwards == 0
    for count, _ in enumerate(stream, start=1):
        assert model.forwards == count
    assert count == model.forwards == 11  # nothing is computed after EOS


@pytest.mark.parametrize("steps", range(12))
def test_the_generator_can_be_closed_at_any_step(scripted, steps):
    model = scripted(TWO_OBJECTS, peak=40.0)
    stream = sample_stream(model, torch.zeros(1, 16, 8), TOKENIZER, SamplingOptions())
    taken = list(itertools.islice(stream, steps))
    stream.close()
    assert list(stream) == []
    assert len(taken) == min(steps, 11) and model.forwards == len(taken)


def test_no_mode_leaks_between_yields():
    weight = torch.ones(2, requires_grad=True)
    for step in sample_stream(MODEL, IMAGE, TOKENIZER, SamplingOptions(max_objects=1)):
        assert torch.is_grad_enabled() and not torch.is_inference_mode_enabled()
        (weight * step.logits[:2]).sum().backward()  # refused for inference tensors
    assert weight.grad is not None


def test_delayed_eos_fills_the_sentence(scripted):
    steps = write(scripted(TWO_OBJECTS, peak=40.0), options=SamplingOptions(eos="delay"))
    assert len(steps) == TOKENIZER.sequence_length(8)
    assert TOKENIZER.eos_id not in ids(steps)


@pytest.mark.parametrize("count", [1, 2, 8])
def test_a_sentence_has_max_objects_at_most(count):
    options = SamplingOptions(max_objects=count, eos="delay")
    assert len(write(options=options)) == TOKENIZER.sequence_length(count)


def test_without_grammar_an_eos_inside_an_object_ends_the_sentence(scripted):
    broken = [TWO_OBJECTS[0], TOKENIZER.eos_id, *TWO_OBJECTS[2:]]
    free = write(scripted(broken, peak=40.0), options=SamplingOptions(grammar=False))
    assert ids(free) == broken[:2] and free[-1].slot == "eos"
    held = write(scripted(broken, peak=40.0), options=SamplingOptions(grammar=True))
    assert held[1].slot == "xmin" and held[1].token_id in TOKENIZER.coord_ids


def test_without_grammar_nonsense_is_shown(scripted):
    nonsense = [TOKENIZER.class_ids[3], TOKENIZER.pad_id, *TWO_OBJECTS[2:5], TOKENIZER.eos_id]
    steps = write(scripted(nonsense, peak=40.0), options=SamplingOptions(grammar=False))
    assert ids(steps) == nonsense
    assert steps[0].slot == "ymin" and steps[0].grammar_mass < 1e-9


@few
@given(any_options)
def test_the_grammar_is_never_broken_when_it_is_on(options):
    for step in write(options=options.replace(grammar=True)):
        assert TOKENIZER.allowed(step.index)[step.token_id]


@few
@given(any_options)
def test_forbidden_labels_and_delayed_eos_are_never_written(options):
    written = set(ids(write(options=options)))
    assert not written & {TOKENIZER.class_ids[label] for label in options.forbidden_labels}
    if options.eos == "delay":
        assert TOKENIZER.eos_id not in written


@few
@given(any_options)
def test_the_same_seed_writes_the_same_tokens(options):
    assert ids(write(options=options)) == ids(write(options=options))


def test_other_seeds_write_other_tokens():
    sentences = {tuple(ids(write(options=SamplingOptions(seed=seed)))) for seed in range(5)}
    assert len(sentences) == 5


def test_temperature_zero_is_the_argmax_whatever_the_seed():
    for seed in range(3):
        steps = write(options=SamplingOptions(temperature=0, grammar=False, seed=seed))
        assert all(s.token_id == int(s.logits.argmax()) and s.prob == 1 for s in steps)


def test_coarse_bins_use_at_most_that_many_coordinates():
    seen = set()
    for seed in range(20):
        options = SamplingOptions(num_bins=3, temperature=3.0, seed=seed)
        seen |= set(ids(write(options=options))) & set(TOKENIZER.coord_ids)
    assert len(seen) == 3


# ---- cache ----------------------------------------------------------------------------------


@few
@given(any_options)
def test_cached_logits_equal_uncached_ones(options):
    steps = write(options=options)
    prompt = torch.tensor([[TOKENIZER.bos_id, *ids(steps)[:-1]]])
    with torch.no_grad():
        expected = MODEL.decode(prompt, IMAGE)[0]
    torch.testing.assert_close(
        torch.stack([s.logits for s in steps]), expected, atol=1e-5, rtol=1e-5
    )


# ---- prefix ---------------------------------------------------------------------------------


@few
@given(any_options, st.integers(0, 40))
def test_a_run_continued_from_its_own_tokens_is_that_run(options, cut):
    original = write(options=options)
    prefix = ids(original)[:cut]
    again = write(options=options, prefix=prefix)
    assert ids(again) == ids(original)
    assert [s.drawn for s in again] == [s.index >= len(prefix) for s in again]
    assert not any(s.forced for s in again)
    for a, b in zip(again, original, strict=True):
        assert a.logprob == pytest.approx(b.logprob, abs=1e-4)


def test_a_prefix_is_read_in_one_forward(scripted):
    model = scripted(TWO_OBJECTS, peak=40.0)
    steps = sample_stream(
        model, torch.zeros(1, 16, 8), TOKENIZER, SamplingOptions(), TWO_OBJECTS[:7]
    )
    for step in itertools.islice(steps, 8):
        assert model.forwards == 1
        assert step.drawn == (step.index >= 7)
    next(steps)
    assert model.forwards == 2


def test_another_token_in_the_prefix_changes_what_follows():
    original = ids(write(options=SamplingOptions(seed=5)))
    other = next(i for i in TOKENIZER.coord_ids if i != original[2])
    branch = ids(write(options=SamplingOptions(seed=5), prefix=[*original[:2], other]))
    assert branch[:3] == [*original[:2], other] and branch[3:] != original[3:]


def test_a_forced_token_may_be_one_that_the_rules_would_cut():
    options = SamplingOptions(top_k=1, num_bins=4)
    unlikely = int(write(options=options)[0].logits.argmin())
    step = write(options=options, prefix=[unlikely], forced=[0])[0]
    assert step.forced and step.token_id == unlikely and step.prob == 0
    assert step.candidates[-1].token_id == unlikely
    assert math.isfinite(step.logprob)


def test_a_forced_eos_ends_the_sentence():
    options = SamplingOptions(eos="delay")
    steps = write(options=options, prefix=[*TWO_OBJECTS[:5], TOKENIZER.eos_id], forced=[5])
    assert len(steps) == 6 and steps[-1].slot == "eos" and steps[-1].forced


def test_a_whole_sentence_may_be_given():
    prefix = TWO_OBJECTS[:10]
    steps = write(options=SamplingOptions(max_objects=2), prefix=prefix)
    assert ids(steps) == prefix and not any(s.drawn or s.forced for s in steps)


def test_only_what_a_person_gave_is_forced():
    steps = write(options=SamplingOptions(max_objects=2), prefix=TWO_OBJECTS[:7], forced={2, 6})
    assert [s.index for s in steps if s.forced] == [2, 6]
    assert [s.index for s in steps if not s.drawn] == list(range(7))


@pytest.mark.parametrize("position", [-1, 7, 40])
def test_a_given_position_outside_of_the_prefix_is_refused(position):
    with pytest.raises(ConfigError, match=f"position {position} is said to be given"):
        write(options=SamplingOptions(), prefix=TWO_OBJECTS[:7], forced=[0, position])


@pytest.mark.parametrize(
    ("prefix", "message"),
    [
        ([4] * 11, "the prefix has 11 tokens, but max_objects = 2 leaves room for 10"),
        ([4, 116], "token 116 in the prefix is not in the vocabulary; use 0 to 115"),
        ([-1], "token -1 in the prefix"),
        ([TOKENIZER.eos_id, 4], "the prefix goes on after EOS"),
    ],
)
def test_impossible_prefixes_are_refused_before_the_first_step(prefix, message):
    with pytest.raises(ConfigError, match=message):
        sample_stream(MODEL, IMAGE, TOKENIZER, SamplingOptions(max_objects=2), prefix)


# ---- what a step tells ----------------------------------------------------------------------


def test_a_step_tells_raw_and_final_probabilities(tokenizer: Tokenizer):
    """One position worked out by hand: half the mass is off-grammar, two bins share the rest."""
    table = torch.full((1, tokenizer.vocab_size), -math.inf)
    first, second = tokenizer.coord_ids[2], tokenizer.coord_ids[9]
    for token, prob in {first: 0.3, second: 0.1, tokenizer.eos_id: 0.1, 60: 0.5}.items():
        table[0, token] = math.log(prob)
    options = SamplingOptions(top_k=2, eos="delay", max_objects=1, seed=1)
    step = next(sample_stream(ScriptedModel(table), torch.zeros(1, 16, 8), tokenizer, options))
    prob = {first: 0.3, second: 0.1}[step.token_id]
    assert step.logprob == pytest.approx(math.log(prob), abs=1e-5)
    assert step.prob == pytest.approx(prob / 0.4, abs=1e-5)
    assert step.kept == 2 and step.kept_mass == pytest.approx(0.4, abs=1e-5)
    assert step.grammar_mass == pytest.approx(0.5, abs=1e-5)
    assert step.eos_prob == pytest.approx(0.1, abs=1e-5)
    entropy = -sum(p * math.log(p) for p in (0.3, 0.1, 0.1, 0.5))
    assert step.entropy == pytest.approx(entropy, abs=1e-5)
    assert [c.token_id for c in step.candidates[:2]] == [60, first]
    assert step.candidates[0].final_prob == 0
    assert step.candidates[1].final_prob == pytest.approx(0.75, abs=1e-5)


@few
@given(any_options)
def test_every_number_of_a_step_is_in_its_range(options):
    for step in write(options=options):
        assert step.logprob <= 0 and 0 < step.prob <= 1 + 1e-9 and not step.forced
        assert 0 <= step.entropy <= math.log(TOKENIZER.vocab_size) + 1e-9
        assert 1 <= step.kept <= TOKENIZER.vocab_size
        for share in (step.kept_mass, step.grammar_mass, step.eos_prob):
            assert 0 <= share <= 1
        assert len(step.candidates) == 5
        assert step.token_id in [c.token_id for c in step.candidates]
        assert step.logits.shape == (TOKENIZER.vocab_size,) and step.logits.dtype == torch.float32


def test_with_coarse_bins_a_coordinate_stands_for_its_cell(tokenizer: Tokenizer):
    table = torch.full((1, tokenizer.vocab_size), -math.inf)
    for bin_, prob in {0: 0.2, 5: 0.3, 15: 0.1, 16: 0.25, 31: 0.15}.items():
        table[0, tokenizer.coord_ids[bin_]] = math.log(prob)
    options = SamplingOptions(num_bins=2, temperature=0, max_objects=1)
    step = next(sample_stream(ScriptedModel(table), torch.zeros(1, 16, 8), tokenizer, options))
    assert step.token_id == tokenizer.coord_ids[7]  # the middle of bins 0..15
    assert step.logprob == pytest.approx(math.log(0.6), abs=1e-5)
    assert [c.prob for c in step.candidates[:2]] == pytest.approx([0.6, 0.4], abs=1e-5)
    assert step.kept_mass == pytest.approx(0.6, abs=1e-5)


def test_damaged_weights_are_named_not_sampled():
    table = torch.full((1, TOKENIZER.vocab_size), math.nan)
    with pytest.raises(ConfigError, match="weights must be damaged"):
        write(ScriptedModel(table), torch.zeros(1, 16, 8))


# ---- the inspector --------------------------------------------------------------------------


@few
@given(any_options)
def test_explaining_a_step_gives_what_the_stream_used(options):
    for step in write(options=options.replace(max_objects=1)):
        stages = explain_step(step.logits, TOKENIZER, step.index, options)
        assert stages.final[step.token_id].item() == pytest.approx(step.prob, abs=1e-9)
        assert int(stages.kept.sum()) == step.kept
        assert not (stages.kept & (stages.allowed == 0) & (stages.final > 0)).any()
        for stage in (stages.raw, stages.allowed, stages.tempered, stages.final):
            assert stage.shape == (TOKENIZER.vocab_size,)
            assert stage.sum().item() == pytest.approx(1, abs=1e-9)


def test_explaining_tries_other_settings_without_the_model():
    step = write(options=SamplingOptions(max_objects=1))[0]
    wide = explain_step(step.logits, TOKENIZER, 0, SamplingOptions(temperature=2.0))
    narrow = explain_step(step.logits, TOKENIZER, 0, SamplingOptions(top_p=0.05))
    assert wide.tempered.max() < wide.allowed.max()
    assert int(narrow.kept.sum()) < int(wide.kept.sum())


# ---- batches --------------------------------------------------------------------------------


@few
@given(any_options)
def test_a_batch_writes_what_each_stream_writes(options):
    """Also where rows end at different places."""
    seeds = [3, 4, 5]
    batch = sample_batch(MODEL, MEMORY, TOKENIZER, options, seeds)
    for row, seed in enumerate(seeds):
        steps = write(memory=MEMORY[row : row + 1], options=options.replace(seed=seed))
        assert batch.token_ids[row, : len(steps)].tolist() == ids(steps)
        assert (batch.token_ids[row, len(steps) :] == TOKENIZER.pad_id).all()
        written = [s for s in steps if s.slot != "eos"]
        assert batch.lengths[row] == len(written)
        for position, step in enumerate(written):
            torch.testing.assert_close(
                batch.logits[row, position], step.logits, atol=1e-4, rtol=1e-4
            )


def test_rows_that_end_early_are_padded():
    one = write_objects(TOKENIZER, [((0.1, 0.2, 0.5, 0.6), 16)])
    tables = [
        script(one + [TOKENIZER.eos_id] * 5, TOKENIZER.vocab_size, 40.0),
        script(TWO_OBJECTS, TOKENIZER.vocab_size, 40.0),
    ]
    model = ScriptedModel(torch.stack(tables))
    images = torch.tensor([0.0, 1.0])[:, None, None].expand(2, 16, 8)
    batch = sample_batch(model, images, TOKENIZER, SamplingOptions(), [0, 0])
    assert batch.lengths.tolist() == [5, 10]
    assert batch.token_ids.tolist() == [one + [TOKENIZER.pad_id] * 5, TWO_OBJECTS]
    assert batch.logits.shape == (2, 11, TOKENIZER.vocab_size)
    assert model.forwards == 11


def test_a_batch_without_objects_is_empty():
    table = script([TOKENIZER.eos_id], TOKENIZER.vocab_size, 40.0)
    batch = sample_batch(
        ScriptedModel(table), torch.zeros(1, 16, 8), TOKENIZER, SamplingOptions(), [0, 1]
    )
    assert batch.lengths.tolist() == [0, 0]
    assert batch.logits.shape == (2, 1, TOKENIZER.vocab_size)


def test_many_seeds_share_one_memory():
    options = SamplingOptions(max_objects=2)
    batch = sample_batch(MODEL, IMAGE, TOKENIZER, options, [7, 8, 7])
    assert torch.equal(batch.token_ids[0], batch.token_ids[2])
    assert ids(write(options=options.replace(seed=8))) == batch.token_ids[1].tolist()


@pytest.mark.parametrize("seeds", [[], [1, 2]])
def test_a_batch_needs_a_seed_per_memory(seeds):
    with pytest.raises(ValueError, match=f"{len(seeds)} seeds for 3 memories"):
        sample_batch(MODEL, MEMORY, TOKENIZER, SamplingOptions(), seeds)


def test_a_stream_is_about_one_image():
    with pytest.raises(ValueError, match="memory holds 3"):
        sample_stream(MODEL, MEMORY, TOKENIZER, SamplingOptions())
