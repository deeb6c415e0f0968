"""What holds a model back on photos: finding objects, or naming them?

    PYTHONPATH=. python benchmarks/mini/limits.py CHECKPOINT IMAGES NAME=ANNOTATIONS ... OUT.json

For each data set (photos that the model was trained on, and others), by size of the object:

- found: share of the objects that some written box overlaps with IoU >= 0.5, whatever its class;
- named: with the *true* box as the first four tokens, how often the likeliest class is right;
- people, people found: the same for persons alone.

And AP50 twice: as it is, and with every box that lies on an object renamed to that object's class.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor
from torchvision.ops import box_iou

import pix2seq
from pix2seq.boxes import box_area
from pix2seq.data import CocoDetection
from pix2seq.data.sample import Sample
from pix2seq.detections import Detections
from pix2seq.evaluate import Truth, score
from pix2seq.predictor import ImageEncoding
from pix2seq.transforms import Letterbox

_PHOTOS = 300
_SIZES = {"below 16": 0, "16 to 32": 16, "32 to 64": 32, "64 to 96": 64, "96 and more": 96}
"""Least square root of an area, in pixels of photos whose longer side is 384 at most."""


def named(predictor: pix2seq.Predictor, encoding: ImageEncoding, sample: Sample) -> Tensor:
    """Which objects get their class when their box is given, bool (N,)."""
    words = predictor.tokenizer
    frame = Letterbox(predictor.preprocess, sample.size)
    sentence = words.encode(frame.apply_boxes(sample.boxes), sample.labels).view(-1, 5)
    ids = torch.cat([torch.full((len(sentence), 1), words.bos_id), sentence[:, :4]], dim=1)
    with torch.inference_mode():
        logits = predictor.model.decode(ids.to(predictor.device), encoding.memory)[:, -1].cpu()
    classes = words.class_ids
    return logits[:, classes.start : classes.stop].argmax(1) == sample.labels


def found(boxes: Tensor, detections: Detections) -> Tensor:
    """Which boxes some detection overlaps with IoU >= 0.5, bool (N,)."""
    return (box_iou(boxes, detections.boxes) >= 0.5).any(1)


def renamed(sample: Sample, detections: Detections) -> Detections:
    """Detections that lie on an object (IoU >= 0.5) with that object's class."""
    if not len(sample.boxes) or not len(detections):
        return detections
    overlap, nearest = box_iou(detections.boxes, sample.boxes).max(1)
    labels = torch.where(overlap >= 0.5, sample.labels[nearest], detections.labels)
    return replace(detections, labels=labels)


def measure(predictor: pix2seq.Predictor, photos: CocoDetection) -> dict:
    """All numbers for the first ``_PHOTOS`` photos, with the checkpoint's recommended options."""
    options = predictor.resolve().replace(score_threshold=0.0)
    samples, written, sizes, are_found, are_named, are_people = [], [], [], [], [], []
    person = predictor.categories.label_of_name("person")
    for index in range(min(_PHOTOS, len(photos))):
        sample = photos[index]
        keep = ~sample.is_crowd
        objects = replace(sample, boxes=sample.boxes[keep], labels=sample.labels[keep])
        encoding = predictor.encode(sample.image)
        detections = predictor.detect(encoding, options.replace(seed=options.seed + index))
        samples.append(sample)
        written.append(detections)
        sizes.append(box_area(objects.boxes).sqrt())
        are_found.append(found(objects.boxes, detections))
        are_people.append(objects.labels == person)
        if len(objects.boxes):
            are_named.append(named(predictor, encoding, objects))
    truths = [Truth.of(sample) for sample in samples]
    oracle = [renamed(*pair) for pair in zip(samples, written, strict=True)]
    size, hit, right = torch.cat(sizes), torch.cat(are_found), torch.cat(are_named)
    people = torch.cat(are_people)
    edges = [*_SIZES.values(), float("inf")]
    rows = {}
    for name, low, high in zip(_SIZES, edges[:-1], edges[1:], strict=True):
        here = (size >= low) & (size < high)
        rows[name] = {
            "objects": int(here.sum()),
            "found": round(hit[here].float().mean().item(), 3),
            "named": round(right[here].float().mean().item(), 3),
            "people": int((here & people).sum()),
            "people found": round(hit[here & people].float().mean().item(), 3),
        }
    ap50 = [
        round(score(truths, some, predictor.categories).metrics["AP50"], 3)
        for some in (written, oracle)
    ]
    return {"AP50": ap50[0], "AP50 with true names": ap50[1], "by size": rows}


def main(checkpoint: str, images: str, *rest: str) -> None:
    *sets, out = rest
    predictor = pix2seq.load(checkpoint, device="cpu")
    numbers = {}
    for item in sets:
        name, annotations = item.split("=", 1)
        photos = CocoDetection(annotations, images, predictor.categories)
        numbers[name] = measure(predictor, photos)
    Path(out).write_text(json.dumps(numbers, indent=1) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
