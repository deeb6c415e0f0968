"""What Numba compiles and keeps: where nothing can be kept, on full disks, from damaged files."""

from __future__ import annotations

import errno
import importlib.util
import itertools
import os
import sys

import numba
import pytest
from numba.core.caching import IndexDataCacheFile

from pix2seq.model import compiled

SOURCE = """
from pix2seq.model.compiled import compiled

@compiled({"contract"})
def inner(x):
    return x + 1

@compiled({"contract"})
def double(x):
    return 2 * inner(x)
"""
NAMES = (f"compiled_here_{number}" for number in itertools.count())


@pytest.fixture
def start(tmp_path, monkeypatch):
    """``start()`` is what a fresh process does: import, first run; gives the functions' module."""
    source = tmp_path / "kernels_here.py"
    source.write_text(SOURCE)
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(compiled, "_functions", [])
    monkeypatch.setattr(compiled, "_nowhere", [])
    told = []
    monkeypatch.setattr(compiled.logs, "event", lambda name, **facts: told.append((name, facts)))
    monkeypatch.setattr(compiled.logs, "caution", lambda *words: told.append(words))

    def start():
        compiled._functions.clear(), compiled._nowhere.clear(), told.clear()
        spec = importlib.util.spec_from_file_location(next(NAMES), source)
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, spec.name, module)

        def run():
            if not hasattr(module, "double"):
                spec.loader.exec_module(module)
            assert module.double(20) == 42

        return compiled.works("test", run), module, list(told)

    return start


def cached(tmp_path) -> list:
    return [path for path in (tmp_path / "cache").rglob("*.nb*") if path.is_file()]


def hits(module) -> int:
    return sum(module.double.stats.cache_hits.values())


def test_what_was_compiled_is_read_at_the_next_start(start, tmp_path):
    works, module, told = start()
    assert works and hits(module) == 0 and len(cached(tmp_path)) == 4
    [(name, facts)] = told
    assert name == "compiled" and facts["what"] == "test" and facts["kept"] is True
    works, module, told = start()
    assert works and hits(module) == 1 and told[0][1]["kept"] is True


def test_where_nothing_can_be_kept_it_is_compiled_at_every_start(start, monkeypatch, tmp_path):
    """A container with a read-only disk, a user without a home."""
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "file" / "cache"))
    monkeypatch.setattr(
        numba.core.caching.CacheImpl,
        "_locator_classes",
        [numba.core.caching.UserProvidedCacheLocator],
    )
    for _ in range(2):
        works, module, told = start()
        assert works and hits(module) == 0
        [(name, facts)] = told
        assert name == "compiled" and facts["kept"] is False


@pytest.mark.parametrize("kind", ["nbi", "nbc"])
@pytest.mark.parametrize("damage", ["cut", "empty", "noise", "folder"])
def test_damaged_files_are_replaced(start, tmp_path, kind, damage):
    start()
    for path in cached(tmp_path):
        if path.suffix != f".{kind}":
            continue
        content = path.read_bytes()
        path.unlink()
        if damage == "folder":
            path.mkdir()
        else:
            new = {"cut": content[:-40], "empty": b"", "noise": bytes(reversed(content))}
            path.write_bytes(new[damage])
    works, module, told = start()
    assert works, told
    assert told[-1][0] == "compiled"
    for words in told[:-1]:
        assert words[0] == "compiled anew" and "\n" not in words[1] and "next start" in words[1]
    if damage == "folder":
        return
    for _ in range(2):
        works, module, told = start()
    assert hits(module) == 1 and [name for name, _ in told] == ["compiled"], "whole again"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT])
def test_a_disk_that_takes_nothing_stops_nobody(start, monkeypatch, tmp_path, number):
    def full(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(IndexDataCacheFile, "_open_for_write", full)
    works, _, told = start()
    assert works and not cached(tmp_path)
    (name, message), (_, facts) = told
    assert name == "compiled anew" and os.strerror(number) in message and "\n" not in message
    assert facts["kept"] is False


def test_a_function_that_cannot_be_compiled_is_said_in_one_line(start, monkeypatch, tmp_path):
    (tmp_path / "kernels_here.py").write_text(SOURCE.replace("x + 1", "x + undefined"))
    works, _, told = start()
    assert not works
    [(name, message)] = told
    assert name == "slower" and message.startswith("Numba cannot be used, so writing is slower: ")
    assert "\n" not in message and len(message) < 200
