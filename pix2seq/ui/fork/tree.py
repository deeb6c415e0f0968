"""The tree of sentences about the picture on view: grown from its run, or read from a recording.

A recorded tree is a ``SentenceTree`` as JSON beside the example's recording, so the page shows it
without a model.
"""

from __future__ import annotations

from pathlib import Path

from pix2seq.branching import SentenceTree, grow_tree, with_rivals, write_rivals
from pix2seq.config import ConfigError, SamplingOptions
from pix2seq.examples import FOLDER as EXAMPLES
from pix2seq.predictor import ImageEncoding, Predictor
from pix2seq.ui.visit.runs import Run

FOLDER = EXAMPLES / "trees"
LEAVES = (6, 12, 24)


def grow(run: Run, question: dict) -> dict:
    """The tree about a run's picture behind the tokens ``ids``, with ``leaves`` paths at most, and
    without rivals: the page asks for those when the tree is on view."""
    ids, leaves = question.get("ids", []), question.get("leaves", 12)
    if not isinstance(ids, list) or not all(type(token_id) is int for token_id in ids):
        raise ConfigError("ids must be a list of token ids")
    if leaves not in LEAVES:
        raise ConfigError(f"leaves is {leaves!r}; use one of {', '.join(map(str, LEAVES))}")
    encoding = run.picture.encoded_by(run.predictor)
    name = run.picture.name
    tree = grow_tree(run.predictor, encoding, run.options, ids, leaves, image_name=name)
    return tree.to_dict()


def rivals(run: Run) -> list[dict]:
    """What sentences about a run's picture cost that are written in other ways."""
    encoding = run.picture.encoded_by(run.predictor)
    found = write_rivals(run.predictor, encoding, run.options)
    return [{"kind": one.kind, "seed": one.seed, "surprise": one.surprise} for one in found]


def whole_tree(
    predictor: Predictor,
    encoding: ImageEncoding,
    options: SamplingOptions,
    prefix: list[int],
    leaves: int,
    image_name: str,
) -> SentenceTree:
    """A tree and, to compare sums with, the sentences of other ways to write."""
    tree = grow_tree(predictor, encoding, options, prefix, leaves, image_name=image_name)
    return with_rivals(tree, write_rivals(predictor, encoding, options))


def recorded_tree(example: str | None, folder: Path = FOLDER) -> SentenceTree | None:
    """The recording of an example's tree; ``None`` if there is no usable one."""
    if example is None:
        return None
    path = folder / f"{example}.json"
    if path.parent != folder or not path.is_file():  # an example's name is no path
        return None
    try:
        return SentenceTree.from_json(path.read_text(encoding="utf-8"))
    except (ConfigError, OSError, ValueError):
        return None
