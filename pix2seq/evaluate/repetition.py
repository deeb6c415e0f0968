"""How often a blanked object comes back, and how often a written one is written again.

Over a labelled data set: the model's own sentence about each image is taken, its objects are
blanked out one at a time, and it goes on behind what is left; then behind the whole sentence. What
is measured is the decoder's memory, so no drafts are followed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from pix2seq.boxes import box_iou
from pix2seq.config import SamplingOptions
from pix2seq.data.sample import Sample
from pix2seq.evaluate.quality import wilson
from pix2seq.evaluate.run import Samples, match_labels
from pix2seq.predictor import Predictor
from pix2seq.repetition import SAME, blank, returns, split_objects, try_object, write_on


@dataclass
class Counts:
    """Objects of the model's sentences, and what became of them.

    Attributes:
        objects: how many were put on trial.
        returned: came back when they were blanked out, and before the model would have stopped.
        returned_late: came back only because it was not allowed to stop.
        again: written again, as the same class, behind the whole sentence before its end.
        again_late: the same behind its end.
        first, behind, noise: sums of p(class) as the first word and behind the sentence, and of
            p(noise) behind it.
    """

    objects: int = 0
    returned: int = 0
    returned_late: int = 0
    again: int = 0
    again_late: int = 0
    first: float = 0.0
    behind: float = 0.0
    noise: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Counts, shares with 95 % intervals (Wilson), and mean probabilities."""
        shares = {
            name: _share(getattr(self, name), self.objects)
            for name in ("returned", "returned_late", "again", "again_late")
        }
        total = max(self.objects, 1)
        means = {n: round(getattr(self, n) / total, 4) for n in ("first", "behind", "noise")}
        return {"objects": self.objects, **shares, "mean_probability": means}


@dataclass
class Repetition:
    """The figures over a data set: all objects of the sentences, and those that are right (same
    class as a labelled object, IoU above one half)."""

    images: int = 0
    every: Counts = field(default_factory=Counts)
    right: Counts = field(default_factory=Counts)

    def to_dict(self) -> dict[str, Any]:
        return {
            "images": self.images,
            "objects": self.every.to_dict(),
            "right": self.right.to_dict(),
        }


def measure_repetition(
    predictor: Predictor,
    samples: Samples,
    limit: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Repetition:
    """Put every object of every sentence on trial; sentences and continuations are argmax.

    Args:
        limit: only the first images.
        progress: called with (images done, images in all).
    """
    label_map, _ = match_labels(samples.categories, predictor.categories)
    total = len(samples) if limit is None else min(limit, len(samples))
    found = Repetition()
    for index in range(total):
        _measure(predictor, samples[index], label_map, found)
        found.images += 1
        progress(found.images, total)
    return found


def _measure(
    predictor: Predictor, sample: Sample, label_map: dict[int, int] | None, found: Repetition
) -> None:
    tokenizer = predictor.tokenizer
    likeliest = SamplingOptions(temperature=0.0, follow_drafts=False)
    encoding = predictor.encode(sample.image)
    steps = predictor.stream(encoding, likeliest.replace(eos="model"))
    ids = [step.token_id for step in steps]
    objects = split_objects(tokenizer, ids)
    named = [n for n, tokens in enumerate(objects) if tokens[-1] in tokenizer.class_ids]
    if not named:
        return
    blanked = blank(predictor, encoding, ids, named, likeliest)
    truth = sample.labels
    if label_map is not None:
        truth = torch.tensor([label_map.get(own, -1) for own in truth.tolist()], dtype=torch.long)
    whole = [token_id for tokens in objects for token_id in tokens]
    behind = write_on(predictor, encoding, [whole], likeliest)[0]
    for number, written in zip(named, blanked, strict=True):
        tokens = objects[number]
        trial = try_object(predictor, encoding, ids, number)
        back, again = returns(tokenizer, tokens, written), returns(tokenizer, tokens, behind)
        boxes, class_ids = tokenizer.decode(torch.tensor(tokens))
        overlap = box_iou(encoding.letterbox.invert_boxes(boxes), sample.boxes)[0]
        alike = truth == int(class_ids[0]) - tokenizer.class_ids.start
        right = bool(((overlap > SAME) & alike).any())
        for counts in (found.every, found.right) if right else (found.every,):
            counts.objects += 1
            counts.returned += back is not None and back.before_end
            counts.returned_late += back is not None and not back.before_end
            counts.again += again is not None and again.before_end
            counts.again_late += again is not None and not again.before_end
            counts.first += trial.first.prob
            counts.behind += trial.behind.prob
            counts.noise += trial.behind.noise


def _share(count: int, total: int) -> dict[str, Any]:
    """A count as a share of ``total`` with Wilson's 95 % interval."""
    if not total:
        return {"count": 0, "share": None, "interval": None}
    low, high = wilson(count, total)
    return {
        "count": count,
        "share": round(count / total, 4),
        "interval": [round(low, 4), round(high, 4)],
    }
