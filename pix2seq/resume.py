"""Beginning a run or going on with one: its folder, its stored state and the given settings must
belong together."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from tqdm import tqdm

from pix2seq.categories import Categories
from pix2seq.config import ConfigError, TrainConfig
from pix2seq.data.survey import listed
from pix2seq.states import State, holds_run, latest_state


def check_free(out: Path, resume: bool) -> None:
    """Raises ``ConfigError`` where a new run would write over an old one."""
    if holds_run(out) and not resume:
        raise ConfigError(f"{out} already holds a run; add --resume or choose another folder")


def begin(
    out: Path, config: TrainConfig, categories: Categories, resume: bool
) -> tuple[State | None, int]:
    """The state to go on from, ``None`` for a new run, and the step that it has reached.

    Raises:
        ConfigError: see ``resumed_step``.
    """
    if not resume:
        return None, 0
    state = latest_state(out, _warn_damaged)
    first = resumed_step(out, state, config, categories)
    if first == config.steps:
        print(f"{out} is finished: all {first} steps are done", file=sys.stderr)
    return state, first


def resumed_step(
    out: Path, state: State | None, config: TrainConfig, categories: Categories
) -> int:
    """The step that a run folder has reached, 0 where there is no run yet.

    Settings that differ from the stored ones are named on stderr; ``steps`` may.

    Args:
        state: the newest that is whole, ``None`` if the run has saved none.

    Raises:
        ConfigError: the state belongs to another network, other tokens or other classes, or is
            beyond ``config.steps``.
    """
    if state is None:
        print(f"{out} holds no run to resume; it starts from the beginning", file=sys.stderr)
        return 0
    classes = tuple(categories.name(label) for label in categories.named_labels())
    if state.classes != classes:
        raise ConfigError(
            f"{out} learned the classes {listed(state.classes)}, the data now has "
            f"{listed(classes)}; use the same data, or another --out"
        )
    stored = type(config).load(out / "train.json")
    changed = _differences(stored.to_dict(), config.to_dict())
    for part in ("model", "tokenizer"):
        names = [name for name in changed if name.split(".")[0] == part]
        if names:
            raise ConfigError(
                f"{out} cannot go on with another {part}: {_in_words(changed, names)}; "
                "use its settings, or another --out"
            )
    if state.step > config.steps:
        raise ConfigError(
            f"{out} has {state.step} steps already, {config.steps} are asked for; raise steps"
        )
    names = [name for name in changed if name != "steps"]
    if names:
        print(f"{out} goes on with changed settings: {_in_words(changed, names)}", file=sys.stderr)
    return state.step


def _differences(old: Any, new: Any, name: str = "") -> dict[str, tuple[Any, Any]]:
    """Leaves that differ between two nested settings, by dotted name."""
    if isinstance(old, dict) and isinstance(new, dict):
        found = {}
        for key in [*old, *(key for key in new if key not in old)]:
            found |= _differences(old.get(key), new.get(key), f"{name}.{key}".lstrip("."))
        return found
    if isinstance(old, list | tuple) and isinstance(new, list | tuple) and len(old) == len(new):
        found = {}
        for number, (a, b) in enumerate(zip(old, new, strict=True)):
            found |= _differences(a, b, f"{name}.{number}")
        return found
    return {} if old == new else {name: (old, new)}


def _in_words(changed: dict[str, tuple[Any, Any]], names: list[str]) -> str:
    return ", ".join(f"{name} {changed[name][0]!r} -> {changed[name][1]!r}" for name in names)


def _warn_damaged(text: str) -> None:
    tqdm.write(f"pix2seq: {text}; the one before it is used", file=sys.stderr)
