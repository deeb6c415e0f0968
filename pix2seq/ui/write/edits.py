"""Edits: what a person asks for on the stage, turned into the tokens that a sentence starts with.

The page speaks in pixels, bins and labels; only the tokenizer knows ids. An edit is one of
``{"index": i, "token": id}`` (another token at ``i``), ``{"index": i, "pixel": x}`` (a dragged box
edge), ``{"index": i, "label": c}`` (another class), ``{"ids": [...]}`` (another path of the tree of
sentences, from its first token) or ``{"box": {"ymin": y, ...}}`` (a drawn prompt: the first one to
four coordinates of an object). A drawn prompt begins a sentence of its
own, because behind a finished one a trained model expects nothing but noise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from pix2seq.config import ConfigError, require_number, require_whole
from pix2seq.transforms import Letterbox
from pix2seq.ui.visit.runs import Run


@dataclass(frozen=True)
class Prompt:
    """What a sentence begins with.

    Attributes:
        ids: tokens after the model's own prompt.
        forced: positions of those that a person gave.
        behind: for a drawn prompt, the objects that were on view: the model can be asked the same
            behind them.
    """

    ids: tuple[int, ...]
    forced: frozenset[int]
    behind: tuple[int, ...] = ()


def edited_prompt(run: Run, kept: Sequence[int], edit: Mapping) -> Prompt:
    """What to go on from.

    Args:
        run: tells vocabulary, picture and what a person gave before.
        kept: the tokens on view; those behind an edited place are dropped.

    Raises:
        ConfigError: the edit names a place, token or class that does not exist.
    """
    if "box" in edit:
        ids = tuple(_box_tokens(run, edit["box"]))
        behind = tuple(_whole_objects(run, kept))
        return Prompt(ids, frozenset(range(len(ids))), behind)
    if "ids" in edit:
        return _path(run, kept, edit["ids"])
    if "index" not in edit:
        return _unedited(run, kept)
    index = require_whole("index", edit["index"])
    if not 0 <= index <= len(kept):
        raise ConfigError(f"token {index} does not exist; there are {len(kept)}")
    before = _unedited(run, kept[:index])
    if not {"token", "pixel", "label"} & set(edit):
        return before  # write again from here
    return Prompt((*before.ids, _replacement(run, index, edit)), before.forced | {index})


def _path(run: Run, kept: Sequence[int], ids: object) -> Prompt:
    """Another path. What it shares with the tokens on view stays as it was; where it leaves them, a
    person chose the token, and the model wrote the others."""
    tokenizer = run.predictor.tokenizer
    if not isinstance(ids, list) or not ids:
        raise ConfigError("ids must be a list of tokens")
    for token_id in ids:
        if not 0 <= require_whole("token", token_id) < tokenizer.vocab_size:
            raise ConfigError(f"token {token_id} is not in the vocabulary of this checkpoint")
    path = [int(token_id) for token_id in ids]
    if tokenizer.eos_id in path:
        path = path[: path.index(tokenizer.eos_id)]
    pairs = enumerate(zip(path, kept, strict=False))
    parted = next((i for i, (a, b) in pairs if a != b), min(len(path), len(kept)))
    given = {i for i in run.forced if i < parted}
    return Prompt(tuple(path), frozenset(given | {parted} if parted < len(path) else given))


def _unedited(run: Run, kept: Sequence[int]) -> Prompt:
    return Prompt(tuple(kept), frozenset(i for i in run.forced if i < len(kept)))


def _replacement(run: Run, index: int, edit: Mapping) -> int:
    tokenizer = run.predictor.tokenizer
    if "token" in edit:
        token_id = require_whole("token", edit["token"])
        if not 0 <= token_id < tokenizer.vocab_size:
            raise ConfigError(f"token {token_id} is not in the vocabulary of this checkpoint")
        return token_id
    if "label" in edit:
        label = require_whole("label", edit["label"])
        if label not in run.predictor.categories.named_labels():
            raise ConfigError(f"class {label} does not exist in this checkpoint")
        return int(tokenizer.class_tokens(torch.tensor(label)))
    return _coord_token(run, tokenizer.slot(index), edit["pixel"])


def _coord_token(run: Run, slot: str, pixel: object) -> int:
    if slot == "class":
        raise ConfigError("a class cannot be dragged; choose another token")
    pixel = require_number("pixel", pixel)
    width, height = run.picture.image.size
    letterbox = Letterbox(run.predictor.preprocess, (height, width))
    x, y = (pixel, 0.0) if slot.startswith("x") else (0.0, pixel)
    x = min(max(float(x), 0.0), width)
    y = min(max(float(y), 0.0), height)
    norm = letterbox.apply_boxes(torch.tensor([[x, y, x, y]]))[0]
    value = norm[0] if slot.startswith("x") else norm[1]
    return int(run.predictor.tokenizer.coord_tokens(value))


def _box_tokens(run: Run, box: object) -> list[int]:
    """The leading slots that the drawn box gives; a gap ends the prompt."""
    if not isinstance(box, Mapping):
        raise ConfigError("a drawn prompt must give ymin, xmin, ymax and xmax in pixels")
    ids: list[int] = []
    for slot in run.predictor.tokenizer.slots[:-1]:
        if box.get(slot) is None:
            break
        ids.append(_coord_token(run, slot, box[slot]))
    if not ids:
        raise ConfigError("a drawn prompt must give its first coordinate at least")
    return ids


def _whole_objects(run: Run, kept: Sequence[int]) -> list[int]:
    """The complete objects among ``kept``, without EOS."""
    ids = list(kept)
    while ids and (
        ids[-1] == run.predictor.tokenizer.eos_id
        or not run.predictor.tokenizer.is_boundary(len(ids))
    ):
        ids.pop()
    return ids
