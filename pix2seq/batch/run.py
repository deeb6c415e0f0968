"""A run over many pictures on this machine: items in, one result each, in the order they come."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pix2seq.batch.folders import file_in
from pix2seq.batch.items import Item
from pix2seq.batch.lines import result_line
from pix2seq.batch.outputs import Outputs, Wanted, fingerprint
from pix2seq.batch.sources import Sources
from pix2seq.config import ConfigError, SamplingOptions
from pix2seq.many import Failure, Found, Readers, read_ahead, rows_at_once, seed_of, write_many
from pix2seq.pictures import open_image
from pix2seq.predictor import Predictor
from pix2seq.processes import Processes
from pix2seq.render import RunRecord, draw_detections

Result = tuple[str, dict[str, Any] | Failure]
"""A picture's name and its line, or why there is none."""


@dataclass(frozen=True)
class Work:
    """How the pictures are gone through.

    Attributes:
        options: resolved; each picture gets a seed of its own from theirs.
        batch_size: sentences written together, or ``auto``.
        most_tokens: a sentence is cut there; ``None`` lets it end.
    """

    options: SamplingOptions
    batch_size: int | str = "auto"
    most_tokens: int | None = None


def run_name(predictor: Predictor, work: Work, wanted: Wanted) -> str:
    """What every line of a run carries, so that runs with other settings do not mix."""
    return fingerprint(
        {
            "checkpoint": predictor.name,
            "options": work.options.to_dict(),
            "most_tokens": work.most_tokens,
            "tokens": wanted.tokens,
        }
    )


def remaining(sources: Sources, outputs: Outputs, processes: Processes) -> Iterator[Item]:
    """This process's share of what is not done yet."""
    place = 0
    for item in sources:
        if not outputs.done(item.name):
            if processes.mine(place):
                yield item
            place += 1


def count_pictures(sources: Sources, outputs: Outputs, processes: Processes) -> int:
    """How many items remain for this process."""
    return sum(1 for _ in remaining(sources, outputs, processes))


def results(
    readers: Readers, predictor: Predictor, items: Iterable[Item], work: Work, wanted: Wanted
) -> Iterator[Result]:
    """Detect in every item; files of single pictures are written before a result is yielded."""
    rows = rows_at_once(predictor, work.batch_size, work.options)
    read = read_ahead(
        items, lambda item: readers(item.source, predictor.preprocess), max(readers.workers, 1)
    )
    seeded = ((item, seed_of(item.name, work.options.seed), frame) for item, frame in read)
    for written in write_many(predictor, seeded, work.options, rows):
        if not isinstance(written, Found):
            item, failure = written
            yield item.name, failure
            continue
        if work.most_tokens is not None:
            written = _cut(predictor, written, work.most_tokens)
        item = written.key
        try:
            _write_files(predictor, item, written, wanted)
        except _PictureGone as error:
            yield item.name, Failure(str(error))
            continue
        yield (
            item.name,
            result_line(predictor, item.name, item.number, written, tokens=wanted.tokens),
        )


def collect(
    found: Iterable[Result], outputs: Outputs, on_result: Callable[[str, Any], None]
) -> None:
    """Put every result where it belongs, each picture once."""
    for name, result in found:
        if isinstance(result, Failure):
            outputs.fail(name, result)
        elif not outputs.add(result):
            continue
        on_result(name, result)


class _PictureGone(Exception):
    """The picture was read once and cannot be read again."""


def _cut(predictor: Predictor, written: Found, most: int) -> Found:
    steps = written.steps[:most]
    found = predictor.read(written.encoding, steps, written.options)
    return dataclasses.replace(written, steps=steps, detections=found)


def _write_files(predictor: Predictor, item: Item, written: Found, wanted: Wanted) -> None:
    if wanted.save is None and wanted.record is None:
        return
    try:
        image = open_image(item.source)
    except ConfigError as error:
        raise _PictureGone(f"could not be read a second time: {error}") from None
    if wanted.record is not None:
        record = RunRecord.of(
            predictor,
            written.encoding,
            written.steps,
            written.detections,
            written.options,
            written.seconds,
            item.name,
        )
        content = f"{record.with_picture(image).to_json()}\n".encode()
        _write(wanted.record, item.name, ".json", content)
    if wanted.save is not None:
        file = io.BytesIO()
        figure = draw_detections(image, written.detections, predictor.categories)
        figure.savefig(file, format="jpg")
        _write(wanted.save, item.name, ".jpg", file.getvalue())


def _write(folder: str, name: str, ending: str, content: bytes) -> None:
    path = file_in(folder, name, ending)
    try:
        path.write_bytes(content)
    except OSError as error:
        raise ConfigError(
            f"cannot write {path}: {error.strerror or error}; make room or choose another place, "
            "then go on with --resume"
        ) from None
