"""A folder becomes a repository on the hub: one commit, with a progress bar."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Literal

from pix2seq.config import ConfigError
from pix2seq.hub.fetch import ENDPOINT_VARIABLE
from pix2seq.hub.repo import Repo, repo_of

NO_TOKEN = (
    "you are not logged in to the Hugging Face Hub: run `hf auth login`, or set HF_TOKEN to a "
    "token that may write (https://huggingface.co/settings/tokens)"
)
Kind = Literal["model", "space"]


def writable_repo(name: str) -> Repo:
    """The repository that somebody wants to write to.

    Raises:
        ConfigError: it is no ``user/name``, or nobody is logged in.
    """
    repo = repo_of(name if name.startswith("hf://") else f"hf://{name}")
    require_token()
    return repo


def require_token() -> None:
    """Raises ``ConfigError`` when nobody is logged in: better now than after the work."""
    from huggingface_hub import get_token

    if not get_token():
        raise ConfigError(NO_TOKEN)


def upload(
    folder: Path,
    repo: Repo,
    kind: Kind,
    message: str,
    private: bool = False,
    exact: bool = False,
) -> str:
    """Make the repository if need be and commit the folder's files to it.

    Args:
        exact: remove what the repository has besides.

    Returns:
        Where people see it.

    Raises:
        ConfigError: nobody is logged in, the token may not write there, or the hub cannot be had.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HTTPError  # httpx's, or its successor's

    require_token()
    api = HfApi(endpoint=os.environ.get(ENDPOINT_VARIABLE) or None)
    # Only a new repository is told whether it is private; an existing one stays as it is.
    wanted = {"private": True} if private else {}
    if kind == "space":
        wanted["space_sdk"] = "gradio"
    try:
        where = api.create_repo(repo.id, repo_type=kind, exist_ok=True, **wanted)
        api.upload_folder(
            repo_id=repo.id,
            folder_path=folder,
            repo_type=kind,
            revision=repo.revision,
            commit_message=message,
            delete_patterns="*" if exact else None,
        )
    except HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        reason = re.sub(r"\s+", " ", str(error)).strip()
        if status in (401, 403):
            raise ConfigError(
                f"the hub does not let this token write to {repo.id} ({status}); use a token of "
                f"{repo.id.partition('/')[0]} that may write"
            ) from None
        raise ConfigError(f"the hub refuses {repo.id}: {reason[:300]}") from None
    except (HTTPError, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ConfigError(f"{repo.id} cannot be uploaded ({reason}); try again") from None
    return str(where)
