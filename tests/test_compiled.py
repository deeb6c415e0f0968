"""What Numba compiles and keeps: where nothing can be kept, on full disks, from damaged files."""

from __future__ import annotations

import errno
import importlib.util
import itertools
import os
import subprocess
import sys
import warnings

import numba
import pytest
from numba.core.caching import IndexDataCacheFile

from pix2seq.model import compiled
from tests import fakes
from tests.test_architecture import ROOT

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
    monkeypatch.setattr(compiled, "_unkept", [])
    told = []
    monkeypatch.setattr(compiled.logs, "event", lambda name, **facts: told.append((name, facts)))
    monkeypatch.setattr(compiled.logs, "caution", lambda *words: told.append(words))

    def start():
        compiled._functions.clear(), compiled._unkept.clear(), told.clear()
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
    kept = numba.core.caching.CacheImpl
    monkeypatch.setattr(kept, "_locator_classes", kept._locator_classes[:1])  # CACHE_DIR alone
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


def test_after_trouble_nothing_further_is_kept_and_nothing_said_twice(start, monkeypatch, tmp_path):
    monkeypatch.setattr(IndexDataCacheFile, "_open_for_write", lambda *_: open(tmp_path))
    start()

    @compiled.compiled({"contract"})
    def later(x):
        return x - 1

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert compiled.works("later", lambda: later(2))
    assert later(3) == 2 and not cached(tmp_path)


def test_a_function_that_cannot_be_compiled_is_said_in_one_line(start, monkeypatch, tmp_path):
    (tmp_path / "kernels_here.py").write_text(SOURCE.replace("x + 1", "x + undefined"))
    works, _, told = start()
    assert not works
    [(name, message)] = told
    assert name == "slower" and message.startswith("Numba cannot be used, so writing is slower: ")
    assert "\n" not in message and len(message) < 200


@pytest.mark.slow
def test_a_command_says_it_in_one_line_and_once(tmp_path, tiny_checkpoint):
    """As somebody sees it whose disk is full."""
    fakes.draw_picture().save(tmp_path / "photo.png")
    code = (
        "import numba.core.caching as c, sys\n"
        "def full(*_): raise OSError(28, 'No space left on device')\n"
        "c.IndexDataCacheFile._open_for_write = full\n"
        "from pix2seq.cli import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    words = ["detect", "photo.png", "--checkpoint", str(tiny_checkpoint), "--device", "cpu"]
    here = {"PYTHONPATH": str(ROOT), "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=tmp_path,
        env=os.environ | here,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0
    [line] = done.stderr.splitlines()
    assert line.startswith("pix2seq: what Numba compiles could not be kept")
    assert "No space left on device" in line and "next start" in line


@pytest.mark.slow
def test_the_start_that_compiles_writes_what_all_later_ones_write(tmp_path):
    """To the last bit: a run that was killed on its first day goes on as it began."""
    program = """
import pix2seq
from tests import fakes
p = pix2seq.load("mini", "cpu")
steps = p.stream(p.encode(fakes.draw_picture(300, 200)), pix2seq.SamplingOptions(eos="delay"))
print([(step.token_id, step.logprob) for step in steps])
"""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(ROOT)}
    first, second = (
        subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True
        )
        for _ in range(2)
    )
    assert first.stdout.startswith("[("), first.stderr
    assert first.stdout == second.stdout
