"""``detect_many``: the objects of any number of pictures, one after another."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from PIL import Image

from pix2seq.config import ConfigError, SamplingOptions
from pix2seq.detections import Detections
from pix2seq.many.ahead import read_ahead
from pix2seq.many.frames import Failure, Source
from pix2seq.many.names import printable, seed_of
from pix2seq.many.readers import Readers
from pix2seq.many.writing import Detector, rows_at_once, write_many

Picture = Source | tuple[str, Source]
"""A picture, with or without the name that it goes by."""


def detect_many(
    predictor: Detector,
    pictures: Iterable[Picture],
    options: SamplingOptions,
    batch_size: int | str = "auto",
    workers: int = 2,
    on_error: str = "collect",
    ordered: bool = True,
    timeout: float = 30.0,
) -> Iterator[tuple[str, Detections | Failure]]:
    """Find the objects in any number of pictures, read ahead while the network works.

    Each picture is written with ``seed_of(name, options.seed)``, so what it gets does not depend on
    the others. Memory does not grow with their number.

    Args:
        pictures: paths, URLs, the bytes of files, PIL images or arrays, or (name, picture) pairs.
            A picture without a name is called by its path, or by its place (``#0``) if it has
            none.
        options: resolved.
        batch_size: sentences written together; ``auto`` fits the device and its memory.
        workers: processes at most that decode; 0 does it here.
        on_error: ``collect`` yields a ``Failure`` in the picture's place, ``raise`` stops.
        ordered: in the order of ``pictures``; otherwise as they come.
        timeout: seconds that reading one picture may take (with ``workers``).

    Raises:
        ConfigError: an option cannot work, or (``on_error="raise"``) a picture cannot be used.
    """
    if on_error not in ("collect", "raise"):
        raise ConfigError(f"on_error is {on_error!r}; use 'collect' or 'raise'")
    if isinstance(pictures, str | bytes | os.PathLike | Image.Image):
        raise ConfigError("pictures is a single picture; give a list of them, or use detect")
    rows = rows_at_once(predictor, batch_size, options)
    readers = Readers(workers, timeout)
    found = _as_they_come(predictor, pictures, options, rows, readers, on_error == "raise")
    return _in_order(found) if ordered else ((name, one) for _, name, one in found)


def _as_they_come(
    predictor: Detector,
    pictures: Iterable[Picture],
    options: SamplingOptions,
    rows: int,
    readers: Readers,
    stop: bool,
) -> Iterator[tuple[int, str, Detections | Failure]]:
    """Place, name and result."""
    with readers:
        read = read_ahead(
            _named(pictures),
            lambda item: readers(item[2], predictor.preprocess),
            max(readers.workers, 1),
        )
        seeded = (
            ((place, name), seed_of(name, options.seed), frame) for (place, name, _), frame in read
        )
        for found in write_many(predictor, seeded, options, rows):
            if not isinstance(found, tuple):
                yield *found.key, found.detections
                continue
            (place, name), failure = found
            if stop:
                raise ConfigError(f"{name}: {failure.reason}")
            yield place, name, failure


def _in_order(
    found: Iterable[tuple[int, str, Detections | Failure]],
) -> Iterator[tuple[str, Detections | Failure]]:
    held: dict[int, tuple[str, Detections | Failure]] = {}
    following = 0
    for place, name, one in found:
        held[place] = name, one
        while following in held:
            yield held.pop(following)
            following += 1


def _named(pictures: Iterable[Picture]) -> Iterator[tuple[int, str, Source]]:
    for place, picture in enumerate(pictures):
        if isinstance(picture, tuple):
            yield place, str(picture[0]), picture[1]
        elif isinstance(picture, str | os.PathLike):
            yield place, printable(os.fspath(picture)), picture
        else:
            yield place, f"#{place}", picture
