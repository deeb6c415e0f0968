"""``verify``: a published checkpoint, downloaded, converted and held against its published AP."""

from __future__ import annotations

import argparse

from pix2seq.cli.checks import check_input
from pix2seq.cli.command import Command, progress_bar

_DISAGREES = 1


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="as in `python -m pix2seq checkpoints`")
    parser.add_argument(
        "--annotations", metavar="FILE", required=True, help="COCO's instances_val2017.json"
    )
    parser.add_argument("--images", metavar="DIR", required=True, help="its val2017 folder")
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N images")
    parser.add_argument("--batch-size", type=int, default=4, metavar="B")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, mps (default: auto)")


def _run(args: argparse.Namespace) -> int:
    check_input(args.annotations, "--annotations")
    check_input(args.images, "--images", folder=True)
    from pix2seq.data import CocoDetection
    from pix2seq.evaluate.verify import published_ap, verify
    from pix2seq.predictor import load

    info = published_ap(args.name)
    samples = CocoDetection(args.annotations, args.images)  # before a download of gigabytes
    predictor = load(info.name, args.device)
    with progress_bar("verifying") as show:
        result = verify(predictor, info, samples, args.limit, args.batch_size, on_progress=show)
    print(result)
    return 0 if result.agrees else _DISAGREES


VERIFY = Command(
    "verify", "Hold a published checkpoint against its published AP.", _add_arguments, _run
)
