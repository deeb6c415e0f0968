"""Which names are URLs: of stores that fsspec opens, and of web pages, which nobody downloads."""

from __future__ import annotations

_WEB = ("http://", "https://")


def is_url(path: str) -> bool:
    """Whether a path names something in a store that fsspec opens: ``s3://...``, or one store in
    another, ``zip://photos::s3://...`` and ``simplecache::s3://...``."""
    scheme, found, _ = path.partition("://")
    return bool(found) and scheme.replace("::", "").isalnum()


def is_web_address(path: str) -> bool:
    """Web pages are not stores: nothing is downloaded from them."""
    return any(part.startswith(_WEB) for part in path.split("::"))
