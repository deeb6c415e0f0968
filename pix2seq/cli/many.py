"""``detect`` with many pictures: arguments, what counts as many, and the run."""

from __future__ import annotations

import argparse
import glob
import os
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pix2seq.cli.checks import check_apart
from pix2seq.cli.command import sampling_options, shown
from pix2seq.cli.progress import meter
from pix2seq.config import ConfigError
from pix2seq.urls import is_url

if TYPE_CHECKING:
    from PIL import Image

    from pix2seq.batch import Sources, Wanted
    from pix2seq.batch.ray import Cluster
    from pix2seq.processes import Processes

ALL_TOKENS = -1
_SOME_FAILED = 3
_CONTAINERS = (".json", ".tar", ".tgz", ".tbz2", ".txz", ".gz", ".bz2", ".xz", ".zst")
_ONE_PICTURE_ONLY = {
    "json": "use --jsonl FILE",
    "png": "use --record DIR, then replay",
    "svg": "use --record DIR, then replay",
    "gif": "use --record DIR, then replay",
    "prefix": "give one picture",
}


def token_limit(text: str) -> int:
    """What follows ``--tokens``."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no number; put --tokens last, or another option after it"
        ) from None


def add_many_arguments(parser: argparse.ArgumentParser) -> None:
    """What only many pictures need."""
    group = parser.add_argument_group("many pictures")
    group.add_argument(
        "--images", metavar="DIR", help="the folder of a COCO file's or list's names"
    )
    group.add_argument(
        "--jsonl", metavar="FILE", help="one line a picture, as they come (- prints)"
    )
    group.add_argument("--parquet", metavar="DIR", help="the same as Parquet (needs pyarrow)")
    group.add_argument(
        "--coco-dataset", metavar="FILE", help="COCO JSON with images, for labelling tools"
    )
    group.add_argument(
        "--errors", metavar="FILE", help="pictures that failed (default: errors.jsonl beside)"
    )
    group.add_argument("--resume", action="store_true", help="go on where a run was cut off")
    group.add_argument("--batch-size", metavar="B", default="auto", help="sentences at once")
    group.add_argument("--workers", type=int, default=2, metavar="N", help="most reading processes")
    group.add_argument(
        "--timeout", type=float, default=30.0, metavar="S", help="seconds to read one picture"
    )
    group.add_argument("--engine", choices=("local", "ray"), default="local")
    group.add_argument("--address", metavar="HOST", help="a running Ray cluster, or auto")
    group.add_argument("--actors", type=int, metavar="N", help="detectors on Ray (default: 1)")
    group.add_argument("--gpus-per-actor", type=float, metavar="X", help="share of a GPU (Ray)")


@dataclass(frozen=True)
class Asked:
    """What the positional arguments mean.

    Attributes:
        sources: as given, without ``-``.
        many: whether this is a run over many pictures.
        picture: what came on standard input, if that was a picture.
        listed: the names that came on standard input.
    """

    sources: tuple[str, ...]
    many: bool
    picture: Image.Image | None = None
    listed: tuple[bytes, ...] = ()


def read_sources(args: argparse.Namespace) -> Asked:
    """One picture, or many? Standard input is read here, and what it holds decides: a picture is
    one, anything else is a list of names."""
    words = tuple(word for word in args.sources if word != "-")
    picture, listed = None, ()
    if len(words) < len(args.sources):
        content = b"" if sys.stdin is None else sys.stdin.buffer.read()  # closed: nothing comes
        picture = _picture_in(content)
        if picture is None:
            from pix2seq.batch.sources import split_names

            listed = split_names(content)
            if not listed:
                raise ConfigError("standard input is empty; send a picture or a list of names")
        elif words:
            raise ConfigError("standard input holds a picture; give it alone, or name files only")
        else:
            words = ("-",)
    many = (
        (picture is None and (len(words) != 1 or bool(listed) or _holds_many(words[0])))
        or any((args.jsonl, args.parquet, args.coco_dataset, args.errors, args.resume))
        or args.tokens == ALL_TOKENS
        or args.engine != "local"
    )
    if many and picture is not None:
        raise ConfigError("a picture on standard input has no name; save it to a file first")
    return Asked(words, many, picture, listed)


def _holds_many(word: str) -> bool:
    if os.path.isdir(word):
        return True
    if os.path.lexists(word):
        return os.path.splitext(word)[1].lower() in _CONTAINERS
    if word.startswith("@") or glob.has_magic(word):
        return True
    return is_url(word) and not word.startswith(("http://", "https://", "file://"))


def _picture_in(content: bytes) -> Image.Image | None:
    from pix2seq.images import NotAPicture, decode_image

    try:
        return decode_image(content, "standard input") if content else None
    except NotAPicture:
        return None


def detect_many(args: argparse.Namespace, asked: Asked) -> int:
    """Run over all pictures; the exit code says whether some failed."""
    from pix2seq.batch import Sources, Wanted
    from pix2seq.images import SUFFIXES
    from pix2seq.processes import joined

    for name, remedy in _ONE_PICTURE_ONLY.items():
        if getattr(args, name) is not None:
            raise ConfigError(f"--{name} is for one picture; {remedy}")
    if args.tokens is not None and args.tokens != ALL_TOKENS and args.tokens < 1:
        raise ConfigError(f"--tokens is {args.tokens}; use 1 or more")
    names = ("jsonl", "coco", "coco_dataset", "errors")
    outputs = {f"--{name.replace('_', '-')}": getattr(args, name) for name in names}
    check_apart(outputs, [source.removeprefix("@") for source in asked.sources])
    for flag, path in outputs.items():
        if path and path.lower().endswith(SUFFIXES) and os.path.isfile(path):  # in a folder, say
            raise ConfigError(f"{flag} is {path!r}, which is a picture; name another file")
    sources = Sources(asked.sources, args.images, asked.listed)
    wanted = Wanted(
        jsonl=args.jsonl,
        coco=args.coco,
        coco_dataset=args.coco_dataset,
        parquet=args.parquet,
        save=args.save,
        record=args.record,
        errors=args.errors,
        named_by_coco=sources.named_by_coco,
        tokens=args.tokens == ALL_TOKENS,
        resume=args.resume,
    )
    with joined() as processes:
        return _detect(args, sources, wanted, processes)


def _detect(
    args: argparse.Namespace, sources: Sources, wanted: Wanted, processes: Processes
) -> int:
    from pix2seq.batch import Outputs, collect, count_pictures, remaining, results, run_name
    from pix2seq.many import Readers
    from pix2seq.predictor import load

    wanted.check()
    batch_size(args.batch_size)
    sources.check()
    on_ray = _cluster(args, processes)
    device = "cpu" if on_ray else processes.device(args.device)
    with Readers(args.workers, args.timeout) as readers:
        if not on_ray:
            readers.start()  # while the network is loaded
        predictor = load(args.checkpoint, device)
        work = _work(args, predictor)
        run = run_name(predictor, work, wanted)
        with closing(Outputs(wanted, predictor.categories, run, processes)) as outputs:
            items = remaining(sources, outputs, processes)
            if on_ray is not None:
                from pix2seq.batch.ray import results_on_ray

                found = results_on_ray(readers, items, args.checkpoint, work, wanted, on_ray)
            else:
                found = results(readers, predictor, items, work, wanted)
            with meter(count_pictures(sources, outputs, processes), processes.first) as progress:
                collect(found, outputs, _teller(wanted, progress, processes.count))
                failures = outputs.finish()
            if processes.first:
                _sum_up(outputs, progress, failures, processes.count)
    return _SOME_FAILED if failures and processes.first else 0


def _cluster(args: argparse.Namespace, processes: Processes) -> Cluster | None:
    """Where Ray is to run, if it is. Raises ``ConfigError`` for what does not go together."""
    if args.engine != "ray":
        for name in ("address", "actors", "gpus_per_actor"):
            if getattr(args, name) is not None:
                flag = "--" + name.replace("_", "-")
                raise ConfigError(f"{flag} is for Ray; add --engine ray")
        return None
    if processes.count > 1:
        raise ConfigError("--engine ray starts its own processes; start it without torchrun")
    try:
        from pix2seq.batch.ray import Cluster
    except ImportError as error:
        raise ConfigError(
            f"--engine ray needs {error.name}; pip install 'pix2seq-explorer[ray]'"
        ) from None
    actors = 1 if args.actors is None else args.actors
    return Cluster(args.address, actors, args.gpus_per_actor or 0.0)


def _work(args: argparse.Namespace, predictor: Any) -> Any:
    from pix2seq.batch import Work

    options = predictor.resolve(sampling_options(args, predictor.categories))
    return Work(
        options=options,
        batch_size=batch_size(args.batch_size),
        most_tokens=None if args.tokens == ALL_TOKENS else args.tokens,
    )


def batch_size(text: str) -> int | str:
    """What follows ``--batch-size``."""
    if text == "auto":
        return text
    if not text.isdecimal() or int(text) < 1:
        raise ConfigError(f"--batch-size is {text}; use 1 or more, or auto")
    return int(text)


def _teller(wanted: Wanted, progress: Any, processes: int) -> Callable[[str, Any], None]:
    """Counts results, names failures, and prints what was found where no file is written."""
    from pix2seq.many import Failure

    silent = wanted.journal is not None or wanted.on_stdout or processes > 1

    def tell(name: str, result: Any) -> None:
        if isinstance(result, Failure):
            progress.say(shown(f"pix2seq: {name}: {result.reason}"))
        elif not silent:
            print(as_line(result), flush=True)
        progress.add(isinstance(result, Failure))

    return tell


def as_line(result: dict[str, Any]) -> str:
    """One picture's objects, best first, for reading."""
    found = sorted(result["detections"], key=lambda one: -one["score"])
    objects = ", ".join(f"{one['label']} {one['score']:.2f}" for one in found)
    return shown(f"{result['name']}  {objects or 'nothing'}")


def _sum_up(outputs: Any, progress: Any, failures: int, processes: int) -> None:
    done = f"{progress.count} image{'' if progress.count == 1 else 's'}"
    if processes > 1:
        done += f" in process 0 of {processes}"
    rate = (
        f"{progress.count / progress.seconds:.2f} images/s" if progress.count else "nothing to do"
    )
    parts = [done, rate]
    if outputs.already:
        parts.append(f"{outputs.already} were done before")
    if failures:
        parts.append(f"{failures} failed, see {outputs.errors.path}")
    print(f"pix2seq: {', '.join(parts)}", file=sys.stderr)
