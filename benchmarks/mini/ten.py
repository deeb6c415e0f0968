"""Ten photos with what a checkpoint writes about them, good and bad, and how much of it is right.

    PYTHONPATH=. python benchmarks/mini/ten.py CHECKPOINT OUT.webp OUT.json CARD.md

Draws one sheet with the stage's own boxes (recommended options, seed 0), judges every box against
boxes drawn by hand (``assets/examples/boxes.json`` and ``ten/boxes.json``; what is too small to
tell apart is a crowd and counts neither way), and puts the counts into the card's sentence.
``assets/CREDITS.md`` says whose the photos are.
"""

from __future__ import annotations

import io
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import torch
from matplotlib import get_data_path
from PIL import Image, ImageDraw, ImageFont

import pix2seq
from pix2seq import files
from pix2seq.argument import VERDICTS, judge
from pix2seq.categories import Categories
from pix2seq.checkpoints import weights_checksum
from pix2seq.config import SamplingOptions
from pix2seq.detections import Detections
from pix2seq.evaluate import Truth
from pix2seq.examples import FOLDER as EXAMPLES
from pix2seq.images import load_image
from pix2seq.predictor import Predictor
from pix2seq.render import Painter, RunRecord
from pix2seq.render.palette import INK, PAPER, QUIET, rgb

FOLDER = Path(__file__).parent / "ten"
TITLES = {
    "football": "Three players and a ball",
    "sheep": "A man and sheep",
    "terrace": "A table and chairs",
    "taxis": "A street",
    "coffee": "Coffee",
    "raccoon": "A raccoon: no word for it",
    "toddler": "A child and a teddy bear",
    "bicycles": "Two women on bicycles",
    "dane": "A woman and a Great Dane",
    "aquarium": "A girl and a whale shark: no word for it",
}
"""In the sheet's order, two in a row."""

_WIDTH = 480  # of a stage in pixels
_COLUMNS = 2
_GAP = 14
_LINE = 19
_QUALITY = 82
_SENTENCE = re.compile(r"^Of the \d+ objects in these ten photos .*$", re.MULTILINE)


@dataclass(frozen=True)
class Told:
    """What is to be said about one photo's boxes: class names, each verdict's, and the missed."""

    right: tuple[str, ...]
    double: tuple[str, ...]
    wrong: tuple[str, ...]
    missed: tuple[str, ...]

    def lines(self) -> tuple[str, str]:
        """The counts, and what was not as it should be."""
        counts = f"{len(self.right)} right, {len(self.wrong)} wrong, {len(self.missed)} missed"
        doubles = f", {len(self.double)} again" if self.double else ""
        faults = {"wrong": self.wrong, "again": self.double, "missed": self.missed}
        named = (f"{fault}: {_counted(names)}" for fault, names in faults.items() if names)
        return counts + doubles, " · ".join(named)


_KINDS = tuple(field.name for field in fields(Told))


def photo_path(name: str) -> Path:
    """An example's file, or that of a photo which only the sheet shows."""
    own = FOLDER / f"{name}.jpg"
    return own if own.exists() else EXAMPLES / f"{name}.jpg"


def true_boxes() -> dict[str, list[dict]]:
    """What is in each photo, as ``label``, ``box`` (``xyxy``, pixels) and, of some, ``crowd``."""
    drawn = {}
    for folder in (EXAMPLES, FOLDER):
        drawn |= json.loads((folder / "boxes.json").read_text(encoding="utf-8"))
    return {name: drawn.get(name, []) for name in TITLES}


def truth_of(items: Sequence[dict], size: tuple[int, int], categories: Categories) -> Truth:
    """The boxes of a picture of ``size`` (height, width) as evaluation takes them."""
    return Truth(
        image_id=0,
        size=size,
        boxes=torch.tensor([item["box"] for item in items]).float().reshape(-1, 4),
        labels=torch.tensor([categories.label_of_name(item["label"]) for item in items]).long(),
        is_crowd=torch.tensor([item.get("crowd", False) for item in items]).bool(),
    )


def tell(found: Detections, truth: Truth, categories: Categories) -> Told:
    """Judge the boxes that are shown, at IoU 0.5 and class by class."""
    judged = judge(found, truth)
    names = [categories.name(label) for label in found.labels.tolist()]
    kinds = {
        verdict: tuple(n for n, k in zip(names, judged.kinds, strict=True) if k == kind)
        for kind, verdict in enumerate(VERDICTS)
    }
    missed = truth.labels[torch.from_numpy(judged.counted & (judged.taken < 0))]
    return Told(**kinds, missed=tuple(map(categories.name, missed.tolist())))


def look(predictor: Predictor, name: str, drawn: Sequence[dict]) -> tuple[Image.Image, Told]:
    """The photo with the boxes that the page would draw, and what is to be said about them."""
    image, options = load_image(photo_path(name)), predictor.resolve(SamplingOptions(seed=0))
    encoding = predictor.encode(image)
    steps = list(predictor.stream(encoding, options))
    found = predictor.read(encoding, steps, options)
    record = RunRecord.of(predictor, encoding, steps, found, options, 0.0)
    painter = Painter(image, record, _WIDTH)
    photo = painter.stage.photo
    corners = (photo.x, photo.y, photo.x + photo.width, photo.y + photo.height)
    truth = truth_of(drawn, (image.height, image.width), predictor.categories)
    stage = painter.paint().crop(tuple(map(round, corners)))
    return stage, tell(found, truth, predictor.categories)


def sheet(looked: dict[str, tuple[Image.Image, Told]]) -> Image.Image:
    """All photos in rows of two, each above its title, its counts and its faults."""
    cells = list(looked.items())
    rows = [cells[start : start + _COLUMNS] for start in range(0, len(cells), _COLUMNS)]
    heights = [max(stage.height for _, (stage, _) in row) + 4 * _LINE for row in rows]
    across = max(stage.width for stage, _ in looked.values()) + _GAP
    paper = Image.new("RGB", (_COLUMNS * across + _GAP, sum(heights) + _GAP), PAPER)
    draw, top = ImageDraw.Draw(paper), _GAP
    for row, height in zip(rows, heights, strict=True):
        for column, (name, (stage, told)) in enumerate(row):
            left = _GAP + column * across
            paper.paste(stage, (left, top))
            at = top + stage.height + 3
            texts = zip((TITLES[name], *told.lines()), (INK, INK, QUIET), strict=True)
            for order, (text, color) in enumerate(texts):
                face = "DejaVuSans" if order else "DejaVuSans-Bold"
                draw.text((left, at + order * _LINE), text, rgb(color), _font(face))
        top += height
    return paper


def summary(told: dict[str, Told], weights: str) -> dict:
    """The counts of all photos together, and of each."""
    photos = {name: asdict(one) for name, one in told.items()}
    total = {kind: sum(len(one[kind]) for one in photos.values()) for kind in _KINDS}
    return {"weights": weights, **total, "photos": photos}


def sentence(counts: dict) -> str:
    """What the card says, from ``summary``."""
    shown = sum(counts[verdict] for verdict in VERDICTS)
    return (
        f"Of the {counts['right'] + counts['missed']} objects in these ten photos "
        f"{counts['right']} are found; of the {shown} boxes shown {counts['right']} are right, "
        f"{counts['double']} again on an object that has one, and {counts['wrong']} wrong."
    )


def quoted(card: str, counts: dict) -> str:
    """The card with the counts in its sentence."""
    text, count = _SENTENCE.subn(sentence(counts), card)
    if count != 1:
        raise SystemExit(f"the card has {count} lines that begin 'Of the N objects in these ten'")
    return text


def main(checkpoint: str, out: str, numbers: str, card: str) -> None:
    predictor = pix2seq.load(checkpoint, device="cpu")
    looked = {name: look(predictor, name, drawn) for name, drawn in true_boxes().items()}
    told = {name: one for name, (_, one) in looked.items()}
    counts = summary(told, weights_checksum(checkpoint))
    written = quoted(Path(card).read_text(encoding="utf-8"), counts)
    content = io.BytesIO()
    sheet(looked).save(content, "WEBP", quality=_QUALITY, method=6)
    files.write_bytes(out, content.getvalue())
    files.write_text(numbers, json.dumps(counts, indent=1) + "\n")
    files.write_text(card, written)
    for line in _report(told):
        print(line)
    print(sentence(counts))


def _report(told: dict[str, Told]) -> Iterator[str]:
    for name, one in told.items():
        yield ": ".join((name, *filter(None, one.lines())))


def _counted(names: Sequence[str]) -> str:
    return ", ".join(f"{name} × {n}" if n > 1 else name for name, n in Counter(names).items())


def _font(face: str) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(Path(get_data_path()) / "fonts" / "ttf" / f"{face}.ttf", 13)


if __name__ == "__main__":
    main(*sys.argv[1:])
