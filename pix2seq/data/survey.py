"""What a run will learn from, said before its first step: nothing of it is lost in silence."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from pix2seq.config import ConfigError
from pix2seq.data.coco import CocoDetection
from pix2seq.images import check_image

_NAMED = 8  # files or classes spelled out in a message


@dataclass(frozen=True)
class Survey:
    """One data set, looked through.

    Attributes:
        source: its annotations.
        images, boxes: what there is to learn from; crowds and dropped boxes not counted.
        crowds: regions that are neither objects nor background.
        dropped: boxes without area inside their image; ``first_dropped`` is the first in words.
        untaught: names of the classes that have no box.
        doubts: what else looks like a mistake, in words.
        missing, damaged: a line for every image whose file is not there or cannot be read.
    """

    source: str
    images: int
    boxes: int
    crowds: int
    dropped: int
    first_dropped: str
    untaught: tuple[str, ...]
    doubts: tuple[str, ...]
    missing: tuple[str, ...]
    damaged: tuple[str, ...]

    def lines(self) -> list[str]:
        """The survey in words."""
        said = [f"{self.source}: {self.images} images, {self.boxes} boxes"]
        if self.crowds:
            said.append(f"{self.crowds} crowd regions are neither objects nor background")
        if self.dropped:
            said.append(
                f"{self.dropped} boxes left out: nothing of them lies inside their image, "
                f"first {self.first_dropped}"
            )
        if self.untaught:
            said.append(f"no box teaches {listed(self.untaught)}")
        return [*said, *self.doubts]

    def require_usable(self) -> None:
        """Raises ``ConfigError`` if files are missing or damaged, or nothing is left to learn."""
        if self.missing or self.damaged:
            wrong = (*self.missing, *self.damaged)
            raise ConfigError(
                f"{self.source}: {len(self.missing)} image files are missing and "
                f"{len(self.damaged)} cannot be read; restore them or remove their entries: "
                f"{listed(wrong, '; ')}"
            )
        if not self.images or not self.boxes:
            raise ConfigError(
                f"{self.source}: nothing is left to learn from ({self.images} images, "
                f"{self.boxes} boxes, {self.crowds} crowd regions, {self.dropped} boxes outside "
                "their images)"
            )


def survey(
    photos: CocoDetection, on_progress: Callable[[Iterable], Iterable] = lambda items: items
) -> Survey:
    """Look through a data set, every file included (decoded in parallel).

    Args:
        on_progress: wraps the loop over the files, e.g. a ``tqdm``.
    """
    missing = photos.missing()
    there = sorted(set(range(len(photos))) - set(missing))
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        answers = pool.map(_damage, (photos.files[i] for i in there))
        damaged = [line for line in on_progress(answers) if line is not None]
    counts = photos.boxes_by_class()
    named = photos.categories.named_labels()
    return Survey(
        source=photos.annotations.source,
        images=len(photos),
        boxes=int(counts.sum()),
        crowds=int(photos.annotations.is_crowd.sum()),
        dropped=photos.dropped,
        first_dropped=photos.first_dropped,
        untaught=tuple(photos.categories.name(i) for i in named if not counts[i]),
        doubts=tuple(photos.annotations.doubts()),
        missing=tuple(photos.explain_missing(i) for i in missing[:_NAMED])
        + tuple(photos.annotations.file_names[i] for i in missing[_NAMED:]),
        damaged=tuple(damaged),
    )


def listed(items: tuple[str, ...], separator: str = ", ") -> str:
    """The first few of many, and how many more."""
    more = f" and {len(items) - _NAMED} more" if len(items) > _NAMED else ""
    return separator.join(items[:_NAMED]) + more


def _damage(path) -> str | None:
    try:
        check_image(path)
    except ConfigError as error:
        return str(error)
    return None
