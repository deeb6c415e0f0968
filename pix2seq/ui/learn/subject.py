"""What a *Learn* page is about: a picture, boxes on it, and the vocabulary to write them in.

The page asks with a dict: ``checkpoint`` (a name from the menu), ``picture`` (an id that this
server gave out) and ``boxes`` (``[x0, y0, x1, y1, class name]`` in pixels). All of it is checked
here, once. Without any checkpoint the first three pages still work, in the paper's vocabulary.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from pix2seq.boxes import clip_boxes, is_degenerate
from pix2seq.categories import COCO_80, Categories
from pix2seq.config import ConfigError, PreprocessConfig, TokenizerConfig
from pix2seq.examples import FOLDER as EXAMPLES
from pix2seq.examples import scene_sample
from pix2seq.predictor import Predictor
from pix2seq.tokenizer import Tokenizer
from pix2seq.transforms import Letterbox
from pix2seq.ui.visit.context import AppContext
from pix2seq.ui.visit.runs import Picture

MAX_BOXES = 100

# Numbers of the paper's own setting, for a page without a checkpoint.
_PAPER_TOKENIZER = TokenizerConfig.compact(num_bins=1000, num_classes=80, max_objects=100)
_PAPER_INPUT = PreprocessConfig(image_size=(640, 640))


@dataclass(frozen=True, eq=False)
class Subject:
    """A checked question.

    Attributes:
        predictor: ``None`` if no checkpoint could be loaded.
        boxes: (N, 4) ``xyxy`` in pixels, clipped to the picture, none without area.
        labels: (N,) in the tokenizer's label space.
        kept: which of the given boxes these are.
        unknown: class names that this checkpoint does not have; their boxes are left out.
    """

    picture: Picture
    letterbox: Letterbox
    tokenizer: Tokenizer
    predictor: Predictor | None
    boxes: Tensor
    labels: Tensor
    kept: tuple[int, ...]
    unknown: tuple[str, ...]

    def about(self) -> dict:
        """What every answer says about the boxes that it was given."""
        return {"kept": self.kept, "unknown": self.unknown}

    def needs_model(self) -> Predictor:
        if self.predictor is None:
            raise ConfigError("this page asks a model; no checkpoint is loaded")
        return self.predictor


def read_subject(context: AppContext, question: dict) -> Subject:
    """Check a question from the page. Raises ``ConfigError`` for what it cannot be about."""
    predictor = find_predictor(context, question.get("checkpoint"))
    tokenizer, preprocess = vocabulary_of(predictor)
    picture = context.pictures.get(question.get("picture"))
    size = picture.image.height, picture.image.width
    given = question.get("boxes") or []
    if not isinstance(given, list) or len(given) > MAX_BOXES:
        raise ConfigError(f"boxes must be a list of at most {MAX_BOXES}")
    rows, names = [], []
    for item in given:
        if not isinstance(item, list) or len(item) != 5 or not isinstance(item[4], str):
            raise ConfigError("a box must be [x0, y0, x1, y1, class name]")
        row = [float(value) for value in item[:4]]
        if not all(map(math.isfinite, row)):
            raise ConfigError("a box has a coordinate that is not a number")
        rows.append(row)
        names.append(item[4])
    labels = labels_of(names, tokenizer.categories)
    boxes = clip_boxes(torch.tensor(rows, dtype=torch.float32).reshape(-1, 4), size)
    known = torch.tensor([label is not None for label in labels], dtype=torch.bool)
    keep = known & ~is_degenerate(boxes)
    kept = torch.tensor([-1 if label is None else label for label in labels], dtype=torch.long)
    return Subject(
        picture=picture,
        letterbox=Letterbox(preprocess, orig_size=size),
        tokenizer=tokenizer,
        predictor=predictor,
        boxes=boxes[keep],
        labels=kept[keep],
        kept=tuple(keep.nonzero()[:, 0].tolist()),
        unknown=tuple(
            dict.fromkeys(n for n, k in zip(names, known.tolist(), strict=True) if not k)
        ),
    )


def find_predictor(context: AppContext, name: object) -> Predictor | None:
    """The checkpoint of the menu that the page names, else the one it opened with, if that can be
    loaded."""
    if name is None or name == context.default_checkpoint:
        return context.default_predictor()
    return context.predictor(name)


def vocabulary_of(predictor: Predictor | None) -> tuple[Tokenizer, PreprocessConfig]:
    """Vocabulary and input of a checkpoint; the paper's where there is none."""
    if predictor is None:
        return Tokenizer(_PAPER_TOKENIZER, COCO_80), _PAPER_INPUT
    return predictor.tokenizer, predictor.preprocess


def page_boxes(boxes: Tensor, labels: Tensor, categories: Categories) -> list[list]:
    """``[x0, y0, x1, y1, class name]`` per box."""
    return [
        [*(round(value, 2) for value in box), categories.name(label)]
        for box, label in zip(boxes.tolist(), labels.tolist(), strict=True)
    ]


def labels_of(names: Sequence[str], categories: Categories) -> list[int | None]:
    """Labels of class names; ``None`` where a checkpoint has no such class."""
    known = {name: label for label, name in enumerate(categories.names) if name is not None}
    return [known.get(name) for name in names]


@cache
def _example_boxes() -> dict[str, list[dict]]:
    path = EXAMPLES / "boxes.json"
    return json.loads(path.read_text()) if path.exists() else {}


def known_truth(picture: Picture) -> list[list] | None:
    """The true boxes: a scene's own, or those drawn by hand on an example photo, without crowds."""
    scene = scene_sample(picture.example)
    if scene is not None:
        return page_boxes(scene.boxes, scene.labels, COCO_80)
    drawn = _example_boxes().get(picture.example or "")
    if drawn is None:
        return None
    return [[*item["box"], item["label"]] for item in drawn if not item.get("crowd")]
