"""N sentences about one image: which objects keep coming back, and what one more sample adds.

Nucleus sampling writes a different sentence for every seed. Boxes of one class that overlap are
taken for one object; an object that many samples contain is one that the model is sure of, and the
union of the samples finds more than any single one (the paper's recall argument, section 2.2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import comb

import torch
from torch import Tensor

from pix2seq.boxes import box_iou
from pix2seq.config import SamplingOptions
from pix2seq.detections import Detections
from pix2seq.predictor import ImageEncoding, Predictor
from pix2seq.sampling import sample_batch
from pix2seq.sampling.stopping import Stoppable, Stopped

BATCH = 4
"""Sentences written side by side, and so the number of samples that appear at once."""


@dataclass(frozen=True, eq=False)
class Sample:
    """One sentence.

    Attributes:
        found: what it says.
        tokens: how many it has, its EOS included.
        nats: the sum of -ln p of them all; the smaller, the likelier the sentence.
    """

    found: Detections
    tokens: int
    nats: float


def write_samples(
    predictor: Predictor,
    encoding: ImageEncoding,
    options: SamplingOptions,
    seeds: Sequence[int],
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[list[Sample]]:
    """Write one sentence per seed about one image, a few at a time.

    Args:
        stopped: asked before every token; unfinished sentences are left out then.

    Yields:
        All samples so far, in the order of ``seeds``, each time more.
    """
    options = predictor.resolve(options)
    model = Stoppable(predictor.model, stopped)
    samples: list[Sample] = []
    for first in range(0, len(seeds), BATCH):
        part = seeds[first : first + BATCH]
        try:
            batch = sample_batch(
                model, encoding.memory, predictor.tokenizer, options, part, encoding.distinct
            )
        except Stopped:
            return
        found = predictor.read_batch([encoding] * len(part), batch, options)
        tokens = (batch.lengths + 1).clamp(max=batch.token_ids.shape[1])
        samples += map(Sample, found, tokens.tolist(), batch.nats.tolist())
        yield list(samples)


@dataclass(frozen=True, eq=False)
class Cluster:
    """One object as several samples saw it.

    Attributes:
        label: its class.
        box: (4,) ``xyxy``, the mean of its members' boxes.
        score: the mean of its members' scores.
        members: (sample, row of that sample's ``Detections``), best score first.
        spread: (4,) standard deviation of the members' coordinates in pixels, 0 for one member.
    """

    label: int
    box: Tensor
    score: float
    members: tuple[tuple[int, int], ...]
    spread: Tensor

    @property
    def count(self) -> int:
        """In how many samples it appears; written twice in one sample counts once."""
        return len({sample for sample, _ in self.members})


def cluster(samples: Sequence[Detections], iou_threshold: float = 0.5) -> list[Cluster]:
    """Group all samples' objects: the best-scored free box leads, and free boxes of its class that
    overlap it by more than ``iou_threshold`` join.

    Returns:
        Clusters, the most agreed-on first, then by score.
    """
    where = [(n, row) for n, found in enumerate(samples) for row in range(len(found))]
    if not where:
        return []
    boxes = torch.cat([found.boxes for found in samples])
    labels = torch.cat([found.labels for found in samples])
    scores = torch.cat([found.scores for found in samples])
    free = torch.ones(len(where), dtype=torch.bool)
    clusters = []
    for leader in scores.argsort(descending=True, stable=True).tolist():
        if not free[leader]:
            continue
        overlap = box_iou(boxes[leader : leader + 1], boxes)[0]
        joins = free & (labels == labels[leader]) & (overlap > iou_threshold)
        joins[leader] = True  # a box without area overlaps nothing, itself included
        free &= ~joins
        rows = joins.nonzero()[:, 0]
        rows = rows[scores[rows].argsort(descending=True, stable=True)]
        clusters.append(
            Cluster(
                label=int(labels[leader]),
                box=boxes[rows].mean(0),
                score=float(scores[rows].mean()),
                members=tuple(where[row] for row in rows.tolist()),
                spread=boxes[rows].std(0, correction=0),
            )
        )
    return sorted(clusters, key=lambda found: (-found.count, -found.score))


def true_object_counts(
    samples: Sequence[Detections], boxes: Tensor, labels: Tensor, iou_threshold: float = 0.5
) -> list[int]:
    """In how many samples each true object was found: same class, overlap above the threshold.

    Args:
        boxes: (N, 4) ``xyxy`` of the true objects.
        labels: (N,) their classes.
    """
    counts = torch.zeros(len(boxes), dtype=torch.long)
    for found in samples:
        right = labels[:, None] == found.labels[None]
        counts += ((box_iou(boxes, found.boxes) > iou_threshold) & right).any(1)
    return counts.tolist()


def discovery_curve(counts: Sequence[int], samples: int) -> list[float]:
    """How many objects k of the samples contain together, for k = 1 ... ``samples``.

    The exact mean over all choices of k samples: an object that c of n samples contain is missed by
    k of them with probability C(n - c, k) / C(n, k). (Ecologists call this a rarefaction curve.)

    Args:
        counts: in how many samples each object appears.
    """
    if any(not 0 <= count <= samples for count in counts):
        raise ValueError(f"counts {list(counts)} do not fit {samples} samples")
    return [
        sum(1 - comb(samples - count, k) / comb(samples, k) for count in counts)
        for k in range(1, samples + 1)
    ]
