"""The command line: ``python -m pix2seq COMMAND``.

Every command is one small module with a ``Command``; heavy libraries are imported when a command
runs, so that ``--help`` answers at once. A mistake of the user ends in one line on stderr and exit
code 2.
"""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pix2seq.cli.app import APP
from pix2seq.cli.argument import ARGUMENT
from pix2seq.cli.bench import BENCH
from pix2seq.cli.checkpoints import LIST
from pix2seq.cli.command import Command, shown
from pix2seq.cli.convert import CONVERT
from pix2seq.cli.detect import DETECT, STREAM
from pix2seq.cli.distill import DISTILL
from pix2seq.cli.evaluate import EVALUATE
from pix2seq.cli.replay import REPLAY
from pix2seq.cli.scenes import SCENES
from pix2seq.cli.snapshots import SNAPSHOTS
from pix2seq.cli.space import SPACE
from pix2seq.cli.train import TRAIN
from pix2seq.cli.verify import VERIFY
from pix2seq.config import ConfigError, out_of_memory
from pix2seq.logs import Caution

COMMANDS: tuple[Command, ...] = (
    APP,
    DETECT,
    STREAM,
    REPLAY,
    SCENES,
    TRAIN,
    DISTILL,
    SNAPSHOTS,
    EVALUATE,
    ARGUMENT,
    BENCH,
    LIST,
    CONVERT,
    VERIFY,
    SPACE,
)
"""All commands, in the order of ``--help``. A new one is a module beside this and a line here."""

_FAILED = 2
_INTERRUPTED = 130
_TERMINATED = 143
_READER_GONE = 141
TRACEBACK_VARIABLE = "PIX2SEQ_TRACEBACK"


class _Terminated(KeyboardInterrupt):
    """SIGTERM: what ends a job or a container, handled as Ctrl-C is."""


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Let SIGTERM unwind the command, so that it leaves a line and whole files. A command that
    knows better (``app``) sets a handler of its own."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(*_: object) -> None:
        raise _Terminated

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


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
    _print_any_name()
    # What Pillow thinks of a file's metadata is not for whoever asked for boxes.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    _print_cautions()
    args = build_parser().parse_args(argv)
    try:
        os.getcwd()
    except OSError:  # PyTorch's libraries end the process there, in words of their own
        return _say("the working folder is gone; change to one that exists", _FAILED)
    try:
        with _ended_by_sigterm():
            return args.run(args) or 0
    except _Terminated:
        return _say("ended by SIGTERM; whatever is written is whole", _TERMINATED)
    except KeyboardInterrupt:
        return _say("interrupted", _INTERRUPTED)
    except BrokenPipeError:  # the reader, `head` for example, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _READER_GONE
    except Exception as error:
        if os.environ.get(TRACEBACK_VARIABLE):
            raise
        return _say(sentence_of(error), _FAILED)


def sentence_of(error: Exception) -> str:
    """What people are told about an error: what happened and what to do."""
    text = str(error)
    if isinstance(error, ConfigError):
        return text
    if said := out_of_memory(error):
        return said
    if isinstance(error, OSError) and error.strerror:
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{error.strerror}"
    if isinstance(error, ImportError):
        return f"{text}; install what requirements.txt lists"
    what = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return f"unexpected {what}; {TRACEBACK_VARIABLE}=1 shows where, please report it"


def _say(sentence: str, code: int) -> int:
    print(f"pix2seq: {shown(' '.join(sentence.split()))}", file=sys.stderr)
    return code


def _print_cautions() -> None:
    """Let our own warnings be a line like every other, without the place in the source."""
    usual = warnings.showwarning

    def show(message, category, *where, **more) -> None:
        if issubclass(category, Caution):
            _say(str(message), 0)
        else:
            usual(message, category, *where, **more)

    warnings.showwarning = show


def _print_any_name() -> None:
    """Let what the terminal's encoding lacks be spelled out instead of ending the command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
