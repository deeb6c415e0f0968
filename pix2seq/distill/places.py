"""What it costs to see something else than the teacher at the places of the pyramid."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pix2seq.model.places import STRIDES, Places

_FLOOR = 0.03  # what a place counts where the teacher is sure of nothing
_OBJECT = 0.1  # from this probability on, a place's box is worth learning
_MOMENTUM = 0.02
_MOST = 4.0  # how much more a rare class may count than the average one


def teacher_places(said: dict[str, Tensor]) -> Places:
    """The teacher's arrays of a batch in our form."""
    maps = [said[f"map{stride}"].float() for stride in STRIDES]
    classes = said["classes"].float().clamp(1e-4, 1 - 1e-4)
    return Places(maps, classes.logit(), said["boxes"].float())


class PlaceLosses(nn.Module):
    """Differences of maps, classes and boxes, each place weighted by how sure the teacher is there.

    Maps are compared in units of each channel's deviation. Classes take the quality focal loss
    (arXiv 2006.04388), rare ones more of it. Boxes cost one less their overlap, and the distances
    of their edges in strides. What is measured along the way (deviations, how often a class occurs)
    are buffers.
    """

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.register_buffer("deviation", torch.ones(len(STRIDES), width))
        self.register_buffer("mass", torch.ones(classes))
        self.register_buffer("seen", torch.zeros(()))

    @torch.no_grad()
    def measure(self, teacher: Places, asked: Tensor) -> None:
        """Follow the channels' deviations and the classes' frequencies."""
        share = max(_MOMENTUM, 1 / (1 + self.seen.item()))
        if asked.any():
            now = torch.stack([m[asked].float().std((0, 2, 3)) for m in teacher.maps])
            self.deviation.lerp_(now, share)
        self.mass.lerp_(teacher.class_logits.sigmoid().square().sum((0, 1)), share)
        self.seen += 1

    def forward(self, own: Places, teacher: Places, asked: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The losses of maps, classes and boxes, each a scalar.

        Args:
            asked: (B,) bool; the others have no maps to compare with.
        """
        truth = teacher.class_logits.sigmoid()
        sure = truth.amax(-1)  # (B, P)
        counts = [m.shape[-2] * m.shape[-1] for m in own.maps]
        weights = ((_FLOOR + sure) * asked[:, None]).split(counts, dim=1)
        of_maps = []
        for mine, theirs, deviation, weight in zip(
            own.maps, teacher.maps, self.deviation, weights, strict=True
        ):
            error = (mine.float() - theirs) / deviation.clamp(min=0.05)[:, None, None]
            error = error.square().mean(1).flatten(1)
            of_maps.append((error * weight).sum() / weight.sum().clamp(min=1e-6))
        rare = (self.mass.mean() / self.mass.clamp(min=1e-6)).sqrt().clamp(1 / _MOST, _MOST)
        total = truth.square().sum().clamp(min=1.0)
        error = F.binary_cross_entropy_with_logits(own.class_logits, truth, reduction="none")
        gap = (own.class_logits.sigmoid() - truth).square()
        of_classes = (error * gap * rare).sum() / total
        return torch.stack(of_maps).mean(), of_classes, _box_loss(own, teacher, sure, counts)


def _box_loss(own: Places, teacher: Places, sure: Tensor, counts: list[int]) -> Tensor:
    strides = torch.cat(
        [sure.new_full((n,), s) for n, s in zip(counts, STRIDES, strict=True)]
    ).expand_as(sure)
    there = sure > _OBJECT
    mine, theirs, weight = own.boxes[there], teacher.boxes[there], sure[there]
    if len(weight) == 0:
        return own.boxes.sum() * 0
    overlap = _overlap(mine, theirs)
    edges = F.smooth_l1_loss(mine, theirs, reduction="none").mean(-1) / strides[there]
    return ((1 - overlap + edges) * weight).sum() / weight.sum()


def _overlap(a: Tensor, b: Tensor) -> Tensor:
    """IoU of paired ``xyxy`` boxes, (N, 4) each -> (N,)."""
    size = (torch.minimum(a[:, 2:], b[:, 2:]) - torch.maximum(a[:, :2], b[:, :2])).clamp(min=0)
    both = size.prod(-1)
    areas = [(x[:, 2:] - x[:, :2]).clamp(min=0).prod(-1) for x in (a, b)]
    return both / (areas[0] + areas[1] - both).clamp(min=1e-6)
