"""``replay``: a recorded run again, without any model."""

from __future__ import annotations

import argparse

from pix2seq.cli.checks import check_apart, check_picture
from pix2seq.cli.command import Command, read_text, shown
from pix2seq.cli.detect import add_stage_arguments, as_lines, check_stage_arguments, write_stage


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("record", metavar="RECORD", help="a file from detect --record")
    parser.add_argument("--image", metavar="FILE", help="the photo, if the record holds none")
    add_stage_arguments(parser.add_argument_group("output"))


def _run(args: argparse.Namespace) -> None:
    check_stage_arguments(args)
    outputs = {f"--{name}": getattr(args, name) for name in ("png", "svg", "gif")}
    check_apart(outputs, [args.record, args.image])
    if args.image:
        check_picture(args.image)
    text = read_text(args.record)
    from pix2seq.examples import open_picture
    from pix2seq.render import RunRecord, as_command

    record = RunRecord.from_json(text)
    if args.png or args.svg or args.gif:
        image = open_picture(args.image) if args.image else record.image.open()
        write_stage(args, record, image)
    print(as_lines(record))
    print(shown(f"written by: {as_command(record)}"))


REPLAY = Command("replay", "Draw a recorded run again, without a model.", _add_arguments, _run)
