"""Image encoders: pixels (B, 3, H, W), already preprocessed, to memory tokens (B, N, D)."""

from __future__ import annotations

import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pix2seq.config import EncoderConfig, ModelConfig
from pix2seq.model.layers import TransformerEncoder
from pix2seq.model.positions import line_codes_2d


class FeatureEncoder(nn.Module):
    """Any timm backbone's feature maps, fused on the finest grid, under transformer layers.

    Each map is projected to the model's width; coarser ones are upsampled and added. Position codes
    enter before the transformer layers and again on the memory, so that cross-attention keys
    carry them.
    """

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        dim = config.transformer.dim
        self.backbone = timm.create_model(
            config.backbone, features_only=True, out_indices=config.out_indices, pretrained=False
        )
        self.frozen_stages = config.frozen_stages
        channels = self.backbone.feature_info.channels()
        self.project = nn.ModuleList(nn.Conv2d(c, dim, 1) for c in channels)
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
        stride = self.backbone.feature_info.reduction()[0]
        return -(-height // stride), -(-width // stride)

    def embed(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Image tokens before the transformer (B, N, D), and their position codes (N, D)."""
        maps = self.backbone(pixels)
        rows, columns = maps[0].shape[-2:]
        fused = self.project[0](maps[0])
        for project, features in zip(self.project[1:], maps[1:], strict=True):
            fused = fused + F.interpolate(project(features), size=(rows, columns))
        codes = line_codes_2d(rows, columns, fused.shape[1]).to(fused)
        tokens = self.norm(fused.flatten(2).transpose(1, 2))  # (B, N, D)
        return tokens + self.from_code(codes), codes

    def forward(self, pixels: Tensor) -> Tensor:
        tokens, codes = self.embed(pixels)
        return self.transformer(tokens) + codes

    def attention_weights(self, pixels: Tensor) -> Tensor:
        """The transformer layers' self-attention, (B, layers, H, N, N)."""
        x, _ = self.embed(pixels)
        seen = []
        for layer in self.transformer.layers:
            seen.append(layer.attention_weights(x))
            x = layer(x)
        return torch.stack(seen, dim=1)


def build_encoder(config: ModelConfig) -> nn.Module:
    """The encoder that ``config.encoder.kind`` names, with empty weights."""
    if config.encoder.kind == "features":
        return FeatureEncoder(config.encoder)
    raise ValueError(f"encoder kind {config.encoder.kind!r} is not known")
