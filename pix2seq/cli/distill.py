"""``distill``: an encoder, a decoder or both learn from a teacher's command."""

from __future__ import annotations

import argparse

from pix2seq.cli.checks import check_folder
from pix2seq.cli.command import Command
from pix2seq.cli.recipe import add_run_arguments, read_changes, recipe_file, recipe_names
from pix2seq.config import DistillConfig
from pix2seq.hub import check_name
from pix2seq.resources import RECIPES

_FOLDER = RECIPES / "distill"


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    names = recipe_names(_FOLDER)
    parser.add_argument(
        "--config", required=True, metavar="FILE", help=f"one of {names}, or a JSON file"
    )
    parser.add_argument("--init", metavar="NAME", help="checkpoint to start from")
    add_run_arguments(parser)


def _run(args: argparse.Namespace) -> None:
    check_folder(args.out, "--out")
    if args.init is not None:
        check_name(args.init)
    changes = read_changes(args.set)
    if args.init is not None:
        changes["init"] = args.init
    recipe = DistillConfig.load(recipe_file(args.config, _FOLDER))
    config = DistillConfig.from_dict({**recipe.to_dict(), **changes})
    from pix2seq.distill import run

    folder = run(config, args.out, resume=args.resume)
    print(f"checkpoint in {folder}")


DISTILL = Command("distill", "Learn from a detector that has seen more.", _add_arguments, _run)
