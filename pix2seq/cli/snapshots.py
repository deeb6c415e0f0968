"""``snapshots``: what a run's checkpoints thought of a few pictures, as one small file."""

from __future__ import annotations

import argparse

from pix2seq.cli.command import Command, progress_bar, write_text


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("runs", nargs="+", metavar="RUN", help="folders of train, with snapshots/")
    parser.add_argument("--out", required=True, metavar="FILE", help="the JSON file (- prints it)")
    parser.add_argument(
        "--picture",
        action="append",
        metavar="IMAGE",
        help="an image file or example:NAME, repeatable (default: three scenes, two photos)",
    )
    parser.add_argument("--objects", type=int, default=4, metavar="N", help="of a sentence at most")


def _run(args: argparse.Namespace) -> None:
    from pix2seq.snapshots import PICTURES, record_snapshots

    with progress_bar("reading") as show:
        recorded = record_snapshots(args.runs, args.picture or PICTURES, args.objects, show)
    text = recorded.to_json()
    write_text(args.out, text)
    if args.out != "-":
        steps = sum(len(run.snapshots) for run in recorded.runs)
        print(f"{steps} snapshots of {len(recorded.pictures)} pictures in {args.out}")


SNAPSHOTS = Command(
    "snapshots",
    "Record what a run's snapshots thought of a few pictures.",
    _add_arguments,
    _run,
)
