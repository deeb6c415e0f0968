"""Memory on trial: has the sentence already said this? One object asked everywhere, or blanked out.

The sentence is taken up to the last object that has a name: noise that is written only because EOS
is put off is no part of what the model remembers having said.
"""

from __future__ import annotations

from pathlib import Path

import torch

from pix2seq.boxes import box_iou, clip_boxes
from pix2seq.repetition import Answer, blank, returns, split_objects, try_object
from pix2seq.resources import ASSETS
from pix2seq.ui.visit.evidence import load_doubles, recording_path
from pix2seq.ui.visit.questions import whole_in
from pix2seq.ui.visit.runs import Run


def said(run: Run) -> list[int]:
    """The tokens of the sentence up to its last object with a name."""
    tokenizer = run.predictor.tokenizer
    objects = split_objects(tokenizer, run.restore().token_ids)
    while objects and objects[-1][-1] not in tokenizer.class_ids:
        objects.pop()
    return [token_id for tokens in objects for token_id in tokens]


def trial(run: Run, question: dict) -> dict:
    """What the model calls object ``object`` behind 0, 1, ... objects of the sentence, as it is
    (``said``) and without that object (``unsaid``)."""
    encoding = run.picture.encoded_by(run.predictor)
    found = try_object(run.predictor, encoding, said(run), whole_in(question, "object"))
    return {
        "object": found.object,
        "name": run.predictor.categories.name(found.label),
        "noise": run.predictor.tokenizer.noise_id is not None,
        "places": [
            {"after": p.after, "said": _in_words(run, p.said), "unsaid": _in_words(run, p.unsaid)}
            for p in found.places
        ],
    }


def blanked(run: Run, question: dict) -> dict:
    """Take object ``object`` out of the sentence, and let the model go on behind the others with
    the likeliest tokens, no draft followed: what it writes, and which of it is the object again."""
    number = whole_in(question, "object")
    predictor, ids = run.predictor, said(run)
    encoding = run.picture.encoded_by(predictor)
    written = blank(predictor, encoding, ids, [number], run.options.replace(temperature=0.0))[0]
    tokens = split_objects(predictor.tokenizer, ids)[number]
    back = returns(predictor.tokenizer, tokens, written)
    boxes = torch.tensor([found.box_norm for found in written]).reshape(-1, 4)
    pixels = clip_boxes(encoding.letterbox.invert_boxes(boxes), encoding.orig_size).tolist()
    place = next((i for i, found in enumerate(written) if found is back), None)
    own, _ = predictor.tokenizer.decode(torch.tensor(tokens))
    return {
        "object": number,
        "written": [
            {
                "box": [round(value, 1) for value in box],
                "name": "noise" if found.label is None else predictor.categories.name(found.label),
                "before_end": found.before_end,
            }
            for box, found in zip(pixels, written, strict=True)
        ],
        "returned": place,
        "iou": None if place is None else round(float(box_iou(own, boxes[place : place + 1])), 3),
    }


def figure(checkpoint: str, folder: Path | None = None) -> dict:
    """How often it happens over labelled pictures with the weights of ``checkpoint``: ``figure`` by
    kind of picture, or ``None`` and the ``command`` that measures it."""
    measured = load_doubles(checkpoint, folder)
    if measured is not None:
        kinds = {
            kind: {"images": one["images"], "right": one["right"]} for kind, one in measured.items()
        }
        return {"checkpoint": checkpoint, "figure": kinds}
    target = recording_path(checkpoint, folder, "doubles")
    if target.is_relative_to(ASSETS.parent):
        target = target.relative_to(ASSETS.parent)
    command = f"python benchmarks/mini/repetition.py {checkpoint} ANNOTATIONS.json IMAGES {target}"
    return {"checkpoint": checkpoint, "figure": None, "command": command}


# ---- inside ---------------------------------------------------------------------------------


def _in_words(run: Run, answer: Answer | None) -> dict | None:
    if answer is None:
        return None
    name = "noise"
    if answer.likeliest is not None:
        name = run.predictor.categories.name(answer.likeliest)
    return {
        "prob": answer.prob,
        "noise": answer.noise,
        "likeliest": name,
        "likeliest_prob": answer.likeliest_prob,
    }
