"""Checkpoints on the Hugging Face Hub: named like ``user/my-detector``, loaded, published.

A repository holds what one of our checkpoint folders holds: ``model.safetensors``,
``config.json``, and a ``README.md``, its card. What reads and writes them is in ``fetch`` and
``publish``; telling a repository's name from a folder's needs no torch.
"""

from pix2seq.hub.repo import Repo, check_name, repo_of

__all__ = ["Repo", "check_name", "repo_of"]
