"""A repository's checkpoint on this machine: fetched once per commit, resumed where it broke off.

$PIX2SEQ_HOME/hub/USER--NAME/refs/REVISION   the commit that a branch or tag was when last asked
$PIX2SEQ_HOME/hub/USER--NAME/COMMIT/         a checkpoint folder

``huggingface_hub`` knows where the hub is (``HF_ENDPOINT``), who asks (``HF_TOKEN``) and what a
revision holds. The files come by our own ``download_file``: what a kill or a broken line left is
gone on with, which the library's releases since 1.0 do not do.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from urllib.parse import quote

from filelock import FileLock

from pix2seq.checkpoints import (
    CARD_FILE,
    CONFIG_FILE,
    WEIGHTS_FILE,
    DownloadError,
    Progress,
    download_file,
    home,
)
from pix2seq.config import ConfigError
from pix2seq.convert.fetch import OFFLINE_VARIABLE, ProgressBar, ensure
from pix2seq.files import write_text
from pix2seq.hub.repo import Repo, repo_of

ENDPOINT_VARIABLE = "HF_ENDPOINT"
_FILES = (CARD_FILE, WEIGHTS_FILE, CONFIG_FILE)  # the last one says that a folder is whole
_OFFLINE = (OFFLINE_VARIABLE, "HF_HUB_OFFLINE")


def fetch(repo: Repo, progress: Progress | None = None) -> Path:
    """The checkpoint folder of a repository.

    The hub is asked which commit the revision is; without a network (or with
    ``PIX2SEQ_OFFLINE=1``), what was fetched last is used.

    Args:
        progress: told about every piece; by default a bar on the terminal.

    Raises:
        ConfigError: it does not exist, is private, holds no checkpoint of ours, or cannot be had.
    """
    place = home() / "hub" / repo.id.replace("/", "--")
    try:
        commit, files = _ask(repo)
    except _Unreachable as error:
        return _kept(repo, place, str(error))
    for name in (CONFIG_FILE, WEIGHTS_FILE):
        if name not in files:
            raise ConfigError(
                f"{repo} on the hub has no {name}; it is no checkpoint of Pix2Seq Explorer "
                "(Predictor.push_to_hub makes one)"
            )
    if (preloaded := _in_the_librarys_cache(repo, commit)) is not None:
        return preloaded
    folder = place / commit
    try:
        (place / "refs").mkdir(parents=True, exist_ok=True)
        lock = FileLock(place / f"{commit}.lock")
        lock.acquire()
    except OSError as error:
        raise ConfigError(f"{home()} cannot be written ({error}); set PIX2SEQ_HOME") from None
    try:
        if not (folder / CONFIG_FILE).is_file():
            with ProgressBar(progress) as bar:
                for name in _FILES:
                    if name in files:
                        _fetch_file(repo, commit, name, files[name], folder, bar)
        write_text(_ref(repo, place), commit)
    finally:
        lock.release()
    return folder


def folder_of(name_or_path: str | Path, progress: Progress | None = None) -> str | Path:
    """What ``checkpoints.load`` can take, fetched first if need be: from the hub, or from where a
    published checkpoint is. Raises ``ConfigError``, as ``fetch`` and ``ensure`` do."""
    repo = repo_of(name_or_path)
    return ensure(name_or_path, progress) if repo is None else fetch(repo, progress)


class _Unreachable(Exception):
    """The hub cannot be asked."""


def _ask(repo: Repo) -> tuple[str, dict[str, tuple[int | None, str | None]]]:
    """The commit of the revision, and of each file in it the bytes and SHA-256 (of large ones)."""
    for variable in _OFFLINE:
        if os.environ.get(variable, "").lower() not in ("", "0", "false", "no", "off"):
            raise _Unreachable(f"{variable} forbids downloads")
    from huggingface_hub import HfApi
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HTTPError,  # httpx's, or its successor's
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        api = HfApi(endpoint=os.environ.get(ENDPOINT_VARIABLE) or None)
        info = api.model_info(repo.id, revision=repo.revision, files_metadata=True, timeout=20)
    except GatedRepoError:
        raise ConfigError(
            f"{repo.id} asks for its conditions to be accepted: open it in a browser, then log in "
            "here (hf auth login, or HF_TOKEN)"
        ) from None
    except RepositoryNotFoundError:
        raise ConfigError(
            f"the hub has no model {repo.id!r}, or it is private and you are not logged in "
            "(hf auth login, or HF_TOKEN); if a folder was meant, check its path"
        ) from None
    except RevisionNotFoundError:
        raise ConfigError(f"{repo.id} has no revision {repo.revision!r}") from None
    except OfflineModeIsEnabled as error:
        raise _Unreachable(str(error)) from None
    except HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        if 400 <= status < 500 and status != 429:
            raise ConfigError(f"the hub refuses {repo.id}: {str(error).splitlines()[0]}") from None
        raise _Unreachable(f"the hub answers {status}") from None
    except (HTTPError, OSError) as error:
        raise _Unreachable(f"the hub does not answer ({type(error).__name__})") from None
    sizes = {
        file.rfilename: (file.size, None if file.lfs is None else file.lfs.sha256)
        for file in info.siblings or ()
    }
    return info.sha, sizes


def _fetch_file(
    repo: Repo,
    commit: str,
    name: str,
    known: tuple[int | None, str | None],
    folder: Path,
    progress: Progress,
) -> None:
    from huggingface_hub import hf_hub_url
    from huggingface_hub.utils import build_hf_headers

    size, checksum = known
    endpoint = os.environ.get(ENDPOINT_VARIABLE) or None
    url = hf_hub_url(repo.id, name, revision=commit, endpoint=endpoint)
    path = folder / name
    big = progress if name == WEIGHTS_FILE else None
    download_file(url, path, size, big, token=build_hf_headers().get("authorization"))
    if checksum and _sha256(path) != checksum:
        path.unlink()
        raise DownloadError(f"{url} arrived damaged (its SHA-256 differs); try again")


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _in_the_librarys_cache(repo: Repo, commit: str) -> Path | None:
    """The folder that ``huggingface_hub`` keeps of a commit, if the checkpoint is in it: a Space's
    ``preload_from_hub``, or somebody's ``hf download``, fetched it."""
    from huggingface_hub import try_to_load_from_cache

    found = [
        try_to_load_from_cache(repo.id, name, revision=commit)
        for name in (WEIGHTS_FILE, CONFIG_FILE)
    ]
    return Path(found[-1]).parent if all(isinstance(path, str) for path in found) else None


def _ref(repo: Repo, place: Path) -> Path:
    return place / "refs" / quote(repo.revision, safe="")


def _kept(repo: Repo, place: Path, why: str) -> Path:
    """What was fetched earlier for this revision (or is this commit)."""
    ref = _ref(repo, place)
    commit = ref.read_text().strip() if ref.is_file() else repo.revision
    folder = place / commit
    if len(commit) == 40 and (folder / CONFIG_FILE).is_file():
        return folder
    if (preloaded := _in_the_librarys_cache(repo, repo.revision)) is not None:
        return preloaded
    raise ConfigError(
        f"{repo} is not on this machine and cannot be fetched: {why}; load it once with a network, "
        "or put its files into a folder and name that"
    )
