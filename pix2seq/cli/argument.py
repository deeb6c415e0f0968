"""``argument``: what sequence augmentation does, measured on a pair of checkpoints."""

from __future__ import annotations

import argparse
import json

from pix2seq.cli.checks import check_apart, check_input, check_model_arguments, check_output
from pix2seq.cli.command import Command, progress_bar, write_text
from pix2seq.config import ConfigError

PLAIN, CONTROL = "mini-plain", "mini-control"


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", required=True, metavar="FILE", help="the JSON file (- prints it)")
    parser.add_argument(
        "--plain",
        default=PLAIN,
        metavar="NAME",
        help="checkpoint trained without noise objects (default: %(default)s)",
    )
    parser.add_argument(
        "--control",
        default=CONTROL,
        metavar="NAME",
        help="its twin, trained with them (default: %(default)s)",
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, mps (default: auto)")
    data = parser.add_argument_group("data: hard scenes, labelled photos, or both")
    data.add_argument("--scenes", type=int, metavar="N", help="that many hard scenes")
    data.add_argument("--seed", type=int, default=0, metavar="S", help="of scenes and writing")
    data.add_argument("--photos", metavar="DIR", help="photos for the scenes' backgrounds")
    data.add_argument("--annotations", metavar="FILE", help="COCO JSON")
    data.add_argument("--images", metavar="DIR", help="the folder its file names are in")
    data.add_argument("--limit", type=int, metavar="N", help="only the first N labelled photos")
    group = parser.add_argument_group("what is recorded")
    group.add_argument(
        "--bootstrap", type=int, default=300, metavar="N", help="resamples (default: 300)"
    )
    group.add_argument(
        "--gallery", type=int, default=8, metavar="N", help="scenes to look at (default: 8)"
    )
    group.add_argument(
        "--gallery-photos",
        type=int,
        default=0,
        metavar="N",
        help="labelled photos that go into the file, small (default: 0)",
    )


def _run(args: argparse.Namespace) -> None:
    _check(args)
    from pix2seq.argument import Pair, as_record, as_table, measure, set_record, tell
    from pix2seq.checkpoints import weights_checksum
    from pix2seq.predictor import load

    sets = _sets(args)  # before the models, which take longer to load
    pair = Pair.of(load(args.plain, args.device), load(args.control, args.device), args.seed)
    rows = []
    for title, samples, pictures, limit in sets:
        with progress_bar(title) as show:
            told = tell(pair, samples, limit, show)
        compared = measure(told, pair.control.categories, args.bootstrap)
        rows.append(set_record(title, pair, samples, told, compared, pictures))
    weights = (weights_checksum(args.plain), weights_checksum(args.control))
    record = as_record(pair, weights, rows)
    write_text(args.out, json.dumps(record, separators=(",", ":"), allow_nan=False))
    if args.out != "-":
        print(as_table(record))


def _check(args: argparse.Namespace) -> None:
    photos = args.annotations is not None or args.images is not None
    if not photos and args.scenes is None:
        raise ConfigError("name the data: --scenes N, or --annotations FILE with --images DIR")
    if photos and (args.annotations is None or args.images is None):
        raise ConfigError("--annotations and --images go together; give both")
    if args.scenes is None and args.photos is not None:
        raise ConfigError("--photos are grounds for scenes; give --scenes N, too")
    if args.limit is not None and not photos:
        raise ConfigError("--limit counts labelled photos; for scenes give --scenes N")
    for flag, value in (("--scenes", args.scenes), ("--limit", args.limit)):
        if value is not None and value < 1:
            raise ConfigError(f"{flag} is {value}; use 1 or more")
    if args.bootstrap < 20:
        raise ConfigError(f"--bootstrap is {args.bootstrap}; an interval takes 20 draws or more")
    for flag, value in (("--gallery", args.gallery), ("--gallery-photos", args.gallery_photos)):
        if value < 0:
            raise ConfigError(f"{flag} is {value}; use 0 (none) or more")
    if not 0 <= args.seed < 2**63:
        raise ConfigError(f"--seed is {args.seed}; use 0 to 2**63 - 1")
    if photos:
        check_input(args.annotations, "--annotations")
        check_input(args.images, "--images", folder=True)
    if args.photos is not None:
        check_input(args.photos, "--photos", folder=True)
    check_output(args.out, "--out")
    check_apart({"--out": args.out}, [args.annotations])
    for flag in ("plain", "control"):
        check_model_arguments(
            argparse.Namespace(checkpoint=getattr(args, flag), device=args.device)
        )


def _sets(args: argparse.Namespace) -> list[tuple]:
    """(title, samples, pictures for the gallery, limit) of every set."""
    from pix2seq.data import CocoDetection, Scenes
    from pix2seq.data.scenes import HARD

    sets: list[tuple] = []
    if args.scenes is not None:
        scenes = Scenes(args.seed, args.scenes, photos=args.photos, kind=HARD)
        sets.append(("hard scenes", scenes, args.gallery, None))
    if args.annotations is not None:
        photos = CocoDetection(args.annotations, args.images)
        missing = photos.missing(range(len(photos))[: args.limit])
        if missing:
            raise ConfigError(
                f"{len(missing)} image files are missing; {photos.explain_missing(missing[0])}"
            )
        sets.append(("labelled photos", photos, args.gallery_photos, args.limit))
    return sets


ARGUMENT = Command(
    "argument",
    "Measure what sequence augmentation does on a pair of checkpoints.",
    _add_arguments,
    _run,
)
