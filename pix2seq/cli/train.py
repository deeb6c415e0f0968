"""``train``: a recipe from a file, or a checkpoint fine-tuned on your own data."""

from __future__ import annotations

import argparse
from typing import get_args

from pix2seq.cli.checks import check_folder, check_input
from pix2seq.cli.command import Command
from pix2seq.cli.recipe import add_run_arguments, read_changes, recipe_file, recipe_names
from pix2seq.config import ConfigError, TrainConfig
from pix2seq.config.training import Objective
from pix2seq.hub import check_name


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_argument_group("what: a recipe, or a checkpoint and your data")
    what.add_argument("--config", metavar="FILE", help=f"one of {recipe_names()}, or a JSON file")
    what.add_argument("--init", metavar="NAME", help="checkpoint to start from, e.g. mini")
    what.add_argument("--annotations", metavar="FILE", help="COCO JSON of your data")
    what.add_argument("--images", metavar="DIR", help="the folder its file names are in")
    parser.add_argument(
        "--objective",
        choices=get_args(Objective),
        help="likelihood, or the reward of sampled sentences for a model that can write",
    )
    add_run_arguments(parser)


def _run(args: argparse.Namespace) -> None:
    check_folder(args.out, "--out")
    if args.init is not None:
        check_name(args.init)
    config = _config(args)
    from pix2seq.data.annotations import forget
    from pix2seq.train import run

    try:
        folder = run(config, args.out, resume=args.resume)
    finally:
        forget()  # settings, vocabulary and loader read the same file
    print(f"checkpoint in {folder}")


def _config(args: argparse.Namespace) -> TrainConfig:
    changes = read_changes(args.set)
    if args.objective is not None:
        changes["objective"] = args.objective
    own_data = args.annotations is not None or args.images is not None
    if (args.config is None) == (not own_data):
        raise ConfigError(
            "name the run: --config FILE, or --init NAME with --annotations FILE and --images DIR"
        )
    if args.config is not None:
        config = TrainConfig.load(recipe_file(args.config))
        if args.init is not None:
            changes["init"] = args.init
        return TrainConfig.from_dict({**config.to_dict(), **changes})
    if args.annotations is None or args.images is None or args.init is None:
        raise ConfigError("--init, --annotations and --images go together; give all three")
    check_input(args.annotations, "--annotations")
    check_input(args.images, "--images", folder=True)
    from pix2seq.finetune import finetune_config

    config = finetune_config(args.init, args.annotations, args.images)
    return TrainConfig.from_dict({**config.to_dict(), **changes})


TRAIN = Command("train", "Train a model, or fine-tune one on your own data.", _add_arguments, _run)
