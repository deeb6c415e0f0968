"""Evaluation of a predictor: look at every image once, write in batches, score.

``evaluate`` forgets each batch when it is written, so that a data set of any size fits. For trying
many settings, ``sweep.Bench`` keeps what was seen and writes from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from pix2seq.categories import Categories
from pix2seq.config import ConfigError, SamplingOptions
from pix2seq.data import CocoDetection
from pix2seq.data.sample import Sample
from pix2seq.detections import Detections
from pix2seq.evaluate.coco import Truth
from pix2seq.evaluate.others import read_detections
from pix2seq.evaluate.quality import count_violations
from pix2seq.evaluate.result import Effort, EvalResult
from pix2seq.many import Found, Frame, read_ahead, read_frame, write_many
from pix2seq.predictor import Predictor
from pix2seq.processes import Processes

Progress = Callable[[int, int], None]
"""Called with (images done, images in all)."""


class Samples(Protocol):
    """A labelled data set: ``CocoDetection`` or ``Scenes``."""

    categories: Categories

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample: ...


def evaluate(
    predictor: Predictor,
    samples: Samples,
    options: SamplingOptions | None = None,
    limit: int | None = None,
    batch_size: int = 8,
    bootstrap_draws: int = 0,
    on_progress: Progress | None = None,
    processes: Processes | None = None,
) -> EvalResult:
    """Score a predictor on labelled images.

    Image ``i`` is written with seed ``options.seed + i``. Average precision takes all boxes, as
    COCO asks; ``options.score_threshold`` decides which of them count as shown.

    Args:
        samples: labelled images; classes are matched by name.
        limit: only the first so many.
        batch_size: images that are written about together.
        bootstrap_draws: resamples for 95 % intervals; 0 for none.
        on_progress: told after every batch, in the first process.
        processes: who shares the work. Each takes whole batches, those that a lone process would
            make, so that how many they are changes no digit; all of them get the result.

    Raises:
        ConfigError: there are no images, or no class in common.
    """
    options, processes = predictor.resolve(options), processes or Processes()
    total = count_samples(samples, limit, batch_size)
    label_map, missing = match_labels(samples.categories, predictor.categories)
    mine = [i for i in range(total) if processes.mine(i // batch_size)]
    truths: dict[int, Truth] = {}

    def seen() -> Iterator[tuple[int, int, Frame]]:
        for i, (frame, truth) in read_samples(predictor, samples, mine, label_map):
            truths[i] = truth
            yield i, options.seed + i, frame

    detections: dict[int, Detections] = {}
    effort = Effort()
    everything = options.replace(score_threshold=0.0)
    for written in write_many(predictor, seen(), everything, batch_size):
        detections[written.key] = written.detections
        effort += _effort(predictor, written)
        done = len(detections)
        if on_progress is not None and (done % batch_size == 0 or done == len(mine)):
            on_progress(min(done * processes.count, total), total)
    found = [(i, truths[i], detections[i]) for i in mine]
    shares = processes.gather((found, effort))
    result = None
    if processes.first:
        rows = sorted((row for found, _ in shares for row in found), key=lambda row: row[0])
        result = EvalResult.of(
            predictor,
            options,
            [truth for _, truth, _ in rows],
            [found for _, _, found in rows],
            sum((effort for _, effort in shares), Effort()),
            missing,
            bootstrap_draws,
        )
    return processes.agree(result)


def evaluate_detections(
    path: str | Path,
    samples: CocoDetection,
    score_threshold: float = 0.0,
    limit: int | None = None,
    bootstrap_draws: int = 0,
    on_progress: Progress | None = None,
) -> EvalResult:
    """Score another detector's boxes, a file in COCO's results format, on the same terms.

    Args:
        score_threshold: which boxes count as shown.

    Raises:
        ConfigError: the file cannot be used, or there are no images.
    """
    ids = samples.annotations.image_ids
    found = read_detections(path, ids, samples.categories)
    truths: list[Truth] = []
    total = count_samples(samples, limit, batch_size=1)
    for index in range(total):
        truths.append(Truth.of(samples[index]))
        if on_progress is not None:
            on_progress(len(truths), total)
    return EvalResult.of_boxes(
        Path(path).name,
        samples.categories,
        truths,
        [found[truth.image_id] for truth in truths],
        score_threshold,
        bootstrap_draws,
    )


def match_labels(
    data: Categories, model: Categories
) -> tuple[dict[int, int] | None, tuple[str, ...]]:
    """The data set's labels in the model's label space, and the names that it lacks."""
    if data == model:
        return None, ()
    known = {model.name(label): label for label in model.named_labels()}
    names = {label: data.name(label) for label in data.named_labels()}
    label_map = {label: known[name] for label, name in names.items() if name in known}
    if not label_map:
        raise ConfigError(
            f"the data's classes ({', '.join(list(names.values())[:3])} ...) and the model's "
            f"({', '.join(list(known)[:3])} ...) have no name in common"
        )
    return label_map, tuple(name for name in names.values() if name not in known)


def count_samples(samples: Samples, limit: int | None, batch_size: int) -> int:
    """How many images are meant."""
    if limit is not None and limit < 1:
        raise ConfigError(f"limit is {limit}; evaluate at least one image")
    if batch_size < 1:
        raise ConfigError(f"batch_size is {batch_size}; use 1 or more")
    total = len(samples) if limit is None else min(limit, len(samples))
    if total == 0:
        raise ConfigError("there is no image to evaluate on; give at least one")
    return total


def read_samples(
    predictor: Predictor,
    samples: Samples,
    places: Sequence[int],
    label_map: dict[int, int] | None,
) -> Iterator[tuple[int, tuple[Frame, Truth]]]:
    """Images as the network takes them and what is in them, read while it works."""

    def read(place: int) -> tuple[Frame, Truth]:
        sample = samples[place]
        return read_frame(sample.image, predictor.preprocess), Truth.of(sample, label_map)

    return read_ahead(places, read, threads=1, ordered=True)


def _effort(predictor: Predictor, written: Found) -> Effort:
    return Effort(
        encode_s=written.encoding.seconds,
        decode_s=written.seconds,
        tokens=len(written.steps),
        violations=count_violations(written.steps, predictor.tokenizer),
    )
