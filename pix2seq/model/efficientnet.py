"""EfficientNet-Lite0, 1 and 2 as backbones: the same functions and weights' names as timm's.

``timm`` would do, but importing it takes longer than everything else that ``detect photo.jpg`` does
(it imports torchvision), and so does what PyTorch makes of its layers one by one. Here the layers
are known, so that looking at an image without a gradient on a CPU runs them fused: every batch norm
is part of its convolution, which also applies the activation or adds the shortcut (``fused``).
Other backbones are timm's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pix2seq.model.fused import FusedConv, Versions, can_fuse, pad_same

_SIZES = {  # width and depth of each, relative to the first (arXiv 1905.11946)
    "tf_efficientnet_lite0": (1.0, 1.0),
    "tf_efficientnet_lite1": (1.0, 1.1),
    "tf_efficientnet_lite2": (1.1, 1.2),
}
NAMES = tuple(_SIZES)
_STAGES = (  # kernel, stride, expansion, channels, blocks
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)
_MAPS = ((0, 2), (1, 4), (2, 8), (4, 16), (6, 32))  # stage and stride of each map that it offers
_STEM = 32


def _stages(name: str) -> list[tuple[int, int, int, int, int]]:
    """``_STAGES`` in the size that is called ``name``: channels in eights, and the first and the
    last stage are never deeper."""
    width, depth = _SIZES[name]
    last = len(_STAGES) - 1
    sized = []
    for stage, (kernel, stride, expansion, channels, blocks) in enumerate(_STAGES):
        channels = int(channels * width + 4) // 8 * 8
        blocks = blocks if stage in (0, last) else math.ceil(blocks * depth)
        sized.append((kernel, stride, expansion, channels, blocks))
    return sized


class Conv2dSame(nn.Conv2d):
    """A square convolution with a stride and TensorFlow's padding."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(pad_same(x, self.kernel_size[0], self.stride[0]))


class BatchNormAct(nn.BatchNorm2d):
    """A batch norm and what follows it."""

    def __init__(self, channels: int, active: bool = True) -> None:
        super().__init__(channels, eps=1e-3)
        self.act = nn.ReLU6() if active else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.act(super().forward(x))


def _conv(
    inputs: int, outputs: int, kernel: int = 1, stride: int = 1, groups: int = 1
) -> nn.Conv2d:
    kind, padding = (Conv2dSame, 0) if stride > 1 else (nn.Conv2d, kernel // 2)
    conv = kind(inputs, outputs, kernel, stride, padding, groups=groups, bias=False)
    nn.init.normal_(conv.weight, std=(2 / (kernel**2 * outputs // groups)) ** 0.5)
    return conv


class Block(nn.Module):
    """Widen, look around within each channel, narrow; where the shapes allow it, add the input.
    The first block (expansion 1) does not widen."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = inputs * expansion
        self.shortcut = stride == 1 and inputs == outputs
        if expansion > 1:
            self.conv_pw, self.bn1 = _conv(inputs, wide), BatchNormAct(wide)
            self.conv_dw, self.bn2 = _conv(wide, wide, kernel, stride, wide), BatchNormAct(wide)
            self.conv_pwl, self.bn3 = _conv(wide, outputs), BatchNormAct(outputs, active=False)
        else:
            self.conv_dw, self.bn1 = _conv(wide, wide, kernel, stride, wide), BatchNormAct(wide)
            self.conv_pw, self.bn2 = _conv(wide, outputs), BatchNormAct(outputs, active=False)

    def layers(self) -> list[tuple[nn.Module, nn.Module]]:
        """Convolutions, each with its norm, in the order in which they run."""
        parts = list(self.children())
        return list(zip(parts[::2], parts[1::2], strict=True))

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for conv, norm in self.layers():
            y = norm(conv(y))
        return x + y if self.shortcut else y


class EfficientNetLite(nn.Module):
    """Pixels (B, 3, H, W) to feature maps.

    Args:
        name: one of ``NAMES``.
        out_indices: which of the maps at strides 2, 4, 8, 16 and 32 (0 to 4).

    Attributes:
        channels, strides: of each of these maps.
    """

    def __init__(self, name: str, out_indices: Sequence[int]) -> None:
        super().__init__()
        sizes = _stages(name)
        self._taken = [_MAPS[i][0] for i in out_indices]
        self.channels = [sizes[stage][3] for stage in self._taken]
        self.strides = [_MAPS[i][1] for i in out_indices]
        self.conv_stem, self.bn1 = _conv(3, _STEM, 3, 2), BatchNormAct(_STEM)
        stages, inputs = [], _STEM
        for kernel, stride, expansion, outputs, blocks in sizes:
            first = Block(inputs, outputs, kernel, stride, expansion)
            others = (Block(outputs, outputs, kernel, 1, expansion) for _ in range(blocks - 1))
            stages.append(nn.Sequential(first, *others))
            inputs = outputs
        self.blocks = nn.Sequential(*stages)
        self._fused: _Fused | None = None

    def __getstate__(self) -> dict:
        """A copy, or another process, fuses its own weights."""
        return {**self.__dict__, "_fused": None}

    def forward(self, x: Tensor) -> list[Tensor]:
        if not self.training and can_fuse(x):
            if self._fused is None or not self._fused.versions.current(self):
                self._fused = _Fused(self)
            return self._fused(x)
        x = self.bn1(self.conv_stem(x))
        maps = []
        for stage in self.blocks:
            x = stage(x)
            maps.append(x)
        return [maps[stage] for stage in self._taken]


class _Fused:
    """The backbone's weights at one time, fused."""

    def __init__(self, net: EfficientNetLite) -> None:
        self.versions = Versions(net)
        self.stem = FusedConv(net.conv_stem, net.bn1)
        self.stages = [
            [([FusedConv(*layer) for layer in block.layers()], block.shortcut) for block in stage]
            for stage in net.blocks
        ]
        self.taken = net._taken

    def __call__(self, x: Tensor) -> list[Tensor]:
        x = self.stem(x.contiguous(memory_format=torch.channels_last))
        maps = []
        for stage in self.stages:
            for (*first, last), shortcut in stage:
                y = x
                for conv in first:
                    y = conv(y)
                x = last(y, x if shortcut else None)
            maps.append(x)
        return [maps[stage] for stage in self.taken]
