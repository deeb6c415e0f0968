"""What can be known at once: files, folders, options, where results go.

A command asks these before it imports or loads anything heavy, so that a mistyped name costs a
moment and not the loading of a model. All raise ``ConfigError`` naming the option and the remedy.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from pix2seq.cli.command import options_without_labels
from pix2seq.config import ConfigError
from pix2seq.hub import check_name

FIGURE_ENDINGS = (".png", ".jpg", ".jpeg", ".pdf", ".svg", ".webp", ".tif", ".tiff", ".eps", ".ps")


def check_model_arguments(args: argparse.Namespace) -> None:
    """The checkpoint is there, or can be fetched, and the device has a name of the right kind."""
    check_name(args.checkpoint)
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d{1,3})?", args.device):
        raise ConfigError(f"device is {args.device!r}; use auto, cpu, cuda, cuda:0 or mps")


def check_sampling_arguments(args: argparse.Namespace) -> None:
    """Every option has a value that some checkpoint could use."""
    options_without_labels(args)


def check_picture(text: str) -> None:
    """There is a file, or an example, of that name."""
    from pix2seq.examples import PREFIX, STANDARD_INPUT, example_image, example_of
    from pix2seq.files import no_file
    from pix2seq.images import local_file

    if text == STANDARD_INPUT or example_of(text):
        return
    path = local_file(text)[0]
    if os.path.isfile(path):
        return
    if text.startswith(PREFIX):
        example_image(text.removeprefix(PREFIX))  # says which examples there are
    what = "is a folder; name a picture in it" if os.path.isdir(path) else no_file(path)
    raise ConfigError(f"image {text!r} {what}")


def check_output(path: str | None, flag: str, endings: tuple[str, ...] = ()) -> None:
    """A file can be written there.

    Args:
        path: as given; ``None`` or ``-`` is no file.
        endings: those that name a format; empty allows all.
    """
    if path is None or (path == "-" and not endings):
        return
    if not path.strip():
        raise ConfigError(f"{flag} is {path!r}; name a file")
    if endings and Path(path).suffix.lower() not in endings:
        raise ConfigError(f"{flag} is {path!r}; end it in {', '.join(endings)}")
    if os.path.isdir(path):
        raise ConfigError(f"{flag} is {path!r}, which is a folder; name a file")
    _check_place(Path(path).parent, f"{flag} is {path!r}")


def check_apart(outputs: Mapping[str, str | None], inputs: Iterable[str | None] = ()) -> None:
    """Nothing is written over what is read, and nothing over another result.

    Args:
        outputs: files by their options; ``-`` is standard output.
        inputs: what is read; what is no file, an example for instance, is none.
    """
    read = {os.path.realpath(path) for path in inputs if path and os.path.isfile(path)}
    written: dict[str, str] = {}
    for flag, path in outputs.items():
        if path is None or (os.path.exists(path) and not os.path.isfile(path)):  # /dev/null
            continue
        place = path if path == "-" else os.path.realpath(path)
        if place in read:
            raise ConfigError(f"{flag} is {path!r}, which is read here; name another file")
        if place in written:
            where = "standard output" if path == "-" else repr(path)
            raise ConfigError(f"{written[place]} and {flag} both go to {where}; name two files")
        written[place] = flag


def check_folder(path: str, flag: str) -> None:
    """A folder is there, or can be made, and may be written."""
    if not path.strip():
        raise ConfigError(f"{flag} is {path!r}; name a folder")
    if os.path.lexists(path) and not os.path.isdir(path):
        raise ConfigError(f"{flag} is {path!r}, which is a file; name a folder")
    place = Path(path).absolute()
    while not os.path.lexists(place):
        place = place.parent
    _check_place(place, f"{flag} is {path!r}")


def check_input(path: str, flag: str, folder: bool = False) -> None:
    """A file, or a folder, to read from is there."""
    there = os.path.isdir(path) if folder else os.path.isfile(path)
    if not there:
        kind = "folder" if folder else "file"
        raise ConfigError(f"{flag} is {path!r}, which is not a {kind}; check the path")


def _check_place(folder: Path, what: str) -> None:
    if not os.path.isdir(folder):
        raise ConfigError(f"{what}, but there is no folder {str(folder)!r}; make it first")
    if not os.access(folder, os.W_OK | os.X_OK) or str(folder.resolve()).startswith("/proc"):
        raise ConfigError(f"{what}, but {str(folder)!r} may not be written; choose another place")
