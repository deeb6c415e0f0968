"""``Repo``: what a person means by ``user/my-detector`` or ``hf://user/my-detector@v2``."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from pix2seq.checkpoints.registry import CHECKPOINTS, locate
from pix2seq.config import ConfigError

SCHEME = "hf://"
_PART = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_-])?"
_ID = re.compile(rf"({_PART}/{_PART})(?:@([^\s@]{{1,200}}))?")


@dataclass(frozen=True)
class Repo:
    """A repository on the hub, at a branch, a tag or a commit.

    >>> str(Repo("user/my-detector", "v2"))
    'user/my-detector@v2'
    """

    id: str
    revision: str = "main"

    def __str__(self) -> str:
        return self.id if self.revision == "main" else f"{self.id}@{self.revision}"


def repo_of(name: str | Path, revision: str | None = None) -> Repo | None:
    """The repository that a checkpoint's name means; ``None`` where it means something here.

    A folder comes before a repository of the same spelling, and so does a path into a folder that
    exists: ``runs/mine`` beside a folder ``runs`` is a mistyped path. ``hf://`` always is the hub.

    Args:
        revision: branch, tag or commit; another way to say ``@revision``.

    Raises:
        ConfigError: ``hf://`` with something that cannot be a repository, or two revisions.
    """
    text = str(name)
    explicit = text.startswith(SCHEME)
    found = _ID.fullmatch(text.removeprefix(SCHEME).rstrip("/"))
    if found is None:
        if explicit:
            raise ConfigError(f"{text!r} names no repository; write hf://user/name or @revision")
        return None
    owner = found[1].partition("/")[0]
    if not explicit and (os.path.exists(found[1]) or os.path.isdir(owner)):
        return None
    if revision and found[2] and revision != found[2]:
        raise ConfigError(f"{text!r} names revision {found[2]}, but {revision} is asked for, too")
    return Repo(found[1], revision or found[2] or "main")


def check_name(name: str) -> None:
    """What can be known about a checkpoint's name before anything is loaded: it is on this machine,
    or it may be fetched. Raises ``ConfigError``."""
    if name not in CHECKPOINTS and repo_of(name) is None:
        locate(name)
