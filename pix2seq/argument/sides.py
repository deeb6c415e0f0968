"""The three ways to write, and the two models that they compare.

stop early                   the model without augmentation, until it says EOS
keep going                   the same model, EOS forbidden; real classes only
keep going, with noise       the model with augmentation, EOS forbidden, noise class
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from pix2seq.config import ConfigError, SamplingOptions
from pix2seq.detections import Detections
from pix2seq.evaluate import Truth, match_labels
from pix2seq.evaluate.run import Samples
from pix2seq.predictor import ImageEncoding, Predictor
from pix2seq.reading import read_sentence
from pix2seq.sampling import SamplingStep
from pix2seq.tokenizer import Tokenizer

BATCH = 8
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Side:
    """One way to write.

    Attributes:
        name: its key in records.
        title: what people call it.
        augmented: whether the model that was trained with noise objects writes.
        eos: when a sentence ends.
    """

    name: str
    title: str
    augmented: bool
    eos: str


SIDES = (
    Side("stop", "stop early", augmented=False, eos="model"),
    Side("on", "keep going, no noise class", augmented=False, eos="delay"),
    Side("noise", "keep going, with the noise class", augmented=True, eos="delay"),
)


@dataclass(frozen=True, eq=False)
class Pair:
    """Two checkpoints that sequence augmentation tells apart.

    Attributes:
        plain: trained without noise objects; its noise token, if its vocabulary has one, is
            neither written nor counted.
        control: trained with them.
        options: what all sides share, resolved; the score is the paper's, of the class.
    """

    plain: Predictor
    control: Predictor
    options: SamplingOptions

    @classmethod
    def of(cls, plain: Predictor, control: Predictor, seed: int = 0) -> Pair:
        """Pair them under the settings that the control recommends, but for drafts, which only one
        of them may have: nobody follows any.

        Raises:
            ConfigError: their classes differ, or the control has no noise class.
        """
        if plain.categories != control.categories:
            raise ConfigError(
                f"{plain.name} and {control.name} know different classes; use a pair that differs "
                "in sequence augmentation only"
            )
        if control.tokenizer.noise_id is None:
            raise ConfigError(
                f"{control.name} has no noise class; name a checkpoint trained with "
                "noise objects as the control"
            )
        paper = SamplingOptions(seed=seed, score="class", score_threshold=0.0, follow_drafts=False)
        options = control.resolve(paper)
        config = plain.tokenizer.config.replace(noise_id=None)
        blind = Predictor(
            plain.model,
            Tokenizer(config, plain.categories),
            plain.preprocess,
            plain.defaults,
            plain.info,
        )
        return cls(blind, control, options)

    def writer(self, side: Side) -> Predictor:
        return self.control if side.augmented else self.plain

    def options_of(self, side: Side) -> SamplingOptions:
        noise = "paper" if side.augmented else "show"  # nothing is noise to the plain model
        return self.options.replace(eos=side.eos, noise=noise)


@dataclass(frozen=True, eq=False)
class Told:
    """What all sides wrote about a set of images.

    Attributes:
        truths: one per image.
        found: detections per side and image, nothing cut by score.
        sentences: token ids per side and image, without EOS.
        missing: names of the set's classes that the models do not know.
    """

    truths: list[Truth]
    found: dict[str, list[Detections]]
    sentences: dict[str, list[list[int]]]
    missing: tuple[str, ...]


def tell(
    pair: Pair, samples: Samples, limit: int | None = None, on_progress: Progress | None = None
) -> Told:
    """Write about labelled images on every side; image ``i`` with seed ``options.seed + i``.

    Args:
        limit: only the first so many images.
        on_progress: told (sentences written, sentences in all).

    Raises:
        ConfigError: there is no image, or no class in common.
    """
    count = len(samples) if limit is None else min(limit, len(samples))
    if not count:
        raise ConfigError("there is no image to measure on; give at least one")
    label_map, missing = match_labels(samples.categories, pair.control.categories)
    told = Told([], {side.name: [] for side in SIDES}, {side.name: [] for side in SIDES}, missing)
    for first in range(0, count, BATCH):
        batch = [samples[i] for i in range(first, min(first + BATCH, count))]
        told.truths.extend(Truth.of(sample, label_map) for sample in batch)
        images = [sample.image for sample in batch]
        seen: dict[bool, list[ImageEncoding]] = {}
        for side in SIDES:
            writer, options = pair.writer(side), pair.options_of(side)
            if side.augmented not in seen:
                seen[side.augmented] = writer.encode_batch(images)
            for steps, encoding in _write(writer, seen[side.augmented], options, first):
                ids = [step.token_id for step in steps if step.slot != "eos"]
                told.sentences[side.name].append(ids)
                told.found[side.name].append(_read(writer, encoding, steps, options, pair))
            if on_progress is not None:
                written = sum(map(len, told.found.values()))
                on_progress(written, count * len(SIDES))
    return told


def _write(
    writer: Predictor, encodings: list[ImageEncoding], options: SamplingOptions, first: int
) -> list[tuple[list[SamplingStep], ImageEncoding]]:
    """The sentences of a batch in order; ``first`` is the number of its first image."""
    written = writer.write_many(
        encodings, lambda i: options.replace(seed=options.seed + first + i), BATCH
    )
    in_order = sorted(written, key=lambda one: one.index)
    return [(list(one.steps), one.encoding) for one in in_order]


def _read(
    writer: Predictor,
    encoding: ImageEncoding,
    steps: list[SamplingStep],
    options: SamplingOptions,
    pair: Pair,
) -> Detections:
    """The objects of a sentence. Where there is no noise class, the mass of a noise token that an
    earlier training left in the vocabulary is shared out among all others."""
    steps = [step for step in steps if step.slot != "eos"]
    logits = torch.zeros(0, writer.tokenizer.vocab_size)
    if steps:
        logits = torch.stack([step.logits for step in steps])
    if writer.tokenizer.noise_id is None and pair.control.tokenizer.noise_id is not None:
        logits = logits.clone()
        logits[:, pair.control.tokenizer.noise_id] = float("-inf")
    reading = read_sentence(
        token_ids=torch.tensor([step.token_id for step in steps], dtype=torch.long),
        logits=logits,
        forced=torch.zeros(len(steps), dtype=torch.bool),
        tokenizer=writer.tokenizer,
        letterbox=encoding.letterbox,
        options=options,
    )
    return replace(reading.detections(), degenerate=0)
