"""Sentences that follow drafts: what pulls a token, what the pull does, and that a run tells it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import pix2seq
from pix2seq.boxes import box_iou
from pix2seq.categories import COCO_80
from pix2seq.config import ConfigError, SamplingOptions, TokenizerConfig
from pix2seq.examples import FOLDER as EXAMPLES
from pix2seq.model.drafts import Drafted
from pix2seq.sampling import Job, SharedBatch, guide, sample_batch, sample_stream
from pix2seq.sampling.guide import Guide, Pull
from pix2seq.tokenizer import Tokenizer
from tests import fakes

WORDS = fakes.tiny_tokenizer()
FIRST = WORDS.coord_ids.start
FAR = [FIRST, FIRST, FIRST + 1, FIRST + 1, WORDS.class_ids.start]  # an object in the corner
BOXES = [[0.1, 0.2, 0.5, 0.6], [0.55, 0.6, 0.95, 0.9]]  # xyxy


def drafted(boxes=BOXES, sure=(0.9, 0.4)) -> Drafted:
    boxes = torch.tensor([boxes]).float()
    return Drafted(boxes, torch.tensor([sure[: boxes.shape[1]]]), torch.zeros(boxes.shape[:2]))


def words_of(box) -> list[int]:
    return WORDS.encode(torch.tensor([box]), torch.tensor([5])).tolist()


def pulls_of(ids, tokenizer=WORDS, of=None) -> list[Pull | None]:
    """What pulls each of these tokens, and the one behind them."""
    guide = Guide(of or drafted(), tokenizer)
    pulls = [guide.pull()]
    for token_id in ids:
        guide.read(token_id)
        pulls.append(guide.pull())
    return pulls


# ---- what pulls -----------------------------------------------------------------------------


def test_the_first_object_and_every_class_are_the_models_own():
    pulls = pulls_of([*FAR, *words_of(BOXES[0])])
    assert pulls[:5] == [None] * 5 and pulls[9] is None
    assert all(pulls[5:9]) and pulls[10] is not None


def test_edges_of_the_surest_draft_pull_one_by_one_and_then_those_of_the_next():
    one, two = words_of(BOXES[0]), words_of(BOXES[1])
    pulls = pulls_of([*FAR, *one, *two])
    assert [pull.centre for pull in pulls[5:9]] == one[:4]
    assert [pull.centre for pull in pulls[10:14]] == two[:4]
    assert [pulls[i].draft for i in (5, 10)] == [0, 1]
    assert pulls[5].sure == pytest.approx(0.9)
    assert pulls[15] is None  # every draft is written


def test_a_bell_is_a_tenth_of_the_side_wide_and_at_least_a_bin():
    wide = drafted([[0.0, 0.0, 1.0, 0.2]])
    pulls = pulls_of([*FAR, *words_of([0.0, 0.0, 1.0, 0.2])], of=wide)
    assert pulls[5].width == 1.0  # 6 bins high
    assert pulls[6].width == pytest.approx(3.1)  # 31 bins wide


def test_a_draft_that_an_object_covers_is_written_whoever_wrote_it():
    shifted = [edge + 0.03 for edge in BOXES[0]]
    pulls = pulls_of(words_of(shifted))
    assert pulls[5].draft == 1
    apart = [0.1, 0.2, 0.3, 0.4]  # an overlap of a quarter
    assert pulls_of(words_of(apart))[5].draft == 0


def test_an_object_that_leaves_its_draft_is_let_go_or_taken_over_by_another():
    gone = pulls_of([*FAR, FIRST + 30])
    assert gone[6] is None
    other = pulls_of([*FAR, words_of(BOXES[1])[0]])
    assert other[5].draft == 0 and other[6].draft == 1
    assert other[6].centre == words_of(BOXES[1])[1]


def test_a_draft_that_was_followed_is_not_followed_twice():
    small = drafted([[0.1, 0.1, 0.16, 0.16]])  # 2 bins: a bin off each side halves the overlap
    near = [words_of([0.1, 0.1, 0.16, 0.16])[0] + 1] * 2 + [FIRST + 7] * 2 + [FAR[4]]
    pulls = pulls_of([*FAR, *near], of=small)
    assert pulls[5] is not None and pulls[10] is None


def test_an_edge_is_read_in_the_vocabularys_own_order():
    config = TokenizerConfig(**{**dataclasses.asdict(WORDS.config), "box_order": "xyxy"})
    words = Tokenizer(config, COCO_80)
    ids = words.encode(torch.tensor([BOXES[0]]), torch.tensor([5])).tolist()
    pulls = pulls_of([*FAR, *ids], tokenizer=words)
    assert [pull.centre for pull in pulls[5:9]] == ids[:4]
    assert ids[0] == words.coord_ids.start + 3  # xmin comes first


@given(st.lists(st.integers(0, WORDS.vocab_size - 1), max_size=40))
def test_whatever_is_written_pulls_are_at_coordinates_and_to_a_draft_that_is_left(ids):
    done = set()
    for index, pull in enumerate(pulls_of(ids)):
        if pull is None:
            continue
        assert index >= 5 and WORDS.slot(index) != "class"
        assert pull.centre == words_of(BOXES[pull.draft])[index % 5] and pull.width >= 1
        assert pull.draft not in done
        if index % 5 == 3 and index < len(ids) and abs(ids[index] - pull.centre) <= pull.width:
            done.add(pull.draft)  # followed to its end


# ---- what a pull does -----------------------------------------------------------------------


@given(st.integers(0, 2**32 - 1), st.integers(0, 31), st.floats(1, 6), st.floats(0, 40))
def test_a_pull_moves_probability_among_coordinates_only(seed, bin_, width, spread):
    logits = spread * torch.randn(WORDS.vocab_size, generator=torch.Generator().manual_seed(seed))
    before = logits.clone()
    after = Pull(FIRST + bin_, width, 0, 0.5).pulled(logits, WORDS)
    torch.testing.assert_close(logits, before)
    old, new = logits.double().softmax(0), after.double().softmax(0)
    coords = WORDS.coord_mask
    torch.testing.assert_close(new[~coords], old[~coords], rtol=1e-4, atol=1e-9)
    away = (torch.arange(32).double() - bin_) / width
    asked = old[coords] * (-0.5 * away**2).clamp(min=-20).exp()
    asked *= old[coords].sum() / asked.sum()
    torch.testing.assert_close(new[coords], asked, rtol=1e-3, atol=1e-9)


# ---- sentences ------------------------------------------------------------------------------


def flat_model():
    """Knows no edge better than another, and one class."""
    table = torch.zeros(1, WORDS.vocab_size)
    table[0, WORDS.class_ids.start + 7] = 3.0
    return fakes.ScriptedModel(table)


OPTIONS = SamplingOptions(follow_drafts=True, eos="delay", max_objects=4)


def written(options=OPTIONS, prefix=(), of=None):
    memory = torch.zeros(1, 16, 8)
    stream = sample_stream(flat_model(), memory, WORDS, options, prefix, (), of or drafted())
    return list(stream)


def test_a_sentence_about_drafts_writes_them():
    steps = written()
    boxes, _ = WORDS.decode(torch.tensor([step.token_id for step in steps]))
    torch.testing.assert_close(boxes[1:3], torch.tensor(BOXES), rtol=0, atol=0.25)
    assert [step.pull is not None for step in steps] == [
        *[False] * 5,
        *([*[True] * 4, False] * 2),
        *[False] * 5,
    ]
    alone = written(OPTIONS.replace(follow_drafts=False))
    assert all(step.pull is None for step in alone)
    assert [s.token_id for s in alone[:5]] == [s.token_id for s in steps[:5]]
    assert [s.token_id for s in alone] != [s.token_id for s in steps]


def test_logits_are_told_as_they_were_drawn_from_and_say_what_was_likely():
    step = written()[5]
    torch.testing.assert_close(step.logits, step.pull.pulled(flat_model().table[0].clone(), WORDS))
    assert step.logits[WORDS.coord_mask].argmax() == step.pull.centre - FIRST
    assert step.prob > 1 / 32 or abs(step.token_id - step.pull.centre) > 2 * step.pull.width


def test_a_sentence_goes_on_from_its_beginning_as_it_did():
    whole = written()
    for length in (3, 5, 7, 12):
        ids = [step.token_id for step in whole]
        again = written(prefix=ids[:length])
        assert [step.token_id for step in again] == ids
        assert [step.pull for step in again] == [step.pull for step in whole]
        for a, b in zip(again, whole, strict=True):
            torch.testing.assert_close(a.logits, b.logits)


def test_neighbours_follow_their_own_drafts():
    model, seeds = flat_model(), [3, 4]
    both = Drafted.cat([drafted(), drafted(BOXES[::-1])])
    batch = sample_batch(model, torch.zeros(2, 16, 8), WORDS, OPTIONS, seeds, both)
    for row, (seed, of) in enumerate(zip(seeds, (drafted(), drafted(BOXES[::-1])), strict=True)):
        alone = written(OPTIONS.replace(seed=seed), of=of)
        assert batch.token_ids[row].tolist() == [step.token_id for step in alone]
    shared = sample_batch(model, torch.zeros(1, 16, 8), WORDS, OPTIONS, seeds, drafted())
    assert shared.token_ids[0].tolist() == batch.token_ids[0].tolist()


def test_without_drafts_there_is_nothing_to_follow():
    job = Job(torch.zeros(1, 16, 8), OPTIONS)
    with pytest.raises(ConfigError, match="follow_drafts is on, but this model"):
        next(SharedBatch(flat_model(), WORDS).stream(job))
    with pytest.raises(ConfigError, match="follow_drafts is 1; it must be true or false"):
        SamplingOptions.from_dict({"follow_drafts": 1})


def test_a_step_told_to_another_process_keeps_its_pull():
    step = written()[6]
    assert step.rules.step(step.plain()).pull == step.pull != None  # noqa: E711
    assert step.rules.step(step.plain()).prob == step.prob


# ---- the model that we ship -----------------------------------------------------------------


@pytest.fixture(scope="module")
def mini():
    return pix2seq.load("mini")


def test_following_finds_what_the_encoder_has_drafted(mini):
    encoding = mini.encode(EXAMPLES / "taxis.jpg")
    assert encoding.drafts.boxes.shape == (1, mini.model.drafts, 4)
    doubles = [
        int((box_iou(said.boxes[0], said.boxes[0]).triu(1) > 0.5).sum())
        for said in (encoding.drafts, encoding.distinct)
    ]
    assert doubles[0] > 0 and doubles[1] == 0
    assert not encoding.distinct.boxes.is_inference()
    options = mini.resolve(SamplingOptions(follow_drafts=True))
    steps = list(mini.stream(encoding, options))
    pulled = [step for step in steps if step.pull]
    assert len(pulled) > 30
    off = np.mean([abs(step.token_id - step.pull.centre) / step.pull.width for step in pulled])
    assert off < 1.5
    written = [one.steps for one in mini.write_many([encoding] * 3, options)]
    assert all([s.token_id for s in some] == [s.token_id for s in steps] for some in written)


# ---- arithmetic -----------------------------------------------------------------------------


needs_compiler = pytest.mark.skipif(
    guide.arithmetic() == guide.Arithmetic(), reason="Numba is missing or not wanted"
)


@needs_compiler
@given(st.data())
def test_compiled_arithmetic_takes_out_and_pulls_what_numpy_does(data):
    """Masks to the last bit, for what is near is near or not; logits to float32's last digits."""
    count = data.draw(st.integers(1, 40))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    plain, compiled = guide.Arithmetic(), guide.arithmetic()

    logits = (rng.normal(size=64) * data.draw(st.floats(0, 30))).astype(np.float32)
    theirs = logits.copy()
    pulled = (8, 40, data.draw(st.integers(8, 39)), data.draw(st.floats(1, 12)))
    plain.pull_to(logits, *pulled)
    compiled.pull_to(theirs, *pulled)
    np.testing.assert_allclose(theirs, logits, rtol=1e-5, atol=2e-5)

    near, words = rng.random(count) < 0.7, rng.integers(8, 40, count)
    other, widths, token = near.copy(), rng.integers(1, 30, count) / 10, int(rng.integers(8, 40))
    assert plain.keep_near(near, words, widths, token) == compiled.keep_near(
        other, words, widths, token
    )
    np.testing.assert_array_equal(near, other)

    low = rng.integers(0, 8, (2, count)) / 10
    high = low + rng.integers(0, 5, (2, count)) / 10
    box, areas = rng.integers(0, 10, 4) / 10, (high - low).prod(0)
    left = rng.random(count) < 0.8
    one, two = (left.copy(), near), (left.copy(), other)
    followed = data.draw(st.integers(-1, count - 1))
    told = [
        do.take_out(*masks, followed, low, high, areas, box)
        for do, masks in ((plain, one), (compiled, two))
    ]
    assert told[0] == told[1] == (int(one[0].argmax()) if one[0].any() else -1)
    np.testing.assert_array_equal(one[0], two[0])
    np.testing.assert_array_equal(one[1], two[1])
