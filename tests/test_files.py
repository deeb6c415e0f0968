"""Files are there whole or not at all."""

from __future__ import annotations

import os
import stat
import sys

import pytest

from pix2seq.config import ConfigError
from pix2seq.files import move_in, replacing, write_bytes, write_text


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_write_that_fails_midway_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "record.json"
    path.write_text("old")
    with pytest.raises(ConfigError, match=r"record\.json: No space left on device; free some"):
        with replacing(path) as (part,):
            part.write_text("half of the n")
            raise OSError(28, "No space left on device")
    assert path.read_text() == "old" and names(tmp_path) == ["record.json"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_whatever_ends_a_write_leaves_the_old_file(tmp_path, error):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(error):
        with replacing(path) as (part,):
            part.write_text("new")
            raise error
    assert path.read_text() == "old" and names(tmp_path) == ["a.txt"]


def test_files_that_belong_together_change_together(tmp_path):
    first, second = tmp_path / "weights", tmp_path / "config"
    for path in (first, second):
        path.write_text("old")
    with pytest.raises(ConfigError):
        with replacing(first, second) as (a, b):
            a.write_text("new")
            b.write_text("n")
            raise OSError(5, "Input/output error")
    assert first.read_text() == second.read_text() == "old"
    with replacing(first, second) as (a, b):
        a.write_text("new")
        b.write_text("new")
    assert first.read_text() == second.read_text() == "new"


def test_a_link_and_its_rights_stay(tmp_path):
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_text("old")
    real.chmod(0o640)
    link.symlink_to(real)
    write_text(link, "new")
    assert link.is_symlink() and real.read_text() == "new"
    assert stat.S_IMODE(real.stat().st_mode) == 0o640


@pytest.mark.skipif(sys.platform != "linux", reason="needs /dev")
def test_a_device_is_written_not_replaced():
    write_bytes("/dev/null", b"x")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    with pytest.raises(ConfigError, match="No space left"):
        write_bytes("/dev/full", b"x")


@pytest.mark.parametrize("place", ["gone/x", "file/x", "."])
def test_a_place_that_cannot_be_is_named(tmp_path, place):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError, match="cannot write"):
        write_text(tmp_path / place, "x")
    assert names(tmp_path) == ["file"]


def test_a_name_that_is_no_unicode_is_spelled_out(tmp_path):
    write_text(tmp_path / "x", "caf\udce9 \U0001f408")
    assert (tmp_path / "x").read_bytes() == b"caf\\udce9 \xf0\x9f\x90\x88"


def test_a_folder_takes_the_old_ones_place(tmp_path):
    old, part = tmp_path / "state", tmp_path / ".state.part"
    for folder, text in ((old, "old"), (part, "new")):
        folder.mkdir()
        (folder / "x").write_text(text)
    move_in(part, old)
    assert (old / "x").read_text() == "new" and names(tmp_path) == ["state"]
