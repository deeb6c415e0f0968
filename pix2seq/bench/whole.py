"""Rows about whole tasks: a command, an evaluation, a batch of pictures, a training step."""

from __future__ import annotations

import copy
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch

from pix2seq.bench.row import Row
from pix2seq.bench.timing import seconds_now, seconds_of_children, shortest, taking_turns
from pix2seq.config import ConfigError
from pix2seq.data import Scenes, make_scene
from pix2seq.evaluate import evaluate
from pix2seq.images import SUFFIXES
from pix2seq.many import read_frame, rows_at_once, seed_of, write_many
from pix2seq.predictor import Predictor

_MOST_PHOTOS = 500
_PIECE = 20  # pictures of one side before it is the other's turn


def command_rows(repeats: int) -> Iterator[Row]:
    """``detect`` as a process of its own, against what no program with PyTorch can avoid."""
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder, "photo.jpg")
        make_scene(seed=1).image.save(photo)
        command = [sys.executable, "-m", "pix2seq", "detect", str(photo)]
        ours = shortest(lambda: _run(command), repeats, seconds_of_children)
    torch_alone = shortest(
        lambda: _run([sys.executable, "-c", "import torch"]), repeats, seconds_of_children
    )
    note = f"{ours:.1f} s against {torch_alone:.1f} for import torch, and one more"
    what = "detect photo.jpg, whole process, against import torch + 1 s"
    yield Row("command/detect", what, ours / (torch_alone + 1), "x", 1.3, note=note)


def evaluation_rows(predictor: Predictor, images: int) -> Iterator[Row]:
    """Seconds that 300 images take, from pictures in memory to COCO's numbers."""
    scenes = Scenes(777, images)
    drawn = _Drawn(scenes.categories, [scenes[i] for i in range(images)])
    start = seconds_now()
    evaluate(predictor, drawn)
    seconds = (seconds_now() - start) * 300 / images
    note = f"{images} scenes, drawn beforehand, times {300 / images:.1f}"
    yield Row(
        "evaluate/300", f"evaluating 300 images, {predictor.name}", seconds, "s", 25, note=note
    )


def many_rows(predictor: Predictor, count: int, photos: str | None) -> Iterator[Row]:
    """``detect_many`` from files against a loop that has its pictures decoded already.

    Args:
        count: scenes to draw and save where there are no photos.
        photos: a folder; 500 of its pictures at most.
    """
    with tempfile.TemporaryDirectory() as folder:
        if photos is None:
            paths = [Path(folder, f"{seed}.jpg") for seed in range(count)]
            for seed, path in enumerate(paths):
                make_scene(seed=seed).image.save(path)
        else:
            paths = _pictures_in(photos)[:_MOST_PHOTOS]
        yield _many_row(predictor, paths, "scenes" if photos is None else "photos")


def _many_row(predictor: Predictor, paths: list[Path], kind: str) -> Row:
    options = predictor.resolve()
    rows = rows_at_once(predictor, "auto", options)
    frames = [(str(path), read_frame(path, predictor.preprocess)) for path in paths]

    def loop() -> Iterator[object]:
        seeded = ((name, seed_of(name, 0), frame) for name, frame in frames)
        return write_many(predictor, seeded, options, rows)

    def whole() -> Iterator[object]:
        return predictor.detect_many(paths, options, ordered=False, on_error="raise")

    next(loop())  # what is made once, is made
    alone, ours = taking_turns((loop, whole), _PIECE)
    note = (
        f"{len(paths) / sum(ours):.2f} images/s, {len(paths)} {kind}, the start of the reading "
        "processes included"
    )
    if len(ours) > 1:
        note += f"; {sum(alone[1:]) / sum(ours[1:]):.2f} x after the first {_PIECE}"
    what = "detect_many, images/s against encode and write alone"
    return Row("many", what, sum(alone) / sum(ours), "x", 0.90, higher=True, note=note)


def _pictures_in(folder: str) -> list[Path]:
    found = sorted(path for path in Path(folder).iterdir() if path.suffix.lower() in SUFFIXES)
    if not found:
        raise ConfigError(f"{folder} holds no picture; give a folder of photos")
    return found


class _Drawn:
    """Scenes that need not be drawn any more."""

    def __init__(self, categories, samples) -> None:
        self.categories = categories
        self.samples = samples

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int):
        return self.samples[index]


def training_rows(predictor: Predictor, repeats: int) -> Iterator[Row]:
    """A step of the whole network against its parts alone, forward and backward, 4 images."""
    model = copy.deepcopy(predictor.model).train()
    for parameter in model.parameters():
        parameter.requires_grad_()
    config = model.config
    pixels = torch.rand(4, 3, *config.image_size, device=predictor.device)
    ids = torch.randint(0, config.vocab_size, (4, config.max_tokens), device=predictor.device)
    memory = model.encode_image(pixels).detach()

    def whole() -> None:
        model.decode(ids, model.encode_image(pixels)).square().mean().backward()

    def encoder() -> None:
        model.encode_image(pixels).square().mean().backward()

    def decoder() -> None:
        model.decode(ids, memory.requires_grad_()).square().mean().backward()

    parts = shortest(encoder, repeats) + shortest(decoder, repeats)
    together = shortest(whole, repeats)
    what = "training, images/s against encoder and decoder alone"
    yield Row("training", what, parts / together, "x", 0.85, higher=True)


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True)
