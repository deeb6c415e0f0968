"""What a command line names as pictures, one ``Item`` after another.

    a file, a folder (with all below it), a glob, @list.txt, COCO JSON, a .tar, a URL, example:NAME

Names are paths as they were given, so that two pictures of one name in different folders stay two;
a COCO file's pictures are called by its ``file_name``. What cannot be read (a folder without
rights, a link that leads back, a tar that ends early) is an item that carries its ``Failure``, and
what follows it is read.
"""

from __future__ import annotations

import contextlib
import errno
import glob
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pix2seq.batch.coco_source import coco_items
from pix2seq.batch.items import Item, failed
from pix2seq.batch.tar import is_tar, tar_items
from pix2seq.config import ConfigError
from pix2seq.examples import PREFIX, example_image, example_of
from pix2seq.many import Failure, printable
from pix2seq.urls import is_url, is_web_address

ENDINGS = frozenset(
    ".jpg .jpeg .jpe .jfif .png .webp .gif .bmp .dib .tif .tiff .avif .ppm .pgm".split()
)
"""What counts as a picture in a folder or a tar; a file that is named is read whatever it ends in.
"""


_LEADS_BACK = "is a link back to a folder above it; remove it"


@dataclass(frozen=True)
class Sources:
    """Pictures named on a command line; iterate it as often as needed.

    Attributes:
        words: as in the module's first lines.
        images: the folder that a COCO file's and a list's names are relative to.
        listed: names that were read from standard input.
    """

    words: tuple[str, ...]
    images: str | None = None
    listed: tuple[bytes, ...] = ()

    def __iter__(self) -> Iterator[Item]:
        """Each picture once. Equal names of different pictures are a failure; equal names of the
        same picture are one."""
        seen: dict[int, int] = {}
        for item in self._all():
            name, place = hash(item.name), hash(item.where)
            if name not in seen:
                seen[name] = place
                yield item
            elif seen[name] != place:
                yield failed(
                    f"{item.name} ({item.where})",
                    f"another picture is called {item.name}, too; rename one",
                )

    @property
    def named_by_coco(self) -> bool:
        """Whether a COCO file says what pictures are called."""
        return any(_ending(word) == ".json" for word in self.words)

    def check(self) -> None:
        """Raises ``ConfigError`` if there is nothing to look at."""
        if self.images is not None and not is_url(self.images) and not os.path.isdir(self.images):
            raise ConfigError(f"--images is {printable(self.images)}, which is no folder; check it")
        failures = []
        for item in self:
            if not isinstance(item.source, Failure):
                return
            failures.append(f"{item.name}: {item.source.reason}")
        raise ConfigError(f"there is no picture to look at; {'; '.join(failures[:3])}")

    def _all(self) -> Iterator[Item]:
        for word in self.words:
            yield from self._of(word)
        yield from self._named(self.listed)

    def _of(self, word: str) -> Iterator[Item]:
        if word.startswith("@") and not os.path.lexists(word):
            yield from self._named(read_list(word[1:]))
        elif word.startswith(PREFIX) and not os.path.lexists(word):
            yield _example(word)
        elif os.path.isdir(word):
            yield from _folder(os.path.normpath(word))
        elif not os.path.lexists(word) and not is_url(word) and glob.has_magic(word):
            yield from self._matching(word)
        elif is_url(word) and not is_tar(word) and _ending(word) not in ENDINGS | {".json"}:
            yield from _remote_folder(word)
        elif is_tar(word):
            yield from tar_items(word, ENDINGS)
        elif _ending(word) == ".json":
            if self.images is None:
                raise ConfigError(f"{word} needs --images DIR, the folder that its names are in")
            yield from coco_items(word, self.images)
        else:
            path = word if is_url(word) else os.path.normpath(word)
            broken = os.path.islink(path) and not os.path.exists(path)
            yield failed(printable(path), _broken_link(path)) if broken else _picture(path)

    def _matching(self, pattern: str) -> Iterator[Item]:
        """What a glob finds; ``**`` goes round where a link leads back, and each round is one
        failure and no more."""
        found = sorted(glob.glob(pattern, recursive=True))
        if not found:
            yield failed(printable(pattern), "no file matches; quote it or check the folder")
        told = set()
        for path in found:
            loop = _loop_in(path)
            if loop is None:
                yield from self._of(path)
            elif loop not in told:
                told.add(loop)
                yield failed(printable(loop), _LEADS_BACK)

    def _named(self, names: Iterable[bytes]) -> Iterator[Item]:
        for raw in names:
            name = os.fsdecode(raw)
            if name.startswith("@"):  # lists do not nest: a file may be called so
                name = os.path.join(os.curdir, name)
            if self.images is not None and not os.path.lexists(name) and not is_url(name):
                name = os.path.join(self.images, name)
            yield from self._of(name)


def read_list(path: str) -> tuple[bytes, ...]:
    """The names in a list file. Raises ``ConfigError`` if it cannot be read."""
    if not path:
        raise ConfigError("@ must be followed by the name of a list; give @FILE")
    try:
        return split_names(Path(path).read_bytes())
    except OSError as error:
        raise ConfigError(f"the list {path} cannot be read: {error.strerror or error}") from None


def split_names(content: bytes) -> tuple[bytes, ...]:
    """One name a line, or (as ``find -print0`` writes them) ended by NUL bytes, which lets names
    hold newlines; empty ones are left out."""
    content = content.removeprefix(b"\xef\xbb\xbf")
    if b"\0" in content:
        return tuple(name for name in content.split(b"\0") if name)
    return tuple(name for line in content.split(b"\n") if (name := line.rstrip(b"\r")))


def _ending(path: str) -> str:
    return os.path.splitext(path)[1].lower()


def _picture(path: str) -> Item:
    return Item(printable(path), path)


def _example(word: str) -> Item:
    if example_of(word) is None:
        raise ConfigError(f"there is no example {word.removeprefix(PREFIX)[:40]!r}")
    return Item(word, example_image(word.removeprefix(PREFIX)))


def _folder(top: str) -> Iterator[Item]:
    """All pictures below a folder, in the order of their names; links are followed."""
    count = 0
    for item in _walk(top, tuple(_ids_above(top))):
        count += 1
        yield item
    if not count:
        yield failed(
            printable(top), f"the folder holds no picture ({' '.join(sorted(ENDINGS))}); check it"
        )


def _ids_above(top: str) -> Iterator[tuple[int, int]]:
    """Device and inode of the folders that a folder lies in."""
    for folder in Path(os.path.realpath(top)).parents:
        with contextlib.suppress(OSError):  # one that may not be looked at
            found = os.stat(folder)
            yield found.st_dev, found.st_ino


def _walk(folder: str, above: tuple[tuple[int, int], ...]) -> Iterator[Item]:
    try:
        here = os.stat(folder)
        if (here.st_dev, here.st_ino) in above:
            yield failed(printable(folder), _LEADS_BACK)
            return
        with os.scandir(folder) as entries:
            found = sorted((entry.name, os.path.isdir(entry)) for entry in entries)
    except OSError as error:
        yield failed(printable(folder), _why(error, "folder"))
        return
    for name, is_folder in found:
        path = name if folder == os.curdir else os.path.join(folder, name)
        if is_folder:
            yield from _walk(path, (*above, (here.st_dev, here.st_ino)))
        elif os.path.islink(path) and not os.path.exists(path):
            if _ending(name) in ENDINGS or _goes_round(path):
                yield failed(printable(path), _broken_link(path))
        elif _ending(name) in ENDINGS:
            yield _picture(path)
        elif is_tar(name):
            yield from tar_items(path, ENDINGS)


def _loop_in(path: str) -> str | None:
    """The first part of a path that is a link to a folder above it."""
    above = set()
    folder = ""
    for part in path.split(os.sep):
        folder = os.path.join(folder, part) if folder else part or os.sep
        if part in ("", os.curdir):
            continue
        if part == os.pardir:  # the way up again is the user's own
            above.clear()
            continue
        real = os.path.realpath(folder)
        if real in above:
            return folder
        above.add(real)
    return None


def _goes_round(path: str) -> bool:
    """Whether a link leads back to itself, alone or by way of others."""
    try:
        os.stat(path)
    except OSError as error:
        return error.errno == errno.ELOOP
    return False


def _broken_link(path: str) -> str:
    if _goes_round(path):
        return "is a link that leads back to itself; remove it"
    return f"is a link to {printable(os.readlink(path))}, which is not there; remove or mend it"


def _why(error: OSError, what: str) -> str:
    if isinstance(error, PermissionError):
        return f"the {what} may not be read; check its permissions"
    return f"the {what} cannot be read ({error.strerror or error}); check it"


def _url_in(url: str, found: str) -> str:
    """The URL of what was found below ``url``, which may be a store in another:
    ``zip://photos::s3://bucket/all.zip``."""
    parts = url.split("::")
    if len(parts) == 1:
        return found
    place = next(i for i, part in enumerate(parts) if "://" in part)
    scheme = parts[place].partition("://")[0]
    parts[place] = f"{scheme}://{found.rpartition('://')[2]}"
    return "::".join(parts)


def _remote_folder(url: str) -> Iterator[Item]:
    """All pictures below a URL, by fsspec."""
    if is_web_address(url):
        yield failed(url, "is a web address; download it and give the file")
        return
    try:
        import fsspec
    except ImportError:
        raise ConfigError(f"{url} is a URL, which needs fsspec; pip install fsspec") from None
    try:
        store, _, [top] = fsspec.get_fs_token_paths(url)
        paths = [_url_in(url, store.unstrip_protocol(path)) for path in sorted(store.find(top))]
    except ConfigError:
        raise
    except Exception as error:  # every store has errors of its own
        yield failed(url, f"cannot be listed ({error or type(error).__name__}); check the URL")
        return
    count = 0
    for path in paths:
        inner = next(part for part in path.split("::") if "://" in part)
        if _ending(inner) in ENDINGS:
            yield _picture(path)
        elif is_tar(inner):
            yield from tar_items(path, ENDINGS)
        else:
            continue
        count += 1
    if not count:
        yield failed(url, "holds no picture; check the URL")
