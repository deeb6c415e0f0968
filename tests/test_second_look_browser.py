"""What a second look found, as a visitor meets it: the bundled checkpoint in a real browser."""

from __future__ import annotations

import re

import pytest

from tests import fakes
from tests.browser import (
    browser_page,
    choose_speed,
    finished,
    offer_alternatives,
    open_tab,
    set_number,
    visit,
    write_sentence,
)

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def page(chromium, mini_app):
    with browser_page(chromium, mini_app) as opened:
        yield opened


def status(page) -> str:
    return page.inner_text(".p2s-status")


def test_the_speed_of_writing_and_that_of_showing_are_told_apart(page):
    choose_speed(page, "8 tokens / s")
    before = page.evaluate("P2S.stage().record.run")
    page.click("#run")
    finished(page, before)
    page.keyboard.press("End")
    page.evaluate("P2S.stage().seek(Infinity)")
    page.wait_for_function("!P2S.stage().playing")
    assert re.search(
        r"looked for \d+ ms · \d+ tokens written in [\d.]+ s, shown at 8 a second", status(page)
    )
    choose_speed(page, "as fast as it samples")


def test_an_edited_sentence_does_not_claim_another_look(page):
    write_sentence(page)
    parent = page.evaluate("P2S.stage().record.run")
    page.click("[data-token='4']")
    offer_alternatives(page)
    page.click("[data-alternative]:not([aria-current]) >> nth=0")
    finished(page, parent)
    page.wait_for_function(
        "document.querySelector('.p2s-status').textContent.includes('the same look')"
    )
    assert "looked for" not in status(page)


def test_the_menu_of_a_noise_token_begins_with_the_likeliest_class(page):
    write_sentence(page)
    index = page.evaluate(
        """() => { const { record } = P2S.stage();
          return record.tokens.findIndex((token) => record.kind(token.id) === "noise"); }"""
    )
    assert index > 0
    page.evaluate("index => P2S.stage().select(index)", index)
    offer_alternatives(page)
    page.wait_for_function(
        "document.querySelector('[data-alternative][aria-current]')?.textContent.includes('noise')"
    )
    likeliest = page.locator(
        "[data-alternative][data-role='class'] .p2s-alternative-text"
    ).first.inner_text()
    chosen = page.locator("[data-class-choice]")
    assert chosen.evaluate("node => node.selectedOptions[0].textContent") == likeliest


CROSSED = """names => [...document.querySelectorAll(names)].flatMap((label) => {
  if (!label.checkVisibility({ visibilityProperty: true })) return [];
  const { left, right, top, bottom } = label.getBoundingClientRect();
  const found = [];
  for (const x of [left + 2, (left + right) / 2, right - 2])
    for (const y of [top + 2, (top + bottom) / 2, bottom - 2]) {
      const all = document.elementsFromPoint(x, y);
      const [seen] = all.filter((node) => !node.closest(".p2s-layer-guides"));
      if (seen?.closest(names) !== label) found.push(label.textContent);
    }
  return found;
})"""
"""Names that something lies on: a line, or another name."""


MET = """names => {
  const at = [...document.querySelectorAll(names)].map((one) => [one, one.getBoundingClientRect()]);
  const meet = (a, b) =>
    a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1;
  return at.flatMap(([one, a], i) =>
    at.slice(i + 1).filter(([, b]) => meet(a, b)).map(([two]) => [one.textContent, two.textContent])
  );
}"""
"""Names that lie on each other, where the pointer passes through them."""


def test_no_line_crosses_a_name(page):
    """A box that is written later is drawn over the boxes before it, never over their names."""
    write_sentence(page)
    page.evaluate("P2S.stage().seek(Infinity)")
    page.wait_for_function("document.querySelectorAll('.p2s-layer-names .p2s-box').length > 3")
    page.wait_for_function("!P2S.stage().playing")
    assert page.evaluate(CROSSED, ".p2s-box-label:not(.whole)") == []


@pytest.mark.parametrize("width", [1440, 390])
def test_no_line_crosses_a_name_in_what_a_panel_draws(page, width):
    page.set_viewport_size({"width": width, "height": 844})
    names = ".fork-tag, .fork-box-label"
    page.click("[data-fork-tab=tree]")
    page.wait_for_selector(".fork-way .fork-tag")
    assert page.evaluate(CROSSED, names) == []
    paths = page.locator("[data-path]")
    for path in (0, paths.count() - 1):  # its objects, and after them boxes called noise
        paths.nth(path).click()
        page.wait_for_function("document.querySelectorAll('.fork-box').length > 3")
        page.evaluate("scrollTo(0, 0)")
        assert page.locator(".fork-box-label:not(.noise)").count() > 2, "an object has its name"
        assert page.evaluate(CROSSED, names) == []
    page.click("[data-fork-tab=memory]")
    page.wait_for_selector(".fork-box-label")
    assert page.evaluate(CROSSED, names) == []
    page.click("[data-fork-tab=memory]")
    page.set_viewport_size({"width": 1440, "height": 900})


@pytest.mark.parametrize("width", [1440, 1024, 390])
def test_no_line_crosses_a_name_in_many_samples(page, width):
    page.set_viewport_size({"width": width, "height": 844})
    open_tab(page, "Compare")
    page.get_by_role("tab", name="Many samples").click()
    page.wait_for_selector(".p2s-echo-label")
    page.wait_for_timeout(500)
    page.locator("[data-samples] .p2s-photo").scroll_into_view_if_needed()
    assert page.locator(".p2s-echo-label").count() == page.locator("[data-cluster]").count()
    assert page.evaluate(CROSSED, ".p2s-echo-label") == []
    page.set_viewport_size({"width": 1440, "height": 900})
    page.wait_for_timeout(500)
    open_tab(page, "Write")


def test_names_of_drafts_lie_on_no_name(page):
    """What the encoder drafted lies almost in one place: its names shrink, or are left out."""
    visit(page, page.url.split("?")[0])
    page.wait_for_function("window.P2S?.stage?.()?.record.state === 'done'")
    page.evaluate("P2S.stage().pause()")
    page.evaluate("P2S.stage().seek(Infinity)")
    page.evaluate("P2S.stage().select(3)")
    page.wait_for_selector("[data-inspect][data-slot]")
    page.click("[data-attention]")
    page.wait_for_selector(".p2s-draft-name")
    page.wait_for_timeout(300)
    assert page.evaluate(MET, ".p2s-draft-name, .p2s-box.focus .p2s-box-label:not(.short)") == []
    page.click("[data-attention]")
    page.evaluate("P2S.stage().select(null)")


def test_again_leads_to_how_often_that_happens(page):
    write_sentence(page)
    set_number(page, "score-threshold", "0")  # a name said twice is all but impossible
    again = page.locator("[data-line]:has(.p2s-note:has-text('again ')) [data-how-often]").first
    again.click()
    page.wait_for_selector("[data-doubles=photos]")
    page.wait_for_function("document.activeElement.classList.contains('p2s-doubles')")
    at = page.locator(".p2s-doubles").bounding_box()
    assert -1 <= at["y"] < 900 - 100
    for kind in ("photos", "scenes"):
        words = page.inner_text(f"[data-doubles={kind}]")
        assert "noise class" in words and "95\u00a0%" in words
    open_tab(page, "Write")
    set_number(page, "score-threshold", "0.3")


def test_samples_and_the_likeliest_tokens_are_told_apart_by_their_sums(page):
    write_sentence(page)
    whole = page.inner_text("[data-sentence-nats]")
    tokens, nats = re.search(r"(\d+) tokens, ([\d.]+) nats", whole).groups()
    open_tab(page, "Compare")
    page.get_by_role("tab", name="Many samples").click()
    page.click("#samples-run")
    page.wait_for_selector("[data-samples][data-state='done']:not([data-recorded])")
    page.wait_for_selector("[data-cost=argmax]")
    rows = page.locator("[data-cost]").evaluate_all(
        """all => all.map(({ dataset, cells }) =>
          [dataset.cost, ...[...cells].slice(1).map((one) => Number(one.textContent))])"""
    )
    costs = {name: cost for name, _, cost in rows}
    assert list(costs.values()) == sorted(costs.values())
    assert set(costs) == {"argmax", *(str(seed) for seed in range(8))}
    assert [int(tokens), float(nats)] == pytest.approx(
        next(row[1:] for row in rows if row[0] == "0")
    )
    words = page.inner_text("[data-costs-words]")
    better = sum(cost < costs["argmax"] - 0.005 for cost in costs.values())
    assert f"{costs['argmax']:.2f} nats" in words
    assert (f"{better} of 8 samples" if better else "None of 8 samples") in words


def test_equal_sentences_leave_no_hole_under_the_verdict(page):
    open_tab(page, "Compare")
    page.get_by_role("tab", name="Two settings").click()
    page.wait_for_selector("[data-compare] .p2s-photo-image[src^='data:image/']")
    page.check("#compare-preset input[value=write]")
    page.wait_for_selector("[data-compare][data-recorded=write]")
    page.wait_for_timeout(800)  # its settings arrive
    page.click("#compare-run")
    page.wait_for_selector("[data-compare][data-verdict='true']:not([data-recorded])")
    page.wait_for_selector(".p2s-verdict-title:has-text('the same sentence')")
    words = page.locator(".p2s-verdict-text").bounding_box()
    table = page.locator(".p2s-aligned").bounding_box()
    assert 0 <= table["y"] - (words["y"] + words["height"]) < 40


@pytest.mark.parametrize("width", [390, 320])
def test_checkpoints_are_cards_on_a_phone(page, width):
    page.set_viewport_size({"width": width, "height": 844})
    page.wait_for_timeout(800)
    open_tab(page, "About the model")
    page.wait_for_selector("[data-checkpoint]")
    cells = page.locator("[data-checkpoint] td").evaluate_all(
        "all => all.map((one) => one.getBoundingClientRect()).map((at) => [at.width, at.height])"
    )
    assert min(wide for wide, _ in cells) > width * 0.7
    assert max(tall for _, tall in cells) < 140
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.set_viewport_size({"width": 1440, "height": 900})
    open_tab(page, "Write")


CUT = """() => [...document.querySelectorAll("[data-token] .p2s-chip-text")]
  .filter((text) => text.getClientRects().length && /^[0-9]+$/.test(text.textContent))
  .filter((text) => text.scrollWidth > text.clientWidth)
  .map((text) => text.textContent)"""


def show_whole(page, width: int, query: str) -> None:
    """The page at a width, with the whole sentence written."""
    page.set_viewport_size({"width": width, "height": 844})
    visit(page, page.url.split("?")[0] + query)
    page.wait_for_function("window.P2S?.stage?.()?.record.state === 'done'")
    page.evaluate("P2S.stage().pause()")
    page.evaluate("P2S.stage().seek(Infinity)")


def check_nothing_is_cut(page, width: int) -> None:
    assert page.evaluate(CUT) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", [1440, 1280, 1024, 390])
def test_beside_a_wide_photo_every_number_is_whole_and_notes_are_told(page, width):
    show_whole(page, width, "?ex=coffee&score=0.95")
    page.wait_for_selector("[data-line] .p2s-note:not(:empty)")
    assert page.locator("[data-line] .p2s-note:not(:empty)").first.bounding_box()["width"] > 80
    check_nothing_is_cut(page, width)
    page.set_viewport_size({"width": 1440, "height": 900})


@pytest.mark.parametrize("width", [1440, 1280, 1024, 390])
def test_in_presenter_mode_every_number_is_whole(page, width):
    show_whole(page, width, "?present=1")
    page.wait_for_selector("[data-token='4']:visible")
    assert page.locator(".p2s-photo").bounding_box()["width"] > min(width, 844) * 0.4
    check_nothing_is_cut(page, width)
    page.keyboard.press("Escape")
    page.wait_for_selector("[data-stage]:not([data-present])")
    page.set_viewport_size({"width": 1440, "height": 900})


def test_a_file_that_is_no_picture_is_refused_in_words_after_one_that_is(page, tmp_path):
    good, bad = tmp_path / "good.png", tmp_path / "page.jpg"
    fakes.draw_picture().save(good)
    bad.write_text("<html>not a picture</html>")
    for _ in range(2):
        before = page.evaluate("P2S.stage().record.run")
        page.set_input_files("#image input[type=file]", str(good))
        finished(page, before)
        page.set_input_files("#image input[type=file]", str(bad))
        page.get_by_text("is not an image that can be read").first.wait_for()
        page.wait_for_selector("#image img", state="detached")
