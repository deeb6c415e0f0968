"""``convert``: other projects' checkpoint files to our folders."""

from __future__ import annotations

import argparse

from pix2seq.cli.command import Command


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    formats = parser.add_subparsers(metavar="FORMAT", required=True)
    google = formats.add_parser("google", help="google-research/pix2seq, TensorFlow files")
    google.add_argument("source", metavar="CKPT_PREFIX", help="ckpt-N, its .index, or its folder")
    google.add_argument("out", metavar="OUT_DIR")
    google.add_argument(
        "--config", metavar="FILE", help="official config.json (default: beside the checkpoint)"
    )
    google.add_argument(
        "--image-size", type=int, metavar="N", help="where no config.json says it, e.g. 640"
    )
    google.add_argument(
        "--categories", choices=("coco91", "objects365"), help="what its classes are called"
    )
    google.set_defaults(convert=_google)
    voc = formats.add_parser("shariatnia", help="moein-shariatnia/Pix2Seq, a PyTorch file")
    voc.add_argument("source", metavar="FILE")
    voc.add_argument("out", metavar="OUT_DIR")
    voc.add_argument("--vit-heads", type=int, metavar="N", help="(default: width / 64)")
    voc.add_argument("--decoder-heads", type=int, default=8, metavar="N", help="(default: 8)")
    voc.set_defaults(convert=_shariatnia)


def _google(args: argparse.Namespace):
    from pix2seq.checkpoints import CHECKPOINTS
    from pix2seq.convert import read_google

    # A folder named like a published checkpoint has that one's classes.
    info = CHECKPOINTS.get(args.out.rstrip("/").rpartition("/")[2])
    categories = args.categories or (info.label_space if info else "coco91")
    return read_google(args.source, args.config, args.image_size), categories


def _shariatnia(args: argparse.Namespace):
    from pix2seq.convert import read_shariatnia

    return read_shariatnia(args.source, args.vit_heads, args.decoder_heads), "voc20"


def _run(args: argparse.Namespace) -> None:
    converted, categories = args.convert(args)
    folder = converted.save(args.out, categories)
    print(converted.report.summary())
    print(f"written to {folder}; every key is accounted for in {folder / 'conversion.json'}")


CONVERT = Command("convert", "Other projects' checkpoints to our folders.", _add_arguments, _run)
