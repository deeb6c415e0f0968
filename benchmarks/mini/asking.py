"""How often the model names a true box rightly: asked first, and behind its own sentence.

    PYTHONPATH=. python benchmarks/mini/asking.py CHECKPOINT ANNOTATIONS IMAGES OUT.json [PHOTOS]

Every box that is no crowd is given as the first four tokens of a sentence of its own, and again
behind the sentence that the model writes with its recommended options (seed: the photo's index).
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path

import torch

import pix2seq
from pix2seq.asking import Answer, ask, box_tokens
from pix2seq.boxes import box_area
from pix2seq.data import CocoDetection
from pix2seq.evaluate import Truth, match_labels

_SIZES = (("small", 0), ("medium", 32), ("large", 96))
_PHOTOS = 100


def size_of(area: float) -> str:
    """COCO's size class, in pixels of the given photo."""
    return [name for name, least in _SIZES if area >= least**2][-1]


def tell(answer: Answer, label: int) -> dict[str, bool]:
    right = answer.labels[0] == label and not answer.is_noise
    return {"right": right, "noise": answer.is_noise}


def main(checkpoint: str, annotations: str, images: str, out: str, photos: int = _PHOTOS) -> None:
    predictor = pix2seq.load(checkpoint)
    data = CocoDetection(annotations, images)
    label_map, _ = match_labels(data.categories, predictor.categories)
    usual = predictor.resolve()
    told: dict[str, list[dict[str, bool]]] = defaultdict(list)
    for index in range(int(photos)):
        sample = data[index]
        truth = Truth.of(sample, label_map)
        encoding = predictor.encode(sample.image)
        steps = predictor.stream(encoding, usual.replace(seed=index))
        sentence = [step.token_id for step in steps if step.slot != "eos"]
        areas = box_area(truth.boxes).tolist()
        for row in torch.nonzero(~truth.is_crowd)[:, 0].tolist():
            box = box_tokens(predictor, encoding, truth.boxes[row].tolist())
            label = int(truth.labels[row])
            for place, said in (("first", ()), ("behind", sentence)):
                answer = tell(ask(predictor, encoding, box, said), label)
                told[f"all {place}"].append(answer)
                told[f"{size_of(areas[row])} {place}"].append(answer)
    result = {
        group: {
            "boxes": len(answers),
            **{
                name: round(sum(answer[name] for answer in answers) / len(answers), 3)
                for name in ("right", "noise")
            },
        }
        for group, answers in sorted(told.items())
    }
    Path(out).write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
