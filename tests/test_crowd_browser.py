"""What a visitor sees of others: how many are before them. And on a Space, a way to one's own."""

from __future__ import annotations

import io
from functools import partial
from threading import Event

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser import browser_page, outside, running_app, storyteller
from tests.crowd import API, Page, marker

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

WINDOWS = {1440: 900, 390: 844}
SPACE_ID = "someone/explorer"
MESSAGE = "#stage .p2s-photo-message"


class OneLook:
    """A network that looks at a picture whenever it is allowed to, each time for one picture."""

    def __init__(self) -> None:
        self.allowed = [Event() for _ in range(20)]
        self.looked = 0

    def load(self, name: str):
        predictor = storyteller()
        look = predictor.encode_batch

        def slowly(images):
            assert self.allowed[self.looked].wait(120)
            self.looked += 1
            return look(images)

        predictor.encode_batch = slowly
        return predictor


def send_visitors(url: str, count: int) -> None:
    """So many others press Run, each about a picture of their own."""
    with httpx.Client(base_url=url, timeout=60) as web:
        page = Page(web.get("/config").json())
        for who in range(count):
            [path] = web.post(f"{API}/upload", files={"files": (f"{who}.png", png(who))}).json()
            message = page.message("run", "click", path, f"other-{who}")
            assert web.post(f"{API}/queue/join", json=message).status_code == 200


def png(who: int) -> bytes:
    buffer = io.BytesIO()
    marker(who).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize("width", WINDOWS)
@pytest.mark.parametrize("at_once", [16, 1], ids=["before the network", "in the queue"])
def test_a_visitor_sees_how_many_people_are_before_them(
    chromium, monkeypatch, tmp_path, width, at_once
):
    monkeypatch.setenv("PIX2SEQ_MAX_AT_ONCE", str(at_once))
    network = OneLook()
    with (
        running_app(load=network.load) as url,
        browser_page(chromium, url, width, WINDOWS[width]) as page,
    ):
        send_visitors(url, 3)
        page.set_input_files(
            "#image input[type=file]",
            {
                "name": "mine.png",
                "mimeType": "image/png",
                "buffer": png(9),
            },
        )
        message = page.locator(MESSAGE)
        expect(message).to_contain_text("3 people are before you")
        page.locator("#stage").scroll_into_view_if_needed()
        page.screenshot(path=tmp_path / f"three-{width}-{at_once}.png")
        for count, words in ((2, "2 people are before you"), (1, "1 person is before you")):
            network.allowed[2 - count].set()
            expect(message).to_contain_text(words)
        for event in network.allowed:
            event.set()
        page.wait_for_function("P2S.stage().record.state === 'done'")
        expect(message).not_to_contain_text("before you")
        size = page.evaluate("[P2S.stage().record.image.w, P2S.stage().record.image.h]")
        assert tuple(size) == marker(9).size


ON_TOP = """node => {
  const at = node.getBoundingClientRect();
  const places = [[0.1, 0.2], [0.9, 0.2], [0.5, 0.5], [0.1, 0.8], [0.9, 0.8]];
  return places.every(([x, y]) => {
    const top = document.elementFromPoint(at.left + x * at.width, at.top + y * at.height);
    return top && node.contains(top);
  });
}"""

OVERLAPS = """node => {
  const mine = node.getBoundingClientRect();
  const others = document.querySelectorAll("#footer [data-version], #tabs, #header, #fork");
  return [...others].filter((other) => {
    const at = other.getBoundingClientRect();
    const across = at.right > mine.left && at.left < mine.right;
    return across && at.bottom > mine.top && at.top < mine.bottom;
  }).map((other) => other.outerHTML.slice(0, 80));
}"""


@pytest.mark.parametrize("width", WINDOWS)
def test_on_a_space_duplicate_is_there_in_reach_and_covers_nothing(
    chromium, monkeypatch, tmp_path, width
):
    monkeypatch.setenv("SYSTEM", "spaces")  # both are set there
    monkeypatch.setenv("SPACE_ID", SPACE_ID)
    with (
        running_app() as url,
        browser_page(
            chromium, url, width, WINDOWS[width], partial(outside, space=SPACE_ID, asked=[])
        ) as page,
    ):
        page.wait_for_function("!P2S.stage().playing && P2S.stage().record.state === 'done'")
        button = page.locator("#duplicate")
        page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
        page.wait_for_timeout(300)
        page.screenshot(path=tmp_path / f"duplicate-{width}.png")
        assert button.evaluate(ON_TOP), "something lies over it"
        assert button.evaluate(OVERLAPS) == []
        at = button.bounding_box()
        assert at["x"] >= 0 and at["x"] + at["width"] <= width
        assert at["height"] >= 24
        page.evaluate("window.open = (address) => { window.opened = address; }")
        button.focus()
        page.keyboard.press("Enter")
        page.wait_for_function("window.opened")
        address = f"https://huggingface.co/spaces/{SPACE_ID}?duplicate=true"
        assert page.evaluate("window.opened") == address


def test_anywhere_else_there_is_nothing_to_duplicate(chromium, monkeypatch):
    monkeypatch.delenv("SPACE_ID", raising=False)
    with running_app() as url, browser_page(chromium, url) as page:
        assert page.locator("#duplicate").count() == 0
        expect(page.locator("#footer")).to_contain_text("Pix2Seq Explorer")
