"""An encoder with a feature pyramid whose every place guesses what stands there.

A backbone's maps at strides 8, 16 and 32 are joined, top down and bottom up, to four maps of one
width at strides 8 to 64 (PANet, arXiv 1803.01534). Every place of them guesses a class and the four
edges of a box. All of that goes into one memory on the stride-16 grid, or on one of fixed rows and
columns: the features, and the surest guess of the places in each token, its edges as the same
sin-cos codes that coordinate tokens are made of. So the decoder, which still writes every object
token by token, need not work out an edge from a position and a distance: it can look it up. With
``drafts``, the surest guesses also stand ahead of the grid, five tokens each (``model.drafts``).
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pix2seq.config import ConfigError, EncoderConfig
from pix2seq.model.backbones import create_backbone
from pix2seq.model.depthwise import DepthwiseConv, depthwise
from pix2seq.model.drafts import EDGE_CODE, Drafts, Look, told_edges
from pix2seq.model.fused import alone, pad_same
from pix2seq.model.layers import TransformerEncoder
from pix2seq.model.places import (
    MEMORY_LEVEL,
    STRIDES,
    Places,
    place_grids,
    relative_edges,
    token_places,
)
from pix2seq.model.positions import line_codes_2d

_BACKBONE_STRIDES = [8, 16, 32]
_SLOPE = 0.1
_FEATURES = 7.0  # deviation of an ImageNet backbone's features
_JOIN = 0.7  # two maps of deviation 1 added and multiplied by this have deviation 1


class Block(nn.Module):
    """Depthwise 5 x 5, then 1 x 1, each with a leaky rectifier; perhaps around a shortcut."""

    def __init__(self, width: int, stride: int = 1, shortcut: bool = True) -> None:
        super().__init__()
        self.depth = DepthwiseConv(width, 5, stride)
        self.point = nn.Conv2d(width, width, 1)
        self.shortcut = shortcut
        for conv in (self.depth, self.point):
            nn.init.kaiming_normal_(conv.weight, a=_SLOPE)
            nn.init.zeros_(conv.bias)
        if shortcut:
            self.point.weight.data.mul_(0.5)

    def forward(self, x: Tensor) -> Tensor:
        y = F.leaky_relu(self.depth(x), _SLOPE)
        y = F.leaky_relu(self.point(y), _SLOPE)
        return x + y if self.shortcut else y


class Pyramid(nn.Module):
    """Maps of a backbone at strides 8, 16, 32 to maps of one width at strides 8 to 64."""

    def __init__(self, channels: list[int], width: int) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(nn.Conv2d(c, width, 1) for c in channels)
        self.coarsest = Block(width, stride=2, shortcut=False)
        self.top_down = nn.ModuleList(Block(width) for _ in channels)
        self.shrink = nn.ModuleList(Block(width, stride=2, shortcut=False) for _ in channels)
        self.bottom_up = nn.ModuleList(Block(width) for _ in channels)
        self.heads = nn.ModuleList(
            nn.Sequential(Block(width), Block(width, shortcut=False)) for _ in STRIDES
        )
        for conv in self.lateral:
            nn.init.normal_(conv.weight, std=_FEATURES**-1 * conv.in_channels**-0.5)
            nn.init.zeros_(conv.bias)

    def forward(self, features: list[Tensor]) -> list[Tensor]:
        with alone(features[0]):
            maps = [conv(one) for conv, one in zip(self.lateral, features, strict=True)]
        maps.append(self.coarsest(maps[-1]))
        for i in reversed(range(len(maps) - 1)):
            above = F.interpolate(maps[i + 1], size=maps[i].shape[-2:])
            maps[i] = self.top_down[i](_JOIN * (maps[i] + above))
        for i in range(1, len(maps)):
            maps[i] = self.bottom_up[i - 1](_JOIN * (maps[i] + self.shrink[i - 1](maps[i - 1])))
        return [head(x) for head, x in zip(self.heads, maps, strict=True)]


class PyramidEncoder(nn.Module):
    """Pixels to the memory described above.

    The backbone's batch norms are folded into its convolutions: batches here are too small to
    measure statistics, and without them a step takes two thirds of the time.
    """

    stride = STRIDES[MEMORY_LEVEL]

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        if config.pyramid is None:
            raise ConfigError('encoder kind "pyramid" needs the settings "pyramid"')
        dim, width, classes = config.transformer.dim, config.pyramid.width, config.pyramid.classes
        self.classes = classes
        self._name, self._indices = config.backbone, config.out_indices
        self.backbone, channels, strides = create_backbone(self._name, self._indices)
        if strides != _BACKBONE_STRIDES:
            raise ConfigError(
                f"out_indices {list(config.out_indices)} of {config.backbone} have strides "
                f"{strides}; choose those of {_BACKBONE_STRIDES}"
            )
        fold_batch_norms(self.backbone)
        self.frozen_stages = config.frozen_stages
        self.pyramid = Pyramid(channels, width)
        self.guess = nn.ModuleList(nn.Conv2d(width, classes + 4, 1) for _ in STRIDES)
        for conv in self.guess:
            nn.init.normal_(conv.weight, std=0.01)
            nn.init.zeros_(conv.bias)
            nn.init.constant_(conv.bias[:classes], -4.6)  # a class stands in a place in a hundred
        fine = self.stride // STRIDES[0]
        self.fine = nn.Conv2d(width, dim, fine, fine, bias=False)
        self.project = nn.ModuleList(nn.Conv2d(width, dim, 1) for _ in STRIDES[MEMORY_LEVEL:])
        self.from_guess = nn.Linear(classes + 4 * EDGE_CODE, dim)
        nn.init.normal_(self.from_guess.weight, std=0.15)  # a sure guess is as loud as the maps
        nn.init.zeros_(self.from_guess.bias)
        self.norm = nn.LayerNorm(dim)
        self.from_code = nn.Linear(dim, dim)
        self.transformer = TransformerEncoder(config.transformer)
        self.memory = config.pyramid.memory
        of = config.pyramid
        self.drafts = None
        if of.drafts:
            self.drafts = Drafts(of.drafts, dim, width, classes, of.candidates, of.ranked)
        self.freeze()

    def create_backbone(self) -> nn.Module:
        """The backbone, empty, its batch norms not yet folded."""
        return create_backbone(self._name, self._indices)[0]

    def freeze(self, depthwise: bool = True) -> None:
        """Stop gradients of the stem and of the first ``frozen_stages`` stages, and perhaps of the
        backbone's depthwise kernels: a hundredth of its weights that would take a third of a step
        on a CPU, and next to nothing on a GPU."""
        for module in self.backbone.modules():
            if isinstance(module, _FoldedDepthwise):
                module.weight.requires_grad_(not depthwise)
        if self.frozen_stages:
            stem = [self.backbone.conv_stem, self.backbone.bn1]
            for stage in [*stem, *self.backbone.blocks[: self.frozen_stages]]:
                stage.requires_grad_(False)

    def rest_eyes(self) -> None:
        """Stop the gradients of all that ``look`` needs; what remembers goes on learning."""
        for part in (self.backbone, self.pyramid, self.guess):
            part.requires_grad_(False)

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """Rows and columns of the memory for an input of that size."""
        return self.memory or place_grids(height, width)[MEMORY_LEVEL]

    def look(self, pixels: Tensor) -> Places:
        """Pixels (B, 3, H, W) to what stands where."""
        maps = self.pyramid(self.backbone(pixels))
        logits, boxes = [], []
        for features, guess, stride in zip(maps, self.guess, STRIDES, strict=True):
            out = guess(features).float().flatten(2).transpose(1, 2)  # (B, places, classes + 4)
            logits.append(out[..., : self.classes])
            rows, columns = features.shape[-2:]
            y = (torch.arange(rows, device=out.device) + 0.5)[:, None].expand(rows, columns)
            x = (torch.arange(columns, device=out.device) + 0.5)[None].expand(rows, columns)
            distance = F.softplus(out[..., self.classes :])  # left, top, right, bottom
            centre = torch.stack([x, y], dim=-1).flatten(0, 1)
            corners = centre - distance[..., :2], centre + distance[..., 2:]
            boxes.append(torch.cat(corners, dim=-1) * stride)
        return Places(maps, torch.cat(logits, 1), torch.cat(boxes, 1))

    def gather(self, places: Places, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Tokens before the transformer (B, N, D), and their position codes (N, D).

        Args:
            size: (height, width) of the input in pixels.
        """
        rows, columns = place_grids(*size)[MEMORY_LEVEL]
        side = self.fine.stride[0]
        finest = places.maps[0]
        missing = rows * side - finest.shape[-2], columns * side - finest.shape[-1]
        if any(missing):
            finest = F.pad(finest, (0, missing[1], 0, missing[0]))
        fused = self.fine(finest)
        for project, features in zip(self.project, places.maps[MEMORY_LEVEL:], strict=True):
            fused = fused + F.interpolate(project(features), size=(rows, columns))
        if self.memory is not None:
            fused = F.interpolate(fused, size=self.memory, mode="bilinear", antialias=True)
            rows, columns = self.memory
        with alone(fused):
            guessed = self.from_guess(self._guesses(places, size))
        tokens = fused.flatten(2).transpose(1, 2) + guessed
        where = line_codes_2d(rows, columns, tokens.shape[-1]).to(tokens)
        return self.norm(tokens) + self.from_code(where), where

    def _guesses(self, places: Places, size: tuple[int, int]) -> Tensor:
        """For every memory token the surest guess of the places in it: its classes'
        probabilities and its edges' codes, fainter the less sure it is, (B, N, classes + codes)."""
        probability = places.class_logits.sigmoid()
        sure = probability.detach().amax(-1)  # (B, P)
        found = token_places(size, self.memory)
        index, there = (x.to(sure.device) for x in found)  # (candidates, N)
        best = (sure[:, index] - (~there).float()).argmax(1)  # (B, N)
        best = index.expand(len(best), -1, -1).gather(1, best[:, None])[:, 0]
        picked = best[..., None]
        edges = relative_edges(places.boxes.detach().take_along_dim(picked, 1), size)
        told = told_edges(edges, sure.take_along_dim(best, 1))
        return torch.cat([probability.take_along_dim(picked, 1), told], dim=-1)

    def remember(self, places: Places, size: tuple[int, int]) -> Tensor:
        """The memory (B, N, D) of what was seen: the drafts, if any, then the grid."""
        tokens, where = self.gather(places, size)
        memory = self.transformer(tokens) + where
        if self.drafts is None:
            return memory
        drafts = self.drafts(memory, places, size, self.memory)
        return torch.cat([drafts, memory], dim=1)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.remember(self.look(pixels), tuple(pixels.shape[-2:]))

    def see(self, pixels: Tensor) -> Look:
        """The memory of these pixels and what there is in it to follow."""
        places, size = self.look(pixels), tuple(pixels.shape[-2:])
        memory = self.remember(places, size)
        if self.drafts is None:
            return Look(memory)
        said = self.drafts.say(places, size)
        return Look(memory, said, self.drafts.say_distinct(said, places, size))

    def attention_weights(self, pixels: Tensor, rows: slice = slice(None)) -> Tensor:
        """The transformer layers' self-attention, (B, layers, H, rows, N)."""
        tokens, _ = self.gather(self.look(pixels), tuple(pixels.shape[-2:]))
        return self.transformer.attention_weights(tokens, rows)


class _FoldedDepthwise(nn.Module):
    """A backbone's depthwise convolution, with TensorFlow's uneven padding where it has that."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.weight, self.bias = conv.weight, conv.bias
        self.stride, self.padding = conv.stride, conv.padding  # no padding: TensorFlow's
        self.side = conv.kernel_size[0]

    def forward(self, x: Tensor) -> Tensor:
        stride, padding = self.stride[0], self.padding[0]
        if padding:
            return depthwise(x, self.weight, self.bias, stride, padding)
        return depthwise(pad_same(x, self.side, stride), self.weight, self.bias, stride)


@torch.no_grad()
def fold_batch_norms(backbone: nn.Module) -> None:
    """Put every batch norm of an EfficientNet-Lite in eval mode into the convolution before it."""
    for parent in list(backbone.modules()):
        names = list(parent._modules)
        for name, following in pairwise(names):
            conv, norm = getattr(parent, name), getattr(parent, following)
            if not isinstance(conv, nn.Conv2d) or not isinstance(norm, nn.BatchNorm2d):
                continue
            scale = norm.weight / (norm.running_var + norm.eps).sqrt()
            conv.weight.mul_(scale[:, None, None, None])
            conv.bias = nn.Parameter(norm.bias - norm.running_mean * scale)
            setattr(parent, following, norm.act)
            if conv.groups == conv.in_channels > 1:
                setattr(parent, name, _FoldedDepthwise(conv))
