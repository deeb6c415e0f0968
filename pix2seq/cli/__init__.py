"""The command line: ``python -m pix2seq COMMAND``.

Every command is one small module with a ``Command``; heavy libraries are imported when a command
runs, so that ``--help`` answers at once. A mistake of the user ends in one line on stderr and exit
code 2.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from pix2seq.cli.bench import BENCH
from pix2seq.cli.checkpoints import LIST
from pix2seq.cli.command import Command
from pix2seq.cli.convert import CONVERT
from pix2seq.cli.detect import DETECT, STREAM
from pix2seq.cli.evaluate import EVALUATE
from pix2seq.cli.replay import REPLAY
from pix2seq.cli.scenes import SCENES
from pix2seq.cli.train import TRAIN
from pix2seq.cli.verify import VERIFY
from pix2seq.config import ConfigError

COMMANDS: tuple[Command, ...] = (
    DETECT,
    STREAM,
    REPLAY,
    SCENES,
    TRAIN,
    EVALUATE,
    BENCH,
    LIST,
    CONVERT,
    VERIFY,
)
"""All commands, in the order of ``--help``. A new one is a module beside this and a line here."""

_USER_ERROR = 2
_INTERRUPTED = 130
_READER_GONE = 141


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="pix2seq", description="Object detection as a language, token by token."
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in COMMANDS:
        sub = commands.add_parser(command.name, help=command.help, description=command.help)
        command.add_arguments(sub)
        sub.set_defaults(run=command.run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    args = build_parser().parse_args(argv)
    try:
        return args.run(args) or 0
    except ConfigError as error:
        print(f"pix2seq: {' '.join(str(error).split())}", file=sys.stderr)
        return _USER_ERROR
    except KeyboardInterrupt:
        print("pix2seq: interrupted", file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:  # the reader, `head` for example, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _READER_GONE
