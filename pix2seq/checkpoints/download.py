"""Fetch one file over http(s): resumed where it broke off, checked for size, moved in place whole.

A download in progress is ``NAME.part``, with the server's version tag beside it in ``NAME.tag``; if
the file has changed since, the download starts over. ``NAME`` itself only ever exists complete.
"""

from __future__ import annotations

import http.client
import shutil
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Protocol

from pix2seq.config import ConfigError

CHUNK = 1 << 20
ATTEMPTS = 3
"""Tries in a row that may bring nothing new; as long as the file grows, it is resumed."""

_RETRIED = (408, 425, 429, 500, 502, 503, 504)


class DownloadError(ConfigError):
    """A file cannot be had; the message names the URL and the remedy.

    Attributes:
        status: the server's HTTP status, if it answered with an error.
    """

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class Progress(Protocol):
    """Told about every piece: ``progress(file_name, bytes_done, bytes_in_all)``."""

    def __call__(self, name: str, done: int, total: int | None) -> None: ...


def download_file(
    url: str,
    path: Path,
    size: int | None = None,
    progress: Progress | None = None,
    timeout: float = 30.0,
    token: str | None = None,
) -> Path:
    """Fetch ``url`` to ``path`` unless it is there already.

    Args:
        size: bytes that the file must have, if known beforehand.
        timeout: seconds without an answer after which a connection counts as broken.
        token: an ``Authorization`` header for this address; where it redirects to is not told.

    Raises:
        DownloadError: no network, an error from the server, a wrong size, or no room on the disk.
    """
    if path.is_file() and size in (None, path.stat().st_size):
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    part, tag = path.with_name(path.name + ".part"), path.with_name(path.name + ".tag")
    failures, furthest = 0, _size(part)
    while True:
        try:
            _receive(url, part, tag, size, progress, timeout, token)
            break
        except urllib.error.HTTPError as error:
            if error.code not in _RETRIED:
                raise DownloadError(
                    f"{url} answers {error.code} {error.reason}", error.code
                ) from error
            reason = f"the server answers {error.code} {error.reason}"
        except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
            reason = str(getattr(error, "reason", error)) or type(error).__name__
        kept = _size(part)
        failures = 1 if kept > furthest else failures + 1
        furthest = max(furthest, kept)
        if failures >= ATTEMPTS:
            hint = f"; {kept / 1e6:.1f} MB are kept in {part} and will be resumed" if kept else ""
            raise DownloadError(f"{url} cannot be fetched ({reason}){hint}")
        pause(0.5 * 2**failures)
    part.replace(path)
    tag.unlink(missing_ok=True)
    return path


def pause(seconds: float) -> None:
    """Wait before another try."""
    time.sleep(seconds)


def _receive(
    url: str,
    part: Path,
    tag: Path,
    size: int | None,
    progress: Progress | None,
    timeout: float,
    token: str | None,
) -> None:
    """One connection's worth of bytes into ``part``, until it is whole.

    Raises:
        OSError: the connection broke; what came is kept.
    """
    start = _size(part)
    if start and not tag.is_file():
        start = 0  # of unknown version, so not to be continued
    if start and start == size:
        return
    request = urllib.request.Request(url, headers={"User-Agent": "pix2seq-explorer"})
    if token:
        request.add_unredirected_header("Authorization", token)
    if start:
        request.add_header("Range", f"bytes={start}-")
        request.add_header("If-Range", tag.read_text())
    try:
        response = urllib.request.urlopen(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        if error.code == 416 and start:  # the part is as long as the file, or longer: start over
            part.unlink()
            raise ConnectionError("the kept part does not belong to the file") from error
        raise
    with response:
        span = response.headers.get("Content-Range") or ""
        continued = response.status == 206 and span.startswith(f"bytes {start}-")
        if response.status == 206 and not continued:
            part.unlink()
            raise ConnectionError(f"the server continues at {span!r} instead of byte {start}")
        start = start if continued else 0
        announced = response.headers.get("Content-Length")
        total = start + int(announced) if announced and announced.isdecimal() else size
        if total is None:
            raise DownloadError(f"{url} does not say its size; fetch it by hand")
        if size is not None and total != size:
            raise DownloadError(
                f"{url} has {total} bytes, but {size} are expected; the copy there is not whole"
            )
        _require_room(part, total - start)
        version = response.headers.get("ETag") or response.headers.get("Last-Modified")
        if version:
            tag.write_text(version)
        else:
            tag.unlink(missing_ok=True)
        done = start
        with open(part, "ab" if continued else "wb") as file:
            while chunk := response.read(CHUNK):
                file.write(chunk)
                done += len(chunk)
                if progress is not None:
                    progress(part.stem, done, total)
    if done < total:
        raise ConnectionError(f"the connection broke after {done} of {total} bytes")


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _require_room(part: Path, need: int) -> None:
    free = shutil.disk_usage(part.parent).free
    if free < need:
        raise DownloadError(
            f"{part.parent} has {free / 1e6:.0f} MB left, {need / 1e6:.0f} MB are needed; "
            "free some, or set PIX2SEQ_HOME to a folder on a larger disk"
        )
