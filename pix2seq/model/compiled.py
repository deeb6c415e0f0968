"""Functions as machine code: Numba compiles them when they first run, and keeps them for the next
start, beside their file or in the user's cache (``NUMBA_CACHE_DIR`` names another folder).

Not every machine has such a folder, a disk may be full, and what is kept may be damaged. So the
first run is tried here: if it fails, all is compiled anew and nothing kept, and if that fails,
PyTorch's operations write. Either is said.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from pix2seq import logs
from pix2seq.config import short

_functions: list[Any] = []  # Numba's dispatchers
_unkept: list[str] = []  # names of functions that the next start compiles again


def compiled(order: set[str]) -> Callable[[Callable], Any]:
    """Compile when first called; ``order`` is what may be done to additions, in LLVM's words."""
    import numba

    def compiled(function: Callable) -> Any:
        options = {"fastmath": order, "nogil": True, "error_model": "numpy"}
        # Left to itself, LLVM puts a function into its callers and beside them, and each copy may
        # add in an order of its own: which one runs depended on whether this process compiled it.
        options["forceinline"] = "reassoc" in order
        try:
            _functions.append(numba.njit(cache=not _unkept, **options)(function))
        except RuntimeError:  # no folder that can be written
            _functions.append(numba.njit(**options)(function))
            _unkept.append(function.__name__)
        return _functions[-1]

    return compiled


def called_by_compiled(function: Callable) -> None:
    """Let compiled functions call this one, which stays what it is for all others."""
    from numba.extending import register_jitable

    register_jitable(function)


def works(name: str, run: Callable[[], object]) -> bool:
    """Whether ``run``, which calls compiled functions for the first time, comes to its end."""
    started = time.perf_counter()
    trouble = None
    try:
        try:
            run()
        except Exception as error:
            trouble = error
            _keep_nothing()
            run()
    except Exception as error:
        logs.caution("slower", f"Numba cannot be used, so writing is slower: {_words(error)}")
        return False
    if trouble is not None:
        logs.caution(
            "compiled anew",
            "what Numba compiles could not be kept, or what it had kept not be read "
            f"({_words(trouble)}); the next start compiles again",
        )
    seconds = round(time.perf_counter() - started, 3)
    logs.event("compiled", what=name, seconds=seconds, kept=not _unkept)
    return True


def _keep_nothing() -> None:
    """Forget what was kept, where that can be written, and use no cache in this process: neither
    now nor for functions that come later."""
    for function in _functions:
        with suppress(Exception):  # damaged, or on a disk that takes nothing
            function._cache.flush()
        function._cache.disable()
        _unkept.append(function.__name__)


def _words(error: Exception) -> str:
    """An error in one line; Numba's have many."""
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {short(lines[0])}"
