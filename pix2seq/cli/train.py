"""``train``: a recipe from a file, or a checkpoint fine-tuned on your own data."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from typing import Any

from pix2seq.checkpoints.registry import CHECKPOINTS, locate
from pix2seq.cli.checks import check_folder, check_input
from pix2seq.cli.command import Command
from pix2seq.config import ConfigError, TrainConfig
from pix2seq.resources import RECIPES


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    what = parser.add_argument_group("what: a recipe, or a checkpoint and your data")
    what.add_argument("--config", metavar="FILE", help=f"one of {_names()}, or a JSON file")
    what.add_argument("--init", metavar="NAME", help="checkpoint to start from, e.g. mini")
    what.add_argument("--annotations", metavar="FILE", help="COCO JSON of your data")
    what.add_argument("--images", metavar="DIR", help="the folder its file names are in")
    parser.add_argument("--out", required=True, metavar="DIR", help="the run's folder")
    parser.add_argument("--resume", action="store_true", help="go on where it stopped")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="replace a setting, e.g. --set steps=500 (JSON values)",
    )


def _run(args: argparse.Namespace) -> None:
    check_folder(args.out, "--out")
    if args.init is not None and args.init not in CHECKPOINTS:
        locate(args.init)
    config = _config(args)
    from pix2seq.data.annotations import forget
    from pix2seq.train import run

    try:
        folder = run(config, args.out, resume=args.resume)
    finally:
        forget()  # settings, vocabulary and loader read the same file
    print(f"checkpoint in {folder}")


def _config(args: argparse.Namespace) -> TrainConfig:
    changes = _changes(args.set)
    own_data = args.annotations is not None or args.images is not None
    if (args.config is None) == (not own_data):
        raise ConfigError(
            "name the run: --config FILE, or --init NAME with --annotations FILE and --images DIR"
        )
    if args.config is not None:
        recipe = RECIPES / f"{args.config}.json"
        config = TrainConfig.load(recipe if recipe.is_file() else args.config)
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


def _changes(assignments: Sequence[str]) -> dict[str, Any]:
    """``["steps=500"]`` to ``{"steps": 500}``; a value that is no JSON is a text."""
    changes = {}
    for assignment in assignments:
        name, separator, text = assignment.partition("=")
        if not separator or not name:
            raise ConfigError(f"--set {assignment!r} is not NAME=VALUE")
        try:
            changes[name] = json.loads(text)
        except json.JSONDecodeError:
            changes[name] = text
    return changes


def _names() -> str:
    return ", ".join(sorted(path.stem for path in RECIPES.glob("*.json")))


TRAIN = Command("train", "Train a model, or fine-tune one on your own data.", _add_arguments, _run)
