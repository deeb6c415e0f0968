"""The page under a path of somebody else's server, alone and inside a frame of another origin."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
import pytest
import uvicorn
from PIL import Image
from playwright.sync_api import Frame, Page, sync_playwright
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.browser import FLAGS, PATIENCE, storyteller

pytestmark = pytest.mark.browser

PREFIX = "/some/path"
# What huggingface.co allows a Space's frame.
SANDBOX = (
    "allow-downloads allow-forms allow-modals allow-popups allow-popups-to-escape-sandbox "
    "allow-same-origin allow-scripts allow-storage-access-by-user-activation"
)
METHODS = ["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS"]


@dataclass
class Proxy:
    """A server of its own: the app under ``PREFIX``, a page that frames it, and nothing else.

    Attributes:
        port: where it listens; ``127.0.0.1`` and ``localhost`` are two origins.
        strays: requests that the page sent outside of its path.
    """

    app: str
    port: int = 0
    strays: list[str] = field(default_factory=list)

    def routes(self) -> Starlette:
        client = httpx.AsyncClient(base_url=self.app, timeout=None)

        async def forward(request: Request) -> Response:
            headers = {k: v for k, v in request.headers.items() if k != "host"}
            headers |= {"x-forwarded-host": request.headers["host"], "x-forwarded-proto": "http"}
            path = request.url.path.removeprefix(PREFIX)
            url = httpx.URL(path=path or "/", query=request.url.query.encode())
            sent = client.build_request(
                request.method, url, headers=headers, content=await request.body()
            )
            answer = await client.send(sent, stream=True)
            return StreamingResponse(
                answer.aiter_raw(),
                answer.status_code,
                dict(answer.headers),
                background=BackgroundTask(answer.aclose),
            )

        async def framing(request: Request) -> Response:
            src = f"http://127.0.0.1:{self.port}{PREFIX}/"
            return HTMLResponse(
                "<!doctype html><link rel=icon href=data:,><body style=margin:0>"
                f'<iframe src="{src}" sandbox="{SANDBOX}" allow="clipboard-write" '
                'style="width:100vw;height:99vh;border:0"></iframe>'
            )

        async def stray(request: Request) -> Response:
            self.strays.append(request.url.path)
            return Response(status_code=404)

        async def icon(request: Request) -> Response:
            # The browser looks for one itself until Gradio has put our head into the page.
            return Response(status_code=204)

        return Starlette(
            routes=[
                Route("/favicon.ico", icon),
                Route(f"{PREFIX}{{rest:path}}", forward, methods=METHODS),
                Route("/framing", framing),
                Route("/{rest:path}", stray, methods=METHODS),
            ]
        )


@pytest.fixture(scope="module")
def proxy() -> Iterator[Proxy]:
    from pix2seq.ui import build_demo, launch_options

    demo = build_demo("storyteller", load=lambda _: storyteller())
    demo.launch(
        server_name="127.0.0.1",
        root_path=PREFIX,
        prevent_thread_lock=True,
        quiet=True,
        **launch_options(),
    )
    # Gradio names the public address; the proxy asks the port behind it.
    proxy = Proxy(f"http://127.0.0.1:{demo.server_port}")
    config = uvicorn.Config(proxy.routes(), host="127.0.0.1", port=0, log_level="error")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    proxy.port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.should_exit = True
        thread.join(PATIENCE / 1000)
        demo.close()


@contextmanager
def browser(chromium: str, problems: list[str]) -> Iterator[Page]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = opened.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on(
            "console",
            lambda message: problems.append(message.text) if message.type == "error" else None,
        )
        try:
            yield page
        finally:
            opened.close()


def photo(width: int = 120, height: int = 90) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), (200, 120, 40)).save(file, "PNG")
    return file.getvalue()


def work_on(page: Page, frame: Frame) -> None:
    """What a visitor does: see the recorded sentence, run, upload, download."""
    frame.wait_for_function("window.P2S && P2S.stage && P2S.stage()")
    frame.wait_for_selector("[data-token]")  # the first tokens are painted
    frame.wait_for_selector("#image img", state="attached")
    frame.click("#run")
    frame.wait_for_function("P2S.stage().state() === 'done' && !P2S.stage().record.header.replay")
    assert frame.locator("[data-box]").count() >= 3
    frame.set_input_files(
        "#image input[type=file]",
        {"name": "mine.png", "mimeType": "image/png", "buffer": photo()},
    )
    frame.wait_for_function("P2S.stage().record.image?.w === 120")
    frame.click("#run")
    frame.wait_for_function("P2S.stage().state() === 'done' && P2S.stage().record.image.w === 120")
    with page.expect_download() as download:
        frame.locator("[data-export='json']").evaluate("button => button.click()")
    assert '"storyteller"' in download.value.path().read_text()
    # Asks Gradio's own queue, at an address that the script makes.
    frame.evaluate("P2S.stage().waiting.look()")


@pytest.mark.parametrize("framed", [False, True], ids=["alone", "in a frame of another origin"])
def test_the_page_works_under_a_path_of_another_server(chromium, proxy, framed):
    problems: list[str] = []
    proxy.strays.clear()
    with browser(chromium, problems) as page:
        if framed:
            page.goto(f"http://localhost:{proxy.port}/framing")
            frame = page.wait_for_selector("iframe").content_frame()
        else:
            page.goto(f"http://127.0.0.1:{proxy.port}{PREFIX}/")
            frame = page.main_frame
        work_on(page, frame)
        assert frame.url == f"http://127.0.0.1:{proxy.port}{PREFIX}/"
        icon = frame.get_attribute("link[rel=icon]", "href")
        assert icon.startswith("data:image/svg+xml,")
        origins = frame.evaluate("[...location.ancestorOrigins]")
        assert origins == ([f"http://localhost:{proxy.port}"] if framed else [])
    assert proxy.strays == []
    assert problems == []
