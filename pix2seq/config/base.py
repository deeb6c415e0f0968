"""What every configuration can do: check itself, become JSON, come back from it."""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from functools import cache
from pathlib import Path
from typing import Any, Self

_OUT_OF_MEMORY = (
    "the memory does not suffice; use --device cpu, a smaller --batch-size (train: --set "
    "batch_size=N), or a smaller checkpoint"
)


def out_of_memory(error: BaseException) -> str:
    """What people are told where the memory did not suffice; empty for any other error."""
    text = " ".join(str(error).split())
    known = isinstance(error, MemoryError) or "out of memory" in text.lower()
    known = known or (isinstance(error, RuntimeError) and "t allocate memory" in text.lower())
    return f"{_OUT_OF_MEMORY} ({text[:120] or 'no details'})" if known else ""


class ConfigError(ValueError):
    """A setting has a value that cannot work; the message names it and the remedy."""


def short(value: Any) -> str:
    """A value as a message can carry it: on one line, and not longer than that."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a number of thousands of digits; lists in lists
        return f"a {type(value).__name__} too long to show"
    return text if len(text) <= 60 else f"{text[:57]}..."


def parse_json(text: str) -> Any:
    """``json.loads``; raises ``ConfigError`` in words about the text, not about Python's stack."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ConfigError("it is nested too deeply") from None
    except ValueError as error:
        raise ConfigError(f"it is no JSON ({error})") from None


def require(condition: bool, message: str) -> None:
    """Raise ``ConfigError`` with ``message`` unless the condition holds."""
    if not condition:
        raise ConfigError(message)


def _is_number(value: Any) -> bool:
    """Whether it is a number of usable size; NaN, infinity and what no float holds are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**63


def require_number(name: str, value: Any) -> int | float:
    """``value`` if it is a number of usable size, no NaN and no infinity; else ``ConfigError``."""
    require(_is_number(value), f"{name} is {short(value)}; it must be a number")
    return value


def require_whole(name: str, value: Any) -> int:
    """``value`` as an integer if it is a whole number of usable size; else ``ConfigError``."""
    fits = _is_number(value) and int(value) == value
    require(fits, f"{name} is {short(value)}; it must be a whole number")
    return int(value)


def one_of(name: str, value: Any, hint: Any) -> None:
    """Raise ``ConfigError`` unless ``value`` is one of a ``Literal``'s choices."""
    choices = typing.get_args(hint)
    require(
        value in choices, f"{name} is {short(value)}; use one of {', '.join(map(repr, choices))}"
    )


@cache
def type_hints(cls: type) -> dict[str, Any]:
    """``typing.get_type_hints``, evaluated once per class: run records hold thousands of values."""
    return typing.get_type_hints(cls)


_SCALARS: dict[Any, tuple[tuple[type, ...], str]] = {
    bool: ((bool,), "true or false"),
    int: ((int,), "a whole number"),
    float: ((int, float), "a number"),
    str: ((str,), "a text"),
}


def _from_json(name: str, hint: Any, value: Any) -> Any:
    """Rebuild the Python value that type ``hint`` asks for: nested configs, tuples, optionals."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        if value is None and type(None) in args:
            return None
        choices = [choice for choice in args if choice is not type(None)]
        if isinstance(value, dict):  # not for the `str` in `str | dict`
            choices = [choice for choice in choices if choice not in _SCALARS] or choices
        return _from_json(name, choices[0], value)
    if dataclasses.is_dataclass(hint):
        return hint.from_dict(value)
    if origin is tuple:
        require(isinstance(value, list | tuple), f"{name} is {short(value)}; it must be a list")
        return tuple(_from_json(f"an item of {name}", args[0], item) for item in value)
    if hint in _SCALARS:
        kinds, wanted = _SCALARS[hint]
        fits = isinstance(value, kinds) and (hint is bool or not isinstance(value, bool))
        fits = fits and (hint is not float or _is_number(value))
        require(fits, f"{name} is {short(value)}; it must be {wanted}")
        return hint(value)
    return value


class Config:
    """Mixin: JSON in, JSON out. Unknown keys are errors, missing keys take their defaults."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values: dicts, lists or tuples, numbers, texts, ``None``."""
        return dataclasses.asdict(self)  # type: ignore[call-overload]

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """Rebuild from plain values.

        Raises:
            ConfigError: a setting is unknown, missing, of the wrong kind or impossible.
        """
        hints = type_hints(cls)
        fields = dataclasses.fields(cls)  # type: ignore[arg-type]
        known = {f.name for f in fields}
        require(isinstance(data, dict), f"{cls.__name__} needs settings by name, not {short(data)}")
        unknown = ", ".join(map(short, sorted(set(data) - known, key=str)[:5]))
        require(
            not unknown,
            f"{cls.__name__} has no setting {unknown}; it knows {', '.join(sorted(known))}",
        )
        absent = dataclasses.MISSING
        needed = {f.name for f in fields if f.default is absent and f.default_factory is absent}
        missing = ", ".join(map(repr, sorted(needed - set(data))))
        require(not missing, f"{cls.__name__} lacks {missing}")
        return cls(**{name: _from_json(name, hints[name], value) for name, value in data.items()})

    def to_json(self) -> str:
        """Indented JSON text."""
        return json.dumps(self.to_dict(), indent=2)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a JSON file. Raises ``ConfigError`` naming the file when it cannot be used."""
        try:
            return cls.from_dict(parse_json(Path(path).read_text(encoding="utf-8")))
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror or error}; check the path") from error
        except UnicodeDecodeError:
            raise ConfigError(f"{path} is not UTF-8 text; it holds no settings") from None
        except (ValueError, RecursionError) as error:  # ConfigError and JSON's own among them
            raise ConfigError(f"{path}: {error}") from error

    def replace(self, **changes: Any) -> Self:
        """A copy with some settings changed, checked again."""
        return dataclasses.replace(self, **changes)  # type: ignore[type-var]
