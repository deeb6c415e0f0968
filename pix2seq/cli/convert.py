"""``convert``: other projects' checkpoint files to our folders."""

from __future__ import annotations

import argparse
import os

from pix2seq.categories import LABEL_SPACES
from pix2seq.cli.checks import check_folder
from pix2seq.cli.command import Command, read_text
from pix2seq.config import ConfigError


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
    torch_file = formats.add_parser("shariatnia", help="moein-shariatnia/Pix2Seq, a PyTorch file")
    torch_file.add_argument("source", metavar="FILE")
    torch_file.add_argument("out", metavar="OUT_DIR")
    torch_file.add_argument("--vit-heads", type=int, metavar="N", help="(default: width / 64)")
    torch_file.add_argument(
        "--decoder-heads", type=int, default=8, metavar="N", help="(default: 8)"
    )
    torch_file.add_argument(
        "--num-classes", type=int, metavar="N", help="classes it was trained on (default: VOC's 20)"
    )
    torch_file.add_argument(
        "--names", metavar="A,B,...", help="what they are called, in order; or a file, one a line"
    )
    torch_file.set_defaults(convert=_shariatnia)


def _google(args: argparse.Namespace):
    from pix2seq.checkpoints import CHECKPOINTS
    from pix2seq.convert import read_google

    # A folder named like a published checkpoint has that one's classes.
    info = CHECKPOINTS.get(args.out.rstrip("/").rpartition("/")[2])
    categories = args.categories or (info.label_space if info else "coco91")
    return read_google(args.source, args.config, args.image_size), categories


def _shariatnia(args: argparse.Namespace):
    names = _names(args.names)
    count = args.num_classes if names is None else len(names)
    if args.num_classes is not None and args.num_classes != count:
        raise ConfigError(f"--num-classes is {args.num_classes}, but --names lists {count}")
    from pix2seq.categories import Categories
    from pix2seq.convert import read_shariatnia

    converted = read_shariatnia(args.source, args.vit_heads, args.decoder_heads, count)
    if names is None:
        count = converted.tokenizer.num_classes
        if count == len(LABEL_SPACES["voc20"]):
            return converted, "voc20"
        names = [f"class {label}" for label in range(count)]
    return converted, Categories.contiguous(names)


def _names(text: str | None) -> list[str] | None:
    """Class names from the command line or from a file."""
    if text is None:
        return None
    parts = read_text(text).splitlines() if os.path.isfile(text) else text.split(",")
    names = [part.strip() for part in parts if part.strip()]
    twice = sorted({name for name in names if names.count(name) > 1})
    if not names or twice:
        what = f"lists {twice[0]!r} twice" if twice else "lists no class"
        raise ConfigError(f"--names {what}; give every class once")
    return names


def _run(args: argparse.Namespace) -> None:
    for name in ("vit_heads", "decoder_heads", "num_classes", "image_size"):
        value = getattr(args, name, None)
        if value is not None and value < 1:
            raise ConfigError(f"--{name.replace('_', '-')} is {value}; use 1 or more")
    check_folder(args.out, "OUT_DIR")
    converted, categories = args.convert(args)
    folder = converted.save(args.out, categories)
    print(converted.report.summary())
    tokenizer = converted.tokenizer
    print(f"{tokenizer.num_bins} bins, {tokenizer.num_classes} classes")
    print(f"written to {folder}; every key is accounted for in {folder / 'conversion.json'}")


CONVERT = Command("convert", "Other projects' checkpoints to our folders.", _add_arguments, _run)
