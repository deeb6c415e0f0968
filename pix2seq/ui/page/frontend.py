"""``Frontend``: Gradio's scripts and styles, read and compressed once.

A visit asks for about a hundred of them. Gradio takes a millisecond for each, in the one thread
that everything goes through, and eight for the largest: it compresses them anew for everybody.
Their names change with their content, so a browser may keep them for good.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import brotli

from pix2seq.ui.page.gate import path_of

Receive = Callable[[], Awaitable[dict]]
Send = Callable[[dict], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

_NAMED_BY_CONTENT = re.compile(r"/assets/[\w.-]+-[\w-]{8}\d?\.(js|css)")
_FOR_GOOD = (b"cache-control", b"public, max-age=31536000, immutable")
_ROOM = 16 << 20  # bytes that are kept; a visit to all pages takes two
_QUALITY = 5  # of 11; Gradio's own is 4
_SMALL = 400  # bytes that are sent as they are


@dataclass(frozen=True)
class _File:
    headers: Headers
    body: bytes


class Frontend:
    """ASGI middleware.

    Args:
        app: what has the files.
    """

    def __init__(self, app: Any) -> None:
        self.app = app
        self._kept: dict[tuple[str, bool], _File] = {}
        self._held = 0

    async def __call__(self, scope: dict, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET":
            await self.app(scope, receive, send)
            return
        asked = dict(scope["headers"])
        path = path_of(scope)
        if b"range" in asked or not _NAMED_BY_CONTENT.fullmatch(path):
            await self.app(scope, receive, send)
            return
        packed = b"br" in asked.get(b"accept-encoding", b"")
        file = self._kept.get((path, packed))
        if file is None:
            file = await self._read(path, packed, scope, receive, send)
        if file is not None:
            headers = [*file.headers]  # who packs it for others writes into them
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": file.body})

    async def _read(
        self, path: str, packed: bool, scope: dict, receive: Receive, send: Send
    ) -> _File | None:
        """A file that is asked for the first time; ``None`` if there is none, which has been sent
        on."""
        started: dict = {}
        body = bytearray()

        async def collect(event: dict) -> None:
            if event["type"] == "http.response.start":
                started.update(event)
            if started["status"] != 200:
                await send(event)
            else:
                body.extend(event.get("body", b""))

        await self.app(scope, receive, collect)
        if started.get("status") != 200:
            return None
        file = _file(started["headers"], bytes(body), packed)
        if self._held + len(file.body) <= _ROOM:
            self._held += len(file.body)
            self._kept[path, packed] = file
        return file


def _file(headers: Headers, body: bytes, packed: bool) -> _File:
    """A file as it is sent, to those who can unpack it or to others."""
    own = (b"content-length", b"content-encoding", b"vary", b"cache-control")
    headers = [(name, value) for name, value in headers if name not in own]
    headers += [_FOR_GOOD, (b"vary", b"Accept-Encoding")]
    if packed and len(body) >= _SMALL:
        body = brotli.compress(body, mode=brotli.MODE_TEXT, quality=_QUALITY)
        headers.append((b"content-encoding", b"br"))
    return _File([*headers, (b"content-length", b"%d" % len(body))], body)
