"""Sentences about many pictures: encode, write side by side, read the boxes off them.

A step of a small decoder keeps one core of a CPU busy. The other cores look at the next pictures
meanwhile, each at one of its own.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import torch

from pix2seq.config import ConfigError, PreprocessConfig, SamplingOptions
from pix2seq.detections import Detections
from pix2seq.device import one_thread
from pix2seq.encoding import ImageEncoding, Written
from pix2seq.many.ahead import read_ahead
from pix2seq.many.frames import Failure, Frame
from pix2seq.model import Pix2Seq
from pix2seq.sampling import SamplingStep
from pix2seq.tokenizer import Tokenizer

_MOST_ROWS = {"cpu": 8, "mps": 16, "cuda": 64}
_MOST_FRAMES = {"cpu": 1}
_MOST_LOOKING = 4  # pictures that are looked at while others are written about
_SHARE_OF_MEMORY = 0.25
_Key = TypeVar("_Key", bound=Hashable)


class Detector(Protocol):
    """What writing about many pictures needs; ``Predictor`` is one."""

    model: Pix2Seq
    tokenizer: Tokenizer
    preprocess: PreprocessConfig

    @property
    def device(self) -> torch.device: ...

    def encode_frames(self, frames: Sequence[Frame]) -> list[ImageEncoding]: ...

    def write_many(
        self,
        encodings: Iterable[ImageEncoding],
        options: Callable[[int], SamplingOptions],
        max_rows: int,
    ) -> Iterator[Written]: ...

    def read(
        self, encoding: ImageEncoding, steps: Iterable[SamplingStep], options: SamplingOptions
    ) -> Detections: ...


@dataclass(frozen=True, eq=False)
class Found:
    """One picture's sentence and what was read off it.

    Attributes:
        key: whose it is.
        options: resolved, with the picture's own seed.
        encoding: what the network saw.
        steps: its tokens, EOS included if it was written.
        seconds: its share of the time that writing took.
    """

    key: Any
    options: SamplingOptions
    encoding: ImageEncoding
    steps: Sequence[SamplingStep]
    seconds: float
    detections: Detections


def rows_at_once(predictor: Detector, batch_size: int | str, options: SamplingOptions) -> int:
    """How many sentences to write together.

    Args:
        batch_size: a number, or ``auto``: as many as are worth it on this kind of device, but no
            more than a quarter of the memory that is free holds.
        options: resolved.
    """
    if batch_size != "auto":
        if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
            raise ConfigError(f"batch_size is {batch_size!r}; use 1 or more, or auto")
        return batch_size
    config, tokenizer = predictor.model.config, predictor.tokenizer
    height, width = predictor.preprocess.image_size
    rows, columns = predictor.model.memory_grid(height, width)
    tokens = tokenizer.sequence_length(options.max_objects)
    cached = 2 * config.decoder.layers * config.decoder.dim * (rows * columns + config.max_tokens)
    numbers = cached + tokens * tokenizer.vocab_size + 3 * height * width
    device = predictor.device
    fits = int(_SHARE_OF_MEMORY * _free_bytes(device) / (4 * numbers))
    return max(1, min(_MOST_ROWS.get(device.type, 8), fits))


def _free_bytes(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):  # macOS and Windows do not say
        return 4 * 2**30


def write_many(
    predictor: Detector,
    pictures: Iterable[tuple[_Key, int, Frame | Failure]],
    options: SamplingOptions,
    rows: int,
) -> Iterator[Found | tuple[_Key, Failure]]:
    """Look at pictures and write about them.

    Args:
        pictures: key, seed and frame of each, taken as there is room.
        options: resolved; their seed is not used.
        rows: sentences written together.

    Yields:
        What was found, in the order in which sentences end, and the failures among the pictures.
    """
    failures: deque[tuple[_Key, Failure]] = deque()
    for found in write_encoded(
        predictor, _encoded(predictor, pictures, rows, failures), options, rows
    ):
        while failures:
            yield failures.popleft()
        yield found
    yield from failures


def _encoded(
    predictor: Detector,
    pictures: Iterable[tuple[_Key, int, Frame | Failure]],
    rows: int,
    failures: deque[tuple[_Key, Failure]],
) -> Iterator[tuple[_Key, int, ImageEncoding]]:
    """Key, seed and encoding of every picture that is none of the ``failures``."""

    def whole() -> Iterator[list[tuple[_Key, int, Frame]]]:
        most = frames_at_once(predictor, rows)
        some: list[tuple[_Key, int, Frame]] = []
        for key, seed, frame in pictures:
            if isinstance(frame, Failure):
                failures.append((key, frame))
                continue
            some.append((key, seed, frame))
            if len(some) == most:
                yield some
                some = []
        if some:
            yield some

    threads = looking_threads(predictor)

    def look(some: list[tuple[_Key, int, Frame]]) -> list[ImageEncoding]:
        with one_thread() if threads else contextlib.nullcontext():
            return encode_frames(predictor, [frame for _, _, frame in some])

    for some, encodings in read_ahead(whole(), look, threads, ordered=True):
        for (key, seed, _), encoding in zip(some, encodings, strict=True):
            yield key, seed, encoding


def looking_threads(predictor: Detector) -> int:
    """How many threads look at pictures while another one writes; 0 where the device or PyTorch's
    setting has room for one thing at a time."""
    if not predictor.model.writes_on_one_core:
        return 0
    return min(torch.get_num_threads() - 1, _MOST_LOOKING)


def frames_at_once(predictor: Detector, rows: int) -> int:
    """How many pictures to look at together where ``rows`` sentences are written together."""
    return min(_MOST_FRAMES.get(predictor.device.type, rows), rows)


def encode_frames(predictor: Detector, frames: Sequence[Frame]) -> list[ImageEncoding]:
    """Encodings of several frames: all at once on a GPU, one by one on a CPU, whose cache holds
    the maps of one picture but not of eight (measured on ``mini``: 0.14 s a picture against
    0.26)."""
    if predictor.device.type != "cpu":
        return predictor.encode_frames(frames) if frames else []
    return [predictor.encode_frames([frame])[0] for frame in frames]


def write_encoded(
    predictor: Detector,
    encoded: Iterable[tuple[_Key, int, ImageEncoding]],
    options: SamplingOptions,
    rows: int,
) -> Iterator[Found]:
    """Write about encoded pictures, ``rows`` at a time; each is what it would be alone.

    Args:
        encoded: key, seed and encoding of each, taken as there is room.
        options: resolved; their seed is not used.
    """
    waiting: dict[int, tuple[_Key, int]] = {}
    elsewhere = 0.0  # seconds for pictures to come, and for whoever takes the results

    def encodings() -> Iterator[ImageEncoding]:
        nonlocal elsewhere
        start = time.perf_counter()
        for place, (key, seed, encoding) in enumerate(encoded):
            waiting[place] = key, seed
            elsewhere += time.perf_counter() - start
            yield encoding
            start = time.perf_counter()
        elsewhere += time.perf_counter() - start

    def own_options(place: int) -> SamplingOptions:
        return options.replace(seed=waiting[place][1])

    told = time.perf_counter()
    for written in predictor.write_many(encodings(), own_options, rows):
        key, _ = waiting.pop(written.index)
        detections = predictor.read(written.encoding, written.steps, written.options)
        now = time.perf_counter()
        seconds, elsewhere = max(now - told - elsewhere, 0.0), 0.0
        told = now
        yield Found(key, written.options, written.encoding, written.steps, seconds, detections)
        elsewhere += time.perf_counter() - now
