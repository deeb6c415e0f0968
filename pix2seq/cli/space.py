"""``space``: a Hugging Face Space of this app, in a folder or uploaded."""

from __future__ import annotations

import argparse

from pix2seq.cli.command import Command
from pix2seq.config import ConfigError
from pix2seq.hub import check_name, repo_of


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("out", metavar="OUT", nargs="?", help="folder for the Space's files")
    parser.add_argument(
        "--checkpoint", default="mini", help="name, folder or repository (default: %(default)s)"
    )
    parser.add_argument(
        "--hardware", default="cpu", choices=("cpu", "zero", "gpu"), help="(default: %(default)s)"
    )
    parser.add_argument("--push", metavar="USER/NAME", help="upload it to the Hugging Face Hub")
    parser.add_argument(
        "--cpu-index", metavar="URL", help="where pip finds PyTorch's CPU build (default: theirs)"
    )


def _run(args: argparse.Namespace) -> None:
    if args.out is None and args.push is None:
        raise ConfigError("name a folder for the Space's files, or --push USER/NAME, or both")
    check_name(args.checkpoint)
    from pix2seq.hub.upload import writable_repo
    from pix2seq.space import assemble, plan_for, tree_size, upload_space

    target = writable_repo(args.push) if args.push else None
    plan = plan_for(args.checkpoint, args.hardware, target, args.cpu_index)
    if args.out is not None:
        folder = assemble(plan, args.out)
        count, size = tree_size(folder)
        print(f"{folder}: {count} files, {size / 1e6:.1f} MB, for {plan.hardware} hardware")
    if args.push:
        print(f"the Space is at {upload_space(plan)}")
        if plan.hardware != "cpu":
            print("choose its hardware in the Space's settings; a new Space starts on a CPU")
    elif repo_of(args.checkpoint) is None:
        print(f"try it: cd {args.out} && python app.py")


SPACE = Command("space", "Make a Hugging Face Space of the app.", _add_arguments, _run)
