"""``edge_scores``: how sure the model was of a box's edges, and the score that counts it in."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pix2seq.config import SamplingOptions
from pix2seq.predictor import Predictor
from pix2seq.scoring import REACH, edge_scores
from tests.fakes import (
    TINY_PREPROCESS,
    ScriptedModel,
    draw_picture,
    script,
    tiny_tokenizer,
    write_objects,
)

TOKENIZER = tiny_tokenizer()
FIRST = TOKENIZER.coord_ids.start


def sentence(*boxes: tuple[int, int, int, int]) -> torch.Tensor:
    """Objects of class 0 whose coordinate tokens are these bins."""
    ids = []
    for box in boxes:
        ids += [FIRST + value for value in box] + [TOKENIZER.class_ids.start]
    return torch.tensor(ids)


def logits_of(*rows: dict[int, float]) -> torch.Tensor:
    """Raw logits whose softmax holds exactly these probabilities, by token id."""
    table = torch.full((len(rows), TOKENIZER.vocab_size), -math.inf)
    for row, probs in enumerate(rows):
        for token_id, prob in probs.items():
            table[row, token_id] = math.log(prob)
    return table


def sure(ids: torch.Tensor) -> torch.Tensor:
    return logits_of(*({int(i): 1.0} for i in ids))


def test_certain_edges_have_certainty_one():
    ids = sentence((2, 3, 12, 23), (0, 0, 31, 31))
    assert edge_scores(sure(ids), ids, TOKENIZER).tolist() == [1.0, 1.0]


def test_an_edge_counts_all_bins_within_a_tenth_of_its_side():
    ids = sentence((5, 5, 15, 25))  # 10 bins high, 20 wide: up to 1 and up to 2 bins off
    logits = sure(ids)
    near = {FIRST + 14: 0.3, FIRST + 16: 0.3, FIRST + 13: 0.2, FIRST + 17: 0.2}
    logits[2] = logits_of(near)[0]  # ymax
    wide = {FIRST + 3: 0.3, FIRST + 7: 0.3, FIRST + 2: 0.2, FIRST + 8: 0.2}
    logits[1] = logits_of(wide)[0]  # xmin
    expected = (0.6 * 0.6 * 1) ** (1 / 3)
    assert edge_scores(logits, ids, TOKENIZER).item() == pytest.approx(expected, abs=1e-6)
    assert REACH == 0.1


@given(st.integers(0, 2**31), st.floats(0.01, 0.99))
def test_which_object_comes_next_is_no_doubt_about_an_edge(seed, share):
    """The first slot may be about any other object; the second about those beside this one."""
    generator = torch.Generator().manual_seed(seed)
    ids = sentence((20, 2, 25, 5))
    logits = 3 * torch.randn(5, TOKENIZER.vocab_size, generator=generator)
    alone = edge_scores(logits, ids, TOKENIZER)
    crowded = logits.clone()
    crowded[0] = 3 * torch.randn(TOKENIZER.vocab_size, generator=generator)
    far = range(FIRST + 10, FIRST + 30)  # more than the box's width away
    mixed = (1 - share) * logits[1].softmax(-1)
    mixed[list(far)] += share / len(far)
    crowded[1] = mixed.log()
    torch.testing.assert_close(edge_scores(crowded, ids, TOKENIZER), alone, rtol=1e-4, atol=1e-6)


def test_the_written_bin_counts_however_small_the_box():
    ids = sentence((5, 5, 6, 6))
    logits = sure(ids)
    logits[2] = logits_of({FIRST + 5: 0.5, FIRST + 6: 0.5})[0]
    assert edge_scores(logits, ids, TOKENIZER).item() == pytest.approx(0.5 ** (1 / 3), abs=1e-6)


def test_a_coarse_cell_counts_whole():
    """Written over 8 cells of 32 bins, a coordinate stands for four bins."""
    ids = sentence((6, 6, 10, 10))
    logits = sure(ids)
    logits[2] = logits_of({FIRST + 8: 0.5, FIRST + 12: 0.5})[0]
    assert edge_scores(logits, ids, TOKENIZER).item() == 0.0
    assert edge_scores(logits, ids, TOKENIZER, num_bins=8).item() == pytest.approx(1.0)


def test_given_edges_are_certain():
    """Whoever drags an edge is not told that the model would not have put it there."""
    ids = sentence((5, 5, 15, 25))
    logits = sure(ids)
    logits[3] = logits_of({FIRST + 7: 1.0})[0]
    forced = torch.zeros(5, dtype=torch.bool)
    assert edge_scores(logits, ids, TOKENIZER, forced=forced).item() == 0.0
    forced[3] = True
    assert edge_scores(logits, ids, TOKENIZER, forced=forced).item() == pytest.approx(1.0)


def test_an_unfinished_object_is_left_out():
    ids = sentence((2, 3, 12, 23))
    more = torch.cat([ids, ids[:3]])
    assert len(edge_scores(sure(more), more, TOKENIZER)) == 1
    assert len(edge_scores(sure(more)[:4], more[:4], TOKENIZER)) == 0
    assert len(edge_scores(torch.zeros(0, TOKENIZER.vocab_size), more[:0], TOKENIZER)) == 0


@given(st.lists(st.integers(0, TOKENIZER.vocab_size - 1), max_size=22), st.integers(0, 2**31))
def test_any_sentence_has_certainties_from_zero_to_one(ids, seed):
    """Also one that the grammar would not have let pass."""
    generator = torch.Generator().manual_seed(seed)
    logits = 5 * torch.randn(len(ids), TOKENIZER.vocab_size, generator=generator)
    scores = edge_scores(logits, torch.tensor(ids, dtype=torch.long), TOKENIZER)
    assert scores.shape == (len(ids) // 5,)
    assert bool(((scores >= 0) & (scores <= 1)).all())


def doubtful() -> Predictor:
    """Writes two boxes, never quite sure of a token."""
    ids = write_objects(TOKENIZER, [((0.1, 0.2, 0.5, 0.6), 16), ((0.3, 0.1, 0.9, 0.4), 0)])
    model = ScriptedModel(script(ids, TOKENIZER.vocab_size, peak=6.0))
    return Predictor(model, TOKENIZER, TINY_PREPROCESS)


OPTIONS = SamplingOptions(temperature=0.0, max_objects=2)


def test_the_score_of_the_box_is_its_class_times_its_edges():
    predictor = doubtful()
    encoding = predictor.encode(draw_picture())
    by_class = predictor.detect(encoding, OPTIONS.replace(score="class"))
    by_box = predictor.detect(encoding, OPTIONS.replace(score="box"))
    assert len(by_class) == 2 and torch.equal(by_class.boxes, by_box.boxes)
    torch.testing.assert_close(by_box.scores, by_class.scores * by_class.edge_scores)
    assert bool((by_box.edge_scores < 1).all())


def test_the_paper_score_is_the_default():
    predictor = doubtful()
    encoding = predictor.encode(draw_picture())
    usual, paper = predictor.detect(encoding, OPTIONS), OPTIONS.replace(score="class")
    torch.testing.assert_close(usual.scores, predictor.detect(encoding, paper).scores)


def test_a_batch_reads_the_certainty_that_a_stream_reads():
    predictor, options = doubtful(), OPTIONS.replace(score="box")
    streamed = predictor.detect(draw_picture(), options)
    assert len(streamed) == 2
    (batched,) = predictor.detect_batch([draw_picture()], options)
    torch.testing.assert_close(batched.edge_scores, streamed.edge_scores, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(batched.scores, streamed.scores, atol=1e-4, rtol=1e-4)
