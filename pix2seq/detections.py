"""``Detections``: what the model found, as a struct of arrays."""

from __future__ import annotations

from dataclasses import dataclass, fields
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from pix2seq.boxes import xyxy_to_xywh
from pix2seq.categories import Categories
from pix2seq.config import ConfigError

if TYPE_CHECKING:
    import supervision


def object_marks(name: str, written: str, forced: bool, again: int | None) -> tuple[str, ...]:
    """What there is to say about an object beside its name: that another word was written, that a
    person gave it, that it repeats an earlier object. The same words in every view."""
    return (
        *((f"written {written}",) if written != name else ()),
        *(("yours",) if forced else ()),
        *((f"again {again + 1}",) if again is not None else ()),
    )


@dataclass(frozen=True, eq=False)
class Detections:
    """N objects in one image; index it with a mask or with positions like an array.

    Attributes:
        boxes: (N, 4) float32, ``xyxy``, absolute pixels of the original image.
        labels: (N,) int64 indices into the checkpoint's ``Categories``.
        scores: (N,) float32, probability of ``labels`` at the class token, in [0, 1]; times
            ``edge_scores`` where the options ask for the score of the ``box``.
        noise_scores: (N,) float32, probability of the noise class at that token (0 if none).
        edge_scores: (N,) float32, how sure the edges were, in [0, 1].
        is_noise: (N,) bool, the object was written as noise and is kept all the same, to be shown
            as noise; ``labels`` and ``scores`` are those of its likeliest real class.
        written: (N,) int64, the label that its class token names; -1 where that is the noise class
            or no class at all. Where it differs from ``labels`` the object was renamed.
        forced: (N,) bool, a person gave at least one of its tokens; it is kept whatever its score.
        again: (N,) int64, the earlier object that it repeats; -1 if it repeats none.
        objects: (N,) int64, the object's index in the sequence: token ``5 * i`` is its first.
        degenerate: how many objects were left out because their box has no area.
    """

    boxes: Tensor
    labels: Tensor
    scores: Tensor
    noise_scores: Tensor
    edge_scores: Tensor
    is_noise: Tensor
    written: Tensor
    forced: Tensor
    again: Tensor
    objects: Tensor
    degenerate: int = 0

    def __post_init__(self) -> None:
        count = self.boxes.shape[0] if self.boxes.ndim else -1
        if self.boxes.shape != (count, 4):
            raise ValueError(f"boxes must have shape (N, 4), got {tuple(self.boxes.shape)}")
        for name in self._per_object()[1:]:
            shape = tuple(getattr(self, name).shape)
            if shape != (count,):
                raise ValueError(f"{name} must have shape ({count},), got {shape}")

    @classmethod
    def _per_object(cls) -> list[str]:
        return [f.name for f in fields(cls) if f.name != "degenerate"]

    @classmethod
    def of(
        cls,
        boxes: Tensor,
        labels: Tensor,
        scores: Tensor,
        noise_scores: Tensor | None = None,
        edge_scores: Tensor | None = None,
        is_noise: Tensor | None = None,
        written: Tensor | None = None,
        forced: Tensor | None = None,
        again: Tensor | None = None,
        objects: Tensor | None = None,
        degenerate: int = 0,
    ) -> Detections:
        """Build from the three arrays that matter; the rest defaults to "no noise, as written, in
        order"."""
        count = len(boxes)
        nothing = torch.zeros(count, dtype=torch.bool)
        return cls(
            boxes=boxes.float(),
            labels=labels.long(),
            scores=scores.float(),
            noise_scores=torch.zeros(count) if noise_scores is None else noise_scores.float(),
            edge_scores=torch.ones(count) if edge_scores is None else edge_scores.float(),
            is_noise=nothing if is_noise is None else is_noise.bool(),
            written=(labels if written is None else written).long(),
            forced=nothing if forced is None else forced.bool(),
            again=torch.full((count,), -1) if again is None else again.long(),
            objects=torch.arange(count) if objects is None else objects.long(),
            degenerate=degenerate,
        )

    @classmethod
    def empty(cls, degenerate: int = 0) -> Detections:
        """No objects."""
        return cls.of(
            torch.zeros(0, 4), torch.zeros(0).long(), torch.zeros(0), degenerate=degenerate
        )

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, index: Tensor | slice | list[int]) -> Detections:
        """Select objects by bool mask, positions or slice."""
        picked = {name: getattr(self, name)[index] for name in self._per_object()}
        return Detections(**picked, degenerate=self.degenerate)

    def above(self, threshold: float) -> Detections:
        """The objects whose score is at least ``threshold``."""
        return self[self.scores >= threshold]

    def caption(self, row: int, categories: Categories) -> str:
        """What is said about one object: its name with the score, then what else there is to know.

        A renamed object says what was written, one that a person gave says so, and a double says
        which object it repeats. Noise has no class, and so no score.
        """
        is_noise, written, again = (
            int(column[row]) for column in (self.is_noise, self.written, self.again)
        )
        name = "noise" if is_noise else categories.name(int(self.labels[row]))
        word = "noise" if is_noise or written < 0 else categories.name(written)
        said = name if is_noise else f"{name} {float(self.scores[row]):.2f}"
        marks = object_marks(name, word, bool(self.forced[row]), again if again >= 0 else None)
        return " · ".join((said, *marks))

    def to_supervision(self, categories: Categories) -> supervision.Detections:
        """The same objects for roboflow's supervision: its annotators, trackers and metrics.

        ``class_id`` is the label, ``confidence`` the score; everything else travels in ``data``
        (``class_name``, and this class's other arrays by name) and ``metadata``.

        Raises:
            ConfigError: supervision is not installed.
        """
        names = [categories.name(label) for label in self.labels.tolist()]
        data = {name: getattr(self, name).numpy() for name in self._per_object()[3:]}
        return _supervision().Detections(
            xyxy=self.boxes.numpy(),
            confidence=self.scores.numpy(),
            class_id=self.labels.numpy(),
            data={"class_name": np.array(names, dtype=str), **data},
            metadata={"degenerate": self.degenerate},
        )

    @classmethod
    def from_supervision(
        cls, found: supervision.Detections, categories: Categories | None = None
    ) -> Detections:
        """Objects that supervision holds, whoever found them.

        Args:
            categories: the label space. Where ``found`` names its classes, they are looked up
                there; otherwise, or without it, ``class_id`` is the label.

        Raises:
            ConfigError: there are no classes, or one has no label in ``categories``.
        """
        count = len(found.xyxy)
        names = found.data.get("class_name")
        if categories is not None and names is not None:
            try:
                labels = [categories.label_of_name(str(name)) for name in names]
            except KeyError as error:
                raise ConfigError(f"{error.args[0]} in the label space; rename it") from None
        elif found.class_id is not None or not count:
            labels = [] if found.class_id is None else found.class_id.tolist()
        else:
            raise ConfigError("the detections have no class_id; set it to the labels")
        scores = np.ones(count) if found.confidence is None else found.confidence
        extra = {
            name: torch.from_numpy(np.array(found.data[name]))
            for name in cls._per_object()[3:]
            if name in found.data
        }
        return cls.of(
            boxes=torch.from_numpy(np.array(found.xyxy)).reshape(-1, 4),
            labels=torch.tensor(labels, dtype=torch.long),
            scores=torch.from_numpy(np.array(scores)),
            degenerate=int(found.metadata.get("degenerate", 0)),
            **extra,
        )

    def to_coco(self, image_id: int, categories: Categories) -> list[dict]:
        """COCO result records; labels without a class name are left out, as the official code
        does with its "nothing" class."""
        records = []
        for box, label, score in zip(
            xyxy_to_xywh(self.boxes).tolist(),
            self.labels.tolist(),
            self.scores.tolist(),
            strict=True,
        ):
            if label < len(categories) and categories.names[label] is not None:
                records.append(
                    {
                        "image_id": image_id,
                        "category_id": categories.ids[label],
                        "bbox": box,
                        "score": score,
                    }
                )
        return records


def _supervision() -> ModuleType:
    try:
        import supervision
    except ImportError:
        raise ConfigError(
            "supervision is not installed; pip install 'pix2seq-explorer[supervision]'"
        ) from None
    return supervision
