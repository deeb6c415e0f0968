"""Rows about the server and the page, each measured on an app in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from shutil import which
from typing import Any

from pix2seq.bench.row import Row
from pix2seq.bench.served import Served, served
from pix2seq.bench.subject import subject_of
from pix2seq.bench.timing import wall_seconds
from pix2seq.predictor import Predictor

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_VISITS = 3  # a repetition; the very first one warms the server
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
_PATIENCE_MS = 60_000
_WATCH = """
  window.painted = [];
  new MutationObserver(() => {
    const count = document.querySelectorAll("[data-token]").length;
    const last = window.painted.at(-1);
    if (count && count !== last?.[0]) window.painted.push([count, performance.now()]);
  }).observe(document, { childList: true, subtree: true });
"""
"""Notes how many tokens are on the page, and when that changed (ms since the navigation)."""


def server_rows(app: Served, at_start: float | None, quick: bool) -> Iterator[Row]:
    """``/detect`` and ``/detect_stream`` with one caller and with many, and the memory they leave.

    Args:
        at_start: the server's memory before anybody called, GB.
    """
    each = 3 if quick else 8
    one, stream, once_more = (
        app.rate(name, 1, each) for name in ("/detect", "/detect_stream", "/detect")
    )
    one = max(one, once_more)
    yield Row("server/rate-1", "/detect, one caller", one, "runs/s", 1, higher=True)
    for callers in (4, 8):
        many = app.rate("/detect", callers, each)
        what = f"/detect, {callers} callers at once"
        note = f"{many / one:.2f} x one caller's, a new picture each"
        yield Row(f"server/rate-{callers}", what, many, "runs/s", 2.5, higher=True, note=note)
        if callers == 4:
            four = many
    note = f"{1000 / stream:.0f} ms against {1000 / one:.0f}"
    what = "/detect_stream against /detect, one caller"
    yield Row("server/stream", what, one / stream, "x", 1.15, note=note)
    what = "/detect_stream against /detect, 4 callers"
    yield Row("server/stream-4", what, four / app.rate("/detect_stream", 4, each), "x", 1.15)
    while app.runs < (0 if quick else 100):
        app.rate("/detect", 8, 2)
    nothing = "" if at_start is not None else "this system does not say"
    yield Row("server/start", "server memory at the start", at_start, "GB", 0.9, note=nothing)
    what = "server memory after many runs by many callers"
    note = nothing or f"{app.runs} runs"
    yield Row("server/after", what, app.memory(), "GB", 1.2, note=note)


def page_rows(app: Served, predictor: Predictor, repeats: int) -> Iterator[Row]:
    """What a browser shows, and when."""
    what = ("tokens/s painted against the headless stream", "navigation to the first painted token")
    missing = _missing()
    if missing:
        yield Row("page/painted", what[0], None, "x", 0.80, higher=True, note=missing)
        yield Row("page/first", f"{what[1]}, warm server", None, "s", 0.8, note=missing)
        return
    subject = subject_of(predictor)
    first, painted, bare = [], [], []
    with browser_here() as browser:
        for _ in range(repeats):
            bare.append(subject.length / wall_seconds(lambda: list(subject.stream())))
            for visit in range(_VISITS):
                page = first_painted(browser, app.url)
                first.append(page.evaluate("window.painted[0][1]") / 1000)
                if visit == _VISITS - 1:
                    painted.append(_painted(page))
                page.close()
    note = f"{max(painted):.0f} against {max(bare):.0f} tokens/s"
    figure = max(painted) / max(bare)
    yield Row("page/painted", what[0], figure, "x", 0.80, higher=True, note=note)
    yield Row("page/first", f"{what[1]}, warm server", min(first[1:]), "s", 0.8)


def first_painted(browser: Any, url: str) -> Any:
    """A new visitor's page, once it shows a token; ``window.painted`` says when."""
    page = browser.new_page()
    page.set_default_timeout(_PATIENCE_MS)
    page.add_init_script(_WATCH)
    page.goto(url, wait_until="commit")
    page.wait_for_function("window.painted?.length")
    return page


def _painted(page: Any) -> float:
    """Tokens per second on the stage from the first to the last of one run."""
    page.wait_for_selector("#run:not([disabled])")
    page.wait_for_function("window.P2S && P2S.stage && P2S.stage()?.record.run")
    before = page.evaluate("P2S.stage().record.run")
    page.click("#speed input")
    with page.expect_response(lambda answer: "/run/" in answer.url):  # the server knows the pace
        page.get_by_role("option", name="as fast as it samples").click()
    page.evaluate("window.began = null; window.ended = null;")
    page.evaluate(
        """before => {
          const look = () => {
            const { run, state, tokens } = P2S.stage().record;
            if (run !== before && state === "writing" && window.began === null)
              window.began = performance.now();
            if (run !== before && state === "done") {
              window.ended = performance.now();
              window.count = tokens.length;
            } else requestAnimationFrame(look);
          };
          look();
        }""",
        before,
    )
    page.click("#run")
    page.wait_for_function("window.ended !== null")
    return page.evaluate("1000 * window.count / (window.ended - window.began)")


def _missing() -> str:
    """Why nothing can be shown here; empty if it can."""
    if not any(map(which, _BROWSERS)):
        return "no Chromium here"
    try:
        import playwright  # noqa: F401
    except ImportError:
        return "playwright is not installed; pip install playwright"
    return ""


@contextmanager
def browser_here() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    path = next(filter(None, map(which, _BROWSERS)))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_FLAGS)
        try:
            yield browser
        finally:
            browser.close()


def app_rows(checkpoint: str, predictor: Predictor, quick: bool) -> Iterator[Row]:
    """Every row that needs a running app."""
    with served(checkpoint) as app:
        at_start = app.memory()
        yield from server_rows(app, at_start, quick)
        yield from page_rows(app, predictor, 2 if quick else 4)
