"""Stand-ins for the network: a model that recites a script, and a tiny real one.

Tests of everything downstream of the network (sampling, predictor, render, UI) use
``ScriptedModel``: its answers are a table, so a test can say exactly what must come out. Tests that
need true attention and caching use ``tiny_model``: random weights, a few milliseconds per call.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from PIL import Image, ImageDraw
from torch import Tensor, nn

from pix2seq.categories import COCO_80
from pix2seq.config import (
    ConfigError,
    EncoderConfig,
    ModelConfig,
    PreprocessConfig,
    PyramidConfig,
    TokenizerConfig,
    TransformerConfig,
)
from pix2seq.model import KVCache, Pix2Seq
from pix2seq.model.drafts import Look
from pix2seq.tokenizer import Tokenizer

TINY_TOKENIZER = TokenizerConfig.compact(num_bins=32, num_classes=80, max_objects=8)
TINY_PREPROCESS = PreprocessConfig(image_size=(64, 64))

OFFICIAL_LAYOUT = TokenizerConfig(
    num_bins=1000,
    num_classes=900,
    coord_offset=1000,
    class_offset=100,
    vocab_size=3000,
    bos_id=10,
    eos_id=0,
    pad_id=0,
    noise_id=30,
)
"""Google's released models: specials below 100, classes by category id, bins from 1000 on."""

VOC_LAYOUT = TokenizerConfig(
    num_bins=384,
    num_classes=20,
    coord_offset=0,
    class_offset=384,
    vocab_size=407,
    bos_id=404,
    eos_id=405,
    pad_id=406,
    box_order="xyxy",
    quantizer="floor",
    max_objects=59,
)
"""moein-shariatnia's VOC model: coordinates first, x before y, truncated."""


def tiny_config(**changes) -> ModelConfig:
    """A model of some 150,000 weights for 64 x 64 images; ``changes`` replace its settings."""
    stack = TransformerConfig(dim=32, layers=1, heads=2, mlp_dim=64)
    config = ModelConfig(
        encoder=EncoderConfig(
            kind="features", backbone="test_efficientnet", out_indices=(3, 4), transformer=stack
        ),
        decoder=stack.replace(layers=2),
        image_size=TINY_PREPROCESS.image_size,
        vocab_size=TINY_TOKENIZER.vocab_size,
        max_tokens=TINY_TOKENIZER.max_objects * 5 + 1,
        decoder_positions="slots",
        ordinal_ids=(TINY_TOKENIZER.coord_offset, TINY_TOKENIZER.num_bins),
    )
    return config.replace(**changes)


def pyramid_config(**changes) -> ModelConfig:
    """The same with a feature pyramid; ``changes`` replace settings of its encoder."""
    config = tiny_config()
    settings = {"kind": "pyramid", "out_indices": (2, 3, 4), "pyramid": PyramidConfig(8, 80)}
    return config.replace(encoder=config.encoder.replace(**settings | changes))


def tiny_model(seed: int = 0, spread: float = 1.0, **changes) -> Pix2Seq:
    """A random network in eval mode, the same for the same seed.

    Args:
        spread: scales the (tied) token table; above 1 the distributions have clear favourites.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Pix2Seq(tiny_config(**changes)).eval()
    with torch.no_grad():
        for parameter in model.decoder.embedding.parameters():
            parameter.mul_(spread)
    return model


def tiny_tokenizer() -> Tokenizer:
    """COCO's 80 classes over 32 bins, 8 objects at most."""
    return Tokenizer(TINY_TOKENIZER, COCO_80)


class ScriptedModel(nn.Module):
    """Duck-types ``Pix2Seq``: token ``i`` after the prompt gets row ``i`` of a table of logits.

    The table is the answer whatever was written before, so that a forced or edited prefix is easy
    to follow; past its end the last row is repeated. ``forwards`` counts calls of ``decode``.

    Args:
        table: (L, V) logits, or (S, L, V) for images that differ: the memory's first number says
            which one an image is.
        max_tokens: positions, prompt included.
        grid: rows and columns of the pretended memory.
    """

    writes_on_one_core = True
    drafts = 0

    def __init__(
        self, table: Tensor, max_tokens: int = 41, grid: tuple[int, int] = (4, 4), dim: int = 8
    ) -> None:
        super().__init__()
        self.register_buffer("table", table.float())
        self.config = tiny_config(
            vocab_size=table.shape[-1], max_tokens=max_tokens, ordinal_ids=None
        )
        self.dim = dim
        self._grid = grid
        self.forwards = 0
        self.images_encoded = 0
        self.eval()

    @property
    def device(self) -> torch.device:
        return self.table.device

    def memory_grid(self, height: int, width: int) -> tuple[int, int]:
        return self._grid

    def encode_image(self, pixels: Tensor) -> Tensor:
        self.images_encoded += pixels.shape[0]
        rows, columns = self._grid
        return torch.zeros(pixels.shape[0], rows * columns, self.dim, device=self.device)

    def see(self, pixels: Tensor) -> Look:
        return Look(self.encode_image(pixels))

    def new_cache(self, memory: Tensor, batch_size: int | None = None) -> KVCache:
        which = [memory[i : i + 1, None, :1, :1] for i in range(memory.shape[0])]
        images = [[(one, one)] for one in which]
        return KVCache(images * ((batch_size or 1) // len(images) or 1), self.config.max_tokens)

    def reference_cache(self, memory: Tensor) -> KVCache | None:
        return None  # nothing of it is compiled

    def decode(
        self, input_ids: Tensor, memory: Tensor | None = None, cache: KVCache | None = None
    ) -> Tensor:
        self.forwards += 1
        batch, length = input_ids.shape
        start, image = torch.zeros(batch, 1, dtype=torch.long), torch.arange(batch)
        if cache is not None:
            start = torch.tensor(cache.lengths)[:, None]
            image = torch.tensor([int(cross[0][0]) for cross in cache.cross])
            cache.reserve(length)  # raises when the cache is full, as the real one does
            cache.advance(length)
        elif memory is None:
            raise ValueError(
                "decode needs a memory (from encode_image) or a cache (from new_cache)"
            )
        last = self.table.shape[-2] - 1
        position = (start + torch.arange(length)).clamp(max=last)  # (B, L)
        if self.table.ndim == 2:
            return self.table[position]
        return self.table[image[:, None], position]

    def cross_attention(self, input_ids: Tensor, memory: Tensor) -> Tensor:
        """Every position looks at memory cell ``position``, in two layers of one head."""
        batch, length = input_ids.shape
        cells = memory.shape[1]
        weights = torch.zeros(batch, 2, 1, length, cells)
        position = torch.arange(length)
        weights[..., position, position % cells] = 1.0
        return weights


def script(ids: Sequence[int], vocab_size: int, peak: float = 12.0) -> Tensor:
    """Logits (L, V) in which token ``ids[i]`` stands ``peak`` nats above all others at step i."""
    table = torch.zeros(len(ids), vocab_size)
    table[torch.arange(len(ids)), torch.tensor(ids, dtype=torch.long)] = peak
    return table


def write_objects(
    tokenizer: Tokenizer, objects: Sequence[tuple[Sequence[float], int]], eos: bool = True
) -> list[int]:
    """Token ids of ``(xyxy in [0, 1], label)`` pairs, with EOS unless told otherwise."""
    boxes = torch.tensor([box for box, _ in objects], dtype=torch.float32).reshape(-1, 4)
    labels = torch.tensor([label for _, label in objects], dtype=torch.long)
    return tokenizer.encode(boxes, labels, eos=eos).tolist()


def draw_picture(width: int = 120, height: int = 90) -> Image.Image:
    """A landscape made of shapes: nobody's copyright, and no two corners look alike."""
    image = Image.new("RGB", (width, height), (150, 190, 235))
    draw = ImageDraw.Draw(image)
    draw.rectangle([0, int(0.65 * height), width, height], fill=(70, 130, 60))
    draw.ellipse([0.70 * width, 0.08 * height, 0.88 * width, 0.32 * height], fill=(250, 220, 90))
    draw.polygon(
        [(0.1 * width, 0.65 * height), (0.3 * width, 0.2 * height), (0.5 * width, 0.65 * height)],
        fill=(110, 90, 80),
    )
    draw.rectangle([0.55 * width, 0.45 * height, 0.75 * width, 0.75 * height], fill=(180, 60, 50))
    return image


def no_model(name: str):
    """Loads nothing: a machine without any checkpoint."""
    raise ConfigError("there is no model on this machine")
