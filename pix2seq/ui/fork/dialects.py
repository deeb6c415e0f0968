"""The objects on view in other models' languages, and other models' output read here.

Nothing needs a model but Pix2Seq's own line, whose bins are a checkpoint's; without one it has as
many as the page says that the sentence on view has, else the paper's.
"""

from __future__ import annotations

from functools import cache

from pix2seq.categories import COCO_80
from pix2seq.config import ConfigError, PreprocessConfig, TokenizerConfig
from pix2seq.dialects import DIALECTS, Dialect, Pix2SeqSentence, Thing, recognise
from pix2seq.predictor import Predictor
from pix2seq.tokenizer import Tokenizer
from pix2seq.ui.visit.questions import whole_in
from pix2seq.ui.visit.runs import Picture

MOST_OBJECTS = 100
_PAPER = 1000  # bins
_MOST_BINS = 4096


@cache
def _bins_of(number: int) -> Pix2SeqSentence:
    config = TokenizerConfig.compact(num_bins=number, num_classes=80, max_objects=100)
    return Pix2SeqSentence(Tokenizer(config, COCO_80), PreprocessConfig(image_size=(640, 640)))


def spoken(predictor: Predictor | None, question: dict) -> list[Dialect]:
    """Pix2Seq first, then the others."""
    if predictor is not None:
        own = Pix2SeqSentence(predictor.tokenizer, predictor.preprocess)
    else:
        bins = whole_in(question, "bins") if "bins" in question else _PAPER
        if not 2 <= bins <= _MOST_BINS:
            raise ConfigError(f"bins is {bins}; use 2 to {_MOST_BINS}")
        own = _bins_of(bins)
    return [own, *DIALECTS]


def written(picture: Picture, predictor: Predictor | None, question: dict) -> dict:
    """``objects`` (``[x0, y0, x1, y1, name]`` in pixels) as every dialect writes them."""
    size = picture.image.height, picture.image.width
    things = _things(question.get("objects"), size)
    answers = []
    for dialect in spoken(predictor, question):
        answer = {
            "name": dialect.name,
            "title": dialect.title,
            "source": dialect.source,
            "bins": dialect.bins(size),
            "error": [round(value, 2) for value in dialect.error(size)],
        }
        try:
            answer["text"] = dialect.write(things, size)
        except ConfigError as error:
            answer["text"], answer["fault"] = "", str(error)
        if things:
            answer["cost"] = vars(dialect.cost(things[0], size))
        answers.append(answer)
    return {"dialects": answers}


def read(picture: Picture, predictor: Predictor | None, question: dict) -> dict:
    """The things that ``text`` names, in whatever dialect it is, and its faults in words."""
    text = question.get("text")
    if not isinstance(text, str) or not text.strip():
        raise ConfigError("there is no text yet")
    dialect = recognise(text, spoken(predictor, question))
    reading = dialect.read(text, (picture.image.height, picture.image.width))
    return {
        "name": dialect.name,
        "title": dialect.title,
        "things": [
            {"box": [round(value, 2) for value in thing.box], "label": thing.label}
            for thing in reading.things
        ],
        "faults": list(reading.faults),
    }


def _things(objects: object, size: tuple[int, int]) -> list[Thing]:
    if not isinstance(objects, list) or len(objects) > MOST_OBJECTS:
        raise ConfigError(f"objects must be a list of at most {MOST_OBJECTS}")
    height, width = size
    things = []
    for one in objects:
        if not isinstance(one, list) or len(one) != 5 or not isinstance(one[4], str):
            raise ConfigError("an object must be [x0, y0, x1, y1, name]")
        x0, y0, x1, y1 = (float(value) for value in one[:4])
        # The record's pixels are rounded, and may lie a tenth outside.
        box = min(max(x0, 0.0), width), min(max(y0, 0.0), height), min(x1, width), min(y1, height)
        things.append(Thing(box, one[4]))
    return things
