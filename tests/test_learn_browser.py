"""The Learn tab in a real browser: what is drawn follows the boxes, by pointer and by keyboard."""

from __future__ import annotations

import re

import pytest
import torch

from pix2seq.categories import Categories
from pix2seq.predictor import Predictor
from pix2seq.tokenizer import Tokenizer
from pix2seq.transforms import Letterbox
from pix2seq.ui.learn import quantisation
from tests import fakes
from tests.axe import serious_problems
from tests.browser import browser_page, running_app, storyteller

# A machine that trains at the same time takes its time.
pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def url():
    with running_app() as address:
        yield address


def open_learn(page):
    page.evaluate("P2S.tourTools.tab('learn')")
    page.wait_for_function("P2S.lesson && P2S.lesson.state.picture")


def open_lesson(page, name):
    page.click(f"[data-lesson={name}]")


def rows(page):
    return page.locator("#learn .p2s-table tbody tr")


def readout(page, label):
    return page.locator(".learn-readout", has_text=label).locator("strong").inner_text()


def drag(page, start, end):
    """From one place of the picture to another, both as shares of its size."""
    at = page.locator(".learn-picture .learn-board").bounding_box()
    place = [(at["x"] + x * at["width"], at["y"] + y * at["height"]) for x, y in (start, end)]
    page.mouse.move(*place[0])
    page.mouse.down()
    page.mouse.move(*place[1], steps=4)
    page.mouse.up()


def boxes(page):
    return page.evaluate("P2S.lesson.state.boxes.map((b) => [b.x0, b.y0, b.x1, b.y1])")


def test_quantisation_follows_the_boxes_the_bins_and_the_quantiser(chromium, url):
    with browser_page(chromium, url) as page:
        open_learn(page)
        rows(page).nth(0).wait_for()
        known = rows(page).count()  # the example's own boxes
        drag(page, (0.76, 0.06), (0.92, 0.4))
        page.wait_for_function(
            f"document.querySelectorAll('#learn tbody tr').length == {known + 1}"
        )
        page.click("[data-bins='8']")
        page.wait_for_selector("[data-bins='8'][aria-pressed=true]")
        side = page.evaluate("P2S.lesson.state.picture")
        frame = Letterbox(fakes.TINY_PREPROCESS, orig_size=(side["h"], side["w"]))
        for quantizer in ("round", "floor"):
            page.locator("#learn").get_by_text(quantizer, exact=True).click()
            view = quantisation.quantization(torch.tensor(boxes(page)).float(), frame, 8, quantizer)
            shown = f"{view['mean_iou']:.3f}"
            page.wait_for_function(
                "(text) => [...document.querySelectorAll('.learn-readout strong')]"
                ".some((one) => one.textContent === text)",
                arg=shown,
            )
            assert readout(page, "worst edge error") == f"{view['worst']:.2f}"
        loupe = page.locator(".learn-loupe figcaption").first.inner_text()
        assert "ymin" in loupe and "px" in loupe


def test_the_keyboard_reaches_lessons_and_boxes(chromium, url):
    with browser_page(chromium, url) as page:
        open_learn(page)
        page.locator("[data-lesson=quantize]").focus()
        page.keyboard.press("ArrowRight")
        page.wait_for_selector("[data-lesson=sentence][aria-selected=true]")
        page.get_by_label("Add a box").click()
        before = boxes(page)
        last = len(before) - 1
        page.locator(f"[data-learn-box='{last}']").focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Shift+ArrowDown")
        x0, y0, x1, y1 = before[last]
        assert boxes(page)[last] == [x0 + 1, y0 + 10, x1 + 1, y1 + 10]
        page.keyboard.press("Alt+ArrowLeft")
        assert boxes(page)[last] == [x0 + 1, y0 + 10, x1, y1 + 10]
        page.get_by_label(f"Class of box {last + 1}").select_option("zebra")
        page.wait_for_selector(".learn-sentence [data-slot=class] >> text=zebra")
        tokens = page.locator("[data-learn-token]")
        assert tokens.count() == 5 * len(before) + 1
        page.locator("#learn").get_by_text("ids", exact=True).click()
        ids = [int(text) for text in tokens.all_inner_texts()]
        assert ids == [int(tokens.nth(i).get_attribute("data-id")) for i in range(len(ids))]
        page.locator(f"[data-learn-box='{last}']").focus()
        page.keyboard.press("Delete")
        page.wait_for_function(
            "(n) => document.querySelectorAll('[data-learn-token]').length === n",
            arg=5 * last + 1,
        )


def test_training_pairs_objective_and_the_three_ways_of_inference(chromium, url):
    with browser_page(chromium, url) as page:
        open_learn(page)
        real = len(boxes(page))
        open_lesson(page, "augment")
        page.wait_for_selector(f'[data-pair="{real}"][data-kind=noise]')
        assert page.locator("[data-pair][data-kind=real]").count() == real
        noise = page.locator(f'[data-pair="{real}"]')
        assert noise.locator("td.na").count() == 4
        page.get_by_role("checkbox", name="noise objects").uncheck()
        page.wait_for_selector(f'[data-pair="{real}"][data-kind=blank]')
        page.get_by_role("checkbox", name="noise objects").check()

        open_lesson(page, "objective")
        page.wait_for_selector("td.loss")
        assert float(readout(page, "if all tokens")) == pytest.approx(4.75, abs=0.01)  # ln 116
        assert float(readout(page, "mean loss")) > 0
        page.wait_for_selector(".learn-bars li")

        open_lesson(page, "infer")
        page.click("[data-learn-write]")
        found = page.locator(".learn-pane-status", has_text="objects")
        page.wait_for_function(
            "[...document.querySelectorAll('.learn-pane-status')]"
            ".every((one) => one.textContent.includes('object'))"
        )
        argmax, nucleus, altered = found.all_inner_texts()
        assert "3 objects" in argmax and "ended with EOS" in argmax and "16 tokens" in argmax
        assert "16 tokens" in nucleus
        assert "8 objects" in altered and "40 tokens" in altered
        page.locator("#learn").get_by_text("drop", exact=True).click()
        page.wait_for_selector("[data-pane=altered] .learn-pane-status >> text=3 objects")
        page.locator("#learn").get_by_text("show", exact=True).click()
        page.wait_for_selector("[data-pane=altered] .learn-box.noise")

        page.get_by_text("The model's boxes").click()
        page.wait_for_function("P2S.lesson.state.boxes.length === 3")


def test_on_a_phone_and_in_the_dark_nothing_sticks_out(chromium, url):
    with browser_page(chromium, url, width=390, height=800) as page:
        page.evaluate("document.body.classList.add('dark')")
        open_learn(page)
        for name in ("quantize", "sentence", "augment", "objective", "infer", "training"):
            open_lesson(page, name)
            page.wait_for_function(f"P2S.lesson.root.dataset.page === '{name}'")
            inside = page.evaluate(
                "[...document.querySelectorAll('#learn .learn-page > *, #learn .learn-body > *')]"
                ".every((node) => node.getBoundingClientRect().right <= 390)"
            )
            assert inside, name
            tall = page.evaluate(
                """() => {
                  const boards = [...document.querySelectorAll("#learn .learn-board")];
                  const shown = boards.filter((board) => board.getBoundingClientRect().height);
                  return shown.map((board) => [board, ...board.querySelectorAll("img, svg")].map(
                    (one) => Math.round(one.getBoundingClientRect().height)));
                }"""
            )
            for board, *drawn in tall:
                assert board <= 400 and set(drawn) <= {board}, f"{name}: drawn beyond its picture"


def look(page):
    page.click("[data-learn-look]")
    page.wait_for_selector("[data-learn-again]")
    return page.inner_text(".learn-score")


def test_a_line_is_dragged_then_looked_at_and_scored_by_its_distance(chromium, url):
    with browser_page(chromium, url) as page:
        open_learn(page)
        page.wait_for_selector(".learn-guess svg[role=slider]")
        page.wait_for_function("document.querySelector('.learn-guess img').complete")
        page.wait_for_timeout(300)  # the page above it has its height
        line = page.locator(".learn-guess svg")
        at = line.bounding_box()
        page.mouse.move(at["x"] + 0.5 * at["width"], at["y"] + 9)
        page.mouse.down()
        page.mouse.move(at["x"] + 0.25 * at["width"], at["y"] + 9, steps=3)
        page.mouse.up()
        width = page.evaluate("P2S.lesson.state.picture.w")
        assert int(line.get_attribute("aria-valuenow")) == pytest.approx(width / 4, abs=2)
        before = int(line.get_attribute("aria-valuenow"))
        line.focus()
        page.keyboard.press("Shift+ArrowRight")
        page.keyboard.press("ArrowLeft")
        assert int(line.get_attribute("aria-valuenow")) == before + 9
        said = look(page)
        side = page.evaluate("P2S.lesson.state.picture")
        frame = Letterbox(fakes.TINY_PREPROCESS, orig_size=(side["h"], side["w"]))
        view = quantisation.quantization(torch.tensor(boxes(page)).float(), frame, 8, "round")
        truth = round(view["boxes"][0]["snapped"][0])
        assert f"You said {before + 9} px, it is {truth} px" in said and "points" in said
        page.click("[data-learn-again]")
        page.wait_for_selector("[data-learn-look]")
        assert "Your line" in page.inner_text(".learn-score")


def test_every_lesson_asks_first_and_hides_the_answer_until_somebody_has_looked(chromium, url):
    with browser_page(chromium, url) as page:
        open_learn(page)
        blurred = "(name) => getComputedStyle(document.querySelector(name)).filter"
        for name in ("sentence", "augment", "objective", "infer"):
            open_lesson(page, name)
            page.wait_for_selector(".learn-predict .learn-ask:not(:empty)")
            if name == "sentence":
                assert "blur" in page.evaluate(blurred, ".learn-answer")
                page.click("[data-learn-skip]")
                page.wait_for_function(f"({blurred})('.learn-answer') === 'none'")
            assert "points" in look(page), name
            assert page.get_attribute(".learn-frame", "data-looked") == "true"
        assert "points in 4 lessons" in page.inner_text(".learn-score")
        open_lesson(page, "training")  # this model has no encoder to count: nothing is asked
        page.wait_for_selector(".learn-way li")
        assert page.get_attribute(".learn-frame", "data-looked") == "true"
        assert not page.is_visible(".learn-predict")


def test_lesson_5_opens_with_the_stages_sentence_and_writes_others_when_asked(chromium, url):
    with browser_page(chromium, url) as page:
        page.wait_for_function("P2S.stage().record.state === 'done'")
        said = page.evaluate(
            "P2S.stage().visibleObjects().map((o) => P2S.stage().record.className(o.label))"
        )
        open_learn(page)
        open_lesson(page, "infer")
        page.wait_for_selector("[data-learn-onstage] .learn-box")
        words = page.inner_text("[data-learn-onstage] p")
        assert "On the stage of Write stands a recorded sentence" in words
        assert ", ".join(said) in words and "nats" in words
        tokens = page.evaluate("P2S.stage().record.tokens.length")
        assert page.locator("[data-learn-onstage] .learn-chip").count() == tokens
        assert not page.is_visible(".learn-panes") and page.is_visible("[data-learn-folded]")
        page.click("[data-learn-skip]")
        page.wait_for_function(
            "[...document.querySelectorAll('.learn-pane-status')]"
            ".every((one) => one.textContent.includes('object'))"
        )
        assert page.is_visible(".learn-panes") and not page.is_visible("[data-learn-folded]")
        assert page.is_visible("[data-learn-look]"), "whoever has not guessed still may"
        page.get_by_role("button", name="Another scene").click()
        page.wait_for_selector("[data-learn-onstage]", state="hidden")
        page.wait_for_selector("[data-learn-folded]:visible")


def test_a_sentence_that_would_tell_the_answer_waits_for_the_guess(chromium, url):
    with browser_page(chromium, url) as page:
        page.wait_for_function("P2S.stage().record.state === 'done'")
        page.evaluate("P2S.stage().record.header.options.temperature = 0")  # as argmax writes
        open_learn(page)
        open_lesson(page, "infer")
        shown = page.locator("[data-learn-onstage]")
        shown.locator(".learn-box").first.wait_for(state="attached")
        assert "blur" in shown.evaluate("node => getComputedStyle(node).filter")
        look(page)
        page.wait_for_function(
            "getComputedStyle(document.querySelector('[data-learn-onstage]')).filter === 'none'"
        )


def test_without_a_model_lesson_5_still_shows_the_recorded_sentence(chromium, replay):
    with browser_page(chromium, replay) as page:
        page.wait_for_function("P2S.stage().record.state === 'done'")
        open_learn(page)
        open_lesson(page, "infer")
        page.wait_for_selector("[data-learn-onstage] .learn-box")
        assert "Without a checkpoint" in page.inner_text("[data-learn-folded]")
        assert not page.is_visible(".learn-panes")


def test_exercises_are_checked_on_the_page_and_words_are_defined(chromium, url):
    with browser_page(chromium, url) as page:
        open_learn(page)
        open_lesson(page, "sentence")
        task = page.locator("[data-task='0']")
        task.locator("input").wait_for()
        count = len(boxes(page))
        right = str(5 * count + 1)
        for answer, said in (("7", "Not yet"), ("many", "Write a number"), (right, "Right.")):
            task.locator("input").fill(answer)
            task.get_by_role("button", name="Check").click()
            assert said in task.locator(".learn-said").inner_text()
        page.locator(".learn-words summary").click()
        assert "End of sequence" in page.inner_text(".learn-words dl")


def test_a_moved_target_changes_its_price_and_the_overlap(chromium, url):
    with browser_page(chromium, url) as page:
        open_learn(page)
        open_lesson(page, "objective")
        page.click("[data-learn-skip]")
        page.wait_for_selector(".learn-bell:not([hidden])")
        assert "true bin" in page.inner_text("[data-learn-moved]")
        slider = page.get_by_label("Move the target, bins")
        slider.focus()
        page.keyboard.press("ArrowRight")
        assert "1 bin off" in page.inner_text("[data-learn-moved]")
        page.keyboard.press("End")
        moved = page.inner_text("[data-learn-moved]")
        assert re.search(r"costs (\d+\.\d\d nats (more|less)|the same)", moved)
        assert "overlaps with" in moved
        assert "of the probability lies within" in page.inner_text("[data-learn-bell]")


def test_a_photo_of_ones_own_opens_with_the_models_boxes_and_says_so(chromium, url, tmp_path):
    path = tmp_path / "own.png"
    fakes.draw_picture().save(path)
    with browser_page(chromium, url) as page:
        old = page.evaluate("P2S.stage().record.image.id")
        page.set_input_files("#image input[type=file]", str(path))
        page.wait_for_function(
            "old => P2S.stage().record.image && P2S.stage().record.image.id !== old", arg=old
        )
        page.evaluate("P2S.tourTools.tab('learn')")
        page.wait_for_function("P2S.lesson && P2S.lesson.state.boxes.length === 3")
        assert page.evaluate("P2S.lesson.state.boxesBy") == "model"
        for name in ("quantize", "infer", "sentence"):
            open_lesson(page, name)
            page.wait_for_selector(".learn-notice >> text=the model's own boxes")
        open_lesson(page, "infer")
        page.wait_for_selector("[data-learn-onstage] p:has-text('your last sentence')")


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_axe_finds_no_serious_problem(chromium, url, colours):
    with browser_page(chromium, url) as page:
        page.evaluate("(dark) => document.body.classList.toggle('dark', dark)", colours == "dark")
        open_learn(page)
        problems = []
        for name in ("quantize", "sentence", "augment", "objective", "infer", "training"):
            open_lesson(page, name)
            page.mouse.move(0, 0)
            page.wait_for_timeout(800)  # answers arrive, colours fade
            problems += [f"{name}: {line}" for line in serious_problems(page)]
        assert problems == []


HOSTILE = ("${window.pwned = 1}", "<img src=x onerror='window.pwned = 1'>", "{{pwned}}")


def test_class_names_are_text_and_nothing_else(chromium):
    def load(_):
        names = [*HOSTILE, *(f"class {i}" for i in range(77))]
        plain = storyteller()
        tokenizer = Tokenizer(plain.tokenizer.config, Categories.contiguous(names))
        return Predictor(plain.model, tokenizer, plain.preprocess, info=plain.info)

    with running_app(load) as url, browser_page(chromium, url) as page:
        open_learn(page)
        page.evaluate(
            "(names) => P2S.lesson.setBoxes(names.map((n, i) => [9 * i, 9, 9 * i + 90, 99, n]))",
            list(HOSTILE),
        )
        for name in ("quantize", "sentence", "augment", "objective"):
            open_lesson(page, name)
            page.wait_for_timeout(400)
            assert page.evaluate("window.pwned") is None
        open_lesson(page, "sentence")
        shown = page.locator(".learn-sentence [data-slot=class]").all_inner_texts()
        assert sorted(shown) == sorted(HOSTILE)
