"""Photos with COCO-format annotations."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from pix2seq.boxes import is_degenerate, turn_boxes
from pix2seq.categories import Categories
from pix2seq.config import ConfigError
from pix2seq.data.annotations import Annotations, read_annotations
from pix2seq.data.decoded import Decoded
from pix2seq.data.places import find_file, where_else
from pix2seq.data.sample import Sample, Stated
from pix2seq.images import Photo, read_photo, upright_size


class CocoDetection:
    """A COCO JSON and a folder of images, as ``Sample``s.

    Pictures come upright. A JSON may describe the upright picture or the stored rows, as its width
    and height tell; where they cannot tell (square pictures, mirrored or half-turned ones) it is
    taken to describe the upright one. A JSON that states no size describes the upright picture.

    What training learns from is clipped to the image; what then has no area is left out and
    counted. Scoring sees what the file states (``Sample.stated``).

    Args:
        annotations: COCO JSON with ``images``, ``annotations`` and ``categories``.
        images: the folder that ``file_name``s are relative to.
        categories: label space to use, matched by id; by default the file's own, in id order.
        drop_outside: scoring leaves out boxes without area inside their image, too.

    Attributes:
        annotations: what the file says.
        dropped: boxes left out because nothing of them lies inside the image.
        first_dropped: the first of them in words, empty if there is none.

    Raises:
        ConfigError: the file is not COCO JSON, or names a category that ``categories`` lacks.
    """

    def __init__(
        self,
        annotations: str | Path,
        images: str | Path,
        categories: Categories | None = None,
        drop_outside: bool = False,
    ) -> None:
        self.images = Path(images)
        if not self.images.is_dir():
            raise ConfigError(f"{images} is not a folder; give the folder that holds the images")
        self.annotations = read_annotations(annotations)
        self.categories = categories or self.annotations.categories
        self._labels = _labels(self.annotations, self.categories)
        self._starts = np.searchsorted(self.annotations.image, np.arange(len(self) + 1))
        self._boxes, outside = self._clipped()
        self._counts = ~outside if drop_outside else np.ones_like(outside)
        self._taught = ~outside
        self._decoded: Decoded | None = None
        self.dropped = int(outside.sum())
        self.first_dropped = self._in_words(int(outside.argmax())) if self.dropped else ""

    @cached_property
    def files(self) -> list[Path]:
        """The images' files; those that do not exist keep the name that was asked for."""
        return [find_file(self.images, name) for name in self.annotations.file_names]

    def missing(self, indices: Sequence[int] | None = None) -> list[int]:
        """Which images (by default of all) have no file."""
        asked = range(len(self)) if indices is None else indices
        return [i for i in asked if not os.path.isfile(self.files[i])]

    def explain_missing(self, index: int) -> str:
        """Why an image has no file, and what would help."""
        name = self.annotations.file_names[index]
        return f"{self.annotations.source}: image {index}: {where_else(self.images, name)}"

    def classes_by_photo(self) -> list[set[int]]:
        """The labels that occur in each photo, crowds not counted."""
        found: list[set[int]] = [set() for _ in range(len(self))]
        rows = np.flatnonzero(self._taught & ~self.annotations.is_crowd)
        for row in rows:
            found[self.annotations.image[row]].add(int(self._labels[row]))
        return found

    def boxes_by_class(self) -> np.ndarray:
        """How many boxes teach each label, (len(categories),); crowds not counted."""
        rows = self._taught & ~self.annotations.is_crowd
        return np.bincount(self._labels[rows], minlength=len(self.categories))

    def objects_by_photo(self) -> list[int]:
        """How many objects each photo has, crowds not counted."""
        rows = self._taught & ~self.annotations.is_crowd
        return np.bincount(self.annotations.image[rows], minlength=len(self)).tolist()

    def keep_decoded(self, processes: int = 0) -> None:
        """Decode all images now, in so many processes, and keep their pixels: 3 bytes each.

        Raises:
            ConfigError: an image is missing, or cannot be read.
        """
        for index in self.missing()[:1]:
            raise ConfigError(self.explain_missing(index))
        self._decoded = Decoded(self.files, self._sizes.tolist(), processes)

    def __len__(self) -> int:
        return len(self.annotations.image_ids)

    def __getitem__(self, index: int) -> Sample:
        index = range(len(self))[index]
        if self._decoded is not None:
            photo = self._decoded[index]
        elif os.path.isfile(self.files[index]):
            photo = read_photo(self.files[index])
        else:
            raise ConfigError(self.explain_missing(index))
        turn = self._turn(index, photo)
        rows = np.arange(self._starts[index], self._starts[index + 1])
        taught, counts = rows[self._taught[rows]], rows[self._counts[rows]]
        return Sample(
            image=photo.image,
            boxes=turn_boxes(self._boxes[taught], photo.stored_size, turn),
            labels=torch.from_numpy(self._labels[taught]),
            image_id=self.annotations.image_ids[index],
            is_crowd=torch.from_numpy(self.annotations.is_crowd[taught]),
            stated=Stated(
                boxes=turn_boxes(
                    torch.from_numpy(self.annotations.boxes[counts]), photo.stored_size, turn
                ),
                labels=torch.from_numpy(self._labels[counts]),
                areas=torch.from_numpy(self.annotations.areas[counts]),
                is_crowd=torch.from_numpy(self.annotations.is_crowd[counts]),
            ),
        )

    def __iter__(self) -> Iterator[Sample]:
        return (self[i] for i in range(len(self)))

    # ---- inside -----------------------------------------------------------------------------

    def _turn(self, index: int, photo: Photo) -> int:
        """The orientation that the image's boxes have yet to follow: 1 if they are upright."""
        height, width = self._sizes[index].tolist()
        upright = photo.image.height, photo.image.width
        if upright == (height, width):
            return 1
        if photo.stored_size == (height, width):
            return photo.orientation
        raise ConfigError(
            f"{self.files[index]} is {upright[1]} x {upright[0]} pixels, but its annotations are "
            f"for {width} x {height}; save it at that size, or correct width and height"
        )

    @cached_property
    def _sizes(self) -> np.ndarray:
        """(I, 2) height and width that the boxes refer to; the file's own where none is stated."""
        sizes = self.annotations.sizes.copy()
        for index in np.flatnonzero((sizes == 0).any(1)).tolist():
            if not os.path.isfile(self.files[index]):
                raise ConfigError(self.explain_missing(index))
            sizes[index] = upright_size(self.files[index])
        return sizes

    def _clipped(self) -> tuple[torch.Tensor, np.ndarray]:
        """Boxes inside their images (N, 4) float32, and which of them have no area left (N,)."""
        boxes = torch.from_numpy(self.annotations.boxes)
        heights, widths = torch.from_numpy(self._sizes[self.annotations.image]).double().unbind(1)
        limits = torch.stack([widths, heights, widths, heights], dim=1)
        clipped = torch.minimum(boxes.clamp(min=0), limits).float()
        return clipped, is_degenerate(clipped).numpy()

    def _in_words(self, row: int) -> str:
        file = self.annotations
        x0, y0, x1, y1 = file.boxes[row].tolist()
        height, width = self._sizes[file.image[row]].tolist()
        return (
            f"annotation {file.entry[row]} with bbox {[x0, y0, x1 - x0, y1 - y0]} "
            f"in an image of {width} x {height}"
        )


def _labels(file: Annotations, categories: Categories) -> np.ndarray:
    """Labels of all boxes in a label space, (N,) int64."""
    label_of = {identity: label for label, identity in enumerate(categories.ids)}
    own = dict(zip(file.categories.ids, file.categories.names, strict=True))
    for identity in np.unique(file.category_ids).tolist():
        if identity not in label_of:
            entry = file.entry[np.flatnonzero(file.category_ids == identity)].min()
            raise ConfigError(
                f"{file.source}: annotation {entry} cannot be used: category id {identity} is not "
                "in this label space; correct category_id, or add the class to categories"
            )
        theirs = categories.names[label_of[identity]]
        if identity in own and str(theirs).casefold() != own[identity].casefold():
            raise ConfigError(
                f"{file.source}: category {identity} is called {own[identity]!r}, but "
                f"{theirs!r} in the label space of this run; use the file's own classes, or "
                "its ids"
            )
    return np.array([label_of[i] for i in file.category_ids.tolist()], dtype=np.int64)
