"""Asking about a place: a box is given, the model says what it is, first and behind a sentence."""

from __future__ import annotations

import pytest
import torch

from pix2seq.asking import ask, box_tokens
from pix2seq.predictor import Predictor
from tests.fakes import (
    TINY_PREPROCESS,
    ScriptedModel,
    draw_picture,
    script,
    tiny_tokenizer,
    write_objects,
)

TOKENIZER = tiny_tokenizer()
CAT, DOG = 15, 16


def knowing() -> Predictor:
    """Calls the first object of any sentence a cat, maybe a dog, and all later ones noise."""
    ids = write_objects(TOKENIZER, [((0.1, 0.1, 0.5, 0.4), CAT)] * 8, eos=False)
    table = script(ids, TOKENIZER.vocab_size)
    table[4, TOKENIZER.class_ids.start + DOG] = 11.0
    table[9::5, TOKENIZER.noise_id] = 15.0
    return Predictor(ScriptedModel(table), TOKENIZER, TINY_PREPROCESS)


def test_the_first_answer_is_what_the_model_sees_there():
    predictor = knowing()
    encoding = predictor.encode(draw_picture())
    box = box_tokens(predictor, encoding, (10, 20, 60, 70))
    answer = ask(predictor, encoding, box)
    assert answer.labels[:2] == (CAT, DOG) and not answer.is_noise
    assert answer.probs[0] == pytest.approx(0.73, abs=0.01)
    assert list(answer.probs) == sorted(answer.probs, reverse=True)


def test_behind_a_sentence_it_says_what_is_left_to_say():
    predictor = knowing()
    encoding = predictor.encode(draw_picture())
    box = box_tokens(predictor, encoding, (10, 20, 60, 70))
    said = write_objects(TOKENIZER, [((0.1, 0.1, 0.5, 0.4), CAT)], eos=False)
    behind = ask(predictor, encoding, box, said)
    assert behind.is_noise and behind.noise_prob > 0.9


def test_a_full_sentence_makes_room_for_the_question():
    predictor = knowing()
    encoding = predictor.encode(draw_picture())
    box = box_tokens(predictor, encoding, (10, 20, 60, 70))
    full = write_objects(TOKENIZER, [((0.1, 0.1, 0.5, 0.4), CAT)] * 8, eos=False)
    assert ask(predictor, encoding, box, full) == ask(predictor, encoding, box, full[:35])


def test_a_box_becomes_the_tokens_that_write_it():
    predictor = knowing()
    picture = draw_picture(120, 90)
    encoding = predictor.encode(picture)
    ids = box_tokens(predictor, encoding, (30, 15, 90, 60))
    values = TOKENIZER.decode(torch.tensor([*ids, TOKENIZER.class_ids.start]))[0]
    found = encoding.letterbox.invert_boxes(values)[0].tolist()
    assert found == pytest.approx([30, 15, 90, 60], abs=120 / 31 / 2 + 0.1)
