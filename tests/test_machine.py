"""The training time machine: the recorded history that the page moves through."""

from __future__ import annotations

import shutil

import pytest

from pix2seq.snapshots import LARGEST, Snapshots
from pix2seq.ui.learn.machine import FILE, Machine
from tests.axe import serious_problems
from tests.browser import browser_page, open_tab, running_app


def test_the_page_gets_the_whole_recording_with_pictures_and_names():
    answer = Machine(FILE).history({})
    recorded = Snapshots.from_json(FILE.read_text())
    assert [run["name"] for run in answer["runs"]] == [run.name for run in recorded.runs]
    assert [picture["name"] for picture in answer["pictures"]] == [
        picture.name for picture in recorded.pictures
    ]
    assert all(picture["src"].startswith("data:image/jpeg") for picture in answer["pictures"])
    assert len(answer["classes"]) == recorded.tokenizer.num_classes
    assert FILE.stat().st_size <= LARGEST


def test_the_recording_has_twins_that_only_augmentation_tells_apart():
    recorded = Snapshots.from_json(FILE.read_text())
    assert [run.noise_objects for run in recorded.runs] == [True, False]
    for run in recorded.runs:
        steps = [snapshot.step for snapshot in run.snapshots]
        assert steps[0] == 0 and steps == sorted(set(steps)) and run.curve


def test_without_a_recording_the_page_says_how_to_make_one(tmp_path):
    assert "train with --set snapshots=12" in Machine(tmp_path / "none.json").history({})["error"]
    damaged = tmp_path / "damaged.json"
    damaged.write_text("{")
    assert "these are no snapshots" in Machine(damaged).history({})["error"]
    shutil.copy(FILE, damaged)  # the file is read again when it changes
    assert "error" not in Machine(damaged).history({})


@pytest.mark.browser
def test_the_slider_moves_through_the_training_and_asks_nothing(chromium):
    with running_app() as url, browser_page(chromium, url) as page:
        open_tab(page, "Learn")
        page.locator("#machine").scroll_into_view_if_needed()
        page.wait_for_selector("[data-machine-words]:has-text('Step 0 of')")
        requests = []
        page.on("request", lambda request: requests.append(request.url))
        flat = page.locator(".machine-area").first.get_attribute("d")
        slider = page.locator("[data-machine-step]")
        slider.focus()
        page.keyboard.press("End")
        last = page.evaluate("P2S.machine().history.last")
        page.wait_for_selector(f"[data-machine-words]:has-text('Step {last} of {last}')")
        page.wait_for_function(
            "(d) => document.querySelector('.machine-area').getAttribute('d') !== d", arg=flat
        )
        page.click("[data-machine-token='4']")
        page.wait_for_selector(".learn-bars li.target:visible")
        page.click("[data-machine-picture='1']")
        page.wait_for_selector("[data-machine-picture='1'][aria-pressed=true]")
        assert [url for url in requests if not url.startswith("data:")] == []
        assert serious_problems(page) == []
