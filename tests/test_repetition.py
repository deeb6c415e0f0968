"""Memory on trial: asked twice, dragged through the sentence, blanked out."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pix2seq.config import ConfigError, SamplingOptions
from pix2seq.data import Scenes
from pix2seq.evaluate import measure_repetition
from pix2seq.evaluate.repetition import Counts
from pix2seq.model import KVCache
from pix2seq.predictor import ImageEncoding, Predictor
from pix2seq.repetition import (
    ask,
    blank,
    returns,
    split_objects,
    try_object,
    write_on,
)
from tests.fakes import (
    TINY_PREPROCESS,
    ScriptedModel,
    draw_picture,
    tiny_model,
    tiny_tokenizer,
    write_objects,
)

TOKENIZER = tiny_tokenizer()
THINGS = [
    ((0.0, 0.0, 0.3, 0.3), 15),
    ((0.5, 0.1, 0.9, 0.4), 16),
    ((0.2, 0.6, 0.7, 1.0), 0),
]
SENTENCE = write_objects(TOKENIZER, THINGS)
OBJECTS = [SENTENCE[i : i + 5] for i in (0, 5, 10)]
LIKELIEST = SamplingOptions(temperature=0.0)


class Rememberer(ScriptedModel):
    """Writes the things that its sentence does not hold yet, then ends; a thing that was said is
    noise. It reads the whole past, so it tells whether the right past was fed to it."""

    def __init__(self) -> None:
        super().__init__(torch.zeros(1, TOKENIZER.vocab_size))

    def decode(
        self, input_ids: Tensor, memory: Tensor | None = None, cache: KVCache | None = None
    ) -> Tensor:
        before = getattr(cache, "whole", None)
        whole = input_ids if before is None else torch.cat([before, input_ids], dim=1)
        if cache is not None:
            super().decode(input_ids, cache=cache)
            cache.whole = whole
        logits = torch.zeros(*whole.shape, TOKENIZER.vocab_size)
        for row, ids in enumerate(whole.tolist()):
            for end in range(1, len(ids) + 1):
                logits[row, end - 1, self.next(ids[1:end])] = 20.0
        return logits[:, -input_ids.shape[1] :]

    @staticmethod
    def next(past: list[int]) -> int:
        done, open_ = len(past) - len(past) % 5, past[len(past) - len(past) % 5 :]
        said = [past[i : i + 4] for i in range(0, done, 5)]
        if len(open_) == 4:
            for tokens in OBJECTS:
                if tokens[:4] == open_:
                    return TOKENIZER.noise_id if open_ in said else tokens[4]
            return TOKENIZER.noise_id
        for tokens in OBJECTS:
            if tokens[:4] not in said and tokens[: len(open_)] == open_:
                return tokens[len(open_)]
        return TOKENIZER.eos_id if not open_ else OBJECTS[0][len(open_)]


@pytest.fixture
def remembering() -> tuple[Predictor, ImageEncoding]:
    predictor = Predictor(Rememberer(), TOKENIZER, TINY_PREPROCESS)
    return predictor, predictor.encode(draw_picture())


def test_the_same_box_is_its_class_as_the_first_word_and_noise_behind_the_sentence(remembering):
    trial = try_object(*remembering, SENTENCE, 1)
    assert trial.label == 16
    assert trial.first.prob > 0.99 and trial.first.likeliest == 16
    assert trial.behind.noise > 0.99 and trial.behind.likeliest is None


@pytest.mark.parametrize("number", range(3))
def test_dragged_through_the_sentence_a_box_is_noise_from_its_own_mention_on(remembering, number):
    trial = try_object(*remembering, SENTENCE, number)
    assert [place.after for place in trial.places] == [0, 1, 2, 3]
    for place in trial.places:
        assert (place.said.prob > 0.5) == (place.after <= number)
        assert (place.said.noise > 0.5) == (place.after > number)
    assert all(place.unsaid.prob > 0.5 for place in trial.places[:-1])
    assert trial.places[-1].unsaid is None  # there are only two others


def test_a_blanked_object_returns_and_a_whole_sentence_ends(remembering):
    back = blank(*remembering, SENTENCE, [0, 1, 2], LIKELIEST)
    for tokens, written in zip(OBJECTS, back, strict=True):
        found = returns(TOKENIZER, tokens, written)
        assert found is written[0] and found.before_end
        assert not any(later.before_end for later in written[1:])
    behind = write_on(*remembering, [SENTENCE[:-1]], LIKELIEST)[0]
    assert len(behind) == TOKENIZER.config.max_objects - 3
    assert all(found.label is None and not found.before_end for found in behind)
    assert all(returns(TOKENIZER, tokens, behind) is None for tokens in OBJECTS)


def test_beginnings_of_different_lengths_are_gone_on_with_in_their_order(remembering):
    beginnings = [OBJECTS[0] + OBJECTS[1], [], OBJECTS[2] + OBJECTS[0], OBJECTS[1]]
    firsts = [written[0].label for written in write_on(*remembering, beginnings, LIKELIEST)]
    assert firsts == [0, 15, 16, 15]
    with pytest.raises(ConfigError, match="a beginning has 3 tokens; give whole objects"):
        write_on(*remembering, [[4, 5, 6]], LIKELIEST)


def test_another_class_or_another_place_is_not_the_same_object(remembering):
    back = blank(*remembering, SENTENCE, [0], LIKELIEST)[0]
    renamed = [*OBJECTS[0][:4], OBJECTS[1][4]]
    assert returns(TOKENIZER, renamed, back) is None
    assert returns(TOKENIZER, OBJECTS[1], back) is None


def test_a_real_network_is_asked_what_the_stream_would_say():
    predictor = Predictor(tiny_model(1, 3.0), TOKENIZER, TINY_PREPROCESS)
    encoding = predictor.encode(draw_picture())
    questions = [(OBJECTS[1][:4], 16), (OBJECTS[0] + OBJECTS[2] + OBJECTS[1][:4], 3)]
    for (ids, label), answer in zip(questions, ask(predictor, encoding, questions), strict=True):
        step = list(predictor.stream(encoding, SamplingOptions(), ids))[len(ids)]
        probs = step.logits.double().softmax(-1)
        assert answer.prob == pytest.approx(float(probs[TOKENIZER.class_ids[label]]), abs=1e-5)
        assert answer.noise == pytest.approx(float(probs[TOKENIZER.noise_id]), abs=1e-5)


def test_a_continuation_is_what_the_stream_writes():
    predictor = Predictor(tiny_model(1, 3.0), TOKENIZER, TINY_PREPROCESS)
    encoding = predictor.encode(draw_picture())
    options = SamplingOptions(seed=3, eos="delay", max_objects=5)
    written = write_on(predictor, encoding, [OBJECTS[0], OBJECTS[1]], options)
    for beginning, found in zip(OBJECTS[:2], written, strict=True):
        ids = [step.token_id for step in predictor.stream(encoding, options, beginning)]
        boxes, _ = TOKENIZER.decode(torch.tensor(ids[5:]))
        assert [thing.box_norm for thing in found] == [tuple(box) for box in boxes.tolist()]


def test_a_full_sentence_leaves_no_room_to_ask_behind_it(remembering):
    long = write_objects(TOKENIZER, THINGS * 3, eos=False)[: 5 * 8]
    trial = try_object(*remembering, long, 1)
    assert [place.after for place in trial.places] == list(range(8))
    assert write_on(*remembering, [long], LIKELIEST) == [[]]


def test_a_sentence_is_split_into_its_finished_objects():
    assert split_objects(TOKENIZER, SENTENCE) == OBJECTS
    assert split_objects(TOKENIZER, SENTENCE[:12]) == OBJECTS[:2]
    assert split_objects(TOKENIZER, []) == []


@pytest.mark.parametrize(
    ("number", "words"),
    [(3, "there is no object 3; the sentence has 3"), (-1, "no object -1")],
)
def test_an_object_that_is_not_there_cannot_be_asked(remembering, number, words):
    with pytest.raises(ConfigError, match=words):
        try_object(*remembering, SENTENCE, number)
    noise = [*OBJECTS[0][:4], TOKENIZER.noise_id]
    with pytest.raises(ConfigError, match="object 0 is called noise"):
        blank(*remembering, noise, [0])


def test_the_figures_count_every_object_once(remembering):
    result = measure_repetition(remembering[0], Scenes(1, 3, size=64), limit=2).to_dict()
    assert result["images"] == 2
    counts = result["objects"]
    assert counts["objects"] == 6
    assert counts["returned"]["count"] == 6 and counts["returned"]["share"] == 1.0
    assert counts["again"]["count"] == counts["again_late"]["count"] == 0
    assert counts["mean_probability"]["first"] > 0.99 > 0.01 > counts["mean_probability"]["behind"]


def test_no_objects_have_no_share():
    assert Counts().to_dict()["returned"] == {"count": 0, "share": None, "interval": None}
    low, high = Counts(objects=10, returned=10).to_dict()["returned"]["interval"]
    assert (low, high) == (pytest.approx(0.7225, abs=1e-3), 1.0)
