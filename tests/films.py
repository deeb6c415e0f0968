"""Record the first minute and the four panels in use: ``python -m tests.films assets`` writes a GIF
of each, and the picture that a Space is known by.

It drives the real page over the bundled checkpoint, like ``tests.walkthrough``. What is pressed is
read off the page, since other weights write another sentence.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from playwright.sync_api import Page

import pix2seq
from pix2seq.examples import PHOTOS
from tests.browser import browser_page, open_tab, running_app
from tests.walkthrough import Film

SIZE = (1280, 800)
CARD = (1200, 630)  # of a link's preview


def written(page: Page) -> None:
    page.wait_for_function("P2S.stage().record.state === 'done'")


FOLLOWED = """document.querySelectorAll('.fork-box').length
    === P2S.dock().shown.tree.branches[P2S.dock().shown.chosen].objects.length"""
"""Whether the chosen path has been drawn to its end."""


def name_of(page: Page, number: int) -> str:
    """What the sentence calls one of its objects."""
    return page.evaluate(
        "(index) => P2S.stage().record.text_of(P2S.stage().record.tokens[index].id)", 5 * number + 4
    )


def minute(page: Page) -> Film:
    """What somebody sees who opens the page: an object read aloud, the rest, a token under glass,
    a photo of one's own, a comparison."""
    film = Film(page)
    for token, seconds in enumerate((2, 2, 1, 1, 2.2), start=1):
        page.wait_for_function("(n) => P2S.stage().shown >= n", arg=token)
        film.keep(seconds)
    film.keep_while("P2S.stage().shown < P2S.stage().record.tokens.length", 0.2, most=10)
    written(page)
    film.keep(3)
    page.click("[data-token='6']")
    page.wait_for_selector("[data-inspect] >> visible=true")
    page.wait_for_timeout(800)
    film.keep(4)
    page.click("[data-panel-tab=change]")
    page.wait_for_selector("[data-alternative]")
    film.keep(3)
    page.set_input_files("#image input[type=file]", str(PHOTOS[0].path))
    page.wait_for_function("P2S.stage().record.image && !P2S.stage().record.image.example")
    film.keep_while("P2S.stage().record.state !== 'done'", 0.5, most=14)
    written(page)
    film.keep(4)
    open_tab(page, "Compare")
    page.wait_for_selector("[data-compare][data-recorded][data-verdict='true']")
    page.wait_for_timeout(800)
    film.keep(5)
    page.check("#compare-preset input[value='bins']")
    page.wait_for_selector("[data-compare][data-recorded='bins'][data-verdict='true']")
    page.wait_for_timeout(600)
    film.keep(4)
    return film


def tree(page: Page) -> Film:
    """The seventh token, both ways on, and two paths to one set."""
    film = Film(page)
    written(page)
    page.click("[data-fork-tab=tree]")
    page.wait_for_selector(".fork-way")
    film.keep(3.5)
    hesitation = page.evaluate("P2S.dock().shown.at")
    for way in (1, 0):
        page.evaluate("(token) => P2S.dock().shown.look(0, token)", hesitation)
        page.locator(".fork-way text").nth(way).click()
        film.keep_while(f"!({FOLLOWED})", 0.25, most=16)
        film.keep(2)
    page.locator("[data-path]").nth(5).click()
    page.wait_for_function(FOLLOWED)
    film.keep(2.5)
    return film


def memory(page: Page) -> Film:
    """The second object, dragged through the sentence and blanked out of it."""
    film = Film(page)
    written(page)
    page.click("[data-fork-tab=memory]")
    name = name_of(page, 1)
    page.click(f"[data-memory-object]:has-text('{name}')")
    page.wait_for_selector(f"[data-memory-headline]:has-text('{name}')")
    film.keep(2.5)
    page.locator("[data-memory-place]").focus()
    for _ in range(page.locator("[data-memory-object]").count()):
        page.keyboard.press("ArrowRight")
        film.keep(0.9)
    film.keep(1.5)
    page.click("[data-memory-blank]")
    page.wait_for_selector("[data-memory-readout]:has-text('Blanked')")
    film.keep(3.5)
    return film


def bet(page: Page) -> Film:
    """A bell on the first edge, then chips on a name."""
    film = Film(page)
    written(page)
    page.click("[data-fork-tab=bet]")
    page.fill("[data-bet-seed]", "2")  # whose second round is the first object's name
    page.press("[data-bet-seed]", "Enter")
    page.wait_for_selector("[data-bet-headline]:has-text('Round 1')")
    film.keep(2)
    photo = page.locator(".p2s-photo-image").bounding_box()
    x, y = photo["x"] + photo["width"] / 2, photo["y"]
    page.mouse.move(x, y + photo["height"] / 2)
    page.mouse.down()
    record = "P2S.stage().record"
    edge = page.evaluate(f"{record}.tokenPixel({record}.tokens[0]) / {record}.image.h")
    for step in range(8):
        page.mouse.move(x - 5 * step, y + photo["height"] * (0.5 + (edge - 0.5) * step / 7))
        film.keep(0.25)
    page.mouse.up()
    page.click("[data-bet-go]")
    page.wait_for_selector("[data-bet-headline]:has-text('You paid')")
    film.keep(4)
    page.click("[data-bet-go]")
    page.wait_for_selector("[data-bet-headline]:has-text('Round 2')")
    page.fill("[data-chip-search]", name_of(page, 0))
    for _ in range(6):
        page.click(".fork-name:visible")
    film.keep(1.5)
    page.click("[data-bet-go]")
    page.wait_for_selector(".fork-outcome")
    film.keep(3.5)
    return film


def machine(page: Page) -> Film:
    """From the first step to the last."""
    film = Film(page)
    open_tab(page, "Learn")
    page.locator("#machine").scroll_into_view_if_needed()
    page.wait_for_selector("[data-machine-token]")
    page.locator("#machine").evaluate("(node) => node.scrollIntoView({ block: 'start' })")
    for token in (1, 4):
        page.click(f"[data-machine-token='{token}']")
        for place in range(page.evaluate("P2S.machine().steps.length")):
            page.evaluate("(place) => P2S.machine().go(place)", place)
            page.wait_for_timeout(200)
            film.keep(0.7)
        film.keep(1.5)
    return film


FILMS: dict[str, Callable[[Page], Film]] = {
    "minute": minute,
    "tree": tree,
    "memory": memory,
    "bet": bet,
    "machine": machine,
}


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    known = [*FILMS, "thumbnail"]
    parser.add_argument("--only", choices=known, nargs="+", default=known)
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    arguments = parser.parse_args(argv)
    with running_app(lambda name: pix2seq.load(name, "cpu"), "mini") as url:
        for name in arguments.only:
            if name == "thumbnail":
                with browser_page(arguments.chromium, url, *CARD) as page:
                    written(page)
                    path = arguments.folder / "thumbnail.jpg"
                    page.screenshot(path=str(path), type="jpeg", quality=85)
                print(path)
                continue
            with browser_page(arguments.chromium, url, *SIZE) as page:
                film = FILMS[name](page)
            path = arguments.folder / f"{name}.gif"
            film.save(path)
            print(f"{path}: {len(film.frames)} pictures, {path.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
