"""Gradio's scripts and styles: compressed once, and kept by browsers for good."""

from __future__ import annotations

import asyncio
from pathlib import Path

import brotli
import gradio
import httpx
import pytest

from pix2seq.ui.page.frontend import Frontend
from tests.patience import PATIENCE
from tests.served import served_app

ASSETS = Path(gradio.__file__).parent / "templates/frontend/assets"
LARGEST = max(ASSETS.glob("index-*.js"), key=lambda path: path.stat().st_size)


@pytest.fixture(scope="module")
def web():
    with served_app() as url, httpx.Client(base_url=url, timeout=PATIENCE) as client:
        yield client


def test_every_reader_gets_the_same_file(web):
    content = LARGEST.read_bytes()
    for encoding in ("br", "gzip, deflate, br, zstd", "gzip", "identity", "br", "identity"):
        answer = web.get(f"/assets/{LARGEST.name}", headers={"Accept-Encoding": encoding})
        assert answer.status_code == 200 and answer.content == content
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert "Accept-Encoding" in answer.headers["vary"]
        assert (answer.headers.get("content-encoding") == "br") == ("br" in encoding)
        assert "javascript" in answer.headers["content-type"] and answer.headers["etag"]
    part = web.get(f"/assets/{LARGEST.name}", headers={"Range": "bytes=0-9"})
    assert part.content in (content[:10], content), "others than Gradio answer for parts"


def test_what_is_not_there_is_not_kept_for_good(web):
    for name in ("none-AAAAAAAA.js", "../routes-AAAAAAAA.js", "index.js"):
        answer = web.get(f"/assets/{name}")
        assert answer.status_code >= 400 and "immutable" not in answer.headers.get(
            "cache-control", ""
        )
    assert "immutable" not in web.get("/").headers.get("cache-control", "")


def test_a_file_is_read_and_compressed_once():
    asked = []

    async def app(scope, receive, send):
        asked.append(scope["path"])
        headers = [(b"content-type", b"text/css"), (b"content-length", b"2000")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"a" * 1000, "more_body": True})
        await send({"type": "http.response.body", "body": b"b" * 1000})

    def get(frontend, encoding: bytes) -> tuple[dict, bytes]:
        events = []

        async def send(event):
            events.append(event)

        scope = {"type": "http", "method": "GET", "path": "/assets/a-12345678.css"}
        scope["headers"] = [(b"accept-encoding", encoding)]
        asyncio.run(frontend(scope, None, send))
        start, body = events
        return dict(start["headers"]), body["body"]

    frontend = Frontend(app)
    for _ in range(3):
        headers, body = get(frontend, b"br")
        assert brotli.decompress(body) == b"a" * 1000 + b"b" * 1000
        assert int(headers[b"content-length"]) == len(body) < 100
        assert get(frontend, b"gzip")[1] == b"a" * 1000 + b"b" * 1000
    assert len(asked) == 2
