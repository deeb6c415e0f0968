"""Make anew what was made from the weights of ``mini``, when they change.

    python benchmarks/mini/anew.py [--only GROUP|STEP ...] [--photos DIR] [--list]

``page`` is what the page plays without a model, ``films`` what README and Space show of it (needs
Chromium and ``requirements-dev.txt``), ``numbers`` what was measured (needs the photos of coco3k).
The groups do not read each other's files, so that they can run side by side; ``--list`` tells what
each step makes. The texts that quote numbers are not made by machine, but for the card's sentence
about ten photos: see *When mini changes* in ``benchmarks/training/README.md``.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
HERE = "benchmarks/mini"
RUNS = (
    *("mini-192", "mini-192-photos", "mini-256", "mini-384", "mini-384-fine", "mini-512"),
    *("places-416", "joint-416-sum", "joint-416", "drafts-416", "gpu-416"),
    *("reward-416", "reward-416-more", "reward-416-objects", "reward-416-noise"),
    "reward-416-grammar",
)
"""The runs that made the present weights, first to last: files of ``benchmarks/training``."""

_CURVES = tuple(f"benchmarks/training/{run}.jsonl" for run in RUNS)
_OPENING = "example:scene-275"
_CARD = "checkpoints/mini/README.md"
_FILMS = ("minute", "tree", "memory", "bet")


@dataclass(frozen=True)
class Step:
    """What is made at once.

    Attributes:
        commands: arguments of Python, one command after the other; ``{train}``, ``{val}`` and
            ``{images}`` are the photos', ``{scratch}`` is a folder that goes away.
        makes: files and folders, from the root.
    """

    name: str
    group: str
    commands: tuple[str, ...]
    makes: tuple[str, ...]


def _measured(name: str, data: str) -> Step:
    path = f"{HERE}/{name}"
    command = f"-m pix2seq evaluate {data} --bootstrap 300 --json {path}.json --plot {path}.png"
    return Step(name, "numbers", (command,), (f"{path}.json", f"{path}.png"))


def _swept(name: str, data: str) -> Step:
    path = f"{HERE}/{name}"
    return Step(name, "numbers", (f"-m pix2seq evaluate {data} --sweep {path}",), (path,))


STEPS = (
    Step("runs", "page", ("-m pix2seq.ui.write.recordings",), ("assets/examples/records",)),
    Step("pairs", "page", ("-m pix2seq.ui.compare.recordings",), ("assets/compare",)),
    Step("trees", "page", ("-m pix2seq.ui.fork.recordings",), ("assets/examples/trees",)),
    Step("sweeps", "page", ("-m pix2seq.ui.lab.recordings",), ("assets/lab/mini.json",)),
    Step(
        "curves",
        "page",
        (f"-m pix2seq.ui.learn.training {' '.join(_CURVES)}",),
        ("assets/lab/mini-training.json",),
    ),
    Step(
        "stage",
        "page",
        (
            f"-m pix2seq detect {_OPENING} --eos model --seed 0 --record {{scratch}}/run.json",
            "-m pix2seq replay {scratch}/run.json --gif assets/stage.gif",
        ),
        ("assets/stage.gif",),
    ),
    Step(
        "ten",
        "page",
        (f"{HERE}/ten.py mini {HERE}/ten.webp {HERE}/ten.json {_CARD}",),
        (f"{HERE}/ten.webp", f"{HERE}/ten.json", _CARD),
    ),
    *(
        Step(name, "films", (f"-m tests.films assets --only {name}",), (f"assets/{name}.gif",))
        for name in _FILMS
    ),
    Step(
        "walkthrough",
        "films",
        ("-m tests.walkthrough assets/walkthrough.gif",),
        ("assets/walkthrough.gif",),
    ),
    Step(
        "thumbnail",
        "films",
        ("-m tests.films assets --only thumbnail",),
        ("assets/thumbnail.jpg",),
    ),
    _measured("scenes", "--scenes 500 --seed 12345"),
    _measured("photos", "--annotations {val} --images {images}"),
    Step(
        "doubles",
        "numbers",
        (
            f"{HERE}/repetition.py mini {{val}} {{images}} {HERE}/repetition.json "
            "assets/lab/mini-doubles.json",
        ),
        (f"{HERE}/repetition.json", "assets/lab/mini-doubles.json"),
    ),
    Step(
        "asking",
        "numbers",
        (f"{HERE}/asking.py mini {{val}} {{images}} {HERE}/asking.json",),
        (f"{HERE}/asking.json",),
    ),
    Step(
        "limits",
        "numbers",
        (
            f"{HERE}/limits.py mini {{images}} train={{train}} val={{val}} {HERE}/limits.json",
            f"{HERE}/people.py {HERE}/limits.json {HERE}/people.png",
        ),
        (f"{HERE}/limits.json", f"{HERE}/people.png"),
    ),
    _swept("sampling", "--scenes 100 --seed 777"),
    _swept("sampling-photos", "--annotations {val} --images {images} --limit 150"),
)


def commands(step: Step, photos: Path, scratch: str) -> Iterator[list[str]]:
    """A step's commands, ready to run."""
    places = {
        "train": str(photos / "annotations" / "train.json"),
        "val": str(photos / "annotations" / "val.json"),
        "images": str(photos / "images"),
        "scratch": scratch,
    }
    for command in step.commands:
        yield [sys.executable, *(word.format(**places) for word in command.split())]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    known = [*dict.fromkeys(step.group for step in STEPS), *(step.name for step in STEPS)]
    parser.add_argument("--only", nargs="+", choices=known, default=known, metavar="GROUP|STEP")
    parser.add_argument("--photos", type=Path, default=ROOT.parent / "shared/data/coco3k")
    parser.add_argument("--list", action="store_true", help="what each step makes, and no more")
    args = parser.parse_args(argv)
    steps = [step for step in STEPS if {step.name, step.group} & set(args.only)]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    failed = []
    for step in steps:
        if args.list:
            print(f"{step.group:<8} {step.name:<16} {', '.join(step.makes)}")
            continue
        start = time.monotonic()
        with tempfile.TemporaryDirectory() as scratch:
            done = all(
                subprocess.run(command, cwd=ROOT, env=env, check=False).returncode == 0
                for command in commands(step, args.photos.resolve(), scratch)
            )
        failed += [] if done else [step.name]
        told = "done" if done else "FAILED"
        print(f"== {step.name}: {told} after {time.monotonic() - start:.0f} s", flush=True)
    if failed:
        print(f"{len(failed)} of {len(steps)} steps failed: {' '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
