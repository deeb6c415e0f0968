"""The way of a token: what the server says about the network, and the strip in a browser."""

from __future__ import annotations

import base64
import json

import pytest

from pix2seq.ui.fork.answers import Forks
from pix2seq.ui.visit.examples import open_example
from pix2seq.ui.visit.runs import Run
from pix2seq.ui.write.recordings import load_recording
from tests.browser import browser_page
from tests.served import app_context
from tests.story import STORY, tokens


def test_the_network_is_told_by_its_own_sizes():
    forks = Forks(app_context())
    predictor = forks.context.shelf.get("scripted")
    run = forks.context.runs.add(Run(open_example("coffee"), predictor, predictor.resolve()))
    answer = forks.way({"run": run.id})
    rows, columns = answer["grid"]
    assert len(base64.b64decode(answer["cells"])) == rows * columns
    assert answer["vocab"] == predictor.tokenizer.vocab_size
    height, width = run.picture.image.height, run.picture.image.width
    longer = max(height, width)
    assert answer["share"] == pytest.approx([height / longer, width / longer], abs=0.02)


def test_an_unknown_run_is_refused_in_words():
    assert "error" in Forks(app_context()).way({"run": "nobody's"})


@pytest.mark.browser
def test_the_strip_follows_the_token_under_the_glass_and_its_parts_open(chromium, replay):
    with browser_page(chromium, replay) as page:
        told = tokens()
        page.wait_for_function("P2S.stage().record.state === 'done'")
        page.click("[data-fork-tab=way]")
        page.evaluate("P2S.stage().select(6)")
        page.wait_for_selector(f"[data-way=token] .way-chip:has-text('{told[6].text}')")
        text = page.locator("#way-text")
        assert "340 words" in text.inner_text()
        assert f"{dict(told[6].likeliest)[told[6].text]:.2f}" in text.inner_text()
        assert page.locator("[data-way=decoder] .way-chip").count() == 6
        page.evaluate("P2S.stage().select(9)")
        page.wait_for_selector(f"[data-way=bar] text.written:has-text('{told[9].text}')")
        (seen,) = (line for line in load_recording(STORY)["lines"] if "grid" in line)
        encoder = json.loads(seen.removeprefix("Swriting "))
        rows, columns = encoder["grid"]
        vectors = rows * columns + 5 * encoder.get("drafts", 0)
        for part, words in [
            ("cells", f"{rows} × {columns}"),
            ("memory", f"{vectors} vectors"),
            ("photo", "512 × 512"),
        ]:
            page.click(f"[data-way={part}]")
            assert page.get_attribute(f"[data-way={part}]", "aria-pressed") == "true"
            assert words in text.inner_text()
