"""A crowd on loopback: visitors with browsers and with programs, who use the page and leave.

``python -m tests.crowd --minutes 5`` starts an app in a process of its own, sends 30 visitors for
five minutes and prints the table of the load report. Half of them speak the browser's protocol
(Gradio's queue over HTTP and server-sent events): they upload their own photo, run, stop, step,
edit, and now and then leave in the middle without a word. The others are ``gradio_client``s. Every
visitor's photo has a size and a colour that nobody else's has, and everything that comes back is
held against them; the same seed must write the same tokens again, whoever else is being served.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import random
import re
import statistics
import subprocess
import sys
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from gradio_client import handle_file
from PIL import Image

from tests import fakes
from tests.patience import program

API = "/gradio_api"
SEED = 14


@dataclass
class Tally:
    """What a crowd has seen.

    Attributes:
        waits: seconds from a request to its first token (or, for ``/detect``, its answer).
        errors: what a person would have seen go wrong.
        crossed: answers that were somebody else's.
        left: runs that were left without a word.
    """

    requests: int = 0
    waits: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    crossed: int = 0
    left: int = 0
    stopped: int = 0
    finished_by: set[int] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def request(self, who: int, wait: float | None, error: str = "") -> None:
        with self.lock:
            self.requests += 1
            if wait is not None:
                self.waits.append(wait)
                self.finished_by.add(who)
            if error:
                self.errors.append(error)

    def hold(self, mine: bool) -> None:
        """Held against a visitor's own marker."""
        if not mine:
            with self.lock:
                self.crossed += 1

    def row(self) -> str:
        waits = sorted(self.waits) or [0.0]
        return (
            f"{self.requests} requests, {len(self.errors)} errors, {self.crossed} crossed, "
            f"{self.left} left, {self.stopped} stopped, wait median "
            f"{statistics.median(waits):.1f} s, worst {waits[-1]:.1f} s"
        )


def marker(who: int) -> Image.Image:
    """A visitor's own photo: its size tells whose it is."""
    picture = fakes.draw_picture(200 + 2 * who, 150 + who)
    picture.paste((8 * who % 256, 255 - 8 * who % 256, 40), (0, 0, 30, 30))
    return picture


class Page:
    """What a browser knows of the app: the numbers of its events.

    Args:
        config: of ``/config``.
    """

    def __init__(self, config: dict) -> None:
        elements = {one["id"]: one["props"].get("elem_id") for one in config["components"]}
        self.values = {one["id"]: one["props"].get("value") for one in config["components"]}
        self.events: dict[tuple[str, str], dict] = {}
        for event in config["dependencies"]:
            for target, name in event["targets"]:
                if event["backend_fn"]:
                    self.events.setdefault((elements.get(target) or "", name), event)

    def message(self, element: str, event: str, path: str, session: str, **more) -> dict:
        """What the page sends when something of ``element`` happens, about an own photo."""
        known = self.events[element, event]
        data = [self.values.get(one) for one in known["inputs"]]
        photo = {"path": path, "meta": {"_type": "gradio.FileData"}}
        at = len(data) - len(self.events["run", "click"]["inputs"])
        if data:
            data[at], data[at + 1] = photo, ""
        if "cursor" in more:
            data[0] = more.pop("cursor")
        if "seed" in more:
            data[-2] = more.pop("seed")
        return {"data": data, "fn_index": known["id"], "session_hash": session, **more}


async def browse(
    who: int, url: str, over: Callable[[], bool], tally: Tally, dice: random.Random
) -> None:
    """One visitor with a browser, over and over, until the time is over."""
    written: dict[int, str] = {}
    async with httpx.AsyncClient(base_url=url, timeout=120) as web:
        page = Page((await web.get("/config")).json())
        buffer = io.BytesIO()
        marker(who).save(buffer, "PNG")
        while not over():
            session = uuid.uuid4().hex[:11]
            here = asyncio.create_task(stay(web, session))
            try:
                name = f"visitor-{who}.png"
                sent = await web.post(f"{API}/upload", files={"files": (name, buffer.getvalue())})
                await visit(who, web, page, sent.json()[0], session, tally, dice, written)
            except Exception as error:
                tally.request(who, None, f"visitor {who}: {error!r:.200}")
            here.cancel()
            await asyncio.sleep(dice.uniform(0.2, 2))


async def stay(web: httpx.AsyncClient, session: str) -> None:
    """A browser's sign of life: a connection that lasts as long as the page is open."""
    async with web.stream("GET", f"{API}/heartbeat/{session}", timeout=None) as alive:
        async for _ in alive.aiter_lines():
            pass


async def visit(who, web, page, path, session, tally, dice, written) -> None:
    """Run; then stop, leave, or step and edit what was written."""
    seed = dice.choice((1, 2))
    plan = dice.choice(("whole", "whole", "stop", "leave", "edit"))
    run = page.message("run", "click", path, session, seed=seed)
    after = {"stop": 12, "leave": 6}.get(plan)
    text = await follow(who, web, run, session, tally, after, plan)
    if plan == "stop":
        stop = page.message("stop", "click", path, session)
        await web.post(f"{API}/run/predict", json=stop)
        tally.stopped += 1
    if text is None:
        return
    head = json.loads(text[1 : text.index("\n")])
    width, height = marker(who).size
    tally.hold((head["image"]["w"], head["image"]["h"]) == (width, height))
    if plan in ("whole", "edit"):
        ids = " ".join(line.split()[1] for line in text.splitlines() if line.startswith("T"))
        tally.hold(written.setdefault(seed, ids) == ids)
    if plan == "edit":
        cursor = {"run": head["run"], "shown": 4, "limit": 1}
        step = page.message("step", "click", path, session, cursor=json.dumps(cursor))
        await follow(who, web, step, session, tally)
        edit = page.message("stage", "write_on", path, session)
        edit["event_data"] = {"run": head["run"], "shown": 9, "index": 2, "pixel": 60}
        changed = await follow(who, web, edit, session, tally)
        if changed is not None:
            told = json.loads(changed[1 : changed.index("\n")])
            tally.hold(told["parent"] == head["run"] and told["image"]["w"] == width)


async def follow(who, web, message, session, tally, after=None, plan="") -> str | None:
    """Ask, and listen until the end (or ``after`` messages); the record as it is by then."""
    began, first, heard, text = time.monotonic(), None, 0, ""
    joined = await web.post(f"{API}/queue/join", json=message)
    if joined.status_code != 200:
        tally.request(who, None, f"{joined.status_code} {joined.text[:150]}")
        return None
    listening = web.stream("GET", f"{API}/queue/data", params={"session_hash": session})
    async with listening as answer:
        async for line in answer.aiter_lines():
            if not line.startswith("data: "):
                continue
            told = json.loads(line[6:])
            if told["msg"] in ("process_generating", "process_completed"):
                if not told["success"]:
                    said = f"{plan}: {told['output']!r:.200}"
                    tally.request(who, None, said)
                    return None
                text = _grown(text, told["output"].get("data") or [""])
                heard += 1
                if first is None and "\nT" in text:
                    first = time.monotonic() - began
            if told["msg"] == "unexpected_error":
                tally.request(who, None, f"{plan}: {told['message']!r:.150}")
                return None
            if after is not None and heard >= after and plan == "leave":
                tally.left += 1
                break  # the connection closes, and nothing is said
            if after is not None and heard == after and plan == "stop":
                break
            if told["msg"] == "close_stream":
                break
    tally.request(who, first)
    return text or None


def _grown(text: str, data: list) -> str:
    """The record after a message: all of it, or what Gradio says has changed."""
    [value, *_] = data
    if isinstance(value, str):
        return value
    for change, where, what in value if isinstance(value, list) else ():
        if change == "append" and not where:
            text += what
        elif change == "replace" and not where:
            text = what
    return text


def call(
    who: int, url: str, over: Callable[[], bool], tally: Tally, dice: random.Random, file: Path
) -> None:
    """One visitor with a program."""
    marker(who).save(file)
    with program(url) as client:
        written: dict[int, list] = {}
        while not over():
            seed, began = dice.choice((1, 2)), time.monotonic()
            try:
                if dice.random() < 0.7:
                    answer = client.predict(handle_file(str(file)), seed=seed, api_name="/detect")
                    ids = [token["id"] for token in answer["tokens"]]
                    size = answer["image"]["width"], answer["image"]["height"]
                    tally.hold(size == marker(who).size)
                else:
                    job = client.submit(
                        handle_file(str(file)), seed=seed, api_name="/detect_stream"
                    )
                    job.result()  # to iterate holds the lock that the client's own reader needs
                    ids = [message["token"]["id"] for message in job.outputs()]
                tally.hold(written.setdefault(seed, ids) == ids)
                tally.request(who, time.monotonic() - began)
            except Exception as error:
                tally.request(who, None, f"program {who}: {error!r:.200} {_asked_at(error)}")
            time.sleep(dice.uniform(0.2, 2))


def _asked_at(error: BaseException) -> str:
    """Where in Gradio's client a request failed."""
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if "gradio_client" in frame.filename]
    return f"({Path(theirs[-1].filename).name}:{theirs[-1].lineno})" if theirs else ""


def crowd(
    url: str,
    visitors: int,
    seconds: float,
    folder: Path,
    enough: Callable[[Tally], bool] = lambda tally: True,
) -> Tally:
    """Send so many visitors, half of them with browsers, for so long and until there is enough."""
    tally, until = Tally(), time.monotonic() + seconds

    def over() -> bool:
        return time.monotonic() >= until and enough(tally)

    programs = [
        threading.Thread(
            target=call,
            args=(who, url, over, tally, random.Random(SEED + who), folder / f"{who}.png"),
        )
        for who in range(visitors // 2)
    ]
    for one in programs:
        one.start()

    async def browsers() -> None:
        numbers = range(visitors // 2, visitors)
        await asyncio.gather(
            *(browse(who, url, over, tally, random.Random(SEED + who)) for who in numbers)
        )

    asyncio.run(browsers())
    for one in programs:
        one.join()
    return tally


class Pulse:
    """Asks ``/healthz`` twice a second: its longest wait is how long the server's event loop did
    not answer anybody."""

    def __init__(self, url: str) -> None:
        self.waits: list[float] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask, args=(url,), daemon=True)
        self._thread.start()

    def _ask(self, url: str) -> None:
        with httpx.Client(base_url=url, timeout=60) as web:
            while not self._over.wait(0.5):
                asked = time.monotonic()
                web.get("/healthz")
                self.waits.append(time.monotonic() - asked)

    def end(self) -> str:
        self._over.set()
        self._thread.join()
        waits = sorted(self.waits) or [0.0]
        return (
            f"/healthz: {len(waits)} answers, median {1000 * statistics.median(waits):.0f} ms, "
            f"99 of 100 within {1000 * waits[int(0.99 * (len(waits) - 1))]:.0f} ms, "
            f"longest {waits[-1]:.2f} s"
        )


# ---- the app in a process of its own ---------------------------------------------------------


@contextmanager
def app_process(checkpoint: str, slow: float, uploads: str) -> Iterator[tuple[str, int]]:
    """Serve, with visitors' files in ``uploads``; yields the address and the process's number."""
    line = [sys.executable, "-m", "tests.crowd", "--serve", "--checkpoint", checkpoint]
    line += ["--slow", str(slow)]
    environment = os.environ | {"GRADIO_TEMP_DIR": uploads, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stdout is not None
        url = ""
        while not url:
            said = process.stdout.readline()
            assert said, "the app did not start"
            url = (re.findall(r"http://\S+", said) or [""])[0]
        threading.Thread(target=process.stdout.read, daemon=True).start()
        yield url, process.pid
    finally:
        process.terminate()
        process.wait(10)


def serve(checkpoint: str, slow: float) -> None:
    """What ``pix2seq app`` serves, with a checkpoint that takes ``slow`` seconds more to look at a
    picture."""
    import pix2seq
    from pix2seq import app

    usual = pix2seq.load

    def load(*place) -> pix2seq.Predictor:
        predictor = usual(*place)
        look = predictor.encode_batch

        def slowly(images):
            time.sleep(slow)
            return look(images)

        predictor.encode_batch = slowly
        return predictor

    pix2seq.load = load
    parser = argparse.ArgumentParser()
    app.add_arguments(parser)
    app.serve(parser.parse_args(["--checkpoint", checkpoint]))


def memory_mb(pid: int) -> float:
    """Resident memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--visitors", type=int, default=30)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--checkpoint", default="mini")
    parser.add_argument("--slow", type=float, default=0.0, help="seconds more per picture")
    parser.add_argument(
        "--after", type=float, default=30, help="seconds until memory is read again"
    )
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        serve(args.checkpoint, args.slow)
        return
    import tempfile

    with (
        tempfile.TemporaryDirectory() as uploads,
        tempfile.TemporaryDirectory() as at,
        app_process(args.checkpoint, args.slow, uploads) as (url, pid),
    ):
        crowd(url, 2, 5, Path(at))  # what is loaded once, is loaded now
        base, peak, over = memory_mb(pid), [0.0], threading.Event()

        def watch() -> None:
            while not over.wait(0.5):
                peak[0] = max(peak[0], memory_mb(pid))

        threading.Thread(target=watch, daemon=True).start()
        pulse = Pulse(url)
        tally = crowd(url, args.visitors, 60 * args.minutes, Path(at))
        heard = pulse.end()
        over.set()
        time.sleep(args.after)
        files = sum(file.is_file() for file in Path(uploads).rglob("*"))
        writing = httpx.get(f"{url}/healthz").json()["writing"]
        print(f"{args.visitors} visitors, {args.minutes:g} min, {args.checkpoint}: {tally.row()}")
        print(
            f"memory: {base:.0f} MB before, {peak[0]:.0f} MB at most, {memory_mb(pid):.0f} MB "
            f"{args.after:g} s after; {files} files of theirs on disk"
        )
        print(heard)
        print(f"{len(tally.finished_by)} visitors got answers; still writing: {writing}")
        for error in tally.errors[:8]:
            print("  ", error)


if __name__ == "__main__":
    main()
