"""What a JSON value means where a number, an id or a flag belongs.

Label tools write numbers as text, ids as whole floats and flags in five ways; the meaning is plain.
"""

from __future__ import annotations

import math
from typing import Any

from pix2seq.config import ConfigError, short


def number_of(value: Any) -> float | None:
    """A finite number, or the text of one; ``None`` for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


LARGEST = 2**63 - 1
"""The largest whole number of a table (int64)."""


def whole(value: Any) -> int | None:
    """A whole number of at most ``LARGEST``, as a number, a float or a text; ``None`` for anything
    else."""
    number = _whole(value)
    return number if number is not None and abs(number) <= LARGEST else None


def _whole(value: Any) -> int | None:
    if isinstance(value, str):
        try:
            return int(value)  # exact where a float would not be
        except ValueError:
            pass
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    number = number_of(value)
    return int(number) if number is not None and number.is_integer() else None


def flag(value: Any) -> bool | None:
    """0 and 1, true and false, as numbers or texts; nothing at all is false; else ``None``."""
    if isinstance(value, bool):
        return value
    if value is None or value == "":
        return False
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    number = whole(value)
    return number == 1 if number in (0, 1) else None


def require_object(where: str, entry: Any) -> None:
    """Raises ``ConfigError`` unless an entry is one."""
    if not isinstance(entry, dict):
        raise ConfigError(f"{where} is {short(entry)}; it must be an object")


def id_of(where: str, entry: dict, field: str) -> int:
    """An entry's whole number. Raises ``ConfigError`` naming where it stands."""
    if field not in entry:
        raise ConfigError(f"{where} lacks {field!r}")
    identity = whole(entry[field])
    if identity is None:
        raise ConfigError(f"{where}: {field} is {short(entry[field])}; it must be a whole number")
    return identity
