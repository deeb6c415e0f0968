"""What a command is, and what several of them share: arguments, output files, progress."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pix2seq.config import ConfigError, SamplingOptions

if TYPE_CHECKING:
    from pix2seq.categories import Categories


@dataclass(frozen=True)
class Command:
    """One subcommand.

    Attributes:
        add_arguments: fills its parser.
        run: does the work; user errors are ``ConfigError``. Its result is the exit code, ``None``
            for 0.
    """

    name: str
    help: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int | None]


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Which checkpoint, on which device."""
    parser.add_argument("--checkpoint", default="mini", help="name or folder (default: mini)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, mps (default: auto)")


def add_sampling_arguments(parser: argparse.ArgumentParser, seed_flag: str = "--seed") -> None:
    """Everything that decides which tokens are written; unset ones are the checkpoint's."""
    group = parser.add_argument_group("sampling (by default what the checkpoint recommends)")
    group.add_argument("--num-bins", type=int, metavar="N", help="coarser coordinates")
    group.add_argument("--temperature", type=float, metavar="T", help="0 is argmax")
    group.add_argument("--top-k", type=int, default=0, metavar="K", help="0 keeps all tokens")
    group.add_argument("--top-p", type=float, metavar="P", help="nucleus mass in (0, 1]")
    group.add_argument("--top-p-rule", choices=("nucleus", "official"))
    group.add_argument("--max-objects", type=int, metavar="N", help="objects at most")
    group.add_argument("--eos", choices=("model", "delay"), help="when to stop")
    group.add_argument("--grammar", action=argparse.BooleanOptionalAction, default=None)
    group.add_argument("--noise", choices=("paper", "drop", "show"), help="noise objects")
    group.add_argument("--score", choices=("class", "box"), help="of the class, or edges too")
    group.add_argument("--score-threshold", type=float, metavar="S", help="hide lower scores")
    group.add_argument("--forbid", metavar="CLASS,...", help="names or labels never to be written")
    group.add_argument(seed_flag, dest="sampling_seed", type=int, default=0, metavar="S")


def sampling_options(args: argparse.Namespace, categories: Categories) -> SamplingOptions:
    """The options that ``add_sampling_arguments`` read."""
    return SamplingOptions(
        temperature=args.temperature,
        top_k=args.top_k,
        top_p=args.top_p,
        top_p_rule=args.top_p_rule,
        max_objects=args.max_objects,
        eos=args.eos,
        grammar=args.grammar,
        num_bins=args.num_bins,
        noise=args.noise,
        score=args.score,
        score_threshold=args.score_threshold,
        forbidden_labels=_labels(args.forbid, categories),
        seed=args.sampling_seed,
    )


def _labels(text: str | None, categories: Categories) -> tuple[int, ...]:
    labels = []
    for word in filter(None, (part.strip() for part in (text or "").split(","))):
        try:
            labels.append(int(word) if word.isdecimal() else categories.label_of_name(word))
        except KeyError:
            raise ConfigError(f"--forbid: the checkpoint has no class {word!r}") from None
    return tuple(labels)


def integers(text: str | None, flag: str) -> tuple[int, ...]:
    """A comma-separated list of numbers."""
    try:
        return tuple(int(word) for word in (text or "").split(",") if word.strip())
    except ValueError:
        raise ConfigError(f"{flag} is {text!r}; use whole numbers separated by commas") from None


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write a file. Raises ``ConfigError`` naming it when that is impossible."""
    try:
        Path(path).write_bytes(content)
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror or error}") from None


def write_text(path: str | Path, text: str) -> None:
    """Write a text file, or print it if ``path`` is ``-``."""
    if str(path) == "-":
        print(text, flush=True)
    else:
        write_bytes(path, f"{text}\n".encode())


def write_json(path: str | Path, value: Any) -> None:
    """Write plain values as JSON, to a file or (``-``) to stdout."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False))


def read_text(path: str | Path) -> str:
    """Read a text file. Raises ``ConfigError`` naming it when that is impossible."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {error}") from None


def save_figure(figure: Any, path: str | Path) -> None:
    """Write a matplotlib figure; the file's ending decides the format."""
    try:
        figure.savefig(path)
    except (ValueError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"cannot write {path}: {reason}") from None


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr, driven by (done, total); silent where stderr is no terminal."""
    from tqdm import tqdm

    with tqdm(desc=title, file=sys.stderr, disable=None, leave=False) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield show
