"""``detect`` and ``stream``: one image, at once or token by token; ``many`` has the rest."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from pix2seq.cli.checks import (
    FIGURE_ENDINGS,
    check_apart,
    check_model_arguments,
    check_output,
    check_picture,
    check_sampling_arguments,
)
from pix2seq.cli.command import (
    Command,
    add_model_arguments,
    add_sampling_arguments,
    integers,
    sampling_options,
    save_figure,
    shown,
    write_json,
    write_text,
)
from pix2seq.cli.many import (
    ALL_TOKENS,
    add_many_arguments,
    detect_many,
    read_sources,
    token_limit,
)
from pix2seq.config import ConfigError, SamplingOptions
from pix2seq.files import write_bytes

if TYPE_CHECKING:
    from PIL import Image

    from pix2seq.predictor import ImageEncoding, Predictor
    from pix2seq.render import RunRecord
    from pix2seq.sampling import SamplingStep

_STAGE = ("png", "svg", "gif")


def _add_stream_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "image", metavar="IMAGE", help="a picture, or example:NAME (astronaut, scene-7, ...)"
    )
    _add_run_arguments(parser)
    parser.add_argument("--tokens", type=int, metavar="N", help="stop after N tokens")


def _add_run_arguments(parser: argparse.ArgumentParser) -> None:
    add_model_arguments(parser)
    add_sampling_arguments(parser)
    parser.add_argument("--prefix", metavar="ID,...", help="tokens that the sentence begins with")
    parser.add_argument(
        "--forced",
        metavar="INDEX,...",
        help="which tokens of the prefix you chose yourself, counted from 0, or all: they are "
        "certain, marked and always shown",
    )


def _add_detect_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "sources",
        metavar="SOURCE",
        nargs="+",
        help="pictures, example:NAME, folders, globs, @LIST, COCO .json, .tar, - (standard input: "
        "a picture, or a list of names)",
    )
    _add_run_arguments(parser)
    parser.add_argument(
        "--tokens",
        type=token_limit,
        nargs="?",
        const=ALL_TOKENS,
        metavar="N",
        help="stop after N tokens; without N: tell every token in --jsonl and --parquet",
    )
    group = parser.add_argument_group("output")
    group.add_argument("--json", metavar="FILE", help="detections, tokens and timing (- prints)")
    group.add_argument(
        "--save", metavar="FILE", help="figure with boxes: .png, .jpg, .pdf, .svg; many: a folder"
    )
    group.add_argument(
        "--record", metavar="FILE", help="the whole run, to be replayed; many: a folder"
    )
    group.add_argument("--coco", metavar="FILE", help="COCO result records (one: image_id 0)")
    add_stage_arguments(group)
    add_many_arguments(parser)


def add_stage_arguments(parser: argparse._ArgumentGroup) -> None:
    """Pictures of the stage."""
    parser.add_argument("--png", metavar="FILE", help="photo and sentence as a picture")
    parser.add_argument("--svg", metavar="FILE", help="the same as SVG")
    parser.add_argument("--gif", metavar="FILE", help="the writing as an animation")


def check_stage_arguments(args: argparse.Namespace) -> None:
    """Where ``add_stage_arguments`` wants its pictures, they can be written."""
    for name in _STAGE:
        check_output(getattr(args, name), f"--{name}")


def write_stage(args: argparse.Namespace, record: RunRecord, image: Image.Image) -> None:
    """Write what ``add_stage_arguments`` asked for."""
    import io

    from pix2seq.render import stage_image, stage_svg, writing_gif

    if args.png:
        file = io.BytesIO()
        stage_image(image, record).save(file, "PNG")
        write_bytes(args.png, file.getvalue())
    if args.svg:
        write_text(args.svg, stage_svg(record, image))
    if args.gif:
        write_bytes(args.gif, writing_gif(image, record))


def as_lines(record: RunRecord) -> str:
    """A run as a small table."""
    lines = [
        f"{record.image.name}, {record.image.width} x {record.image.height}, {record.checkpoint}"
    ]
    for found in record.detections:
        box = " ".join(f"{value:7.1f}" for value in found.box)
        score = "  -  " if found.is_noise else f"{found.score:.3f}"
        marks = (*found.marks, "noise") if found.is_noise else found.marks
        row = f"{found.object + 1:>4}  {found.name:<16} {score}  {box}  {', '.join(marks)}"
        lines.append(row.rstrip())
    doubles = sum(found.again is not None for found in record.detections)
    if doubles:
        lines.append(f"{doubles} of them again: an object that was written before")
    if record.degenerate:
        lines.append(f"{record.degenerate} boxes without area left out")
    timing = record.timing
    written = len({token.object for token in record.tokens if token.object is not None})
    lines.append(
        f"{len(record.detections)} of {written} written objects, {len(record.tokens)} tokens, "
        f"encoded in {timing.encode_s:.2f} s, written in {timing.decode_s:.2f} s "
        f"({timing.tokens_per_s:.0f} tokens/s)"
    )
    return "\n".join(map(shown, lines))


def _detect(args: argparse.Namespace) -> int | None:
    asked = read_sources(args)
    if asked.many:
        return detect_many(args, asked)
    args.image = asked.sources[0]
    _detect_one(args, asked.picture)
    return None


def _detect_one(args: argparse.Namespace, picture: Image.Image | None) -> None:
    if picture is None:
        check_picture(args.image)
    check_output(args.save, "--save", FIGURE_ENDINGS)
    for name in ("json", "record", "coco"):
        check_output(getattr(args, name), f"--{name}")
    check_stage_arguments(args)
    outputs = ("save", "json", "record", "coco", *_STAGE)
    check_apart({f"--{name}": getattr(args, name) for name in outputs}, [args.image])
    predictor, image, encoding, options, steps = _start(args, picture)
    from pix2seq.examples import picture_name
    from pix2seq.render import RunRecord, draw_detections

    start = time.perf_counter()
    steps = list(steps)
    seconds = time.perf_counter() - start
    detections = predictor.read(encoding, steps, options)
    name = picture_name(args.image)
    record = RunRecord.of(predictor, encoding, steps, detections, options, seconds, name)
    if args.json:
        write_json(args.json, record.summary())
    if args.record:
        write_text(args.record, record.with_picture(image).to_json())
    if args.coco:
        write_json(args.coco, record.to_coco(image_id=0))
    if args.save:
        save_figure(draw_detections(image, detections, predictor.categories), args.save)
    write_stage(args, record, image)
    if encoding.letterbox.remark:
        print(f"note: {encoding.letterbox.remark}", file=sys.stderr)
    if "-" not in (args.json, args.record, args.coco, args.svg):
        print(as_lines(record))


def _stream(args: argparse.Namespace) -> None:
    check_picture(args.image)
    predictor, _, encoding, _, steps = _start(args)
    from pix2seq.render import record_token

    for step in steps:
        token = record_token(predictor, encoding, step)
        sys.stdout.write(json.dumps(token.to_dict(), allow_nan=False) + "\n")
        sys.stdout.flush()


def _start(
    args: argparse.Namespace, picture: Image.Image | None = None
) -> tuple[Predictor, Image.Image, ImageEncoding, SamplingOptions, Iterator[SamplingStep]]:
    """Look at the picture and begin to write, as the arguments say: (predictor, picture, encoding,
    resolved options, steps). Raises ``ConfigError`` for what cannot be used."""
    if args.tokens is not None and args.tokens < 1:
        raise ConfigError(f"--tokens is {args.tokens}; use 1 or more")
    prefix = integers(args.prefix, "--prefix")
    every = args.forced == "all"
    forced = range(len(prefix)) if every else integers(args.forced, "--forced")
    check_model_arguments(args)
    check_sampling_arguments(args)
    from pix2seq.examples import open_picture

    image = open_picture(args.image) if picture is None else picture
    from pix2seq.predictor import load

    predictor = load(args.checkpoint, args.device)
    options = predictor.resolve(sampling_options(args, predictor.categories))
    encoding = predictor.encode(image)
    steps = predictor.stream(encoding, options, prefix, forced)
    return predictor, image, encoding, options, islice(steps, args.tokens)


DETECT = Command("detect", "Find the objects in an image.", _add_detect_arguments, _detect)
STREAM = Command(
    "stream", "Print one JSON line per token, as it is sampled.", _add_stream_arguments, _stream
)
