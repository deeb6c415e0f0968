"""The lessons on a phone, by finger: exercises solved from what is on the page, words looked up,
nothing cut, nothing broken within a word."""

from __future__ import annotations

import math
import re

import pytest

from tests.browser import browser_page

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

LESSONS = ("quantize", "sentence", "augment", "objective", "infer", "training")


@pytest.fixture(scope="module")
def phone(chromium, mini_app):
    device = {"has_touch": True, "is_mobile": True}
    with browser_page(chromium, f"{mini_app}?tab=learn", 390, 844, **device) as page:
        page.wait_for_function("window.P2S?.lesson?.state.picture")
        yield page


def open_lesson(page, name):
    page.locator(f"[data-lesson={name}]").tap()
    page.wait_for_function("name => P2S.lesson.root.dataset.page === name", arg=name)
    page.locator("[data-task='1'] label:not(:empty)").wait_for()


def numbers(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"\d+(?:\.\d+)?", text)]


def solved(lesson: str, number: int, ask: str) -> float:
    """The answer as a pupil finds it, from the exercise's own words."""
    given = numbers(ask)
    if lesson == "quantize":
        if number == 0:
            width, bins = given
            return width / (bins - 1)
        _, share, bins = given
        return round(share * (bins - 1))
    if lesson == "sentence":
        return 5 * given[0] + 1 if number == 0 else given[1] + given[2]
    if lesson == "augment":
        return given[0] if number == 0 else 5 * given[0] + 1
    if lesson == "objective":
        return -math.log(given[0] / given[1]) if number == 0 else math.log(given[0])
    if lesson == "infer":
        if number == 1:
            return 5 * given[0]
        *shares, top_p = given
        return next(k for k in range(1, 6) if sum(shares[:k]) >= top_p - 1e-9)
    if number == 0:
        cells, width, height = given
        return width * height / cells
    return given[0] + 1


@pytest.mark.parametrize("lesson", LESSONS)
def test_both_exercises_are_solved_by_touch_from_their_own_words(phone, lesson):
    open_lesson(phone, lesson)
    for number in (0, 1):
        task = phone.locator(f"[data-task='{number}']")
        answer = solved(lesson, number, task.locator("label").inner_text())
        told = f"{answer:.2f}".rstrip("0").rstrip(".")
        for attempt, said in ((f"{answer + 7:.0f}", "Not yet"), (told, "Right. ")):
            task.locator("input").tap()
            phone.keyboard.press("Control+a")
            phone.keyboard.type(attempt)
            task.get_by_role("button", name="Check").tap()
            assert task.locator(".learn-said").inner_text().startswith(said), (lesson, attempt)


@pytest.mark.parametrize("lesson", LESSONS)
def test_a_finger_opens_the_words_and_closes_them(phone, lesson):
    open_lesson(phone, lesson)
    card = phone.locator(".learn-words")
    told = card.locator("summary").inner_text().removeprefix("Words used here: ")
    card.locator("summary").tap()
    words = card.locator("dl > div")
    assert words.count() > 2
    for i in range(words.count()):
        word, meaning = (words.nth(i).locator(part) for part in ("dt", "dd"))
        assert word.inner_text() in told
        assert len(meaning.inner_text()) > 20 and meaning.bounding_box()["width"] > 250
    card.locator("summary").tap()
    words.first.wait_for(state="hidden")


CUT = """() => [...document.querySelectorAll(".p2s-learn table")].flatMap((table) => {
  const frame = table.closest(".p2s-table-scroll") ?? table.parentElement;
  return frame.scrollWidth > frame.clientWidth + 1 ? [frame.scrollWidth - frame.clientWidth] : [];
})"""
"""By how many px a table is wider than its place."""

BROKEN = """() => [...document.querySelectorAll("#learn td[data-word]")].filter((cell) => {
  const range = document.createRange();
  range.selectNodeContents(cell);
  return !/\\s/.test(cell.textContent) && range.getClientRects().length > 1;
}).map((cell) => cell.textContent)"""
"""Words that go over two lines."""


@pytest.mark.parametrize("lesson", LESSONS)
def test_tables_are_whole_and_words_unbroken(phone, lesson):
    open_lesson(phone, lesson)
    phone.evaluate("P2S.lesson.frame.looked()")
    phone.wait_for_timeout(800)
    assert phone.evaluate(CUT) == []
    assert phone.evaluate(BROKEN) == []
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
