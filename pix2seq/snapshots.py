"""The training time machine: what a run's checkpoints thought of a few pictures, as one small file.

A run that keeps snapshots (``TrainConfig.snapshots``) leaves a dozen checkpoints. Here each of them
reads the same sentence about the same pictures, and its distributions are recorded, not its
weights: a flat bar that becomes a bell, then two peaks, then names, without a model.

The file is JSON, ``pix2seq-snapshots/1``. Per run, snapshot and picture, ``data`` is base64 of
(T + 1) rows of ``vocab_size`` bytes: row ``i`` is the raw distribution at token ``i`` of the
picture's sentence, the last one what would come behind it. A byte is round(255 √p), so that a
probability of 2e-5 is still seen; ``Snapshots.rows`` turns bytes into probabilities again.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pix2seq.config import ConfigError, SamplingOptions, TokenizerConfig, TrainConfig, parse_json
from pix2seq.examples import example_of, open_picture, scene_sample
from pix2seq.predictor import ImageEncoding, Predictor, load
from pix2seq.render.fields import LONGEST_TEXT, Plain
from pix2seq.sampling import forced_logits
from pix2seq.tokenizer import object_order

FORMAT = "pix2seq-snapshots/1"
PICTURES = (
    "example:scene-26",
    "example:scene-7",
    "example:scene-11",
    "example:chelsea",
    "example:coffee",
)
OBJECTS = 4
LARGEST = 2_000_000
"""Bytes of a file, so that a page can carry it."""

_POINTS = 150


@dataclass(frozen=True)
class SnapshotPicture(Plain):
    """A picture and the sentence that every snapshot reads about it.

    Attributes:
        source: whose sentence it is: ``truth`` (a scene's labels, largest first), or ``last`` (what
            the first run's last snapshot writes).
        token_ids, slots, texts: of the sentence, EOS excluded.
    """

    name: str
    width: int
    height: int
    source: str
    token_ids: tuple[int, ...]
    slots: tuple[str, ...]
    texts: tuple[str, ...]


@dataclass(frozen=True)
class SnapshotRows(Plain):
    """What one snapshot thinks of one picture: the distributions (see the module), and the sentence
    that it writes itself, likeliest token by likeliest token, EOS included where it ends."""

    data: str
    own: tuple[int, ...]


@dataclass(frozen=True)
class Snapshot(Plain):
    """One checkpoint of a run: ``rows`` has an entry per picture."""

    step: int
    rows: tuple[SnapshotRows, ...]


@dataclass(frozen=True)
class CurvePoint(Plain):
    """Mean losses up to a step, in nats per token."""

    step: int
    loss: float
    coord_loss: float
    class_loss: float


@dataclass(frozen=True)
class RunHistory(Plain):
    """One run: ``noise_objects`` says whether its sequences were augmented."""

    name: str
    noise_objects: bool
    snapshots: tuple[Snapshot, ...]
    curve: tuple[CurvePoint, ...] = ()


@dataclass(frozen=True)
class Snapshots(Plain):
    """A whole file."""

    tokenizer: TokenizerConfig
    pictures: tuple[SnapshotPicture, ...]
    runs: tuple[RunHistory, ...]
    format: str = FORMAT

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.format != FORMAT:
            raise ConfigError(f"the file has format {self.format!r}; this version reads {FORMAT!r}")
        for run in self.runs:
            for snapshot in run.snapshots:
                if len(snapshot.rows) != len(self.pictures):
                    raise ConfigError(
                        f"step {snapshot.step} of {run.name} has {len(snapshot.rows)} pictures; "
                        f"the file has {len(self.pictures)}"
                    )
                for picture, rows in zip(self.pictures, snapshot.rows, strict=True):
                    length = len(picture.token_ids) + 1
                    if len(_bytes(rows.data)) != length * self.tokenizer.vocab_size:
                        raise ConfigError(
                            f"step {snapshot.step} of {run.name}: {picture.name} has not "
                            f"{length} rows of {self.tokenizer.vocab_size} bytes"
                        )

    def rows(self, run: int, snapshot: int, picture: int) -> Tensor:
        """Probabilities (T + 1, V) float64 that add up to 1."""
        found = self.runs[run].snapshots[snapshot].rows[picture]
        roots = np.frombuffer(_bytes(found.data), dtype=np.uint8).astype(np.float64)
        probs = torch.from_numpy(roots**2).view(-1, self.tokenizer.vocab_size)
        return probs / probs.sum(1, keepdim=True)

    def to_json(self) -> str:
        """One compact line. Raises ``ConfigError`` if it is larger than ``LARGEST``."""
        text = json.dumps(self.to_dict(), separators=(",", ":"), allow_nan=False)
        if len(text) > LARGEST:
            raise ConfigError(
                f"the file would have {len(text) / 1e6:.1f} MB, at most {LARGEST / 1e6:.0f}; take "
                "fewer pictures, objects or runs"
            )
        return text

    @classmethod
    def from_json(cls, text: str) -> Snapshots:
        """Read a file. Raises ``ConfigError`` saying what is wrong with it."""
        try:
            return cls.from_dict(parse_json(text))
        except ConfigError as error:
            raise ConfigError(f"these are no snapshots: {str(error)[:200]}") from None
        except (TypeError, ValueError, AttributeError, RecursionError, KeyError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise ConfigError(f"these are no snapshots: {reason[:120]}") from None


def record_snapshots(
    runs: Sequence[str | Path],
    pictures: Sequence[str] = PICTURES,
    objects: int = OBJECTS,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Snapshots:
    """Let every snapshot of some runs read the same sentences.

    Args:
        runs: folders of ``python -m pix2seq train`` with ``snapshots/`` in them.
        pictures: files, or examples by name.
        objects: of a sentence at most.
        progress: called with (snapshots done, snapshots in all).

    Raises:
        ConfigError: a run has no snapshots or another vocabulary, or a picture cannot be opened.
    """
    if objects < 1:
        raise ConfigError(f"objects is {objects}; record at least one")
    if not runs or not pictures:
        raise ConfigError("there is nothing to record; name at least one run and one picture")
    folders = {Path(run): _snapshot_folders(Path(run)) for run in runs}
    images = [open_picture(name) for name in pictures]
    last = load(next(iter(folders.values()))[-1], device="cpu")
    seen = last.encode_batch(images)
    recorded = [
        _picture(last, name, encoding, objects)
        for name, encoding in zip(pictures, seen, strict=True)
    ]
    total, done = sum(map(len, folders.values())), 0
    histories = []
    for run, steps in folders.items():
        snapshots = []
        for folder in steps:
            predictor = load(folder, device="cpu")
            if predictor.tokenizer.config != last.tokenizer.config:
                raise ConfigError(f"{run} has another vocabulary than {next(iter(folders))}")
            rows = [
                _rows(predictor, encoding, picture, objects)
                for picture, encoding in zip(recorded, predictor.encode_batch(images), strict=True)
            ]
            snapshots.append(Snapshot(_step(folder), tuple(rows)))
            done += 1
            progress(done, total)
        augmented = TrainConfig.load(run / "train.json").augment.noise_objects
        histories.append(RunHistory(run.name, augmented, tuple(snapshots), _curve(run)))
    return Snapshots(last.tokenizer.config, tuple(recorded), tuple(histories))


# ---- inside ---------------------------------------------------------------------------------


def _snapshot_folders(run: Path) -> list[Path]:
    folders = sorted((run / "snapshots").glob("step-*"), key=_step)
    if not folders:
        raise ConfigError(
            f"{run} has no snapshots/; train it with --set snapshots=12 to keep a dozen"
        )
    return folders


def _step(folder: Path) -> int:
    number = folder.name.removeprefix("step-")
    if not number.isdecimal():
        raise ConfigError(f"{folder} is no snapshot's folder; it would be called step-000123")
    return int(number)


def _picture(
    predictor: Predictor, name: str, encoding: ImageEncoding, objects: int
) -> SnapshotPicture:
    tokenizer = predictor.tokenizer
    truth = scene_sample(example_of(name))
    if truth is not None:
        boxes = encoding.letterbox.apply_boxes(truth.boxes)
        order = object_order(boxes, "area")[:objects]
        ids = tokenizer.encode(boxes[order], truth.labels[order]).tolist()
    else:
        ids = [i for i in _own(predictor, encoding, objects) if i != tokenizer.eos_id]
    height, width = encoding.orig_size
    return SnapshotPicture(
        name=name[-LONGEST_TEXT:],
        width=width,
        height=height,
        source="last" if truth is None else "truth",
        token_ids=tuple(ids),
        slots=tuple(tokenizer.slot(index) for index in range(len(ids))),
        texts=tuple(tokenizer.describe(token_id).text for token_id in ids),
    )


def _own(predictor: Predictor, encoding: ImageEncoding, objects: int) -> list[int]:
    """What a decoder writes itself."""
    limit = min(objects, predictor.tokenizer.config.max_objects)
    options = SamplingOptions(
        temperature=0.0, eos="model", grammar=True, follow_drafts=False, max_objects=limit
    )
    return [step.token_id for step in predictor.stream(encoding, options)]


def _rows(
    predictor: Predictor, encoding: ImageEncoding, picture: SnapshotPicture, objects: int
) -> SnapshotRows:
    logits = forced_logits(
        predictor.model, encoding.memory, predictor.tokenizer, [picture.token_ids]
    )[0]
    roots = (logits.double().softmax(-1).sqrt() * 255).round().to(torch.uint8)
    return SnapshotRows(
        data=base64.b64encode(roots.numpy().tobytes()).decode(),
        own=tuple(_own(predictor, encoding, objects)),
    )


def _curve(run: Path) -> tuple[CurvePoint, ...]:
    """The run's losses, thinned to a drawable number; a step that was done twice counts once."""
    file = run / "metrics.jsonl"
    try:
        lines = (
            [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
        )
        points = {
            line["step"]: CurvePoint(
                line["step"], line["loss"], line["coord_loss"], line["class_loss"]
            )
            for line in lines
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{file} cannot be read: {error}") from None
    ordered = [points[step] for step in sorted(points)]
    if len(ordered) <= _POINTS:
        return tuple(ordered)
    places = np.linspace(0, len(ordered) - 1, _POINTS).round().astype(int)
    return tuple(ordered[place] for place in places)


def _bytes(data: str) -> bytes:
    try:
        return base64.b64decode(data, validate=True)
    except ValueError:
        raise ConfigError("the distributions are not base64") from None
