"""Fingers, the camera, and a wish for less motion: what people's devices bring along."""

from __future__ import annotations

import pytest

from pix2seq.examples import PHOTOS
from tests.browser import browser_page, finished, running_app, visit, write_sentence

pytestmark = pytest.mark.browser

# The object's box in pixels of the window.
BOX = """object => {
  const { photo } = P2S.stage();
  const at = photo.svg.getBoundingClientRect();
  const [x0, y0, x1, y1] = P2S.stage().objectOnView(object).box;
  return {
    left: at.x + photo.x(x0), top: at.y + photo.y(y0),
    right: at.x + photo.x(x1), bottom: at.y + photo.y(y1),
  };
}"""


@pytest.fixture(scope="module")
def url():
    with running_app() as address:
        yield address


@pytest.fixture
def phone(chromium, url):
    with browser_page(chromium, url, 390, 844, has_touch=True, is_mobile=True) as page:
        write_sentence(page)
        caught_up(page)
        page.evaluate("scrollTo(0, 0)")
        yield page


def swipe(page, start, end, steps=8):
    """A finger from point to point, with the events that a browser makes of it."""
    session = page.context.new_cdp_session(page)

    def send(kind, *points):
        touches = [{"x": x, "y": y} for x, y in points]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

    send("touchStart", start)
    for i in range(1, steps + 1):
        send("touchMove", [a + (b - a) * i / steps for a, b in zip(start, end, strict=True)])
        page.wait_for_timeout(30)
    send("touchEnd")
    session.detach()


def caught_up(page):
    """Wait until the sentence is written and the stage shows all of it."""
    page.wait_for_function(
        "!P2S.stage().busy() && P2S.stage().shown === P2S.stage().record.tokens.length"
    )


def tap_object(page, number):
    box = page.evaluate(BOX, number)
    middle = (box["left"] + box["right"]) / 2, (box["top"] + box["bottom"]) / 2
    page.touchscreen.tap(*middle)
    page.wait_for_function("number => P2S.stage().focus() === number", arg=number)
    return box, middle


@pytest.mark.parametrize(("edge", "slot"), [("bottom", "ymax"), ("left", "xmin")])
def test_a_finger_drags_an_edge_and_the_page_stays(phone, edge, slot):
    box, (x, y) = tap_object(phone, 0)
    before = phone.evaluate("P2S.stage().record.run")
    if edge == "bottom":
        swipe(phone, (x, box["bottom"] + 9), (x, box["bottom"] - 30))
    else:
        swipe(phone, (box["left"] - 9, y), (box["left"] + 30, y))
    finished(phone, before)
    header = phone.evaluate("P2S.stage().record.header")
    forced = phone.evaluate("P2S.stage().record.tokens[P2S.stage().record.header.fork]")
    assert header["parent"] == before
    assert forced["slot"] == slot
    assert phone.evaluate("scrollY") == 0


def test_a_finger_elsewhere_scrolls(phone):
    tap_object(phone, 0)
    before = phone.evaluate("P2S.stage().record.run")
    at = phone.locator(".p2s-photo-svg").bounding_box()
    swipe(phone, (at["x"] + 8, at["y"] + at["height"] - 8), (at["x"] + 8, at["y"] + 20))
    phone.wait_for_function("scrollY > 50")
    assert phone.evaluate("P2S.stage().record.run") == before


def test_a_shaky_tap_on_an_edge_is_no_drag(phone):
    box, (x, _) = tap_object(phone, 0)
    before = phone.evaluate("P2S.stage().record.run")
    swipe(phone, (x, box["bottom"]), (x + 2, box["bottom"] - 3), steps=2)
    phone.wait_for_timeout(1500)
    assert phone.evaluate("P2S.stage().record.run") == before
    assert not phone.evaluate("P2S.stage().busy()")


def test_a_finger_draws_a_question(phone):
    before = phone.evaluate("P2S.stage().record.run")
    phone.tap("[data-prompt]")
    at = phone.locator(".p2s-photo-svg").bounding_box()
    middle = at["x"] + at["width"] / 2, at["y"] + at["height"] / 2
    swipe(phone, [v - 60 for v in middle], [v + 60 for v in middle])
    finished(phone, before)
    assert phone.evaluate("P2S.stage().record.header.parent") == before
    assert phone.evaluate("scrollY") == 0


def test_a_finger_leaves_presenter_mode(phone, url):
    visit(phone, f"{url}?present=1")
    phone.wait_for_function("window.P2S?.stage?.()?.record.state === 'done'")
    assert phone.locator(".p2s-photo").bounding_box()["width"] > 300
    phone.get_by_role("button", name="Leave").tap()
    phone.wait_for_selector("[data-stage]:not([data-present])")
    assert phone.is_visible("#run")


def test_the_sheet_shows_the_examples_whole(phone):
    phone.tap("#sheet")
    frame = phone.locator("#examples").bounding_box()
    pictures = phone.locator("#examples .thumbnail-item")
    assert pictures.count() == len(PHOTOS)
    for i in range(pictures.count()):
        picture = pictures.nth(i).bounding_box()
        assert picture["y"] >= frame["y"] - 1
        assert picture["y"] + picture["height"] <= frame["y"] + frame["height"] + 1


def test_the_camera_gives_a_picture(chromium, url):
    with browser_page(chromium, url, permissions=["camera"]) as page:
        page.click("#image [aria-label='Capture from camera']")
        page.get_by_text("Click to Access Webcam").click()
        page.wait_for_function("document.querySelector('#image video').videoWidth > 0")
        page.click("#image [aria-label='capture photo']")
        page.wait_for_function("P2S.stage().record.image?.example === null")
        finished(page, None)  # a picture of one's own is written about at once
        image = page.evaluate("P2S.stage().record.image")
        assert image["w"] * 3 == image["h"] * 4  # the test pattern's shape
        page.wait_for_function("P2S.stage().visibleObjects().length > 0")


def test_nothing_moves_for_who_asked_for_less_motion(chromium, url):
    with browser_page(chromium, url, reduced_motion="reduce") as page:
        page.evaluate(
            """() => {
              window.moving = new Set();
              const stage = document.querySelector("[data-stage]");
              const look = () => {
                for (const { effect } of stage.getAnimations({ subtree: true })) {
                  const { target, pseudoElement } = effect;
                  const lasts = effect.getComputedTiming().duration > 1;
                  if (lasts) window.moving.add(target.outerHTML.slice(0, 80) + pseudoElement);
                }
                requestAnimationFrame(look);
              };
              look();
            }"""
        )
        write_sentence(page)
        caught_up(page)
        page.click("[data-token='0']")
        page.wait_for_selector("[data-pipeline] tbody tr")
        assert page.evaluate("[...window.moving]") == []
