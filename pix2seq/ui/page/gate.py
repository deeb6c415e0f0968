"""The gate: what may come in from the network, before Gradio hears of it.

Gradio serves more than this page needs: it fetches web addresses that a message names, runs ffmpeg
over videos, tells who asked what. None of that is for strangers. A request passes by a known door
or not at all, no message names a web address as a file, none is endless, and nobody fills the queue
alone. Whoever is turned away is told why, in one line.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Awaitable, Callable
from typing import Any

from pix2seq import logs
from pix2seq.config import short
from pix2seq.ui.visit.limits import Limits, variable

Receive = Callable[[], Awaitable[dict]]
Send = Callable[[dict], Awaitable[None]]

_API = "/gradio_api"
_DOORS = (
    *("/assets/", "/static/", "/svelte/", "/config", "/favicon.ico", "/healthz", "/manifest.json"),
    *("/robots.txt", "/theme.css"),
    *(f"{_API}/{name}" for name in ("api/", "app_id", "call/", "cancel", "component_server")),
    *(f"{_API}/{name}" for name in ("file=", "heartbeat/", "info", "openapi.json", "queue/")),
    *(f"{_API}/{name}" for name in ("reset", "run/", "startup-events", "theme.css", "upload")),
)
"""How the paths begin that are served; the page itself is at ``/``."""

_JOINS = tuple(f"{_API}/{name}" for name in ("queue/join", "call/", "run/", "api/"))
"""What begins something that may take a while."""

_WORDLESS = b'{"error":null}'  # where a message has too few inputs, or asks for no function
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)
_AROUND = 64 << 10  # bytes of an upload that are not the file


class Gate:
    """ASGI middleware.

    Args:
        app: what is behind the gate.
        limits: by default those of the environment.
    """

    def __init__(self, app: Any, limits: Limits | None = None) -> None:
        self.app = app
        self.limits = limits or Limits.of_this_server()

    async def __call__(self, scope: dict, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = False
        failure: dict | None = None  # how an answer of Gradio's begins that says nothing else

        async def answer(event: dict) -> None:
            nonlocal begun, failure
            if event.get("status") == 500:
                failure = event
            elif failure is None:
                begun = True
                await send(event)
            elif not begun:
                begun = True
                if event.get("body") == _WORDLESS:
                    await _refuse(send, 400, "this request cannot be understood")
                else:
                    await send(failure)
                    await send(event)
                    failure = None

        try:
            await self._pass(scope, receive, answer)
        except Exception as error:  # Gradio trips over what no client of its own would send
            logs.event("refused", door=_door(scope), error=type(error).__name__)
            if begun:
                await send({"type": "http.response.body", "body": b""})
            elif said := disk_full(error):
                await _refuse(send, 507, said)
            else:
                await _refuse(send, 400, "this request cannot be understood")

    async def _pass(self, scope: dict, receive: Receive, send: Send) -> None:
        path = path_of(scope)
        if not (path == "/" or path.startswith(_DOORS)) or _names_an_address(path):
            await _refuse(send, 404, "there is nothing here")
        elif scope["method"] != "POST":
            await self.app(scope, receive, send)
        elif path.startswith(f"{_API}/upload"):
            await self._upload(scope, receive, send)
        else:
            await self._message(scope, path, receive, send)

    async def _upload(self, scope: dict, receive: Receive, send: Send) -> None:
        """A file goes to the disk as it comes: its end is what is too long."""
        most = (self.limits.upload_mb << 20) + _AROUND
        said = f"an upload may have {self.limits.upload_mb} MB ({variable('upload_mb')})"
        had = 0

        async def counted() -> dict:
            nonlocal had
            event = await receive()
            had += len(event.get("body", b""))
            return event if had <= most else {"type": "http.disconnect"}

        if _length(scope) > most:
            await _refuse(send, 413, said)
        else:
            await self.app(scope, counted, send)

    async def _message(self, scope: dict, path: str, receive: Receive, send: Send) -> None:
        """A message is read to its end, and looked at, before it is passed on."""
        body = await _whole(receive, self.limits.message_mb << 20)
        if body is None:
            said = f"a message may have {self.limits.message_mb} MB ({variable('message_mb')})"
            await _refuse(send, 413, said)
            return
        try:
            message = json.loads(body)
            address = _address_in(message)
        except RecursionError:
            await _refuse(send, 400, "the message is nested too deeply")
            return
        except ValueError:  # no JSON: Gradio has its own words for it
            message, address = None, None
        if address is not None:
            said = f"{short(address)} is a web address; upload the picture instead"
            await _refuse(send, 400, said)
            return
        if path.startswith(_JOINS):
            session = message.get("session_hash") if isinstance(message, dict) else None
            if full := self.full(scope["app"].get_blocks()._queue, session):
                await _refuse(send, 429, full)
                return
        await self.app(scope, _again(body, receive), send)

    def full(self, queue: Any, session: object) -> str:
        """Why nobody, or this visitor, can have another place; empty if they can."""
        if len(queue) >= self.limits.waiting:
            return (
                f"{len(queue)} people are before you, which is all that this server lets wait "
                f"({variable('waiting')}); try again in a minute"
            )
        mine = queue.pending_event_ids_session.get(session, ()) if isinstance(session, str) else ()
        if len(mine) >= self.limits.per_visitor:
            return (
                f"{len(mine)} of your requests are not answered yet, which is all that one visitor "
                f"may have ({variable('per_visitor')}); wait for one of them"
            )
        return ""


def disk_full(error: Exception) -> str:
    """What a visitor hears if the server's disk takes nothing more; empty if it is not that."""
    if isinstance(error, OSError) and error.errno in _FULL:
        return f"the server cannot keep this ({error.strerror}); tell whoever runs it"
    return ""


def _door(scope: dict) -> str:
    """What a path begins with that is served; the rest may be the name of somebody's file."""
    path = path_of(scope)
    return next((door for door in _DOORS if path.startswith(door)), "/")


def path_of(scope: dict) -> str:
    """The path behind the prefix of a proxy."""
    root = scope.get("root_path", "").rstrip("/")
    path = scope["path"]
    return path.removeprefix(root) or "/" if root else path


def _names_an_address(path: str) -> bool:
    """Whether a file's place is somewhere else: Gradio would fetch it."""
    place = path.partition("file=")[2].lower()
    return "://" in place or place.startswith(("http:", "https:"))


def _address_in(value: Any) -> str | None:
    """The first web address that a message gives as a file's place."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            place = one.get("path")
            if isinstance(place, str) and place.strip().lower().startswith(("http:", "https:")):
                return place
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    return None


def _length(scope: dict) -> int:
    """Bytes that a request announces; 0 if it does not."""
    text = dict(scope["headers"]).get(b"content-length", b"0")
    return int(text) if text.isdigit() else 0


async def _whole(receive: Receive, most: int) -> bytes | None:
    """A request's body; ``None`` if it is longer than that."""
    body = bytearray()
    while True:
        event = await receive()
        if event["type"] != "http.request":
            return bytes(body)
        body += event.get("body", b"")
        if len(body) > most:
            return None
        if not event.get("more_body"):
            return bytes(body)


def _again(body: bytes, receive: Receive) -> Receive:
    """``receive`` for a body that was read already."""
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> dict:
        return waiting.pop() if waiting else await receive()

    return receive_again


async def _refuse(send: Send, status: int, said: str) -> None:
    """One line of JSON; ``detail`` is what Gradio's page shows."""
    content = json.dumps({"detail": said, "error": said}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
