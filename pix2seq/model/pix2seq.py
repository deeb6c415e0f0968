"""``Pix2Seq``: an image encoder and an autoregressive decoder; no idea what a token means."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from pix2seq.config import ModelConfig
from pix2seq.model.bridge import build_bridge
from pix2seq.model.cache import Glances, KVCache
from pix2seq.model.decoder import Decoder
from pix2seq.model.drafts import Look
from pix2seq.model.encoders import build_encoder
from pix2seq.model.native import NativeDecoder, prepared
from pix2seq.model.packed import PackedDecoder, takes_one_thread
from pix2seq.model.pyramid import PyramidEncoder

_REFERENCE_ROOM = 12 * 2**20  # bytes; few steps are read again, and of few images at a time


class Pix2Seq(nn.Module):
    """The network of the paper's section 2.2, for every checkpoint family.

    Args:
        config: architecture; weights start empty (random), load them with ``checkpoints.load``.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = build_encoder(config)
        self.bridge = build_bridge(config, self.encoder.grid(*config.image_size))
        self.decoder = Decoder(config)
        self._packed: NativeDecoder | PackedDecoder | None = None
        self._seen: Glances | None = None
        self._reference: tuple[PackedDecoder, Glances] | None = None
        if config.encoder.kind in ("resnet", "vit"):
            init_official(self)

    def __getstate__(self) -> dict:
        """A copy, or another process, prepares its own decoder when it writes."""
        return {**self.__dict__, "_packed": None, "_seen": None, "_reference": None}

    @property
    def device(self) -> torch.device:
        return self.decoder.embedding.rows.device

    @property
    def writes_on_one_core(self) -> bool:
        """Whether the other cores of a CPU have nothing to do while it writes."""
        return takes_one_thread(self.decoder)

    def encode_image(self, pixels: Tensor) -> Tensor:
        """Look at images once.

        Args:
            pixels: (B, 3, H, W) float, already preprocessed.

        Returns:
            ``memory`` (B, N, D): the tokens of drafts, if the model has any, then the grid's.
        """
        return self._look(pixels, tells=False).memory

    def see(self, pixels: Tensor) -> Look:
        """The same, and what the drafts in the memory say, if the model has any."""
        return self._look(pixels, tells=True)

    def _look(self, pixels: Tensor, tells: bool) -> Look:
        if pixels.device.type == "cpu" and not torch.is_grad_enabled():
            # The maps of one image fit a CPU's caches, those of eight do not: one by one is twice
            # as fast, and no image's rounding depends on its neighbours. Channels last is how
            # oneDNN convolves; given it, nothing is turned back and forth between layers.
            if len(pixels) > 1:
                return Look.cat([self._look(one, tells) for one in pixels.split(1)])
            pixels = pixels.contiguous(memory_format=torch.channels_last)
        if tells and isinstance(self.encoder, PyramidEncoder):
            seen = self.encoder.see(pixels)
        else:
            seen = Look(self.encoder(pixels))  # (B, N, D of the encoder)
        if self.bridge is None:
            return seen
        return replace(seen, memory=self.bridge(seen.memory, self.memory_grid(*pixels.shape[-2:])))

    def memory_grid(self, height: int, width: int) -> tuple[int, int]:
        """Rows and columns of the cells that end the memory of an (H, W) input (a class token and
        drafts, where there are any, come first and are not counted)."""
        return self.encoder.grid(height, width)

    @property
    def drafts(self) -> int:
        """How many guesses of the encoder stand ahead of the grid in its memory, five tokens each
        (``model.drafts``); most encoders have none."""
        drafts = getattr(self.encoder, "drafts", None)
        return 0 if drafts is None else drafts.count

    def new_cache(self, memory: Tensor, batch_size: int | None = None) -> KVCache:
        """An empty cache for writing about ``memory`` (1 or B, N, D).

        Args:
            batch_size: sequences to write; a single memory is shared by all of them.
        """
        if self._packed is None or not self._packed.is_current(self.decoder):
            self._packed = prepared(self.decoder)
            self._seen = Glances(self._packed.look)
            self._reference = None
        if len(memory) == 1:
            images = [self._seen(memory)]
        else:
            images = [self._packed.look(one) for one in memory.split(1)]
        if batch_size is not None and len(images) == 1:
            images *= batch_size
        return KVCache(images, self.config.max_tokens)

    def reference_cache(self, memory: Tensor) -> KVCache | None:
        """An empty cache that PyTorch's operations write in, for reading again what compiled code
        wrote about ``memory`` (1, N, D); ``None`` where the weights are no longer those that it
        wrote with."""
        reference = self._reference
        if reference is None or not reference[0].is_current(self.decoder):
            if self._packed is None or not self._packed.is_current(self.decoder):
                return None
            decoder = PackedDecoder(self.decoder)
            reference = self._reference = decoder, Glances(decoder.look, _REFERENCE_ROOM)
        return KVCache([reference[1](memory)], self.config.max_tokens, reference[0])

    def decode(
        self,
        input_ids: Tensor,
        memory: Tensor | None = None,
        cache: KVCache | None = None,
        seen: list[Tensor] | None = None,
    ) -> Tensor:
        """Predict the next token at every position.

        Args:
            input_ids: (B, L) ids, prompt first; with a cache, only the new ones of every row (L
                is then the same for all, what came before need not be). Without a cache, B may be
                a multiple of the number of memories: rows ``i * S .. i * S + S - 1`` then belong
                to memory ``i``.
            memory: (B / S, N, D) from ``encode_image``; not needed with a cache.
            cache: from ``new_cache``; every row grows by L.
            seen: without a cache, takes where the decoder's last layer looks, (B / S, H, S * L, N).

        Returns:
            logits (B, L, V); with a cache, without a gradient.

        Raises:
            ValueError: neither memory nor cache, or more tokens than the model has positions.
        """
        if cache is not None:
            return (cache.decoder or self._packed)(input_ids, cache)
        if memory is None:
            raise ValueError(
                "decode needs a memory (from encode_image) or a cache (from new_cache)"
            )
        return self.decoder(input_ids, self.decoder.project_memory(memory), seen)

    def cross_attention(self, input_ids: Tensor, memory: Tensor) -> Tensor:
        """Attention of every position over the image, (B, layers, H, L, N); computed anew on
        demand, so that streaming never pays for it."""
        return self.decoder.cross_attention_weights(input_ids, self.decoder.project_memory(memory))


def init_official(model: nn.Module) -> None:
    """The official code's fresh weights for linear layers: Glorot-uniform, biases zero."""
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)
