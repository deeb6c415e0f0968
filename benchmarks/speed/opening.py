"""From the navigation to the first painted token: two checkouts side by side, cold and warm.

    python benchmarks/speed/opening.py --against ../before --runs 10

A cold visit has a browser of its own with nothing cached; a warm one is the same browser's return
to the page. The two checkouts take turns, so that whatever else the machine does meets both. The
time is that of the frame that first shows a token, as ``performance.now()`` counts it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack, contextmanager
from pathlib import Path
from shutil import which

HERE = Path(__file__).resolve().parents[2]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
WATCH = """
  new MutationObserver((_, observer) => {
    if (!document.querySelector("[data-token]")) return;
    observer.disconnect();
    requestAnimationFrame(() => { window.painted = performance.now(); });
  }).observe(document, { childList: true, subtree: true });
"""


@contextmanager
def app(checkout: Path, port: int):
    """The checkout's own app on a port; yields its address."""
    command = [sys.executable, "app.py", "--port", str(port)]
    process = subprocess.Popen(
        command,
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": str(checkout), "GRADIO_ANALYTICS_ENABLED": "False"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(address, timeout=5).close()
                break
            except OSError:
                time.sleep(0.5)
        yield address
    finally:
        process.terminate()
        process.wait()


def visit(context, address: str) -> float:
    """Seconds to the first painted token."""
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.add_init_script(WATCH)
    page.goto(address, wait_until="commit")
    page.wait_for_function("window.painted")
    seconds = page.evaluate("window.painted") / 1000
    page.wait_for_timeout(500)  # what is still loading does not disturb the next visit
    page.close()
    return seconds


def measure(addresses: dict[str, str], runs: int) -> dict[str, dict[str, list[float]]]:
    """Seconds by checkout and kind of visit."""
    from playwright.sync_api import sync_playwright

    found = {name: {"cold": [], "warm": []} for name in addresses}
    path = next(filter(None, map(which, ("chromium", "chromium-browser", "google-chrome"))))
    with sync_playwright() as playwright:
        for turn in range(runs + 1):
            for name in addresses if turn % 2 else reversed(addresses):
                browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
                context = browser.new_context(viewport={"width": 1440, "height": 900})
                for kind in ("cold", "warm"):
                    seconds = visit(context, addresses[name])
                    if turn:  # the first of all wakes the servers
                        found[name][kind].append(seconds)
                browser.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--against", type=Path, required=True, help="another checkout's root")
    parser.add_argument("--runs", type=int, default=10, help="visits of each kind (10)")
    parser.add_argument("--json", type=Path, help="append all figures to this file")
    args = parser.parse_args()
    checkouts = {"now": HERE, "against": args.against.resolve()}
    with ExitStack() as stack:
        addresses = {
            name: stack.enter_context(app(checkout, 7871 + number))
            for number, (name, checkout) in enumerate(checkouts.items())
        }
        found = measure(addresses, args.runs)
    for name, kinds in found.items():
        for kind, seconds in kinds.items():
            low, middle, high = min(seconds), statistics.median(seconds), max(seconds)
            print(f"{name:8} {kind:5} median {middle:.2f} s  ({low:.2f} to {high:.2f})")
    if args.json:
        with args.json.open("a") as file:
            file.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
