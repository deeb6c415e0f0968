"""How near ``detect_many`` comes to a loop that has its pictures decoded and letterboxed already.

    python benchmarks/many/many.py photos/ --count 500 --rounds 2

Both write the same sentences; they take turns, so that a busy machine slows both. Prints one JSON
object: images per second of each, and the ratio.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch

import pix2seq
from pix2seq.many import rows_at_once, seed_of, write_many
from pix2seq.many.frames import Frame, read_frame
from pix2seq.predictor import Predictor


def loop(predictor: Predictor, frames: list[tuple[str, Frame]]) -> float:
    """Seconds to look and write with everything in memory."""
    options = predictor.resolve()
    rows = rows_at_once(predictor, "auto", options)
    seeded = ((name, seed_of(name, 0), frame) for name, frame in frames)
    start = time.perf_counter()
    for _ in write_many(predictor, seeded, options, rows):
        pass
    return time.perf_counter() - start


def whole(predictor: Predictor, paths: list[Path], workers: int) -> float:
    """Seconds from files to detections, the start of the reading processes included."""
    start = time.perf_counter()
    for _ in predictor.detect_many(paths, workers=workers, ordered=False, on_error="raise"):
        pass
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--checkpoint", default="mini")
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    predictor = pix2seq.load(args.checkpoint)
    paths = sorted(Path(args.folder).glob("*.jpg"))[: args.count]
    frames = [(str(path), read_frame(path, predictor.preprocess)) for path in paths]
    loop(predictor, frames[:2])
    seconds = {"loop": 0.0, "detect_many": 0.0}
    for _ in range(args.rounds):
        seconds["loop"] += loop(predictor, frames)
        seconds["detect_many"] += whole(predictor, paths, args.workers)
    rates = {name: args.rounds * len(paths) / value for name, value in seconds.items()}
    print(
        json.dumps(
            {
                "photos": len(paths),
                "rounds": args.rounds,
                "threads": torch.get_num_threads(),
                "images_per_s": {name: round(rate, 3) for name, rate in rates.items()},
                "ratio": round(rates["detect_many"] / rates["loop"], 3),
            }
        )
    )


if __name__ == "__main__":
    main()
