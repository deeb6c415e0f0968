"""Checkpoints on demand: downloaded once, converted once, loaded from the cache afterwards.

$PIX2SEQ_HOME/downloads/NAME     what the publisher serves, until it is converted
$PIX2SEQ_HOME/checkpoints/NAME   our folder, which ``checkpoints.find`` knows
$PIX2SEQ_HOME/locks/NAME.lock    held while either is written: a second process waits
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock
from tqdm import tqdm

from pix2seq.checkpoints import (
    CHECKPOINTS,
    CONFIG_FILE,
    CheckpointInfo,
    DownloadError,
    Progress,
    cached_folder,
    download_file,
    find,
    home,
)
from pix2seq.checkpoints.published import GOOGLE_BUCKET
from pix2seq.config import ConfigError
from pix2seq.convert.converted import Converted
from pix2seq.convert.google import read_google
from pix2seq.convert.google_config import read_config, stated_image_size
from pix2seq.convert.shariatnia import read_shariatnia
from pix2seq.convert.tensor_bundle import TensorBundle, latest_checkpoint

BUCKET_VARIABLE = "PIX2SEQ_BUCKET"
OFFLINE_VARIABLE = "PIX2SEQ_OFFLINE"
"""Set to anything, it forbids downloads: for a public server, whose visitors choose checkpoints."""


def ensure(name_or_path: str | Path, progress: Progress | None = None) -> str | Path:
    """What ``checkpoints.load`` can take: fetches a published checkpoint that is not here yet.

    A name that is on this machine, a folder and an unknown name come back as they are.

    Args:
        progress: told about every piece of a download; by default a bar on the terminal.

    Raises:
        ConfigError: it cannot be fetched; the message says from where, whereto, and how by hand.
    """
    info = CHECKPOINTS.get(str(name_or_path))
    if info is None or not info.url or find(info.name) or Path(name_or_path).is_dir():
        return name_or_path
    if os.environ.get(OFFLINE_VARIABLE):
        raise ConfigError(
            f"{info.name} is not on this machine and {OFFLINE_VARIABLE} forbids downloads; "
            f"put its folder into {cached_folder(info.name).parent}"
        )
    return fetch(info, progress)


def fetch(info: CheckpointInfo, progress: Progress | None = None) -> Path:
    """Download and convert a published checkpoint into the cache, unless it is there.

    Raises:
        ConfigError: as ``ensure``.
    """
    target = cached_folder(info.name)
    raw = home() / "downloads" / info.name
    lock = FileLock(home() / "locks" / f"{info.name}.lock")
    try:
        Path(lock.lock_file).parent.mkdir(parents=True, exist_ok=True)
        raw.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except OSError as error:  # a cache that may only be read shows itself at any of the three
        raise ConfigError(f"{home()} cannot be written ({error}); set PIX2SEQ_HOME") from error
    try:
        if (target / CONFIG_FILE).is_file():  # another process was faster
            return target
        with ProgressBar(progress) as bar:
            converted = _FAMILIES[info.family](info, raw, bar)
        converted.save(target, info.label_space, info)
        shutil.rmtree(raw)
    finally:
        lock.release()
    return target


def _fetch_google(info: CheckpointInfo, raw: Path, progress: Progress) -> Converted:
    """The bucket's layout: ``checkpoint`` names the files, the index says how long they are."""
    url = info.url
    if mirror := os.environ.get(BUCKET_VARIABLE):
        url = url.replace(GOOGLE_BUCKET, mirror.rstrip("/"), 1)
    try:
        # Small, and may point elsewhere by now: asked for anew every time.
        (raw / "checkpoint").unlink(missing_ok=True)
        pointer = download_file(f"{url}/checkpoint", raw / "checkpoint")
        name = latest_checkpoint(pointer.read_text(errors="replace"), f"{url}/checkpoint")
        try:
            config = download_file(f"{url}/config.json", raw / "config.json")
        except DownloadError as error:
            if error.status != 404:
                raise
            config = None
        prefix = raw / name
        download_file(f"{url}/{name}.index", raw / f"{name}.index")
        bundle = _or_discard(raw, lambda: TensorBundle(prefix))
        for shard in range(bundle.shards):
            path = bundle.shard_path(shard)
            download_file(f"{url}/{path.name}", path, bundle.shard_size(shard), progress)
    except DownloadError as error:
        raise DownloadError(
            f"{info.name} is not in the cache ({cached_folder(info.name)}) and cannot be fetched: "
            f"{error}. With a copy from elsewhere, run: python -m pix2seq convert google PREFIX "
            f"{cached_folder(info.name)}",
            error.status,
        ) from error
    stated = config is not None and stated_image_size(read_config(config, prefix)) is not None
    size = None if stated else info.image_size[0]
    return _or_discard(raw, lambda: read_google(prefix, config, size))


def _fetch_shariatnia(info: CheckpointInfo, raw: Path, progress: Progress) -> Converted:
    """A file on Google Drive, which only ``gdown`` knows how to ask for."""
    target = cached_folder(info.name)
    by_hand = (
        f"download {info.url} in a browser and run: "
        f"python -m pix2seq convert shariatnia FILE.pth {target}"
    )
    try:
        import gdown
    except ImportError:
        raise ConfigError(
            f"{info.name} is on Google Drive; either pip install gdown and try again, or {by_hand}"
        ) from None
    path = raw / "pix2seq_weights.pth"
    if not path.is_file():
        part = path.with_suffix(".part")
        try:
            fetched = gdown.download(info.url, str(part), quiet=not sys.stderr.isatty())
        except Exception as error:  # gdown raises its own, requests' and the OS's kinds
            raise DownloadError(
                f"{info.name} cannot be fetched from {info.url} ({error}); {by_hand}"
            ) from error
        if fetched is None:
            raise DownloadError(f"Google Drive did not give out {info.url}; {by_hand}")
        part.replace(path)
    return _or_discard(raw, lambda: read_shariatnia(path))


_FAMILIES: dict[str, Callable[[CheckpointInfo, Path, Progress], Converted]] = {
    "google": _fetch_google,
    "shariatnia": _fetch_shariatnia,
}


def _or_discard(raw: Path, read: Callable[[], object]):
    """Read downloaded files; damaged ones are removed, so that the next try fetches them anew."""
    try:
        return read()
    except ConfigError as error:
        shutil.rmtree(raw)
        raise ConfigError(f"{error} (the downloaded files were removed)") from error


class ProgressBar:
    """Progress on the terminal, where the caller has none of its own (silent in a log)."""

    def __init__(self, progress: Progress | None) -> None:
        self.progress = progress
        self.bars: dict[str, tqdm] = {}

    def __enter__(self) -> ProgressBar:
        return self

    def __exit__(self, *error: object) -> None:
        for bar in self.bars.values():
            bar.close()

    def __call__(self, name: str, done: int, total: int | None) -> None:
        if self.progress is not None:
            self.progress(name, done, total)
            return
        if name not in self.bars:
            self.bars[name] = tqdm(total=total, desc=name, unit="B", unit_scale=True, disable=None)
        bar = self.bars[name]
        bar.update(done - bar.n)
