"""The pictures that a COCO file lists, under its ids."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

from pix2seq.batch.items import Item, failed
from pix2seq.config import ConfigError
from pix2seq.many import printable


def coco_items(path: str, images: str) -> Iterator[Item]:
    """One item per entry of ``images``; its annotations are not needed.

    Raises:
        ConfigError: it is not COCO JSON, or the folder is not there.
    """
    if not os.path.isdir(images):
        raise ConfigError(f"--images {images} is not a folder; give the folder of the images")
    try:
        records = json.loads(Path(path).read_text(encoding="utf-8-sig"))["images"]
        entries = [(record["id"], record["file_name"]) for record in records]
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} is not a readable COCO JSON: {error}") from None
    except (KeyError, TypeError) as error:
        raise ConfigError(
            f"{path} is not COCO JSON: it needs images with id and file_name ({error})"
        ) from None
    ids: dict[int, str] = {}
    for place, (number, name) in enumerate(entries):
        if isinstance(number, bool) or not isinstance(number, int) or not isinstance(name, str):
            yield failed(
                f"{path}: image {place}",
                f"has id {number!r} and file_name {name!r}; give a whole number and a text",
            )
        elif number in ids:
            yield failed(f"{path}: image {place}", f"has the id {number} of {ids[number]}, too")
        else:
            ids[number] = name
            yield Item(printable(name), os.path.join(images, name.replace("\\", "/")), number)
    if not entries:
        yield failed(path, "lists no image; check the file")
