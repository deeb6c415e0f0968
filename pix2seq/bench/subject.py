"""What is measured: a network, its vocabulary, and something to write about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from pix2seq.bench.floor import readings
from pix2seq.categories import COCO_80
from pix2seq.config import (
    EncoderConfig,
    ModelConfig,
    SamplingOptions,
    TokenizerConfig,
    TransformerConfig,
)
from pix2seq.model import Pix2Seq
from pix2seq.model.drafts import Drafted
from pix2seq.predictor import Predictor
from pix2seq.sampling import SamplingStep, sample_batch, sample_stream
from pix2seq.tokenizer import Tokenizer


@dataclass(frozen=True, eq=False)
class Subject:
    """A network in eval mode, one image's memory (1, N, D) and drafts, if the encoder has any."""

    name: str
    model: Pix2Seq
    tokenizer: Tokenizer
    memory: Tensor
    options: SamplingOptions
    drafts: Drafted | None = None

    @property
    def device(self) -> torch.device:
        return self.memory.device

    @property
    def length(self) -> int:
        """Tokens of the longest sentence."""
        return self.tokenizer.sequence_length(self.tokenizer.config.max_objects)

    def stream(self) -> Iterator[SamplingStep]:
        """The sentence that everybody gets, written to its last object."""
        return sample_stream(
            self.model, self.memory, self.tokenizer, self.options, drafts=self.drafts
        )

    def looked_at(self) -> Iterator[SamplingStep]:
        """The same, for somebody who reads every number of every step."""
        for step in self.stream():
            _ = step.logprob, step.candidates
            yield step

    def bare(self) -> Iterator[Tensor]:
        """As little as a loop can do: the same decoder, always the likeliest token."""
        with torch.inference_mode():
            cache = self.model.new_cache(self.memory)
        ids = torch.tensor([[self.tokenizer.bos_id]], device=self.device)
        for _ in range(self.length):
            with torch.inference_mode():
                ids = self.model.decode(ids, cache=cache)[:, -1].argmax(-1, keepdim=True)
                ids = ids.cpu().to(self.device)  # somebody wants to see it
            yield ids

    def batch(self, rows: int) -> None:
        """Several sentences about one image, to their last objects."""
        seeds = list(range(rows))
        sample_batch(self.model, self.memory, self.tokenizer, self.options, seeds, self.drafts)

    def read(self) -> Iterator[None]:
        """Nothing but reading what the steps of ``bare`` read, as often."""
        return readings(int(self.bytes_per_token()), self.length, self.device)

    def bytes_per_token(self) -> float:
        """What a step has to read: the decoder's matrices and, on average, the caches."""
        decoder = self.model.decoder
        stack = self.model.config.decoder
        matrices = sum(p.numel() for layer in decoder.layers for p in layer.parameters())
        matrices -= sum(
            linear.weight.numel()
            for layer in decoder.layers
            for linear in (layer.cross_attention.key, layer.cross_attention.value)
        )
        output = self.tokenizer.vocab_size * stack.dim
        kept = 2 * stack.layers * stack.dim * (self.memory.shape[1] + self.length / 2)
        return 4.0 * (matrices + output + kept)


def subject_of(predictor: Predictor) -> Subject:
    """A real checkpoint on a generated scene, made to write its longest sentence."""
    from pix2seq.data import make_scene

    seen = predictor.encode(make_scene(seed=0).image)
    options = predictor.resolve(SamplingOptions(eos="delay"))
    return Subject(
        predictor.name, predictor.model, predictor.tokenizer, seen.memory, options, seen.distinct
    )


def official_size(device: torch.device) -> Subject:
    """A decoder of the published ResNet-50-640 checkpoint's size, with random weights: 6 layers of
    256, 3000 tokens of vocabulary, 400 memory tokens, 100 objects."""
    tokens = TokenizerConfig(
        num_bins=1000,
        num_classes=80,
        coord_offset=1000,
        class_offset=100,
        vocab_size=3000,
        bos_id=10,
        eos_id=0,
        pad_id=0,
        noise_id=30,
        max_objects=100,
    )
    stack = TransformerConfig(dim=256, layers=6, heads=8, mlp_dim=1024)
    # The encoder is never run: any small one does.
    encoder = EncoderConfig("features", stack.replace(layers=0), "test_efficientnet", (3, 4))
    config = ModelConfig(encoder, stack, (640, 640), vocab_size=3000, max_tokens=512)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = Pix2Seq(config).eval().to(device)
        memory = torch.randn(1, 400, 256).to(device)
    with torch.no_grad():
        model.decoder.embedding.rows.mul_(8)  # clear favourites, as a trained model has
    options = SamplingOptions(top_p=0.4, eos="delay", seed=1)
    return Subject("official size", model, Tokenizer(tokens, COCO_80), memory, options)
