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
from pix2seq.bench.timing import seconds_now, seconds_of_children, shortest, wall_seconds
from pix2seq.data import Scenes, make_scene
from pix2seq.evaluate import evaluate
from pix2seq.many import read_frame, rows_at_once, seed_of, write_many
from pix2seq.predictor import Predictor


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


def many_rows(predictor: Predictor, count: int) -> Iterator[Row]:
    """``detect_many`` from files against a loop that has its pictures decoded already."""
    options = predictor.resolve()
    rows = rows_at_once(predictor, "auto", options)
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, f"{seed}.jpg") for seed in range(count)]
        for seed, path in enumerate(paths):
            make_scene(seed=seed).image.save(path)
        frames = [(str(path), read_frame(path, predictor.preprocess)) for path in paths]

        def loop() -> None:
            seeded = ((name, seed_of(name, 0), frame) for name, frame in frames)
            for _ in write_many(predictor, seeded, options, rows):
                pass

        def whole() -> None:
            for _ in predictor.detect_many(paths, options, ordered=False, on_error="raise"):
                pass

        loop()
        figure, ours = wall_seconds(loop), wall_seconds(whole)
        figure = min(figure, wall_seconds(loop)) / min(ours, wall_seconds(whole))
    note = (
        f"{count / ours:.2f} images/s, {count} files, the start of the reading processes included"
    )
    what = "detect_many, images/s against encode and write alone"
    yield Row("many", what, figure, "x", 0.90, higher=True, note=note)


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
