"""What a command is, and what several of them share: arguments, output files, progress."""

from __future__ import annotations

import argparse
import json
import sys
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pix2seq import files
from pix2seq.checkpoints.registry import default_name
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
    parser.add_argument(
        "--checkpoint", default=default_name(), help="name or folder (default: %(default)s)"
    )
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
    group.add_argument(
        "--follow-drafts",
        action=argparse.BooleanOptionalAction,
        help="pull coordinates towards what the encoder drafted and nothing covers yet",
    )
    group.add_argument("--noise", choices=("paper", "drop", "show"), help="noise objects")
    group.add_argument("--score", choices=("class", "box"), help="of the class, or edges too")
    group.add_argument("--score-threshold", type=float, metavar="S", help="hide lower scores")
    group.add_argument("--forbid", metavar="CLASS,...", help="names or labels never to be written")
    group.add_argument(seed_flag, dest="sampling_seed", type=int, default=0, metavar="S")


def sampling_options(args: argparse.Namespace, categories: Categories) -> SamplingOptions:
    """The options that ``add_sampling_arguments`` read."""
    return options_without_labels(args).replace(
        forbidden_labels=named_labels(args.forbid, categories)
    )


def options_without_labels(args: argparse.Namespace) -> SamplingOptions:
    """The same but for ``--forbid``, which only a checkpoint's classes explain.

    Raises:
        ConfigError: a value that no checkpoint could use.
    """
    return SamplingOptions(
        temperature=args.temperature,
        top_k=args.top_k,
        top_p=args.top_p,
        top_p_rule=args.top_p_rule,
        max_objects=args.max_objects,
        eos=args.eos,
        grammar=args.grammar,
        follow_drafts=args.follow_drafts,
        num_bins=args.num_bins,
        noise=args.noise,
        score=args.score,
        score_threshold=args.score_threshold,
        seed=args.sampling_seed,
    )


def named_labels(text: str | None, categories: Categories) -> tuple[int, ...]:
    """Labels from a list like ``"knife, fork,spoon,3"``.

    A class of that name comes before a label of that number, and the longest name before its
    parts, so that names may hold commas and digits.

    Raises:
        ConfigError: naming what is no class, or what can be read in two ways.
    """
    words = [word.strip() for word in (text or "").split(",")]
    names = {name: label for label, name in enumerate(categories.names) if name is not None}
    labels: list[int] = []
    while words:
        if not words[0]:
            words = words[1:]
            continue
        for count in range(len(words), 0, -1):
            label = _label_of(words[:count], names, len(categories))
            if label is not None:
                break
        else:
            raise ConfigError(f"--forbid: the checkpoint has no class {words[0]!r}")
        apart = [_label_of([word], names, len(categories)) for word in words[:count]]
        if count > 1 and None not in apart:
            raise ConfigError(
                f"--forbid: {', '.join(words[:count])!r} is a class, and so is each of its parts; "
                f"give its label {label}"
            )
        labels.append(label)
        words = words[count:]
    return tuple(dict.fromkeys(labels))


def _label_of(words: list[str], names: dict[str, int], count: int) -> int | None:
    """The label that words, taken together, stand for."""
    for spelling in (", ".join(words), ",".join(words)):
        if spelling in names:
            return names[spelling]
    number = words[0]
    if len(words) == 1 and number.isascii() and number.isdecimal() and int(number) < count:
        return int(number)
    return None


def shown(text: str) -> str:
    """Text as a terminal may get it: what a file or a class is called must not steer it."""
    return "".join(
        f"\\x{ord(letter):02x}" if unicodedata.category(letter) == "Cc" else letter
        for letter in text
    )


def integers(text: str | None, flag: str) -> tuple[int, ...]:
    """A comma-separated list of numbers."""
    try:
        return tuple(int(word) for word in (text or "").split(",") if word.strip())
    except ValueError:
        raise ConfigError(f"{flag} is {text!r}; use whole numbers separated by commas") from None


def write_text(path: str | Path, text: str) -> None:
    """Write a text file, or print it if ``path`` is ``-``: in UTF-8, as in a file, whatever the
    terminal's encoding."""
    if str(path) != "-":
        files.write_text(path, f"{text}\n")
        return
    stream = getattr(sys.stdout, "buffer", None)
    if stream is None:  # a stand-in without bytes beneath
        print(text, flush=True)
        return
    sys.stdout.flush()
    stream.write(f"{text}\n".encode("utf-8", "backslashreplace"))
    stream.flush()


def write_json(path: str | Path, value: Any) -> None:
    """Write plain values as JSON, to a file or (``-``) to stdout."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False))


def read_text(path: str | Path) -> str:
    """Read a text file. Raises ``ConfigError`` naming it when that is impossible."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ConfigError(f"cannot read {path}: it is no text in UTF-8") from None
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror or error}") from None


def save_figure(figure: Any, path: str | Path) -> None:
    """Write a matplotlib figure; the file's ending decides the format."""
    try:
        with files.replacing(path) as (part,):
            figure.savefig(part, format=Path(path).suffix[1:].lower())
    except ValueError as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"cannot write {path}: {str(error).splitlines()[0]}") from None


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr, driven by (done, total); silent where stderr is no terminal."""
    from tqdm import tqdm

    with tqdm(desc=title, file=sys.stderr, disable=None, leave=False) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield show
