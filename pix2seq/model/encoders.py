"""Image encoders: pixels (B, 3, H, W), already preprocessed, to memory tokens (B, N, D)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pix2seq.config import ConfigError, EncoderConfig, ModelConfig
from pix2seq.model.backbones import create_backbone
from pix2seq.model.fused import alone
from pix2seq.model.layers import TransformerEncoder
from pix2seq.model.positions import GridPositions, line_codes_2d
from pix2seq.model.pyramid import PyramidEncoder
from pix2seq.model.resnet import ResNet


class FeatureEncoder(nn.Module):
    """Any timm backbone's feature maps, fused on the finest grid, under transformer layers.

    Each map is projected to the model's width; coarser ones are upsampled and added. Of maps that
    are finer than the memory (``fine_indices``), each memory token takes the patch under it through
    weights that start at zero, so that a trained model without them can go on with them. Position
    codes enter before the transformer layers and again on the memory, so that cross-attention keys
    carry them.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        dim = config.transformer.dim
        indices = (*config.fine_indices, *config.out_indices)
        self.backbone, channels, strides = create_backbone(config.backbone, indices)
        self.frozen_stages = config.frozen_stages
        finer = len(config.fine_indices)
        self.stride = strides[finer]
        self.fine = nn.ModuleList(
            nn.Conv2d(c, dim, self.stride // s, self.stride // s, bias=False)
            for c, s in zip(channels[:finer], strides[:finer], strict=True)
        )
        for patches in self.fine:
            nn.init.zeros_(patches.weight)
        self.project = nn.ModuleList(nn.Conv2d(c, dim, 1) for c in channels[finer:])
        self.norm = nn.LayerNorm(dim)
        self.from_code = nn.Linear(dim, dim)
        self.transformer = TransformerEncoder(config.transformer)
        self.freeze()

    def freeze(self) -> None:
        """Stop gradients of the first ``frozen_stages`` parts of the backbone."""
        children = [m for _, m in self.backbone.named_children()]
        stages: list[nn.Module] = []
        for child in children:
            stages.extend(child if isinstance(child, nn.Sequential) else [child])
        stem = [m for m in children if not isinstance(m, nn.Sequential)]
        first = self.frozen_stages + len(stem) if self.frozen_stages else 0
        for stage in stages[:first]:
            stage.requires_grad_(False)

    def train(self, mode: bool = True) -> FeatureEncoder:
        """Batch norms keep their pretrained statistics: batches here are small."""
        super().train(mode)
        for module in self.backbone.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()
        return self

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """Rows and columns of the memory for an input of that size."""
        return -(-height // self.stride), -(-width // self.stride)

    def embed(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Image tokens before the transformer (B, N, D), and their position codes (N, D)."""
        maps = self.backbone(pixels)
        fine, maps = maps[: len(self.fine)], maps[len(self.fine) :]
        rows, columns = maps[0].shape[-2:]
        with alone(maps[0]):
            fused, *others = [conv(one) for conv, one in zip(self.project, maps, strict=True)]
        for other in others:
            fused = fused + F.interpolate(other, size=(rows, columns))
        for patches, features in zip(self.fine, fine, strict=True):
            side = patches.stride[0]
            missing = rows * side - features.shape[-2], columns * side - features.shape[-1]
            if any(missing):
                features = F.pad(features, (0, missing[1], 0, missing[0]))
            fused = fused + patches(features)
        codes = line_codes_2d(rows, columns, fused.shape[1]).to(fused)
        tokens = self.norm(fused.flatten(2).transpose(1, 2))  # (B, N, D)
        return tokens + self.from_code(codes), codes

    def forward(self, pixels: Tensor) -> Tensor:
        tokens, codes = self.embed(pixels)
        return self.transformer(tokens) + codes

    def attention_weights(self, pixels: Tensor, rows: slice = slice(None)) -> Tensor:
        """The transformer layers' self-attention, (B, layers, H, rows, N)."""
        return self.transformer.attention_weights(self.embed(pixels)[0], rows)


class ResNetStem(nn.Module):
    """A ResNet's features as tokens of the transformer's width."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        groups = {"resnet50": 4, "resnet50-c4": 3}
        if config.backbone not in groups:
            raise ConfigError(f"backbone is {config.backbone!r}; use one of {', '.join(groups)}")
        self.backbone = ResNet(groups[config.backbone], config.width)
        self.dropout = nn.Dropout(config.transformer.dropout)
        self.project = nn.Linear(self.backbone.channels, config.transformer.dim)

    def grid(self, height: int, width: int) -> tuple[int, int]:
        stride = self.backbone.stride
        return -(-height // stride), -(-width // stride)

    def forward(self, pixels: Tensor) -> Tensor:
        features = self.backbone(pixels).flatten(2).transpose(1, 2)  # (B, N, C)
        return self.project(self.dropout(features))


class PatchStem(nn.Module):
    """Square patches as tokens; rows and columns that do not fill a patch are dropped."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        size = config.patch_size
        self.patch_size = size
        self.conv = nn.Conv2d(3, config.transformer.dim, size, stride=size)
        nn.init.xavier_uniform_(self.conv.weight)
        nn.init.zeros_(self.conv.bias)

    def grid(self, height: int, width: int) -> tuple[int, int]:
        return height // self.patch_size, width // self.patch_size

    def forward(self, pixels: Tensor) -> Tensor:
        return self.conv(pixels).flatten(2).transpose(1, 2)  # (B, N, D)


class OfficialEncoder(nn.Module):
    """The official encoders: a ResNet's or patches' tokens, normalised, with position codes and an
    optional class token, under a pre-norm transformer."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        encoder = config.encoder
        stack = encoder.transformer
        self.stem = (ResNetStem if encoder.kind == "resnet" else PatchStem)(encoder)
        self.norm = nn.LayerNorm(stack.dim, eps=stack.norm_eps)
        self.positions = GridPositions(encoder.positions, stack.dim, self.grid(*config.image_size))
        self.class_token = None
        if encoder.class_token:
            self.class_token = nn.Parameter(torch.empty(1, stack.dim))
            nn.init.trunc_normal_(self.class_token, std=0.02)
        self.transformer = TransformerEncoder(stack)

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """Rows and columns of the memory for an input of that size (class token not counted)."""
        rows, columns = self.stem.grid(height, width)
        if min(rows, columns) < 1:
            raise ConfigError(f"an image of {height} x {width} pixels is smaller than one patch")
        return rows, columns

    def embed(self, pixels: Tensor) -> Tensor:
        """Image tokens before the transformer (B, N, D)."""
        grid = self.grid(*pixels.shape[-2:])
        tokens = self.positions(self.norm(self.stem(pixels)), grid)
        if self.class_token is None:
            return tokens
        return torch.cat([self.class_token.expand(len(tokens), 1, -1), tokens], dim=1)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.transformer(self.embed(pixels))

    def attention_weights(self, pixels: Tensor, rows: slice = slice(None)) -> Tensor:
        """The transformer layers' self-attention, (B, layers, H, rows, N)."""
        return self.transformer.attention_weights(self.embed(pixels), rows)


class TimmVitEncoder(nn.Module):
    """A timm ViT's patch tokens after its final norm, its class token left out.

    ``config.encoder.transformer`` sizes the ViT; blocks, norms and positions are timm's.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        import timm  # takes as long as PyTorch itself; other encoders need not wait for it

        stack = config.encoder.transformer
        self.vit = timm.create_model(
            config.encoder.backbone,
            pretrained=False,
            num_classes=0,
            global_pool="",
            img_size=tuple(config.image_size),
            patch_size=config.encoder.patch_size,
            embed_dim=stack.dim,
            depth=stack.layers,
            num_heads=stack.heads,
            mlp_ratio=stack.mlp_dim / stack.dim,
        )
        self.patch_size = config.encoder.patch_size

    def grid(self, height: int, width: int) -> tuple[int, int]:
        """Rows and columns of the memory for an input of that size."""
        return height // self.patch_size, width // self.patch_size

    def forward(self, pixels: Tensor) -> Tensor:
        return self.vit(pixels)[:, self.vit.num_prefix_tokens :]  # (B, N, D)


def build_encoder(config: ModelConfig) -> nn.Module:
    """The encoder that ``config.encoder.kind`` names, with empty weights."""
    kind = config.encoder.kind
    if kind == "features":
        return FeatureEncoder(config.encoder)
    if kind == "pyramid":
        return PyramidEncoder(config.encoder)
    if config.encoder.frozen_stages:
        raise ConfigError(f"frozen_stages does not work with encoder kind {kind!r}; set it to 0")
    return TimmVitEncoder(config) if kind == "timm-vit" else OfficialEncoder(config)
