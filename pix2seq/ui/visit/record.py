"""The record: a run as append-only text, one line per event, about 60 bytes per token.

It is what the stage receives while a sentence is written, what a replay reads back and what tests
compare. Lines never change once written, so Gradio sends only the new tail.

=====  ============================================================================================
line   meaning
=====  ============================================================================================
``R``  JSON: run, picture, vocabulary, options; always the first line
``S``  state: ``encoding`` (how many pictures are before), ``writing`` (the encoder's seconds)
``T``  a token: ``index id slot logprob prob entropy kept kept_mass grammar_mass eos_prob forced``
       and up to five candidates ``id:prob:final``; probabilities in 1/10000
``P``  what pulled the token before, if a draft did: ``index centre width draft sure``, the id and
       the bins of the bell, the draft from 0, surest first, and its probability in 1/10000
``B``  a complete object: ``object x0 y0 x1 y1 label score noise edges state``
``M``  marks of the object before, if it has any: ``object forced again``, whether a person gave one
       of its tokens, and the earlier object that it repeats (or -1)
``E``  the end: ``eos``, ``full``, ``stopped`` or ``error``, then JSON
=====  ============================================================================================

Names and messages travel as JSON strings and reach the page as text only.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import torch

from pix2seq.config import SLOTS_PER_OBJECT, SamplingOptions
from pix2seq.predictor import ImageEncoding, Predictor
from pix2seq.reading import Reading
from pix2seq.sampling import SamplingStep
from pix2seq.sampling.guide import Pull
from pix2seq.ui.visit.runs import Picture, Run

VERSION = 2
RECORDED = "recorded-"
"""How the id of a run begins that plays without its model: the server holds nothing of it."""

_SLOT_CODES = {"ymin": "0", "xmin": "1", "ymax": "2", "xmax": "3", "class": "4", "eos": "5"}


def json_line(kind: str, data: object) -> str:
    """A line that carries JSON."""
    return f"{kind}{json.dumps(data, separators=(',', ':'))}\n"


def vocabulary(predictor: Predictor) -> dict:
    """What the page must know to name tokens and to draw their place."""
    tokenizer = predictor.tokenizer
    config = tokenizer.config
    return {
        "bins": config.num_bins,
        "quantizer": config.quantizer,
        "coord": config.coord_offset,
        "cls": config.class_offset,
        "eos": config.eos_id,
        "noise": config.noise_id,
        "size": config.vocab_size,
        "slots": list(tokenizer.slots),
        "classes": list(predictor.categories.names),
        "maxObjects": config.max_objects,
    }


def frame(encoding: ImageEncoding) -> list[float]:
    """Where coordinate 0 and coordinate 1 lie in the original picture, ``xyxy`` in pixels; the
    padded part of the model's input lies outside of the picture."""
    corners = encoding.letterbox.invert_boxes(torch.tensor([[0.0, 0.0, 1.0, 1.0]]))
    return [round(value, 3) for value in corners[0].tolist()]


def picture_line(picture: Picture | None, message: str = "") -> str:
    """The record of a stage without a run: a picture waiting, or none."""
    image = None
    if picture is not None:
        width, height = picture.image.size
        image = {"id": picture.id, "w": width, "h": height, "example": picture.example}
    return json_line("R", {"v": VERSION, "run": None, "image": image, "message": message})


def has_picture(text: str) -> bool:
    """Whether a record is about a picture."""
    return json.loads(text.split("\n", 1)[0][1:])["image"] is not None


def header_line(run: Run) -> str:
    return json_line(
        "R",
        {
            **_head(run.picture, run.id, run.predictor.name, vocabulary(run.predictor)),
            "options": options_json(run.options),
            "parent": run.parent,
            "fork": run.fork,
        },
    )


def replay_line(picture: Picture, run_id: str | None, recording: dict, options: dict) -> str:
    """The header of what ``recording`` (its ``checkpoint`` and ``vocab``) wrote at another time."""
    head = _head(picture, run_id, recording["checkpoint"], recording["vocab"])
    return json_line("R", {**head, "options": options, "parent": None, "fork": 0, "replay": True})


def _head(picture: Picture, run_id: str | None, checkpoint: str, vocab: dict) -> dict:
    width, height = picture.image.size
    image = {"id": picture.id, "w": width, "h": height, "example": picture.example}
    return {"v": VERSION, "run": run_id, "image": image, "checkpoint": checkpoint, "vocab": vocab}


def options_json(options: SamplingOptions) -> dict:
    """Options as plain JSON values."""
    return options.to_dict()


def encoding_line(before: int = 0) -> str:
    """The picture is looked at, or stands in line behind ``before`` others."""
    return f"Sencoding {before}\n" if before else "Sencoding\n"


def writing_line(encoding: ImageEncoding, drafts: int) -> str:
    """The picture was looked at: what the page needs to speak of its memory.

    Args:
        drafts: how many the encoder put ahead of the grid (``model.drafts``).
    """
    return (
        "Swriting "
        + json.dumps(
            {
                "seconds": round(encoding.seconds, 4),
                "grid": list(encoding.grid),
                "drafts": drafts,
                "frame": frame(encoding),
                "remark": encoding.letterbox.remark,
            }
        )
        + "\n"
    )


def _parts(value: float) -> int:
    return round(10_000 * value)


def token_line(step: SamplingStep) -> str:
    fields = [
        step.index,
        step.token_id,
        _SLOT_CODES[step.slot],
        f"{step.logprob:.6f}",
        _parts(step.prob),
        f"{step.entropy:.3f}",
        step.kept,
        _parts(step.kept_mass),
        _parts(step.grammar_mass),
        _parts(step.eos_prob),
        int(step.forced),
    ]
    candidates = [f"{c.token_id}:{_parts(c.prob)}:{_parts(c.final_prob)}" for c in step.candidates]
    return "T" + " ".join(map(str, fields + candidates)) + "\n"


def pull_line(index: int, pull: Pull) -> str:
    return f"P{index} {pull.centre} {pull.width:.1f} {pull.draft} {_parts(pull.sure)}\n"


def object_lines(reading: Reading) -> list[str]:
    """One ``B`` line per object, reported or not.

    Its state says what became of it: ``ok``, ``noise`` (reported as noise), ``dropped`` (as noise),
    ``below`` (the score threshold) or ``flat`` (a box without area).
    """
    return [line for lines in _by_object(reading).values() for line in lines]


def step_lines(steps: Sequence[SamplingStep], reading: Reading) -> list[str]:
    """Tokens, what pulled them, and behind the last one of each object what was read of it.

    Args:
        reading: what ``Reader.add`` made of these steps.
    """
    objects = _by_object(reading)
    lines = []
    for step in steps:
        lines.append(token_line(step))
        if step.pull is not None:
            lines.append(pull_line(step.index, step.pull))
        if (step.index + 1) % SLOTS_PER_OBJECT == 0:
            lines += objects.get(step.index // SLOTS_PER_OBJECT, ())
    return lines


def _by_object(reading: Reading) -> dict[int, list[str]]:
    every, names = reading.every, ("scores", "noise_scores", "edge_scores")
    found = {}
    for row, (number, state) in enumerate(zip(every.objects.tolist(), reading.states, strict=True)):
        box = " ".join(f"{value:.1f}" for value in every.boxes[row].tolist())
        scores = " ".join(str(_parts(float(getattr(every, name)[row]))) for name in names)
        found[number] = [f"B{number} {box} {int(every.labels[row])} {scores} {state}\n"]
        forced, again = bool(every.forced[row]), int(every.again[row])
        if forced or again >= 0:
            found[number].append(f"M{number} {int(forced)} {again}\n")
    return found


def end_line(reason: str, **details: object) -> str:
    return f"E{reason} {json.dumps(details)}\n"
