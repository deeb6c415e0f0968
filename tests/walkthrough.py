"""Record the README's walk through the app: ``python -m tests.walkthrough assets/walkthrough.gif``.

It drives the real page over the bundled checkpoint and keeps a picture of each moment worth seeing.
"""

from __future__ import annotations

import argparse
import io
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page

import pix2seq
from pix2seq.examples import PHOTOS
from tests.browser import browser_page, open_tab, running_app, write_sentence

SIZE = (1280, 800)
SHOWN = (800, 500)
COLORS = 128
LESSONS = ("quantize", "sentence", "augment", "objective", "infer")


class Film:
    """Pictures of a page, each with the time that it is shown."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.frames: list[Image.Image] = []
        self.durations: list[int] = []

    def keep(self, seconds: float) -> None:
        """Show the page as it is now for so long."""
        shot = Image.open(io.BytesIO(self.page.screenshot())).convert("RGB")
        small = shot.resize(SHOWN, Image.Resampling.LANCZOS)
        self.frames.append(small.quantize(COLORS, dither=Image.Dither.NONE))
        self.durations.append(round(seconds * 1000))

    def keep_while(self, busy: str, seconds: float, most: int) -> None:
        """Show the page every ``seconds`` until the JS expression is false, ``most`` times."""
        for _ in range(most):
            self.keep(seconds)
            if not self.page.evaluate(busy):
                return
            self.page.wait_for_timeout(seconds * 1000)

    def save(self, path: Path) -> None:
        first, *others = self.frames
        first.save(
            path,
            save_all=True,
            append_images=others,
            duration=self.durations,
            loop=0,
            optimize=True,
        )


def walk(page: Page) -> Film:
    """The whole walk, about a minute."""
    film = Film(page)
    page.wait_for_function("P2S.stage().record.image")
    film.keep_while("P2S.stage().shown < P2S.stage().record.tokens.length", 0.3, most=14)
    film.keep(1.5)

    page.locator("#examples button, [data-example]").first.click()
    page.wait_for_function(
        "(name) => P2S.stage().record.header?.image?.example === name", arg=PHOTOS[0].name
    )
    page.wait_for_function("P2S.stage().shown === P2S.stage().record.tokens.length")
    page.click("#run")
    page.wait_for_function("P2S.stage().record.state === 'writing'")
    film.keep_while("P2S.stage().busy()", 0.6, most=14)
    page.wait_for_selector("[data-stage][data-state=done]")
    film.keep(2)

    page.get_by_role("button", name="Compose a scene").click()
    page.wait_for_function("P2S.stage().record.header?.image?.example?.startsWith('scene')")
    write_sentence(page)
    film.keep(3)
    page.click("[data-token='2']")
    page.wait_for_selector("[data-inspect][data-slot]")
    film.keep(3.5)
    page.click("[data-token='4']")
    page.wait_for_function("document.querySelector('[data-inspect]').dataset.slot === 'class'")
    film.keep(3)

    open_tab(page, "Compare")
    page.wait_for_selector("[data-compare] .p2s-photo-image[src^='data:image/']")
    page.click("#compare-run")
    page.wait_for_selector("[data-compare][data-verdict='true']:not([data-recorded])")
    film.keep(5)
    page.get_by_role("tab", name="Many samples").click()
    page.wait_for_selector("[data-samples] .p2s-photo-image[src^='data:image/']")
    page.click("#samples-run")
    page.wait_for_selector("[data-samples][data-state='done']:not([data-recorded])")
    page.wait_for_selector("[data-clusters] tbody tr")
    film.keep(4.5)

    open_tab(page, "Experiments")
    page.wait_for_timeout(3000)  # plotly draws in its own time
    film.keep(5.5)

    page.evaluate("P2S.tourTools.tab('learn')")
    page.wait_for_function("P2S.lesson && P2S.lesson.state.picture")
    for lesson in LESSONS:
        page.click(f"[data-lesson={lesson}]")
        page.wait_for_timeout(2500)  # answers come from the server
        film.keep(3)

    open_tab(page, "About the model")
    page.wait_for_timeout(2000)
    film.keep(3)
    return film


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Record the walk through the app as a GIF.")
    parser.add_argument("out", type=Path)
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    arguments = parser.parse_args(argv)
    with (
        running_app(lambda name: pix2seq.load(name, "cpu"), "mini") as url,
        browser_page(arguments.chromium, url, *SIZE) as page,
    ):
        film = walk(page)
    film.save(arguments.out)
    print(f"{arguments.out}: {len(film.frames)} pictures, {sum(film.durations) / 1000:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
