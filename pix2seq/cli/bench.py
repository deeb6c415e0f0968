"""``bench``: how long looking and writing take on this machine."""

from __future__ import annotations

import argparse
import statistics
import time
from typing import TYPE_CHECKING, Any

from pix2seq.cli.checks import (
    check_model_arguments,
    check_output,
    check_picture,
    check_sampling_arguments,
)
from pix2seq.cli.command import (
    Command,
    add_model_arguments,
    add_sampling_arguments,
    sampling_options,
    write_json,
)
from pix2seq.config import ConfigError, SamplingOptions

if TYPE_CHECKING:
    from PIL import Image

    from pix2seq.predictor import Predictor


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model_arguments(parser)
    add_sampling_arguments(parser)
    parser.add_argument("--image", metavar="FILE", help="a picture (default: a generated scene)")
    parser.add_argument("--runs", type=int, default=5, metavar="N", help="medians of N runs")
    parser.add_argument("--json", metavar="FILE", help="the numbers (- prints them)")


def measure(
    predictor: Predictor, image: Image.Image, options: SamplingOptions, runs: int
) -> dict[str, Any]:
    """Medians over ``runs``, after one run that does not count.

    Returns:
        ``encode_s``; ``first_token_s`` after encoding; ``decode_s`` of all tokens; ``tokens``;
        ``tokens_per_s``; and the settings.
    """
    encodes, firsts, decodes, count = [], [], [], 0
    for _ in range(runs + 1):
        encoding = predictor.encode(image)
        start = time.perf_counter()
        moments = [time.perf_counter() - start for _ in predictor.stream(encoding, options)]
        encodes.append(encoding.seconds)
        firsts.append(moments[0])
        decodes.append(moments[-1])
        count = len(moments)  # the same in every run: the seed is
    decode = statistics.median(decodes[1:])
    return {
        "checkpoint": predictor.name,
        "device": str(predictor.device),
        "runs": runs,
        "tokens": count,
        "encode_s": statistics.median(encodes[1:]),
        "first_token_s": statistics.median(firsts[1:]),
        "decode_s": decode,
        "tokens_per_s": count / decode,
    }


def _run(args: argparse.Namespace) -> None:
    if args.runs < 1:
        raise ConfigError(f"--runs is {args.runs}; use at least one")
    check_model_arguments(args)
    check_sampling_arguments(args)
    check_output(args.json, "--json")
    if args.image:
        check_picture(args.image)
    from pix2seq.data import make_scene
    from pix2seq.examples import open_picture
    from pix2seq.predictor import load

    image = open_picture(args.image) if args.image else make_scene(seed=0).image
    predictor = load(args.checkpoint, args.device)
    options = predictor.resolve(sampling_options(args, predictor.categories))
    found = measure(predictor, image, options, args.runs)
    if args.json:
        write_json(args.json, found)
    if args.json != "-":
        print(
            f"{found['checkpoint']} on {found['device']}, median of {args.runs} runs: "
            f"encode {1000 * found['encode_s']:.1f} ms, "
            f"first token {1000 * found['first_token_s']:.1f} ms later, "
            f"{found['tokens']} tokens in {1000 * found['decode_s']:.1f} ms "
            f"({found['tokens_per_s']:.0f} tokens/s)"
        )


BENCH = Command("bench", "Time encoding and writing on this machine.", _add_arguments, _run)
