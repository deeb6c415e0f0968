"""Frames while somebody drags: ``python -m tests.frames`` prints what each panel of the dock takes.

The page runs over the bundled checkpoint at a quarter of the CPU's speed. ``script`` is the time
that our own drawing takes in a frame, ``interval`` the time between two frames, both in ms; sixty
frames a second leave 16.7 for everything.
"""

from __future__ import annotations

import shutil
import statistics
import sys

from playwright.sync_api import Page

import pix2seq
from tests.browser import browser_page, open_tab, running_app

SLOWER = 4
_OWNERS = {
    "bell": "P2S.dock().shown.bell",
    "memory": "P2S.dock().shown",
    "machine": "P2S.machine()",
}
_WATCH = """
  const draw = owner.draw.bind(owner);
  window.took = [];
  window.gaps = [];
  window.dragging = true;
  owner.draw = (...rest) => {
    const at = performance.now();
    draw(...rest);
    took.push(performance.now() - at);
  };
  let last = performance.now();
  const tick = (now) => {
    gaps.push(now - last);
    last = now;
    if (dragging) requestAnimationFrame(tick);
  };
  requestAnimationFrame(tick);
"""


def drag(page: Page, surface: str, moves: int = 90) -> None:
    """Back and forth along the middle of a thing, one move a frame."""
    box = page.locator(surface).first.bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.1, y)
    page.mouse.down()
    for i in range(moves):
        share = 0.1 + 0.8 * abs((i % 60) / 30 - 1)
        page.mouse.move(box["x"] + box["width"] * share, y)
    page.mouse.up()


def measure(page: Page, name: str, surface: str) -> str:
    """One line of the table."""
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.evaluate(f"() => {{ const owner = {_OWNERS[name]}; {_WATCH} }}")
    drag(page, surface)
    took, gaps = page.evaluate("() => { dragging = false; return [took, gaps]; }")
    asked = [url for url in requests if not url.startswith(("data:", "blob:"))]
    return (
        f"{name:8} {len(took):4} frames, script median {statistics.median(took):5.2f} "
        f"most {max(took):5.2f}, interval median {statistics.median(gaps):5.1f}, "
        f"{len(asked)} requests"
    )


def main() -> int:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        print("no Chromium is installed", file=sys.stderr)
        return 2
    load = lambda name: pix2seq.load(name, "cpu")  # noqa: E731
    with running_app(load, "mini") as url, browser_page(chromium, url) as page:
        slow = page.context.new_cdp_session(page)
        page.wait_for_function("P2S.stage().record.state === 'done'")
        page.click("[data-fork-tab=bet]")
        page.wait_for_function("P2S.dock().shown?.bell?.open")
        slow.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
        print(f"at {SLOWER} x CPU throttle")
        print(measure(page, "bell", ".p2s-photo-image"))
        page.click("[data-fork-tab=memory]")
        page.wait_for_selector(".fork-curve")
        print(measure(page, "memory", ".fork-places"))
        open_tab(page, "Learn")
        page.locator("#machine").scroll_into_view_if_needed()
        page.wait_for_selector("[data-machine-token]")
        page.locator(".machine-curves").first.scroll_into_view_if_needed()
        print(measure(page, "machine", ".machine-curves"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
