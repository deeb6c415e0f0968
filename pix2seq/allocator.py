"""Memory that was freed goes back to the system.

glibc gives threads arenas of their own, and an arena keeps what is freed in it. A server with
dozens of threads, each of which sometimes holds a sentence's tensors, ends up with a gigabyte that
nobody uses. Two arenas are enough where threads mostly take turns at Python's lock, and what lies
free at a quiet moment can be given back. It is done from inside the process, so that it holds
however the server was started. Other C libraries (macOS, Windows, musl) are left alone.
"""

from __future__ import annotations

import ctypes
import os
import sys
from functools import cache
from pathlib import Path

_M_ARENA_MAX = -8  # <malloc.h>


@cache
def _glibc() -> ctypes.CDLL | None:
    """The C library of this process, if it has the two functions of glibc."""
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "mallopt") and hasattr(library, "malloc_trim") else None


def use_few_arenas(most: int = 2) -> bool:
    """Before threads are started: share so many arenas. Says whether the C library has agreed."""
    library = _glibc()
    return library is not None and library.mallopt(_M_ARENA_MAX, most) == 1


def give_back() -> bool:
    """Return free memory to the system; says whether there was any. Takes milliseconds, in which no
    other thread allocates."""
    library = _glibc()
    return library is not None and library.malloc_trim(0) == 1


def held() -> int:
    """Bytes of memory that the process has, files that it reads included; 0 where Linux is not."""
    try:
        pages = Path("/proc/self/statm").read_text().split()[1]
    except OSError:
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
