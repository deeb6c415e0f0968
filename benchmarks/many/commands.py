"""Images per second of whole commands: one process, two under ``torchrun``, Ray with two actors.

    python benchmarks/many/commands.py photos/ --count 60

Every command runs over the first ``count`` photos and over a third of them; the difference of both
times is what the other two thirds cost, so that starting Python, PyTorch or a cluster does not
count. Prints one JSON object; ``same`` says whether all wrote the same lines, up to their order.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SUFFIXES = (".jpg", ".png", ".avif")
TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
WAYS = {
    "1 process": ((), ()),
    "2 processes": (TORCHRUN, ()),
    "ray, 2 actors": ((), ("--engine", "ray", "--actors", "2")),
}
"""What starts the command, and how it shares the work, if it does not read in processes."""


def run(way: str, photos: list[Path], workers: int) -> tuple[float, set[str]]:
    """Seconds of a command over photos, and the lines that it wrote."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, "photos")
        place.mkdir()
        for photo in photos:
            shutil.copy(photo, place)
        found = Path(folder, "found.jsonl")
        launcher, engine = WAYS[way]
        command = [sys.executable, *launcher, "-m", "pix2seq", "detect", "photos"]
        command += ["--jsonl", "found.jsonl", *(engine or ("--workers", str(workers)))]
        start = time.perf_counter()
        done = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        )
        seconds = time.perf_counter() - start
        if done.returncode:
            raise SystemExit(f"{way} failed: {done.stderr[-500:]}")
        return seconds, {_without_times(line) for line in found.read_text().splitlines()}


def _without_times(line: str) -> str:
    row = json.loads(line)
    return json.dumps({key: row[key] for key in row if "seconds" not in key}, sort_keys=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--ways", nargs="+", default=list(WAYS), choices=list(WAYS))
    args = parser.parse_args()
    photos = sorted(p for p in Path(args.folder).iterdir() if p.suffix in SUFFIXES)[: args.count]
    few = photos[: len(photos) // 3]
    rates, lines = {}, []
    for way in args.ways:
        short, _ = run(way, few, args.workers)
        long, written = run(way, photos, args.workers)
        rates[way] = round((len(photos) - len(few)) / (long - short), 3)
        lines.append(written)
        print(f"{way}: {rates[way]} images/s", file=sys.stderr, flush=True)
    same = all(one == lines[0] for one in lines) and len(lines[0]) == len(photos)
    print(json.dumps({"photos": len(photos), "images_per_s": rates, "same": same}))


if __name__ == "__main__":
    main()
