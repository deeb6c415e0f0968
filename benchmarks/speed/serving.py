"""The server and the page of several checkouts, taking turns: the first painted token,
``/detect`` and ``/detect_stream`` with one caller and with four, memory.

    python benchmarks/speed/serving.py . ../before

Every checkout serves its own code; callers and browser are those of the first. Start each once
before: where Numba has to compile, the first visits wait for it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, chdir
from pathlib import Path

ENDPOINTS = ("/detect", "/detect_stream")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("trees", nargs="+", type=lambda text: Path(text).resolve())
    parser.add_argument("--visits", type=int, default=5, help="(default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=10, help="(default: %(default)s)")
    parser.add_argument("--runs", type=int, default=110, help="before the memory is read")
    args = parser.parse_args()
    sys.path.insert(0, str(args.trees[0]))
    from pix2seq.bench.page import browser_here, first_painted
    from pix2seq.bench.served import Served, served

    def seconds(app: Served, name: str, callers: int) -> float:
        """Of one run, where so many callers each ask about one new picture."""
        pictures = [app.upload() for _ in range(callers)]
        with ThreadPoolExecutor(callers) as pool:
            start = time.perf_counter()
            list(pool.map(lambda path: app.call(name, path), pictures))
            return (time.perf_counter() - start) / callers

    with ExitStack() as stack:
        apps = {}
        for tree in args.trees:
            with chdir(tree):
                apps[tree] = stack.enter_context(served("mini"))
            print(f"{tree}: {apps[tree].memory():.3f} GB at the start")
        browser = stack.enter_context(browser_here())
        visits = {tree: [] for tree in args.trees}
        for visit in range(args.visits + 1):
            for tree, app in apps.items():
                page = first_painted(browser, app.url)
                if visit:  # the first one finds nothing read
                    visits[tree].append(page.evaluate("window.painted[0][1]"))
                page.close()
        for tree, times in visits.items():
            print(f"{tree}: first painted token after {statistics.median(times):.0f} ms")
        for callers in (1, 4):
            told = {(tree, name): [] for tree in args.trees for name in ENDPOINTS}
            for turn in range(args.rounds + 1):
                for (tree, name), times in told.items():
                    took = seconds(apps[tree], name, callers)
                    if turn:
                        times.append(1000 * took)
            for tree in args.trees:
                one, stream = (statistics.median(told[tree, name]) for name in ENDPOINTS)
                ratio = f"{stream / one:.2f} x"
                print(f"{tree}: {callers} callers, {one:.0f} and {stream:.0f} ms a run, {ratio}")
        for tree, app in apps.items():
            while app.runs < args.runs:
                app.rate("/detect", 8, 2)
            print(f"{tree}: {app.memory():.3f} GB after {app.runs} runs")


if __name__ == "__main__":
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    main()
