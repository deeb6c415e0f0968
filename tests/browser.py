"""A running app with a scripted model, and a real browser to look at it (``test_*_browser.py``)."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from playwright.sync_api import ConsoleMessage, Page, Route, TimeoutError, expect, sync_playwright

from pix2seq.checkpoints import CheckpointInfo
from pix2seq.predictor import Predictor
from tests import fakes, patience

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",  # a camera that shows a test pattern
    "--use-fake-ui-for-media-stream",
]
PATIENCE = round(1000 * patience.PATIENCE)  # ms
expect.set_options(timeout=PATIENCE)


def storyteller() -> Predictor:
    """A predictor that finds a dog, a person and a cup, would say EOS there, and goes on with noise
    objects where EOS is put off. Its logits leave every token some doubt."""
    tokenizer = fakes.tiny_tokenizer()
    real = [
        ((0.10, 0.20, 0.50, 0.80), 16),
        ((0.45, 0.05, 0.90, 0.60), 0),
        ((0.60, 0.50, 0.80, 0.75), 41),
    ]
    extra = [((0.05 * i, 0.3, 0.05 * i + 0.4, 0.7), 5) for i in range(1, 6)]
    ids = fakes.write_objects(tokenizer, [*real, *extra], eos=False)
    for first in range(15, len(ids), 5):
        ids[first + 4] = tokenizer.noise_id
    table = fakes.script(ids, tokenizer.vocab_size, peak=6.0)
    table[torch.arange(len(ids)), torch.tensor(ids) - 1] += 4.5  # a rival for every token
    table[15, tokenizer.eos_id] = 9.0
    model = fakes.ScriptedModel(table)
    return Predictor(
        model, tokenizer, fakes.TINY_PREPROCESS, info=CheckpointInfo(name="storyteller")
    )


@contextmanager
def running_app(
    load: Callable[[str], Predictor] = lambda _: storyteller(),
    checkpoint: str = "storyteller",
) -> Iterator[str]:
    """Serve the whole app over one predictor; yields its address."""
    from pix2seq.ui import build_demo, launch_options

    demo = build_demo(checkpoint, load=load)
    _, url, _ = demo.launch(
        server_name="127.0.0.1", prevent_thread_lock=True, quiet=True, **launch_options()
    )
    try:
        yield url
    finally:
        demo.close()


WATCH_SHIFTS = """() => {
    window.shifts = [];
    const note = (entry) => {
        if (entry.hadRecentInput) return;
        const of = ({ node }) => node && (node.id || node.className?.baseVal || node.className);
        window.shifts.push([entry.value, entry.sources.map(of).join(", ")]);
    };
    new PerformanceObserver((list) => list.getEntries().forEach(note))
        .observe({ type: "layout-shift" });
}"""
"""Collects what moves without anybody having pressed anything (as Web Vitals' CLS counts it)."""


_LEAVING = ("AbortError: signal is aborted", "Unexpected error Connection errored out")
"""What Gradio's client logs when a page is left while its event stream is open."""


def _note(message: ConsoleMessage, problems: list[str]) -> None:
    if message.type == "error" and not message.text.startswith(_LEAVING):
        problems.append(message.text)


@contextmanager
def browser_page(
    chromium: str,
    url: str,
    width: int = 1440,
    height: int = 900,
    prepare: Callable[[Page], None] = lambda page: None,
    **device: Any,
) -> Iterator[Page]:
    """Open the app; whatever the page logs as an error fails the test that opened it.

    Args:
        prepare: called before the app is opened.
        device: what Playwright's ``new_page`` takes, such as ``has_touch=True``.
    """
    problems: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        page = browser.new_page(viewport={"width": width, "height": height}, **device)
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: _note(message, problems))
        prepare(page)
        page.goto(url)
        page.wait_for_function("window.P2S && P2S.stage && P2S.stage()")
        # The arrival has been served: its record cannot be taken for a run that is waited for.
        page.wait_for_selector("#image img", state="attached")
        try:
            yield page
        finally:
            browser.close()
    assert not problems, "\n".join(problems)


def visit(page: Page, address: str) -> None:
    """Go to another address of the app, by way of an empty page.

    Gradio hangs up as soon as a page is left, not when the next one is there. Where an event was
    under way it takes this for a lost connection, and after 2 s loads the page that it is on anew:
    a next page that is slower than that never arrives (``net::ERR_ABORTED``).
    """
    page.goto("about:blank")
    page.goto(address)


def outside(page: Page, space: str, asked: list[str]) -> None:
    """Answer what would leave this machine, and note it: on a Space, and only there, Gradio puts a
    frame with likes and fonts around every app."""

    def answer(route: Route) -> None:
        asked.append(route.request.url)
        if "huggingface.co" in route.request.url:
            route.fulfill(json={"id": space, "author": "someone", "likes": 3})
        else:
            route.fulfill(body="", content_type="text/css")

    page.route(re.compile("^https://"), answer)


def open_tab(page: Page, name: str) -> None:
    """Open a tab of the bar; on a phone the last ones are in a menu.

    Gradio measures the bar anew whenever it changes and moves tabs between bar and menu, which
    closes the menu: what is there now is pressed, until the tab has been reached.
    """
    bar = page.locator("#tabs > .tab-wrapper")
    places = [
        bar.get_by_role("tab", name=name, exact=True),
        bar.locator(".overflow-dropdown button", has_text=name),
        bar.locator(".overflow-menu > button"),
    ]
    for _ in range(PATIENCE // 500):
        for place in places:
            shown = place.locator("visible=true")
            try:
                if shown.count():
                    shown.first.click(timeout=2000)
                    if place is not places[-1]:
                        return
                    break
            except TimeoutError:  # it moved meanwhile
                break
        page.wait_for_timeout(200)
    raise AssertionError(f"no tab {name!r} in {bar.inner_html()}")


def set_number(page: Page, control: str, value: str) -> None:
    """Type into a slider's number field, and leave it, which is when it counts."""
    field = f"#{control} input[type=number]"
    page.fill(field, value)
    page.press(field, "Tab")


def choose_speed(page: Page, text: str) -> None:
    page.click("#speed input")
    page.get_by_role("option", name=text).click()


def offer_alternatives(page: Page) -> None:
    """Open the inspector's page on which other tokens are offered."""
    page.click("[data-panel-tab=change]")
    page.wait_for_selector("[data-alternative]")


def finished(page: Page, before: str | None) -> None:
    """Wait until another run than ``before`` is on the stage, written to its end."""
    page.wait_for_function(
        """before => {
          const { run, state } = P2S.stage().record;
          return run !== before && state === "done";
        }""",
        arg=before,
    )


def write_sentence(page: Page) -> None:
    """Press Run and wait for the end."""
    before = page.evaluate("P2S.stage().record.run")
    page.click("#run")
    finished(page, before)
