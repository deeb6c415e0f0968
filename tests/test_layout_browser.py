"""What a designer would see: nothing is cut, broken, hidden by a line or drawn too early."""

from __future__ import annotations

import pytest

from tests.browser import browser_page, open_tab, visit

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

WIDE, BEAMER, PHONE = (1440, 900), (1024, 768), (390, 844)


@pytest.fixture(scope="module")
def page(chromium, mini_app):
    with browser_page(chromium, mini_app) as opened:
        yield opened


def show(page, size: tuple[int, int], query: str = "") -> None:
    """The page at a size, with its whole sentence on view."""
    page.set_viewport_size({"width": size[0], "height": size[1]})
    visit(page, page.url.split("?")[0] + query)
    page.wait_for_function("window.P2S?.stage?.()?.record.state === 'done'")
    page.evaluate("P2S.stage().pause()")
    page.evaluate("P2S.stage().seek(Infinity)")


CUT = """all => all
  .filter((one) => one.scrollWidth > one.clientWidth || one.scrollHeight > one.clientHeight + 1)
  .map((one) => one.textContent)"""


@pytest.mark.parametrize("size", [WIDE, (1280, 800), BEAMER, PHONE])
@pytest.mark.parametrize("example", ["football", "terrace"])
def test_the_longest_names_are_whole_beside_a_wide_photo(page, size, example):
    show(page, size, f"?ex={example}")
    cut = page.evaluate(
        """(names) => names.filter((name) => {
          const chip = document.querySelector("[data-token='4']");
          const [text, p] = chip.children;
          [text.textContent, p.textContent] = [name, "0.88"];
          return text.scrollWidth > text.clientWidth;
        })""",
        ["potted plant", "traffic light", "baseball glove", "parking meter", "refrigerator"],
    )
    assert cut == []


@pytest.mark.parametrize("query", ["", "?present=1"])
def test_the_numbers_of_a_row_stand_on_one_line(page, query):
    show(page, WIDE, query)
    page.wait_for_function(
        """() => {
          const line = document.querySelector("[data-line='0']");
          const chips = line?.querySelectorAll(".p2s-chip:not([data-slot=class])") ?? [];
          const tops = [...chips].map((chip) => chip.firstChild.getBoundingClientRect().top);
          return chips.length === 4 && Math.max(...tops) - Math.min(...tops) < 0.6;
        }""",
        timeout=30_000,  # the stage grows first
    )
    page.keyboard.press("Escape")


def test_what_was_looked_at_is_outlined_under_the_names(page):
    show(page, WIDE)
    page.evaluate("P2S.stage().select(4)")
    page.click("[data-attention]")
    page.wait_for_selector(".p2s-draft-name")
    under = page.evaluate(
        """() => [...document.querySelectorAll(".p2s-drafts > rect")].every((line) =>
          [...document.querySelectorAll(".p2s-box-label, .p2s-draft-name")].every((name) =>
            line.compareDocumentPosition(name) & Node.DOCUMENT_POSITION_FOLLOWING))"""
    )
    assert under
    page.click("[data-attention]")


def test_on_a_phone_every_path_names_all_of_its_objects(page):
    show(page, PHONE)
    page.click("[data-fork-tab=tree]")
    page.wait_for_selector("[data-path]")
    page.evaluate(
        """document.querySelector(".fork-names").textContent =
          Array(9).fill("baseball glove").join(", ")"""
    )
    assert page.locator(".fork-names").evaluate_all(CUT) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    page.click("[data-fork-tab=tree]")


ON_VIEW = """(figure) => {
  const body = document.querySelector(".fork-body").getBoundingClientRect();
  const at = document.querySelector(figure).getBoundingClientRect();
  const seen = Math.min(at.bottom, body.bottom, innerHeight) - Math.max(at.top, body.top);
  return at.height > 40 ? seen / at.height : 0;
}"""
"""The share of a figure's height that an open panel shows before anybody scrolls."""


@pytest.mark.parametrize("size", [WIDE, BEAMER])
@pytest.mark.parametrize(
    ("panel", "figure"),
    [("tree", ".fork-lanes"), ("memory", ".fork-places"), ("bet", ".fork-bell")],
)
def test_an_open_panel_shows_its_figure_before_anybody_scrolls(page, size, panel, figure):
    show(page, size)
    page.click(f"[data-fork-tab={panel}]")
    page.wait_for_selector(f"{figure} :is(path, line, circle)", state="attached")
    page.wait_for_timeout(400)
    assert page.evaluate(ON_VIEW, figure) > 0.8
    page.click(f"[data-fork-tab={panel}]")


@pytest.mark.parametrize("size", [WIDE, PHONE])
def test_rows_that_both_sentences_call_noise_are_folded(page, size):
    show(page, size, "?tab=compare")
    page.wait_for_selector("[data-compare][data-recorded]")
    fold = page.locator("[data-aligned-fold]")
    fold.wait_for()
    rows = page.locator("[data-aligned]")
    shown = rows.locator("visible=true").count()
    folded = rows.count() - shown
    assert folded >= 2 and fold.inner_text().startswith(f"{folded} rows more, called noise")
    names = page.locator("[data-aligned]:visible .p2s-chip[data-slot=class]").all_inner_texts()
    assert any("noise" not in name for name in names)
    fold.click()
    assert rows.locator("visible=true").count() == rows.count()
    fold.click()
    assert rows.locator("visible=true").count() == shown


def test_what_differs_between_two_settings_is_whole_on_a_phone(page):
    show(page, PHONE, "?tab=compare")
    page.wait_for_selector(".p2s-side-settings:visible")
    assert page.locator(".p2s-side-settings").evaluate_all(CUT) == []


def test_the_time_machine_draws_no_axis_before_it_has_curves(page):
    show(page, WIDE, "?tab=learn")
    page.wait_for_selector("[data-machine]", state="attached")
    page.wait_for_selector(".machine-figure", state="attached")
    labels = ".machine-curves text"
    before = page.locator(labels).count()
    curves = page.locator(".machine-curve").count()
    assert curves > 0 or before == 0
    page.locator(".machine-figure").first.scroll_into_view_if_needed()
    page.wait_for_selector(".machine-curve", state="attached")
    assert page.locator(labels).count() >= 14
    meet = page.locator(labels).evaluate_all(
        """all => { const at = all.map((one) => one.getBoundingClientRect());
          return at.some((a, i) => at.some((b, j) => i < j && a.left < b.right && b.left < a.right
            && a.top + 2 < b.bottom && b.top + 2 < a.bottom)); }"""
    )
    assert not meet


@pytest.mark.parametrize("size", [WIDE, PHONE])
def test_the_tour_lights_what_it_speaks_of(page, size):
    show(page, size, "?tab=compare")
    page.get_by_role("tab", name="Many samples").click()
    page.wait_for_selector("[data-samples]:visible")
    show_step = """(index) => {
      document.querySelector("[data-tour-close]")?.click();
      localStorage.setItem("p2s-tour", String(index));
      document.querySelector("[data-tour]").click();
    }"""
    for index, step, part in (
        (3, "bell", ".p2s-token-panel"),
        (6, "name", ".p2s-token-panel"),
        (11, "compare", "[data-compare]"),
    ):
        page.evaluate(show_step, index)
        page.wait_for_selector(f"[data-tour-step={step}][data-ready=true]")
        page.wait_for_timeout(300)
        lit = page.evaluate(
            """(part) => {
              const spot = document.querySelector(".tour-spot").getBoundingClientRect();
              const at = document.querySelector(part).getBoundingClientRect();
              return at.width > 0 && spot.left <= at.left + 2 && spot.right >= at.right - 2;
            }""",
            part,
        )
        assert lit, step
    page.click("[data-tour-close]")


@pytest.mark.parametrize("size", [WIDE, BEAMER])
def test_a_word_in_a_training_pair_is_not_broken(page, size):
    show(page, size)
    open_tab(page, "Learn")
    page.click("[data-lesson=augment]")
    page.wait_for_selector(".learn-pair td[data-word]")
    broken = page.evaluate(
        """(words) => { const cell = document.querySelector(".learn-pair td[data-word]");
          cell.textContent = "cup";
          const line = cell.clientHeight;
          return words.filter((word) => {
            cell.textContent = word;
            return cell.clientHeight > line + 4;
          }); }""",
        ["snowboard", "skateboard", "refrigerator", "motorcycle"],
    )
    assert broken == []


@pytest.mark.parametrize(("size", "rows"), [(WIDE, 1), (BEAMER, 2), (PHONE, 3)])
def test_the_way_of_an_image_stands_in_whole_rows(page, size, rows):
    show(page, size)
    page.evaluate("P2S.tourTools.tab('learn')")
    page.click("[data-lesson=training]")
    page.wait_for_selector(".learn-way li")
    tops = page.locator(".learn-way li").evaluate_all(
        "all => all.map((one) => Math.round(one.getBoundingClientRect().top))"
    )
    assert len(set(tops)) == rows and len(tops) % rows == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]


LITTLE = """() => [...document.querySelectorAll(".p2s-learn svg text")]
  .filter((text) => text.checkVisibility({ visibilityProperty: true }))
  .filter((text) => {
    const { a, b } = text.getScreenCTM();
    return parseFloat(getComputedStyle(text).fontSize) * Math.hypot(a, b) < 11.9;
  })
  .map((text) => text.textContent)"""


@pytest.mark.parametrize("size", [WIDE, PHONE])
def test_type_in_the_lessons_figures_is_no_smaller_than_12_px(page, size):
    show(page, size)
    page.evaluate("P2S.tourTools.tab('learn')")
    for lesson, figure in (
        ("quantize", ".learn-plot text"),
        ("objective", ".learn-bell text"),
        ("training", ".learn-loss text"),
    ):
        page.click(f"[data-lesson={lesson}]")
        page.wait_for_selector(figure, state="attached")
        page.wait_for_timeout(300)
        assert page.evaluate(LITTLE) == [], lesson


def test_the_names_in_a_lessons_picture_lie_on_their_ground(page):
    show(page, WIDE)
    page.evaluate("P2S.tourTools.tab('learn')")
    page.click("[data-lesson=infer]")
    page.wait_for_selector(".learn-tag")
    page.wait_for_timeout(1500)
    outside = page.locator(".learn-tag").evaluate_all(
        """all => all.filter((name) => {
          const [ground, text] = ["rect", "text"].map((part) => name.querySelector(part).getBBox());
          return text.x + text.width > ground.x + ground.width || text.height > ground.height + 2;
        }).map((name) => name.textContent)"""
    )
    assert page.locator(".learn-tag").count() > 4 and outside == []
