"""``scenes``: generated, labelled images as COCO-format files."""

from __future__ import annotations

import argparse

from pix2seq.cli.checks import check_folder, check_input
from pix2seq.cli.command import Command, progress_bar
from pix2seq.config import ConfigError


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("out", metavar="OUT", help="folder for annotations.json and images/")
    parser.add_argument("--count", type=int, required=True, metavar="N")
    parser.add_argument("--seed", type=int, default=0, metavar="S")
    parser.add_argument("--size", type=int, default=256, help="side in pixels (default: 256)")
    parser.add_argument("--photos", metavar="DIR", help="photos for blurred backgrounds")
    parser.add_argument(
        "--hard", action="store_true", help="12 to 20 small, overlapping objects on busy ground"
    )
    parser.add_argument("--format", choices=("jpg", "png"), default="jpg")


def _run(args: argparse.Namespace) -> None:
    if args.count < 1:
        raise ConfigError(f"--count is {args.count}; make at least one scene")
    if not 32 <= args.size <= 4096:
        raise ConfigError(f"--size is {args.size}; use 32 to 4096 pixels")
    if args.seed < 0:
        raise ConfigError(f"--seed is {args.seed}; use 0 or more")
    if args.photos is not None:
        check_input(args.photos, "--photos", folder=True)
    check_folder(args.out, "OUT")
    from pix2seq.data import Scenes
    from pix2seq.data.export import write_coco
    from pix2seq.data.scenes import EASY, HARD

    kind = HARD if args.hard else EASY
    scenes = Scenes(args.seed, args.count, args.size, args.photos, kind)
    with progress_bar("scenes") as show:
        boxes = write_coco(scenes, args.out, args.format, show)
    print(f"{args.count} scenes with {boxes} objects in {args.out}")


SCENES = Command("scenes", "Write generated scenes as COCO-format data.", _add_arguments, _run)
