"""COCO's detection numbers, and how sure they are.

``score`` hands ground truth and detections to pycocotools and keeps its per-image matches.
Everything else (averages, per-class numbers, calibration, the bootstrap over images) is read off
these matches, so that nothing is matched or inferred twice.
"""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from torch import Tensor

from pix2seq.boxes import box_area, xyxy_to_xywh
from pix2seq.categories import Categories
from pix2seq.config import ConfigError
from pix2seq.data.sample import Sample, Stated
from pix2seq.detections import Detections

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALL_THRESHOLDS = np.linspace(0.0, 1.0, 101)
_AREAS = {"all": 0, "small": 1, "medium": 2, "large": 3}  # COCOeval's order
_MOST_DETECTIONS = 100
# Name: (precision or recall, IoU index or all, area, index into maxDets 1, 10, 100).
_METRICS = {
    "AP": ("precision", slice(None), "all", 2),
    "AP50": ("precision", slice(0, 1), "all", 2),
    "AP75": ("precision", slice(5, 6), "all", 2),
    "APs": ("precision", slice(None), "small", 2),
    "APm": ("precision", slice(None), "medium", 2),
    "APl": ("precision", slice(None), "large", 2),
    "AR1": ("recall", slice(None), "all", 0),
    "AR10": ("recall", slice(None), "all", 1),
    "AR100": ("recall", slice(None), "all", 2),
    "ARs": ("recall", slice(None), "small", 2),
    "ARm": ("recall", slice(None), "medium", 2),
    "ARl": ("recall", slice(None), "large", 2),
    "AP50l": ("precision", slice(0, 1), "large", 2),
}


@dataclass(frozen=True, eq=False)
class Truth:
    """What is in one image, without the image.

    Attributes:
        boxes: (N, 4) ``xyxy`` pixels, as the data set's file states them: COCO clips nothing.
        labels: (N,) in the label space that is scored.
        is_crowd: (N,) bool; COCO lets detections inside crowds go unpunished and unrewarded.
        areas: (N,) pixels: COCO's ``area``, of the segment, decides which objects are small,
            medium and large; by default the boxes' own.
    """

    image_id: int
    size: tuple[int, int]
    boxes: Tensor
    labels: Tensor
    is_crowd: Tensor
    areas: Tensor | None = None

    @classmethod
    def of(cls, sample: Sample, label_map: dict[int, int] | None = None) -> Truth:
        """A sample's objects; labels are translated by ``label_map``, unknown ones left out."""
        stated = sample.stated or Stated(
            sample.boxes, sample.labels, box_area(sample.boxes), sample.is_crowd
        )
        labels, known = stated.labels.tolist(), slice(None)
        if label_map is not None:
            known = torch.tensor([label in label_map for label in labels]).bool()
            labels = [label_map[label] for label in labels if label in label_map]
        return cls(
            sample.image_id,
            sample.size,
            stated.boxes[known],
            torch.tensor(labels, dtype=torch.long),
            stated.is_crowd[known],
            stated.areas[known],
        )


@dataclass(frozen=True, eq=False)
class MatchTable:
    """All detections of one class, best score first, as they matched.

    Attributes:
        scores: (D,).
        image: (D,) index of the image.
        given: (D,) which of the detections that were given, counted through all images.
        hit: (T, D) bool per IoU threshold: matched an object.
        ignored: (T, D) bool: matched a crowd or an object of another size; counts for nothing.
        objects: (I,) objects per image that count.
    """

    scores: np.ndarray
    image: np.ndarray
    given: np.ndarray
    hit: np.ndarray
    ignored: np.ndarray
    objects: np.ndarray


class CocoScores:
    """The outcome of one evaluation.

    Attributes:
        metrics: COCO's averages by name, in [0, 1]; NaN where no object could be found.
        labels: the labels that occur in the ground truth or in the detections.
    """

    def __init__(
        self, evaluation: COCOeval, labels: list[int], images: int, given: np.ndarray
    ) -> None:
        self._evaluation = evaluation
        self._given = given  # by COCO's id - 1: unnamed detections have none
        self.labels = labels
        self.images = images
        self.metrics = {name: self._average(*what) for name, what in _METRICS.items()}

    def _average(self, kind: str, ious: slice, area: str, most: int) -> float:
        values = self._evaluation.eval[kind][ious, ..., _AREAS[area], most]
        values = values[values > -1]  # -1 marks classes without objects
        return float(values.mean()) if values.size else math.nan

    def by_size(self) -> dict[str, dict[str, float]]:
        """``AP``, ``AP50`` and ``AR100`` of small, medium and large objects."""
        return {
            area: {
                "AP": self._average("precision", slice(None), area, 2),
                "AP50": self._average("precision", slice(0, 1), area, 2),
                "AR100": self._average("recall", slice(None), area, 2),
            }
            for area in ("small", "medium", "large")
        }

    def per_class(self, categories: Categories) -> dict[str, dict[str, float]]:
        """``AP``, ``AP50``, ``AP50l`` and ``objects`` of every class that has objects, by name."""
        precision = self._evaluation.eval["precision"]  # (T, R, K, areas, maxDets)
        rows = {}
        for k, label in enumerate(self.labels):
            objects = int(self.table(label).objects.sum())
            if objects:
                large = precision[0, :, k, _AREAS["large"], 2]
                rows[categories.name(label)] = {
                    "AP": float(precision[:, :, k, 0, 2].mean()),
                    "AP50": float(precision[0, :, k, 0, 2].mean()),
                    "AP50l": float(large.mean()) if (large > -1).all() else math.nan,
                    "objects": objects,
                }
        return rows

    def precision_recall(self, iou: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
        """Recall thresholds (101,) and the precision there, averaged over classes (101,)."""
        at = int(np.argmin(np.abs(IOU_THRESHOLDS - iou)))
        curves = self._evaluation.eval["precision"][at, :, :, 0, 2]  # (R, K)
        curves = curves[:, (curves > -1).all(axis=0)]
        if not curves.shape[1]:
            return RECALL_THRESHOLDS, np.zeros_like(RECALL_THRESHOLDS)
        return RECALL_THRESHOLDS, curves.mean(axis=1)

    def table(self, label: int, area: str = "all") -> MatchTable:
        """The matches of one class, for objects of one size."""
        k = self.labels.index(label)
        start = (k * len(_AREAS) + _AREAS[area]) * self.images
        found = self._evaluation.evalImgs[start : start + self.images]
        objects = np.zeros(self.images, dtype=np.int64)
        scores, image, given, hit, ignored = [], [], [], [], []
        for i, matches in enumerate(found):
            if matches is None:
                continue
            objects[i] = np.count_nonzero(np.asarray(matches["gtIgnore"]) == 0)
            scores.append(np.asarray(matches["dtScores"], dtype=np.float64))
            image.append(np.full(len(scores[-1]), i))
            given.append(self._given[np.asarray(matches["dtIds"], dtype=np.int64) - 1])
            hit.append(np.asarray(matches["dtMatches"]) > 0)
            ignored.append(np.asarray(matches["dtIgnore"]) > 0)
        if not scores:
            none = np.zeros((len(IOU_THRESHOLDS), 0), dtype=bool)
            nowhere = np.zeros(0, dtype=np.int64)
            return MatchTable(np.zeros(0), nowhere, nowhere, none, none, objects)
        order = np.argsort(-np.concatenate(scores), kind="mergesort")
        return MatchTable(
            scores=np.concatenate(scores)[order],
            image=np.concatenate(image)[order],
            given=np.concatenate(given)[order],
            hit=np.concatenate(hit, axis=1)[:, order],
            ignored=np.concatenate(ignored, axis=1)[:, order],
            objects=objects,
        )


def score(
    truths: Sequence[Truth],
    detections: Sequence[Detections],
    categories: Categories,
    scales: Sequence[float] | None = None,
) -> CocoScores:
    """Match detections to objects as COCO does (IoU 0.5 to 0.95, at most 100 per image).

    Args:
        truths: one per image.
        detections: one per image, in the same order; unnamed labels are left out.
        categories: the label space of both.
        scales: one per image, by which its sides are multiplied before objects count as small,
            medium or large; boxes and matches stay what they are.

    Raises:
        ConfigError: there is no image.
    """
    if not truths:
        raise ConfigError("there is no image to evaluate on; give at least one")
    named = set(categories.named_labels())
    objects, found, given, seen = [], [], [], 0
    scales = [1.0] * len(truths) if scales is None else scales
    for number, (truth, one, scale) in enumerate(
        zip(truths, detections, scales, strict=True), start=1
    ):
        areas = box_area(truth.boxes) if truth.areas is None else truth.areas
        boxes, areas = xyxy_to_xywh(truth.boxes).tolist(), (areas * scale**2).tolist()
        rows = zip(boxes, areas, truth.labels.tolist(), truth.is_crowd.tolist(), strict=True)
        for box, area, label, crowd in rows:
            objects.append(_entry(len(objects) + 1, number, label, box, area, crowd=crowd))
        areas = (box_area(one.boxes) * scale**2).tolist()
        boxes = xyxy_to_xywh(one.boxes).tolist()
        rows = zip(boxes, areas, one.labels.tolist(), one.scores.tolist(), strict=True)
        for place, (box, area, label, value) in enumerate(rows, start=seen):
            if label in named:
                found.append(_entry(len(found) + 1, number, label, box, area, score=value))
                given.append(place)
        seen += len(one)
    labels = sorted({item["category_id"] for item in (*objects, *found)})
    images = [
        {"id": number, "height": truth.size[0], "width": truth.size[1]}
        for number, truth in enumerate(truths, start=1)
    ]
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints its progress
        evaluation = COCOeval(
            _index(images, labels, objects), _index(images, labels, found), "bbox"
        )
        evaluation.params.maxDets = [1, 10, _MOST_DETECTIONS]
        evaluation.evaluate()
        evaluation.accumulate()
    return CocoScores(evaluation, labels, len(images), np.array(given, dtype=np.int64))


def _entry(
    number: int,
    image: int,
    label: int,
    box: list[float],
    area: float,
    crowd: bool = False,
    score: float | None = None,
) -> dict:
    entry = {
        "id": number,
        "image_id": image,
        "category_id": label,
        "bbox": box,
        "area": area,
        "iscrowd": int(crowd),
    }
    return entry if score is None else {**entry, "score": score}


def _index(images: list[dict], labels: list[int], annotations: list[dict]) -> COCO:
    index = COCO()
    index.dataset = {
        "images": images,
        "categories": [{"id": label} for label in labels],
        "annotations": annotations,
    }
    index.createIndex()
    return index
