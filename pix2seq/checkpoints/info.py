"""``CheckpointInfo``: what people want to know before they choose a checkpoint."""

from __future__ import annotations

from dataclasses import dataclass

from pix2seq.config import Config, SamplingOptions


@dataclass(frozen=True)
class CheckpointInfo(Config):
    """One line of the menu of checkpoints, and where it comes from.

    Attributes:
        name: what ``load`` takes.
        title: one line for menus.
        family: who trained it: ``explorer`` (this repository), ``google``, ``shariatnia``.
        source: where the weights come from: a command, a URL or a paper.
        licence: of the weights.
        size_mb: of the weights, in megabytes (10**6 bytes); what a download brings.
        ap: average precision in [0, 1].
        ap_note: on what, and whether it was measured here or published.
        label_space: name of the classes' label space.
        image_size: (height, width) of the model's input in pixels.
        url: what ``load`` downloads when the checkpoint is not on this machine; empty if nothing.
        sampling: the options that it recommends.
    """

    name: str
    title: str = ""
    family: str = "explorer"
    source: str = ""
    licence: str = ""
    size_mb: float | None = None
    ap: float | None = None
    ap_note: str = ""
    label_space: str = ""
    image_size: tuple[int, ...] | None = None
    url: str = ""
    sampling: SamplingOptions | None = None
