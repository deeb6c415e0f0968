"""ResNet-50 as the official detector has it: v1.5 bottlenecks and TensorFlow's max-pool padding."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

RESNET50_BLOCKS = (3, 4, 6, 3)
"""Bottlenecks per group; the "C4" variant stops after the third group."""

_EXPANSION = 4


class ConvNorm(nn.Module):
    """A convolution without bias under a batch norm (epsilon 1e-5, Keras momentum 0.9)."""

    def __init__(self, inputs: int, outputs: int, size: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=False)
        self.norm = nn.BatchNorm2d(outputs, eps=1e-5, momentum=0.1)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x))


class Bottleneck(nn.Module):
    """1x1, 3x3 (which carries the stride), 1x1, around a shortcut."""

    def __init__(self, inputs: int, width: int, stride: int, project: bool) -> None:
        super().__init__()
        outputs = _EXPANSION * width
        self.shortcut = ConvNorm(inputs, outputs, 1, stride) if project else nn.Identity()
        self.reduce = ConvNorm(inputs, width, 1)
        self.spatial = ConvNorm(width, width, 3, stride)
        self.expand = ConvNorm(width, outputs, 1)
        nn.init.zeros_(self.expand.norm.weight)  # a fresh block starts as its shortcut

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.reduce(x))
        y = F.relu(self.spatial(y))
        return F.relu(self.expand(y) + self.shortcut(x))


class ResNet(nn.Module):
    """Pixels (B, 3, H, W) to features (B, C, H', W'), stride 32 (16 with three groups).

    Args:
        groups: 4, or 3 for the C4 variant.
        width: multiplies every channel count.
    """

    def __init__(self, groups: int = 4, width: float = 1.0) -> None:
        super().__init__()
        channels = round(64 * width)
        self.stem = ConvNorm(3, channels, 7, stride=2)
        self.groups = nn.ModuleList()
        for i, count in enumerate(RESNET50_BLOCKS[:groups]):
            inner = round(64 * 2**i * width)
            blocks = []
            for b in range(count):
                stride = 2 if b == 0 and i > 0 else 1
                blocks.append(Bottleneck(channels, inner, stride, project=b == 0))
                channels = _EXPANSION * inner
            self.groups.append(nn.Sequential(*blocks))
        self.channels = channels
        self.stride = 4 * 2 ** (groups - 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                fan_in = module.weight[0].numel()
                nn.init.trunc_normal_(module.weight, std=fan_in**-0.5)

    def forward(self, pixels: Tensor) -> Tensor:
        x = same_max_pool(F.relu(self.stem(pixels)))
        for group in self.groups:
            x = group(x)
        return x


def same_max_pool(x: Tensor) -> Tensor:
    """3x3 max-pool of stride 2 with TensorFlow's SAME padding: an even side is padded only at its
    end, which shifts every window by one against PyTorch's ``padding=1``. (B, C, H, W)."""
    (top, bottom), (left, right) = (_same_padding(n) for n in x.shape[-2:])
    return F.max_pool2d(F.pad(x, (left, right, top, bottom), value=float("-inf")), 3, 2)


def _same_padding(size: int) -> tuple[int, int]:
    return (0, 1) if size % 2 == 0 else (1, 1)
