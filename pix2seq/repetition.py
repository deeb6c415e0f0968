"""Has the sentence already said this? Why there is no suppression of duplicates.

The model reads its own sentence, so an object that was written is not written again. Three
experiments put that memory on trial: the same box asked as the first word and behind the sentence,
the box dragged through every place of the sentence, and the object blanked out of it, to see
whether it comes back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pix2seq.boxes import box_iou
from pix2seq.config import ConfigError, SamplingOptions
from pix2seq.predictor import ImageEncoding, Predictor
from pix2seq.sampling import Rows, forced_logits
from pix2seq.sampling.filters import build_chain, draw, uniforms
from pix2seq.tokenizer import Tokenizer

SAME = 0.5
"""Boxes that overlap more than this (IoU) are about one object."""


@dataclass(frozen=True)
class Answer:
    """What the model calls a box that is put into its mouth.

    Attributes:
        prob: raw probability of the class that was asked for.
        noise: raw probability of the noise class, 0 without one.
        likeliest: the likeliest of all names, as a label; ``None`` if that is noise.
        likeliest_prob: its raw probability.
    """

    prob: float
    noise: float
    likeliest: int | None
    likeliest_prob: float


@dataclass(frozen=True)
class Place:
    """The box asked at one place: behind the first ``after`` objects.

    Attributes:
        said: behind the sentence as it is; from the object's own place on it has been said.
        unsaid: behind the sentence without the object; ``None`` behind its last place.
    """

    after: int
    said: Answer | None
    unsaid: Answer | None


@dataclass(frozen=True)
class Trial:
    """One object of a sentence, asked everywhere.

    Attributes:
        object: its place in the sentence, from 0.
        label: its class.
        places: behind 0, 1, ... objects; as far as the model has positions.
    """

    object: int
    label: int
    places: tuple[Place, ...]

    @property
    def first(self) -> Answer:
        """The same box as the first word."""
        found = self.places[0].said
        assert found is not None  # an empty beginning always leaves room
        return found

    @property
    def behind(self) -> Answer:
        """The same box behind as much of the sentence as there is room for."""
        return [place.said for place in self.places if place.said is not None][-1]


@dataclass(frozen=True)
class Written:
    """An object of a continuation.

    Attributes:
        box_norm: ``xyxy`` in [0, 1] of the model's input.
        label: its class, ``None`` for noise.
        before_end: written before the model would have stopped, had it been allowed to.
    """

    box_norm: tuple[float, float, float, float]
    label: int | None
    before_end: bool


def split_objects(tokenizer: Tokenizer, token_ids: Sequence[int]) -> list[list[int]]:
    """A sentence's finished objects, each as its tokens; EOS and an unfinished one are left out."""
    ids = list(token_ids)
    if tokenizer.eos_id in ids:
        ids = ids[: ids.index(tokenizer.eos_id)]
    step = tokenizer.sequence_length(1)
    return [ids[at : at + step] for at in range(0, len(ids) - step + 1, step)]


def ask(
    predictor: Predictor, encoding: ImageEncoding, questions: Sequence[tuple[Sequence[int], int]]
) -> list[Answer]:
    """What the model calls boxes behind given beginnings, all in one pass of the network.

    Args:
        questions: ids up to and including the box's last coordinate, and the label asked for.
    """
    tokenizer = predictor.tokenizer
    logits = forced_logits(
        predictor.model, encoding.memory, tokenizer, [ids for ids, _ in questions]
    )
    answers = []
    for (_, label), rows in zip(questions, logits, strict=True):
        probs = rows[-1].double().softmax(-1)
        names = probs.masked_fill(~tokenizer.label_mask, 0.0)
        best = int(names.argmax())
        answers.append(
            Answer(
                prob=float(probs[tokenizer.class_ids[label]]),
                noise=0.0 if tokenizer.noise_id is None else float(probs[tokenizer.noise_id]),
                likeliest=_label(tokenizer, best),
                likeliest_prob=float(names[best]),
            )
        )
    return answers


def try_object(
    predictor: Predictor, encoding: ImageEncoding, token_ids: Sequence[int], number: int
) -> Trial:
    """Ask one object of a sentence at every place, with and without its own mention.

    Args:
        token_ids: the sentence, ids after the prompt.
        number: which of its objects, from 0.

    Raises:
        ConfigError: there is no such object, or it is noise.
    """
    tokenizer = predictor.tokenizer
    objects = split_objects(tokenizer, token_ids)
    label = _checked(tokenizer, objects, number)
    box = objects[number][: tokenizer.sequence_length(1) - 1]
    others = objects[:number] + objects[number + 1 :]
    room = tokenizer.config.max_objects - 1  # objects before the one that is asked
    said = [_joined(objects[:k]) + box for k in range(min(len(objects), room) + 1)]
    unsaid = [_joined(others[:k]) + box for k in range(min(len(others), room) + 1)]
    answers = ask(predictor, encoding, [(ids, label) for ids in said + unsaid])
    with_it, without = answers[: len(said)], answers[len(said) :]
    places = tuple(
        Place(
            after=k,
            said=with_it[k] if k < len(with_it) else None,
            unsaid=without[k] if k < len(without) else None,
        )
        for k in range(max(len(said), len(unsaid)))
    )
    return Trial(number, label, places)


def write_on(
    predictor: Predictor,
    encoding: ImageEncoding,
    beginnings: Sequence[Sequence[int]],
    options: SamplingOptions | None = None,
) -> list[list[Written]]:
    """Go on behind several beginnings of whole objects until the model's or the options' limit.

    EOS is forbidden while writing, and ``before_end`` says where the model would have stopped, so
    that one run answers for both ways to end a sentence. Beginnings of one length share a batch;
    all draw the numbers of ``options.seed``.

    Returns:
        The objects behind each beginning.
    """
    options = predictor.resolve(options).replace(eos="delay")
    tokenizer = predictor.tokenizer
    by_length: dict[int, list[int]] = defaultdict(list)
    for row, beginning in enumerate(beginnings):
        by_length[len(beginning)].append(row)
    found: list[list[Written]] = [[] for _ in beginnings]
    for length, rows in by_length.items():
        if not tokenizer.is_boundary(length):
            raise ConfigError(f"a beginning has {length} tokens; give whole objects")
        written = _continue(predictor, encoding, [list(beginnings[r]) for r in rows], options)
        for row, objects in zip(rows, written, strict=True):
            found[row] = objects
    return found


def blank(
    predictor: Predictor,
    encoding: ImageEncoding,
    token_ids: Sequence[int],
    numbers: Sequence[int],
    options: SamplingOptions | None = None,
) -> list[list[Written]]:
    """Take objects out of a sentence, one at a time, and let the model go on behind the others.

    Args:
        numbers: which objects, from 0; each has its own continuation.
    """
    objects = split_objects(predictor.tokenizer, token_ids)
    for number in numbers:
        _checked(predictor.tokenizer, objects, number)
    beginnings = [_joined(objects[:n] + objects[n + 1 :]) for n in numbers]
    return write_on(predictor, encoding, beginnings, options)


def returns(
    tokenizer: Tokenizer, tokens: Sequence[int], written: Sequence[Written]
) -> Written | None:
    """The first object of a continuation that is the same as ``tokens`` (five ids) say: the same
    class, over ``SAME`` of overlap."""
    boxes, class_ids = tokenizer.decode(torch.tensor(list(tokens)))
    label = _label(tokenizer, int(class_ids[0]))
    for found in written:
        overlap = float(box_iou(boxes, torch.tensor([found.box_norm])))
        if found.label == label and overlap > SAME:
            return found
    return None


# ---- inside ---------------------------------------------------------------------------------


def _checked(tokenizer: Tokenizer, objects: list[list[int]], number: int) -> int:
    """The label of object ``number``."""
    if not 0 <= number < len(objects):
        raise ConfigError(f"there is no object {number}; the sentence has {len(objects)}")
    label = _label(tokenizer, objects[number][-1])
    if label is None:
        name = tokenizer.describe(objects[number][-1]).text
        raise ConfigError(f"object {number} is called {name}; only a class can be asked for")
    return label


def _joined(objects: list[list[int]]) -> list[int]:
    return [token_id for tokens in objects for token_id in tokens]


def _label(tokenizer: Tokenizer, token_id: int) -> int | None:
    return token_id - tokenizer.class_ids.start if token_id in tokenizer.class_ids else None


def _continue(
    predictor: Predictor,
    encoding: ImageEncoding,
    beginnings: list[list[int]],
    options: SamplingOptions,
) -> list[list[Written]]:
    tokenizer = predictor.tokenizer
    first = len(beginnings[0])
    length = tokenizer.sequence_length(options.max_objects)
    if first >= length:
        return [[] for _ in beginnings]
    chain = build_chain(tokenizer, options, torch.device("cpu"))
    numbers = uniforms(options.seed, length)
    rows = Rows(predictor.model, encoding.memory, tokenizer, beginnings)
    ended = torch.zeros(len(beginnings), dtype=torch.bool)
    columns: list[Tensor] = []
    before_end: list[Tensor] = []
    for index in range(first, length):
        if tokenizer.is_boundary(index):
            allowed = rows.logits.masked_fill(~tokenizer.allowed(index), -torch.inf)
            ended |= allowed.argmax(-1) == tokenizer.eos_id
            before_end.append(~ended)
        final = chain.final(rows.logits, index)
        columns.append(draw(final, numbers[index : index + 1].expand(len(beginnings))))
        if index + 1 < length:
            rows.write(columns[-1].tolist())
    boxes, class_ids = tokenizer.decode(torch.stack(columns, dim=1))
    return [
        [
            Written(tuple(box), _label(tokenizer, class_id), bool(before_end[at][row]))
            for at, (box, class_id) in enumerate(zip(*found, strict=True))
        ]
        for row, found in enumerate(zip(boxes.tolist(), class_ids.tolist(), strict=True))
    ]
