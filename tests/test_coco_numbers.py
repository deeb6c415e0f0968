"""A number called AP is COCO's: all twelve equal pycocotools' on generated annotation files."""

from __future__ import annotations

import contextlib
import io
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from pix2seq.data import CocoDetection
from pix2seq.detections import Detections
from pix2seq.evaluate import Truth, score

NAMES = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl")
FILES, GROUPS = 200, 10
WIDTH, HEIGHT, PICTURES = 240, 180, 3


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(PICTURES):
        Image.new("RGB", (WIDTH, HEIGHT)).save(folder / f"{number}.png")
    return folder


def generate(seed: int) -> tuple[dict, list[dict]]:
    """Boxes inside, across and beyond the border, crowds, segment areas below the box's, stated or
    not; detections near them, doubled, mislabelled and out of nowhere."""
    rng = np.random.default_rng(seed)
    objects, results = [], []
    for image in range(1, PICTURES + 1):
        for _ in range(rng.integers(0, 9)):
            width, height = rng.uniform(4, 120, 2)
            x, y = rng.uniform(-40, WIDTH), rng.uniform(-40, HEIGHT)
            label = int(rng.integers(1, 4))
            entry = {
                "id": len(objects) + 1,
                "image_id": image,
                "category_id": label,
                "bbox": [round(float(v), 2) for v in (x, y, width, height)],
                "area": round(float(width * height * rng.uniform(0.1, 1.0)), 2),
                "iscrowd": int(rng.random() < 0.15),
            }
            objects.append(entry)
            for _ in range(rng.integers(0, 3)):
                box = np.array(entry["bbox"]) + rng.normal(0, 0.1, 4) * [
                    width,
                    height,
                    width,
                    height,
                ]
                box[2:] = box[2:].clip(1)
                results.append(
                    {
                        "image_id": image,
                        "category_id": label if rng.random() < 0.85 else int(rng.integers(1, 4)),
                        "bbox": box.astype(np.float32).tolist(),
                        "score": float(np.float32(rng.random())),
                    }
                )
    content = {
        "images": [
            {"id": i + 1, "file_name": f"{i}.png", "width": WIDTH, "height": HEIGHT}
            for i in range(PICTURES)
        ],
        "categories": [{"id": i, "name": name} for i, name in enumerate("abc", start=1)],
        "annotations": objects,
    }
    return content, results


def theirs(path: Path, results: list[dict]) -> dict[str, float]:
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(path))
        evaluation = COCOeval(truth, truth.loadRes(results), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return dict(zip(NAMES, evaluation.stats.tolist(), strict=True))


def ours(path: Path, pictures: Path, results: list[dict]) -> dict[str, float]:
    data = CocoDetection(path, pictures)
    truths, found = [], []
    for index, sample in enumerate(data, start=1):
        mine = [r for r in results if r["image_id"] == index]
        boxes = torch.tensor([r["bbox"] for r in mine], dtype=torch.float64).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        truths.append(Truth.of(sample))
        found.append(
            Detections.of(
                boxes,
                torch.tensor([r["category_id"] - 1 for r in mine]).long(),
                torch.tensor([r["score"] for r in mine]),
            )
        )
    return score(truths, found, data.categories).metrics


@pytest.mark.parametrize("group", range(GROUPS))
def test_the_twelve_numbers_are_pycocotools(group, pictures, tmp_path):
    for seed in range(group, FILES, GROUPS):
        content, results = generate(seed)
        if not results:
            continue  # pycocotools refuses an empty results file
        path = tmp_path / f"{seed}.json"
        path.write_text(json.dumps(content))
        want, came = theirs(path, results), ours(path, pictures, results)
        for name in NAMES:
            if want[name] == -1:
                assert math.isnan(came[name]), (seed, name)
            else:
                assert came[name] == pytest.approx(want[name], abs=2e-4), (seed, name)
