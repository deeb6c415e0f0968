"""The tree of sentences: real alternatives, sums, sets, and the price of a dozen leaves."""

from __future__ import annotations

import json
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pix2seq.branching import (
    SentenceTree,
    beam_search,
    choices,
    group_by_set,
    grow_tree,
    peaks,
    same_set,
    with_rivals,
    write_rivals,
)
from pix2seq.branching.choices import hesitations
from pix2seq.branching.peaks import VALLEY, _split, smoothed, split_rows, splitter
from pix2seq.config import ConfigError, SamplingOptions
from pix2seq.detections import Detections
from pix2seq.predictor import ImageEncoding, Predictor
from pix2seq.sampling import Rows, forced_logits
from tests.fakes import TINY_PREPROCESS, ScriptedModel, draw_picture, tiny_model, tiny_tokenizer

TOKENIZER = tiny_tokenizer()
FIRST = TOKENIZER.coord_ids.start
DOG = TOKENIZER.class_ids[16]
CAT = TOKENIZER.class_ids[15]


@cache
def written_about(seed: int, spread: float = 3.0) -> tuple[Predictor, ImageEncoding]:
    predictor = Predictor(tiny_model(seed, spread), TOKENIZER, TINY_PREPROCESS)
    return predictor, predictor.encode(draw_picture())


def tree_of(seed: int, leaves: int = 6, **options) -> tuple[Predictor, ImageEncoding, SentenceTree]:
    predictor, encoding = written_about(seed)
    options = SamplingOptions(max_objects=3, **options)
    return predictor, encoding, grow_tree(predictor, encoding, options, leaves=leaves)


def bell(place: float, width: float, bins: int = 256) -> np.ndarray:
    probs = np.exp(-0.5 * ((np.arange(bins) - place) / width) ** 2)
    return probs / probs.sum()


def row(**probs: float) -> np.ndarray:
    """Probabilities over the vocabulary: ``b7=0.5`` is bin 7, other names are ids by attribute."""
    ids = {"eos": TOKENIZER.eos_id, "dog": DOG, "cat": CAT, "noise": TOKENIZER.noise_id}
    raw = np.zeros(TOKENIZER.vocab_size)
    for name, prob in probs.items():
        raw[ids[name] if name in ids else FIRST + int(name[1:])] = prob
    return raw


# ---- what counts as an alternative ----------------------------------------------------------


@given(place=st.floats(0, 255), width=st.floats(0.3, 30))
def test_a_bell_is_one_thing_wherever_it_stands(place, width):
    assert len(peaks(bell(place, width))) == 1


@given(place=st.floats(10, 100), away=st.floats(40, 140), width=st.floats(0.5, 6))
def test_two_bells_are_two_things_and_their_tops_are_found(place, away, width):
    found = peaks(0.7 * bell(place, width) + 0.3 * bell(place + away, width))
    assert [abs(peak.top - at) <= 1 for peak, at in zip(found, (place, place + away), strict=True)]


def test_a_ragged_top_is_one_bell():
    probs = bell(150, 2.0)
    probs[151] *= 0.3
    assert len(peaks(probs / probs.sum())) == 1


@given(st.lists(st.floats(0, 1), min_size=2, max_size=300))
def test_every_position_belongs_to_one_peak_whose_top_is_inside(values):
    found = peaks(np.array(values))
    edges = [(peak.first, peak.last) for peak in found]
    assert edges[0][0] == 0 and edges[-1][1] == len(values) - 1
    assert all(a[1] + 1 == b[0] for a, b in pairwise(edges))
    assert all(peak.first <= peak.top <= peak.last for peak in found)


def filled(heights: list[float]) -> list[int]:
    """The tops that are left when the shallowest valley is filled again and again, the lower of its
    two tops with it, until every valley is deep."""
    rises = [-1.0, *heights, -1.0]
    tops = [
        i
        for i, (a, b, c) in enumerate(zip(rises, rises[1:], rises[2:], strict=False))
        if a < b >= c and b >= max(heights) * 1e-3
    ]
    while len(tops) > 1:
        pairs = list(pairwise(tops))
        low = [min(heights[a : b + 1]) / min(heights[a], heights[b]) for a, b in pairs]
        at = low.index(max(low))
        if low[at] < VALLEY:
            break
        a, b = pairs[at]
        tops.remove(a if heights[a] < heights[b] else b)
    return tops


@given(
    st.lists(
        st.lists(st.sampled_from([0.0, 1e-9, 0.1, 0.2, 0.3, 0.6, 1.0]), min_size=40, max_size=40),
        min_size=1,
        max_size=5,
    )
)
def test_many_rows_are_split_at_once_where_filling_valleys_one_by_one_splits_each(values):
    probs = np.array(values).repeat(3, axis=1)  # bells are wider than the blur
    rows, first, last, top = split_rows(probs)
    for row, heights in enumerate(smoothed(probs)):
        tops = filled(heights.tolist())
        mine = rows == row
        assert mine.sum() == max(len(tops), 1)
        inside = [
            sum(a <= t <= b for t in tops) for a, b in zip(first[mine], last[mine], strict=True)
        ]
        assert not tops or inside == [1] * len(tops)
        alone = [(peak.first, peak.last, peak.top) for peak in peaks(probs[row])]
        assert alone == list(zip(first[mine], last[mine], top[mine], strict=True))


@given(st.lists(st.floats(0, 1), min_size=60, max_size=60), st.integers(1, 3), st.floats(0.1, 0.9))
def test_peaks_are_the_same_with_and_without_machine_code(values, rows, valley):
    probs = np.array(values).reshape(rows, -1)
    found = [np.empty((4, probs.size), np.int64) for _ in range(2)]
    counts = [
        split(probs, smoothed(probs), valley, out)
        for split, out in zip((splitter(), _split), found, strict=True)
    ]
    assert counts[0] == counts[1]
    assert (found[0][:, : counts[0]] == found[1][:, : counts[0]]).all()


def test_neighbouring_bins_are_no_alternative_but_another_object_is():
    raw = row(b10=0.4, b11=0.35, b12=0.1, b25=0.15)
    found = choices(raw, TOKENIZER.allowed(1).numpy(), TOKENIZER, 1)
    assert [(c.token_id - FIRST, c.kind) for c in found] == [(10, "object"), (25, "object")]
    assert found[0].mass == pytest.approx(0.85) and found[1].mass == pytest.approx(0.15)


def test_a_name_counts_from_its_share_on_and_noise_is_a_name():
    raw = row(dog=0.6, cat=0.04, noise=0.36)
    found = choices(raw, TOKENIZER.allowed(4).numpy(), TOKENIZER, 4)
    assert [(c.token_id, c.kind) for c in found] == [
        (DOG, "class"),
        (TOKENIZER.noise_id, "class"),
    ]


def test_the_end_is_an_alternative_where_it_may_stand():
    raw = row(eos=0.3, b4=0.7)
    at_start = choices(raw, TOKENIZER.allowed(5).numpy(), TOKENIZER, 5)
    assert [c.kind for c in at_start] == ["object", "end"]
    inside = choices(raw, TOKENIZER.allowed(6).numpy(), TOKENIZER, 6)
    assert [c.kind for c in inside] == ["object"]


@given(
    values=st.lists(st.floats(0, 12), min_size=TOKENIZER.vocab_size, max_size=TOKENIZER.vocab_size),
    index=st.integers(0, 9),
    share=st.floats(0.02, 0.4),
)
def test_the_quick_look_finds_the_hesitations_that_the_slow_one_finds(values, index, share):
    raw = torch.tensor(values, dtype=torch.float64).softmax(-1).numpy()
    allowed = TOKENIZER.allowed(index).numpy()
    slow = choices(raw, allowed, TOKENIZER, index, share)
    quick = hesitations(raw[None], allowed, TOKENIZER, index, share)[0]
    assert quick == (slow if len(slow) > 1 else [])
    assert sum(choice.mass for choice in slow) <= 1 + 1e-9


# ---- the tree -------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"num_bins": 8}, {"grammar": False}])
@pytest.mark.parametrize("seed", range(4))
def test_siblings_and_the_rest_add_up_to_one(seed, options):
    _, _, tree = tree_of(seed, **options)
    found = list(tree.hesitations())
    assert found or "num_bins" in options  # eight cells may hold one broad peak
    for number, token in found:
        masses = [alternative.mass for alternative in token.alternatives]
        assert len(masses) > 1
        assert sum(masses) + token.rest == pytest.approx(1, abs=1e-4)
        written = token.alternatives[0]
        assert (written.id, written.branch) == (token.id, number)
        assert np.log(written.prob) == pytest.approx(token.logprob, abs=1e-4)


@pytest.mark.parametrize("options", [{}, {"num_bins": 8}])
@pytest.mark.parametrize("seed", range(4))
def test_a_path_costs_what_its_steps_cost_and_says_what_they_say(seed, options):
    """The stream writes the same sentence from the branch's first token on, at the same price."""
    predictor, encoding, tree = tree_of(seed, **options)
    assert len(tree.branches) > 1 or "num_bins" in options
    for number, branch in enumerate(tree.branches):
        path = tree.path(number)
        given_ids = [token.id for token in path[: branch.start + (number > 0)]]
        rules = SamplingOptions(max_objects=3, temperature=0.0, eos="model", **options)
        steps = list(predictor.stream(encoding, rules, given_ids))
        assert [step.token_id for step in steps] == [token.id for token in path]
        assert branch.surprise == pytest.approx(-sum(s.logprob for s in steps), abs=1e-3)
        assert branch.surprise == pytest.approx(-sum(t.logprob for t in path), abs=1e-3)


@pytest.mark.parametrize("seed", range(4))
def test_a_followed_alternative_leads_to_the_branch_that_begins_with_it(seed):
    _, _, tree = tree_of(seed)
    reached = set()
    for number, token in tree.hesitations():
        for alternative in token.alternatives[1:]:
            if alternative.branch is not None:
                branch = tree.branches[alternative.branch]
                assert (branch.parent, branch.start) == (number, token.index)
                assert branch.tokens[0].id == alternative.id
                reached.add(alternative.branch)
    assert reached == set(range(1, len(tree.branches)))
    sentences = {tuple(token.id for token in tree.path(n)) for n in range(len(tree.branches))}
    assert len(sentences) == len(tree.branches)


@pytest.mark.parametrize("leaves", [1, 2, 5, 12])
def test_there_are_no_more_leaves_than_asked_for(leaves):
    _, _, tree = tree_of(1, leaves=leaves)
    assert 1 <= len(tree.branches) <= leaves
    assert sum(len(group) for group in tree.groups) == len(tree.branches)


def test_a_tree_takes_as_many_passes_as_its_longest_sentence_has_tokens():
    table = torch.zeros(20, TOKENIZER.vocab_size)
    table[:, [FIRST + 3, FIRST + 28]] = 9.0
    table[4::5, [DOG, CAT]] = 9.0
    model = ScriptedModel(table)
    predictor = Predictor(model, TOKENIZER, TINY_PREPROCESS)
    tree = grow_tree(predictor, predictor.encode(draw_picture()), SamplingOptions(max_objects=4))
    assert len(tree.branches) == 12
    assert model.forwards == 20


@pytest.mark.parametrize("seed", range(3))
def test_paths_end_where_the_model_says_so_however_long_options_put_it_off(seed):
    """Nobody waits for a tail of noise, and all ways to write end alike."""
    predictor, encoding, tree = tree_of(seed, eos="delay")
    assert tree.options.eos == "model"
    assert tree.branches == tree_of(seed, eos="model")[2].branches
    ends = [branch.tokens[-1].slot for branch in tree.branches]
    room = TOKENIZER.sequence_length(3)
    assert all((end == "eos") or len(tree.path(n)) == room for n, end in enumerate(ends))
    rules = SamplingOptions(max_objects=3, eos="delay")
    rivals = write_rivals(predictor, encoding, rules, beam=1, seeds=[])
    assert rivals[0].token_ids == tuple(token.id for token in tree.path(0))


def test_a_tree_grows_behind_a_given_beginning():
    predictor, encoding = written_about(2)
    beginning = [FIRST + 3, FIRST + 4, FIRST + 20, FIRST + 21, DOG, FIRST + 9]
    options = SamplingOptions(max_objects=3)
    tree = grow_tree(predictor, encoding, options, prefix=beginning, leaves=4)
    for number in range(len(tree.branches)):
        path = tree.path(number)
        assert [token.id for token in path[:6]] == beginning
        assert [token.forced for token in path] == [i < 6 for i in range(len(path))]
    assert all(branch.start >= 6 for branch in tree.branches[1:])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"leaves": 0}, "leaves is 0"),
        ({"leaves": 65}, "leaves is 65"),
        ({"share": 0.0}, "share is 0.0"),
        ({"prefix": [FIRST] * 40}, "the prefix has 40 tokens"),
        ({"prefix": [9999]}, "token 9999 in the prefix"),
        ({"prefix": [TOKENIZER.eos_id]}, "nothing grows behind it"),
    ],
)
def test_a_tree_that_cannot_grow_says_why(arguments, words):
    predictor, encoding = written_about(0)
    with pytest.raises(ConfigError, match=words):
        grow_tree(predictor, encoding, **arguments)


def test_a_recorded_tree_is_the_tree():
    predictor, encoding, tree = tree_of(3)
    tree = with_rivals(tree, write_rivals(predictor, encoding, tree.options, beam=2, seeds=[5]))
    assert SentenceTree.from_json(tree.to_json()) == tree


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d.update(format=9), "format 9"),
        (lambda d: d["branches"][1].update(parent=7), "parents come first"),
        (lambda d: d["branches"][1].update(parent=None), "only branch 0"),
        (lambda d: d["branches"][0]["tokens"][2].update(index=5), "token 5 in place 2"),
        (lambda d: d["branches"][0].update(tokens=[]), "has no tokens"),
        (lambda d: d["branches"][0].update(surprise="much"), "surprise"),
    ],
)
def test_a_damaged_tree_is_refused_in_one_line(change, words):
    data = json.loads(tree_of(1)[2].to_json())
    change(data)
    with pytest.raises(ConfigError, match=words):
        SentenceTree.from_json(json.dumps(data))


@pytest.mark.parametrize("text", ["", "[]", "{", "NaN", "[" * 50000, '{"branches": 3}'])
def test_what_is_no_tree_is_refused(text):
    with pytest.raises(ConfigError, match="not a tree of sentences"):
        SentenceTree.from_json(text)


# ---- sets and sums --------------------------------------------------------------------------


def seen(*objects: tuple[float, float, float, float, int]) -> Detections:
    rows = torch.tensor(objects, dtype=torch.float32).reshape(-1, 5)
    return Detections.of(rows[:, :4], rows[:, 4].long(), torch.ones(len(rows)))


def test_the_same_objects_in_another_order_are_the_same_set():
    a, b = (0, 0, 10, 10, 1), (20, 20, 40, 40, 2)
    assert same_set(seen(a, b), seen((21, 20, 40, 41, 2), (0, 0, 10, 11, 1)))
    assert not same_set(seen(a, b), seen(a))
    assert not same_set(seen(a, a), seen(a, b))
    assert not same_set(seen(a), seen((0, 0, 10, 10, 3)))
    assert group_by_set([seen(a, b), seen(a), seen(b, a), seen(), seen(a)]) == [0, 1, 0, 2, 1]


@pytest.mark.parametrize("seed", range(3))
def test_a_beam_finds_no_less_likely_sentence_than_argmax(seed):
    predictor, encoding = written_about(seed)
    options = predictor.resolve(SamplingOptions(max_objects=2))
    greedy = beam_search(predictor, encoding, options, 1)
    wide = beam_search(predictor, encoding, options, 6)
    steps = list(predictor.stream(encoding, options.replace(temperature=0.0)))
    assert greedy[0].ids == [step.token_id for step in steps]
    assert [path.surprise for path in wide] == sorted(path.surprise for path in wide)
    for path in wide:
        prices = forced_logits(predictor.model, encoding.memory, TOKENIZER, [path.ids[:-1]])[0]
        logs = prices.double().log_softmax(-1)[torch.arange(len(path.ids)), path.ids]
        assert path.surprise == pytest.approx(-float(logs.sum()), abs=1e-3)


def test_a_beam_that_keeps_everything_finds_the_likeliest_sentence():
    """Over two tokens a slot (32 sentences of one object) a beam of 32 is exhaustive."""
    logits = torch.full((5, TOKENIZER.vocab_size), -40.0)
    pairs = [(FIRST + 2, FIRST + 9)] * 4 + [(DOG, CAT)]
    for place, (a, b) in enumerate(pairs):
        logits[place, a], logits[place, b] = 1.0, 0.3 * place
    predictor = Predictor(ScriptedModel(logits), TOKENIZER, TINY_PREPROCESS)
    encoding = predictor.encode(draw_picture())
    options = predictor.resolve(SamplingOptions(max_objects=1, eos="delay"))
    best = beam_search(predictor, encoding, options, 32)
    assert len(best) == 32 and len({tuple(path.ids) for path in best}) == 32
    assert best[0].ids == logits.argmax(-1).tolist()


def test_rivals_pay_raw_probabilities_and_share_the_groups_of_the_tree():
    predictor, encoding, tree = tree_of(2)
    rivals = write_rivals(predictor, encoding, tree.options, beam=3, seeds=[4, 5])
    assert [(r.kind, r.seed) for r in rivals] == [
        ("argmax", None),
        ("beam", None),
        ("sample", 4),
        ("sample", 5),
    ]
    joined = with_rivals(tree, rivals)
    assert joined.rivals[0].token_ids == tuple(t.id for t in tree.path(0))
    assert joined.rivals[0].surprise == pytest.approx(tree.branches[0].surprise, abs=1e-3)
    assert joined.rivals[0].group == tree.branches[0].group
    steps = list(predictor.stream(encoding, tree.options.replace(seed=5)))
    assert joined.rivals[3].token_ids == tuple(step.token_id for step in steps)
    assert joined.rivals[3].surprise == pytest.approx(-sum(s.logprob for s in steps), abs=1e-3)
    with pytest.raises(ConfigError, match="the beam is 0"):
        write_rivals(predictor, encoding, beam=0)


# ---- rows -----------------------------------------------------------------------------------


def test_given_sentences_are_read_together_as_they_are_read_alone():
    predictor, encoding = written_about(0)
    sentences = [[], [FIRST, FIRST + 5], [FIRST + 9] * 4 + [DOG, FIRST]]
    together = forced_logits(predictor.model, encoding.memory, TOKENIZER, sentences)
    for sentence, logits in zip(sentences, together, strict=True):
        assert logits.shape == (len(sentence) + 1, TOKENIZER.vocab_size)
        steps = list(predictor.stream(encoding, SamplingOptions(), sentence))
        alone = torch.stack([step.logits for step in steps[: len(sentence) + 1]])
        torch.testing.assert_close(logits, alone, atol=1e-4, rtol=1e-4)
    assert forced_logits(predictor.model, encoding.memory, TOKENIZER, []) == []
    with pytest.raises(ConfigError, match="token 999 is not"):
        forced_logits(predictor.model, encoding.memory, TOKENIZER, [[999]])


def test_rows_that_fork_go_on_with_their_own_past():
    predictor, encoding = written_about(1)
    rows = Rows(predictor.model, encoding.memory, TOKENIZER, [[FIRST], [FIRST + 8]])
    rows.fork([1, 1, 0])
    rows.write([FIRST + 2, FIRST + 3, FIRST + 4])
    pasts = [[FIRST + 8, FIRST + 2], [FIRST + 8, FIRST + 3], [FIRST, FIRST + 4]]
    alone = forced_logits(predictor.model, encoding.memory, TOKENIZER, pasts)
    torch.testing.assert_close(
        rows.logits, torch.stack([logits[-1] for logits in alone]), atol=1e-4, rtol=1e-4
    )
    with pytest.raises(ValueError, match="cannot be written side by side"):
        Rows(predictor.model, encoding.memory, TOKENIZER, [[], [FIRST]])


@pytest.mark.slow
def test_on_the_opening_scene_two_objects_begin_at_one_height():
    """Two peaks, and choosing the other one changes the order, not the set."""
    from pix2seq import load
    from pix2seq.examples import example_image
    from pix2seq.ui.fork.recordings import STORY, before_fork

    mini = load("mini", device="cpu")
    encoding = mini.encode(example_image(STORY))
    beginning = before_fork(mini, encoding, SamplingOptions(seed=0))
    options = SamplingOptions(eos="model")
    tree = grow_tree(mini, encoding, options, prefix=beginning)
    fork = tree.branches[0].tokens[len(beginning)]
    assert fork.slot == "xmin" and len(fork.alternatives) > 1
    assert sum(way.mass for way in fork.alternatives) > 0.95, "nothing but these peaks"
    first, other = (tree.branches[way.branch or 0] for way in fork.alternatives[:2])
    place = len(beginning) // 5
    names = [[thing.name for thing in branch.objects] for branch in (first, other)]
    assert names[0][:place] == names[1][:place]
    assert names[0][place] != names[1][place] and sorted(names[0]) == sorted(names[1])
    assert first.group == other.group
    whole = grow_tree(mini, encoding, options)
    assert len(whole.branches) == 12 and len(whole.groups) == 1
