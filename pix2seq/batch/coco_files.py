"""COCO files made from a journal: results, and a data set for labelling tools.

Results (``image_id``, ``category_id``, ``bbox``, ``score``) are what pycocotools, faster-coco-eval
and FiftyOne's ``add_coco_labels`` read. A data set adds the images and categories, which lets CVAT,
Label Studio, FiftyOne and supervision show the boxes as a first draft. They look for a file's name
below a folder of images, so names begin below the folder that all pictures share.
"""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from pix2seq.batch.lines import coco_results, rounded
from pix2seq.categories import Categories
from pix2seq.files import replacing


def write_results(path: str, lines: Iterable[dict[str, Any]]) -> None:
    """COCO result records of all pictures, to a file or (``-``) to stdout."""
    _write(path, _array(record for line in lines for record in coco_results(line)))


def write_dataset(
    path: str, journal: Iterable[dict[str, Any]], categories: Categories, whole_names: bool = False
) -> None:
    """A COCO data set whose annotations are what was found, with scores.

    Args:
        journal: may be read several times.
        whole_names: keep names as they are: those of a COCO file.
    """
    above = 0 if whole_names else len(shared_folder(line["name"] for line in journal))

    def parts() -> Iterator[str]:
        yield '{"categories":'
        yield json.dumps(
            [
                {"id": categories.ids[label], "name": categories.name(label), "supercategory": ""}
                for label in categories.named_labels()
            ]
        )
        yield ',\n"images":'
        yield from _array(
            {
                "id": line["image_id"],
                "file_name": line["name"][above:],
                "width": line["width"],
                "height": line["height"],
            }
            for line in journal
        )
        yield ',\n"annotations":'
        records = (record for line in journal for record in coco_results(line))
        yield from _array(_annotation(i, record) for i, record in enumerate(records, start=1))
        yield "}"

    _write(path, parts())


def shared_folder(names: Iterable[str]) -> str:
    """The folder, with its last slash, that all names begin with; empty if there is none."""
    shared = None
    for name in names:
        folders = name.split("/")[:-1]
        if shared is None:
            shared = folders
        same = itertools.takewhile(
            lambda pair: pair[0] == pair[1], zip(shared, folders, strict=False)
        )
        shared = [folder for folder, _ in same]
        if not shared:
            return ""
    return "".join(f"{folder}/" for folder in shared or [])


def _annotation(number: int, record: dict[str, Any]) -> dict[str, Any]:
    _, _, width, height = record["bbox"]
    area = rounded(width * height)
    # CVAT refuses annotations without a segmentation.
    return {"id": number, **record, "area": area, "iscrowd": 0, "segmentation": []}


def _array(values: Iterable[Any]) -> Iterator[str]:
    """A JSON array, one value a line."""
    before = "["
    for value in values:
        yield before + json.dumps(value, separators=(",", ":"), allow_nan=False)
        before = ",\n"
    yield "[]" if before == "[" else "]"


def _write(path: str, parts: Iterable[str]) -> None:
    """The file is replaced when it is complete."""
    if path == "-":
        sys.stdout.writelines(parts)
        sys.stdout.write("\n")
        return
    with replacing(path) as (part,), part.open("w", encoding="ascii") as file:
        file.writelines(parts)
        file.write("\n")
