"""Trying settings: look once, write per setting, read, one after the other.

    samples -> Bench (encoded once) -> try_settings -> Progress ..., Tried, Progress ...

Images are looked at once; every setting then writes from the same memories with the same random
numbers. Settings that only read the sentences differently (noise, score) share the sentences, too.
Results come one by one, and a run can be stopped between any two tokens.

Of them ``outcome`` makes a curve per setting, ``table`` all numbers of ``evaluate``; ``doubles``
counts what is shown twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch

from pix2seq.config import SamplingOptions
from pix2seq.detections import Detections
from pix2seq.evaluate import Effort, Truth, match_labels
from pix2seq.evaluate.quality import count_violations
from pix2seq.evaluate.run import Samples, count_samples, read_samples
from pix2seq.many import encode_frames, frames_at_once
from pix2seq.predictor import ImageEncoding, Predictor
from pix2seq.sampling import Job, SamplingStep, write_many
from pix2seq.sampling.stopping import Stoppable, Stopped
from pix2seq.sweep.plan import Setting

ROWS = 8
"""Sentences written side by side: on a CPU, more is hardly faster and slower to show."""


@dataclass(frozen=True)
class Progress:
    """How far a sweep is: ``done`` images are looked at, or written about for ``setting``."""

    setting: Setting | None
    done: int
    images: int


@dataclass(frozen=True, eq=False)
class Tried:
    """What one setting wrote and read.

    Attributes:
        found: the objects in every image, whatever their score.
        effort: what looking and writing cost.
        fresh: it wrote the sentences itself; else an earlier setting had written the same.
    """

    setting: Setting
    found: list[Detections]
    effort: Effort
    fresh: bool


class Bench:
    """Labelled images as one predictor sees them, encoded once and kept.

    Args:
        predictor: writes.
        samples: labelled images; classes are matched by name.
        limit: only the first so many.
        rows: sentences written side by side.

    Attributes:
        missing: the images' classes that the predictor does not know; their objects do not count.

    Raises:
        ConfigError: there is no image, or no class in common.
    """

    def __init__(
        self, predictor: Predictor, samples: Samples, limit: int | None = None, rows: int = ROWS
    ) -> None:
        self._count = count_samples(samples, limit, rows)
        self._label_map, self.missing = match_labels(samples.categories, predictor.categories)
        self.predictor = predictor
        self.samples = samples
        self.rows = rows
        self.truths: list[Truth] = []
        self.encodings: list[ImageEncoding] = []

    def __len__(self) -> int:
        return self._count

    def look(self) -> Iterator[int]:
        """Encode what is not encoded yet; yields how many are, as they come."""
        together = frames_at_once(self.predictor, self.rows)
        places = range(len(self.encodings), len(self))
        waiting = []
        for place, seen in read_samples(self.predictor, self.samples, places, self._label_map):
            waiting.append(seen)
            if len(waiting) == together or place == len(self) - 1:
                self.encodings += encode_frames(self.predictor, [frame for frame, _ in waiting])
                self.truths += [truth for _, truth in waiting]
                waiting = []
                yield len(self.encodings)

    def write(
        self, options: SamplingOptions, stopped: Callable[[], bool]
    ) -> Iterator[tuple[int, list[SamplingStep]]]:
        """Write about all images; yields (image, sentence) as sentences end.

        Image ``i`` uses seed ``options.seed + i``. Ends early, without an error, when ``stopped``
        says so between two tokens.
        """
        model = Stoppable(self.predictor.model, stopped)
        jobs = (
            Job(
                encoding.memory,
                options.replace(seed=options.seed + i),
                drafts=encoding.distinct,
                key=i,
            )
            for i, encoding in enumerate(self.encodings)
        )
        try:
            for row in write_many(model, self.predictor.tokenizer, jobs, self.rows):
                yield row.job.key, row.steps
        except Stopped:
            return

    def read(
        self, sentences: Sequence[Sequence[SamplingStep]], setting: Setting
    ) -> list[Detections]:
        """The objects of all sentences, one per image, as a setting reads them."""
        options = setting.options.replace(score_threshold=0.0)
        pairs = zip(self.encodings, sentences, strict=True)
        found = [self.predictor.read(encoding, steps, options) for encoding, steps in pairs]
        return [without_noise_class(one) for one in found] if setting.noise_blind else found


def without_noise_class(found: Detections) -> Detections:
    """Scores as they would be if the noise class had no probability."""
    real = (1 - found.noise_scores).clamp(min=1e-6)
    scores = (found.scores / real).clamp(max=1)
    return Detections.of(
        found.boxes,
        found.labels,
        scores,
        noise_scores=torch.zeros_like(scores),
        is_noise=found.is_noise,
        objects=found.objects,
        degenerate=found.degenerate,
    )


def try_settings(
    bench: Bench, settings: Sequence[Setting], stopped: Callable[[], bool] = lambda: False
) -> Iterator[Progress | Tried]:
    """Try settings one after the other.

    Args:
        stopped: asked before every token; what was finished before stays valid.

    Yields:
        ``Progress`` per image looked at and per sentence written, a ``Tried`` per setting.
    """
    for done in bench.look():
        yield Progress(None, done, len(bench))
        if stopped():
            return
    looked = sum(encoding.seconds for encoding in bench.encodings)
    keys = [_as_written(setting.options) for setting in settings]
    written: dict[SamplingOptions, tuple[list[Sequence[SamplingStep]], Effort]] = {}
    for place, (setting, key) in enumerate(zip(settings, keys, strict=True)):
        fresh = key not in written
        if fresh:
            by_image: dict[int, Sequence[SamplingStep]] = {}
            seconds, told = 0.0, time.perf_counter()
            for image, steps in bench.write(setting.options, stopped):
                seconds += time.perf_counter() - told
                by_image[image] = steps
                yield Progress(setting, len(by_image), len(bench))
                told = time.perf_counter()
            if len(by_image) < len(bench):
                return
            sentences = [by_image[image] for image in range(len(bench))]
            written[key] = sentences, _effort(bench, sentences, looked, seconds)
        sentences, effort = written[key]
        yield Tried(setting, bench.read(sentences, setting), effort, fresh)
        if key not in keys[place + 1 :]:
            del written[key]  # long sentences about many images fill the memory


def _as_written(options: SamplingOptions) -> SamplingOptions:
    """The same for all options that write the same and only read it differently."""
    return options.replace(noise="paper", score="class", score_threshold=0.0)


def _effort(
    bench: Bench, sentences: Sequence[Sequence[SamplingStep]], looked: float, seconds: float
) -> Effort:
    tokenizer = bench.predictor.tokenizer
    return Effort(
        encode_s=looked,
        decode_s=seconds,
        tokens=sum(map(len, sentences)),
        violations=sum(count_violations(steps, tokenizer) for steps in sentences),
    )
