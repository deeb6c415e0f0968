"""The pictures that a COCO file lists, under its ids."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from pix2seq.batch.items import Item, failed
from pix2seq.config import ConfigError, short
from pix2seq.data.annotations import coco_lists, names_a_file
from pix2seq.data.places import find_file
from pix2seq.data.values import whole
from pix2seq.many import printable


def coco_items(path: str, images: str) -> Iterator[Item]:
    """One item per entry of ``images``; its annotations are not needed.

    Raises:
        ConfigError: it is not COCO JSON, or the folder is not there.
    """
    if not os.path.isdir(images):
        raise ConfigError(f"--images {images} is not a folder; give the folder of the images")
    entries = coco_lists(path, ("images",))["images"]
    ids: dict[int, str] = {}
    numbers: dict[str, int] = {}
    for place, entry in enumerate(entries):
        fields = entry if isinstance(entry, dict) else {}
        number, name = whole(fields.get("id")), fields.get("file_name")
        if number is None or not names_a_file(name):
            yield failed(
                f"{path}: image {place}",
                f"has id {short(fields.get('id'))} and file_name {short(name)}; give a whole "
                "number and the name of a file",
            )
        elif number in ids:
            yield failed(f"{path}: image {place}", f"has the id {number} of {ids[number]}, too")
        elif name in numbers:
            yield failed(
                f"{path}: image {place}",
                f"is {short(name)} with the id {number}, which has the id {numbers[name]} already",
            )
        else:
            ids[number], numbers[name] = name, number
            yield Item(printable(name), os.fspath(find_file(Path(images), name)), number)
    if not entries:
        yield failed(path, "lists no image; check the file")
