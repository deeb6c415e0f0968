"""Backbones by name: ours where there is one, else timm's."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from pix2seq.model import efficientnet


def create_backbone(
    name: str, out_indices: Sequence[int]
) -> tuple[nn.Module, list[int], list[int]]:
    """An empty backbone that gives the feature maps ``out_indices``, with their channels and
    strides. Its weights have timm's names, whoever made it."""
    if name in efficientnet.NAMES:
        backbone = efficientnet.EfficientNetLite(name, out_indices)
        return backbone, backbone.channels, backbone.strides
    import timm  # takes as long as PyTorch itself

    backbone = timm.create_model(
        name, features_only=True, out_indices=tuple(out_indices), pretrained=False
    )
    return backbone, backbone.feature_info.channels(), backbone.feature_info.reduction()
