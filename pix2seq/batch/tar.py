"""Pictures in tar shards, as WebDataset lays them out: the files of one sample share their key, the
name up to its first dot. Only headers are read here; each picture is cut out where it is decoded.
"""

from __future__ import annotations

import os
import tarfile
from collections.abc import Collection, Iterator

from pix2seq.batch.items import Item, failed
from pix2seq.config import ConfigError
from pix2seq.many import Span, printable
from pix2seq.pictures import open_binary
from pix2seq.urls import is_url

_COMPRESSED = {
    b"\x1f\x8b": "gunzip",
    b"BZh": "bunzip2",
    b"\xfd7zXZ": "unxz",
    b"(\xb5/\xfd": "unzstd",
}
"""First bytes of compressed files, and what undoes it."""
_ENDINGS = (".tar", ".tgz", ".tbz2", ".txz", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst")


def is_tar(path: str) -> bool:
    """Whether a path is called like a tar, compressed or not."""
    return path.lower().endswith(_ENDINGS)


def tar_items(path: str, endings: Collection[str]) -> Iterator[Item]:
    """The pictures of a shard, called ``<shard>/<member>``.

    A sample that has a picture (``7.jpg``) and files derived from it (``7.seg.png``) gives the
    picture; without a plain one, every picture counts.
    """
    shard = printable(path)
    if not is_url(path) and os.path.exists(path) and not os.path.isfile(path):
        yield failed(shard, "is no file, which a shard must be to be read twice; save it as one")
        return
    try:
        with open_binary(path) as file:
            end = file.seek(0, 2)
            file.seek(0)
            start = file.read(8)
            for first, remedy in _COMPRESSED.items():
                if start.startswith(first):
                    yield failed(shard, f"is compressed; {remedy} it and give the plain .tar")
                    return
            file.seek(0)
            yield from _members(file, path, shard, end, endings)
    except ConfigError:
        raise
    except tarfile.ReadError as error:
        yield failed(shard, f"is not a tar, or ends early ({error}); copy it again")
    except Exception as error:  # a file's, or any store's that fsspec opens
        yield failed(shard, f"cannot be read ({error or type(error).__name__}); check it")


def _members(file, path: str, shard: str, end: int, endings: Collection[str]) -> Iterator[Item]:
    sample: list[tuple[str, Item]] = []
    key = None
    count = 0
    with tarfile.open(fileobj=file, mode="r:") as archive:
        for member in archive:
            archive.members.clear()  # tarfile remembers every header, which a large shard feels
            if not member.isfile():
                continue
            name = printable(member.name)
            folder, _, base = name.rpartition("/")
            stem, _, ending = base.partition(".")
            if (folder, stem) != key:
                yield from _pictures(sample, endings)
                sample, key = [], (folder, stem)
            if f".{ending.rpartition('.')[2].lower()}" not in endings:
                continue
            count += 1
            if member.offset_data + member.size > end:
                yield from _pictures(sample, endings)
                yield failed(f"{shard}/{name}", "the tar ends inside it; copy the tar again")
                return
            place = Span(path, member.offset_data, member.size)
            sample.append((f".{ending.lower()}", Item(f"{shard}/{name}", place)))
        file.seek(archive.offset)
        closed = file.read(tarfile.BLOCKSIZE) == tarfile.NUL * tarfile.BLOCKSIZE
    yield from _pictures(sample, endings)
    if not count:
        yield failed(shard, "the tar holds no picture; check it")
    elif not closed:
        yield failed(shard, "the tar ends early or is damaged; copy it again")


def _pictures(sample: list[tuple[str, Item]], endings: Collection[str]) -> Iterator[Item]:
    plain = [item for ending, item in sample if ending in endings]
    yield from plain or [item for _, item in sample]
