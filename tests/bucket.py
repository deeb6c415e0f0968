"""A small web server that misbehaves on request: the stand-in for the public bucket."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Bucket:
    """Files by path, faults by path, and what was asked for.

    Attributes:
        files: path (with its leading slash) -> content.
        breaks: path -> how many bytes to send before the connection is cut, once per entry.
        errors: path -> HTTP statuses to answer with first, one per request.
        announces: path -> a false ``Content-Length``.
        tags: whether answers carry an ETag, without which nothing can be resumed.
        requests: how often each path was asked for; ``ranges``: the ``Range`` headers that came.
    """

    files: dict[str, bytes] = field(default_factory=dict)
    breaks: dict[str, list[int]] = field(default_factory=dict)
    errors: dict[str, list[int]] = field(default_factory=dict)
    announces: dict[str, int] = field(default_factory=dict)
    tags: bool = True
    requests: Counter = field(default_factory=Counter)
    ranges: list[str] = field(default_factory=list)
    url: str = ""


def _tag(content: bytes) -> str:
    return f'"{hashlib.md5(content).hexdigest()}"'


def _handler(bucket: Bucket) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = self.path
            bucket.requests[path] += 1
            if bucket.errors.get(path):
                self._refuse(bucket.errors[path].pop(0))
                return
            if path not in bucket.files:
                self._refuse(404)
                return
            content = bucket.files[path]
            start = 0
            wanted = self.headers.get("Range")
            if wanted:
                bucket.ranges.append(wanted)
                if self.headers.get("If-Range") == _tag(content):
                    start = int(wanted.removeprefix("bytes=").rstrip("-"))
                    if start >= len(content):
                        self._refuse(416)
                        return
            body = content[start:]
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(bucket.announces.get(path, len(body))))
            if start:
                self.send_header(
                    "Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}"
                )
            if bucket.tags:
                self.send_header("ETag", _tag(content))
            self.end_headers()
            if bucket.breaks.get(path):
                self.wfile.write(body[: bucket.breaks[path].pop(0)])
                self.close_connection = True
                return
            self.wfile.write(body)
            self.close_connection = path in bucket.announces

        def _refuse(self, status: int) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    return Handler


@contextmanager
def serve(bucket: Bucket) -> Iterator[Bucket]:
    """Answer requests on a free local port while the context is open."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(bucket))
    server.handle_error = lambda request, address: None  # clients may hang up; that is tested
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    bucket.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield bucket
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
