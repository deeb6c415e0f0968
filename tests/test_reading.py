"""One reading of a sentence: an object's class, score and presence follow from its own five tokens,
the options and what stood before it."""

from __future__ import annotations

import dataclasses
import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pix2seq.config import SamplingOptions
from pix2seq.predictor import Predictor
from pix2seq.reading import Reader, Reading, read_sentence
from pix2seq.transforms import Letterbox
from tests.fakes import (
    TINY_PREPROCESS,
    ScriptedModel,
    draw_picture,
    script,
    tiny_model,
    tiny_tokenizer,
    write_objects,
)

TOKENIZER = tiny_tokenizer()
FRAME = Letterbox(TINY_PREPROCESS, orig_size=(90, 120))
PREDICTOR = Predictor(tiny_model(spread=4.0), TOKENIZER, TINY_PREPROCESS)
PICTURE = PREDICTOR.encode(draw_picture())
CAT, DOG = 15, 16

few = settings(max_examples=25, deadline=None)
options_of_a_reading = st.builds(
    SamplingOptions,
    noise=st.sampled_from(["paper", "drop", "show"]),
    score=st.sampled_from(["class", "box"]),
    score_threshold=st.sampled_from([0.0, 0.05, 0.3, 0.9]),
    forbidden_labels=st.sampled_from([(), (CAT,), tuple(range(40))]),
)


@st.composite
def sentences(draw):
    """Ids that the grammar lets pass, logits of any shape, and which tokens a person gave."""
    objects = draw(st.integers(0, 6))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    length = 5 * objects + draw(st.integers(0, 4))
    logits = draw(st.sampled_from([0.0, 2.0, 6.0])) * torch.randn(
        length, TOKENIZER.vocab_size, generator=generator
    )
    ids = torch.zeros(length, dtype=torch.long)
    for index in range(length):
        allowed = TOKENIZER.allowed(index).clone()
        allowed[TOKENIZER.eos_id] = False
        may = allowed.nonzero()[:, 0]
        ids[index] = may[torch.randint(len(may), (1,), generator=generator)]
    if objects and draw(st.booleans()):  # noise is one of 81 otherwise
        ids[4 :: 5 * draw(st.integers(1, 2))] = TOKENIZER.noise_id
    given = torch.rand(length, generator=generator) < draw(st.sampled_from([0.0, 0.1, 0.5]))
    return ids, logits, given


def read(ids, logits, forced, options: SamplingOptions) -> Reading:
    options = options.resolve(SamplingOptions(), TOKENIZER.config)
    return read_sentence(ids, logits, forced, TOKENIZER, FRAME, options)


def same_object(a: Reading, b: Reading, row: int, atol: float = 0.0) -> bool:
    """Whether both readings say the same of one object, its state included."""
    names = [f.name for f in dataclasses.fields(a.every) if f.name != "degenerate"]
    pairs = [(getattr(a.every, name)[row], getattr(b.every, name)[row]) for name in names]
    same = all(torch.allclose(x.float(), y.float(), rtol=0, atol=atol) for x, y in pairs)
    return same and a.states[row] == b.states[row]


@dataclasses.dataclass
class Word:
    """A token with what reading needs of it."""

    token_id: int
    slot: str
    logits: torch.Tensor
    forced: bool


@given(sentences(), options_of_a_reading, st.data())
@few
def test_a_sentence_read_as_it_grows_is_the_sentence_read_at_its_end(sentence, options, data):
    ids, logits, forced = sentence
    rows = zip(ids.tolist(), logits, forced.tolist(), strict=True)
    words = [Word(i, TOKENIZER.slot(n), row, f) for n, (i, row, f) in enumerate(rows)]
    words.append(Word(TOKENIZER.eos_id, "eos", torch.zeros(TOKENIZER.vocab_size), False))
    cuts = sorted(data.draw(st.sets(st.integers(0, len(words)))) | {0, len(words)})
    resolved = options.resolve(SamplingOptions(), TOKENIZER.config)
    reader = Reader(TOKENIZER, FRAME, resolved)
    parts = [reader.add(words[a:b]) for a, b in itertools.pairwise(cuts)]
    whole = read(ids, logits, forced, options)
    assert [int(n) for part in parts for n in part.every.objects] == list(range(len(whole)))
    for part in parts:
        for row, number in enumerate(part.every.objects.tolist()):
            alone = Reading(part.every[[row]], (part.states[row],))
            at_the_end = Reading(whole.every[[number]], (whole.states[number],))
            assert same_object(alone, at_the_end, 0, atol=1e-6)


def test_every_token_of_a_run_finishes_no_object_or_one():
    steps = list(PREDICTOR.stream(PICTURE, SamplingOptions(max_objects=3, eos="delay")))
    reader = PREDICTOR.reader(PICTURE)
    counts = [len(reader.add([step])) for step in steps]
    assert counts == [int(step.slot == "class") for step in steps]


# ---- what follows does not matter -----------------------------------------------------------


@given(sentences(), options_of_a_reading, st.integers(0, 34))
def test_a_beginning_reads_as_in_the_whole_sentence(sentence, options, cut):
    ids, logits, forced = sentence
    whole = read(ids, logits, forced, options)
    part = read(ids[:cut], logits[:cut], forced[:cut], options)
    assert len(part) == min(len(ids), cut) // 5
    assert all(same_object(part, whole, row) for row in range(len(part)))


@given(sentences(), sentences(), options_of_a_reading)
def test_what_is_written_behind_an_object_changes_nothing_about_it(sentence, other, options):
    ids, logits, forced = sentence
    kept = len(ids) // 5 * 5
    before = read(ids, logits, forced, options)
    ids, logits, forced = (
        torch.cat([mine[:kept], theirs]) for mine, theirs in zip(sentence, other, strict=True)
    )
    after = read(ids, logits, forced, options)
    assert all(same_object(before, after, row) for row in range(kept // 5))


@few
@given(st.integers(0, 2**31), st.integers(0, 39), st.integers(0, 80), options_of_a_reading)
def test_an_edit_leaves_the_objects_before_it_as_they_were(seed, index, choice, reading):
    """The model runs again on the edited sentence; only rounding may differ."""
    options = reading.replace(eos="delay", max_objects=8, temperature=9.0, seed=seed)
    first = list(PREDICTOR.stream(PICTURE, options))
    before = PREDICTOR.reading(PICTURE, first, options)
    may = TOKENIZER.allowed(index).nonzero()[:, 0]
    prefix = [*(step.token_id for step in first[:index]), int(may[choice % len(may)])]
    edited = list(PREDICTOR.stream(PICTURE, options, prefix=prefix, forced=[index]))
    after = PREDICTOR.reading(PICTURE, edited, options)
    assert all(same_object(before, after, row, atol=1e-4) for row in range(index // 5))
    again = list(PREDICTOR.stream(PICTURE, options, prefix=prefix[:-1]))
    replayed = PREDICTOR.reading(PICTURE, again, options)
    assert [step.token_id for step in again] == [step.token_id for step in first]
    assert all(same_object(before, replayed, row, atol=1e-4) for row in range(8))


# ---- noise ----------------------------------------------------------------------------------


@given(sentences(), options_of_a_reading)
def test_show_only_adds_and_drop_only_takes_away(sentence, options):
    readings = {
        noise: read(*sentence, options.replace(noise=noise)) for noise in ("paper", "drop", "show")
    }
    reported = {}
    for noise, reading in readings.items():
        found = reading.detections()
        reported[noise] = {
            int(number): (found.boxes[row].tolist(), int(found.labels[row]), found.scores[row])
            for row, number in enumerate(found.objects.tolist())
        }
    assert reported["drop"].items() <= reported["paper"].items() <= reported["show"].items()
    wrote_noise = sentence[0][4::5] == TOKENIZER.noise_id
    for number, state in enumerate(readings["show"].states):
        assert state == "flat" or (state == "noise") == bool(wrote_noise[number])
        if number not in reported["paper"] and number in reported["show"]:
            assert state == "noise"


@given(sentences(), options_of_a_reading)
def test_objects_that_are_not_noise_read_alike_in_every_mode(sentence, options):
    wrote_noise = sentence[0][4::5] == TOKENIZER.noise_id
    paper, drop, show = (
        read(*sentence, options.replace(noise=noise)) for noise in ("paper", "drop", "show")
    )
    for row in range(len(paper)):
        if not wrote_noise[row]:
            assert same_object(paper, drop, row) and same_object(paper, show, row)


# ---- what a person gave ---------------------------------------------------------------------


@given(sentences(), options_of_a_reading)
def test_what_a_person_gave_is_there_and_marked(sentence, options):
    ids, _, forced = sentence
    found = read(*sentence, options)
    shown = found.detections().objects.tolist()
    theirs = forced[: len(found) * 5].view(-1, 5)
    assert found.every.forced.tolist() == theirs.any(1).tolist()
    for row, state in enumerate(found.states):
        if theirs[row].any():
            assert (row in shown) == (state != "flat")
        class_id = int(ids[5 * row + 4])
        if theirs[row, 4] and class_id in TOKENIZER.class_ids:
            assert found.every.labels[row] == class_id - TOKENIZER.class_ids.start
        if theirs[row, 4] and class_id == TOKENIZER.noise_id:
            assert state in ("noise", "flat")


def test_an_unlikely_word_of_a_person_stays_with_its_true_score():
    ids = write_objects(TOKENIZER, [((0.1, 0.1, 0.5, 0.4), CAT)], eos=False)
    predictor = Predictor(
        ScriptedModel(script(ids, TOKENIZER.vocab_size, peak=20.0)), TOKENIZER, TINY_PREPROCESS
    )
    encoding = predictor.encode(draw_picture())
    options = SamplingOptions(max_objects=1, score_threshold=0.3)
    theirs = [*ids[:4], int(TOKENIZER.class_tokens(torch.tensor(DOG)))]
    steps = list(predictor.stream(encoding, options, prefix=theirs, forced=[4]))
    found = predictor.read(encoding, steps, options)
    assert found.labels.tolist() == [DOG] and found.forced.tolist() == [True]
    assert float(found.scores[0]) < 0.01
    # The same word in an earlier run of the model is one that it drew: read as the likeliest.
    steps = list(predictor.stream(encoding, options, prefix=theirs))
    found = predictor.read(encoding, steps, options)
    assert found.labels.tolist() == [CAT] and found.written.tolist() == [DOG]
    assert not found.forced.any() and float(found.scores[0]) > 0.9


# ---- names ----------------------------------------------------------------------------------


@pytest.mark.parametrize("noise", ["paper", "drop", "show"])
def test_a_renamed_object_says_what_was_written(noise):
    ids = write_objects(TOKENIZER, [((0.1, 0.1, 0.5, 0.4), CAT)] * 2, eos=False)
    ids = torch.tensor(ids)
    logits = script(ids.tolist(), TOKENIZER.vocab_size, peak=20.0)
    ids[4] = TOKENIZER.class_tokens(torch.tensor(DOG))
    found = read(ids, logits, torch.zeros(10).bool(), SamplingOptions(noise=noise)).detections()
    assert found.labels.tolist() == [CAT, CAT] and found.written.tolist() == [DOG, CAT]


def test_noise_names_no_class():
    ids = torch.tensor(write_objects(TOKENIZER, [((0.1, 0.1, 0.5, 0.4), CAT)], eos=False))
    ids[4] = TOKENIZER.noise_id
    logits = script(ids.tolist(), TOKENIZER.vocab_size, peak=20.0)
    options = SamplingOptions(noise="show", score_threshold=0.3)
    found = read(ids, logits, torch.zeros(5).bool(), options).detections()
    assert found.is_noise.tolist() == [True] and found.written.tolist() == [-1]
    assert float(found.scores[0]) < 0.3 < float(found.noise_scores[0])
