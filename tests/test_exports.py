"""What a visitor takes away is what the page shows: the same tokens, names, scores and boxes in
every format, for edited sentences and in every noise mode."""

from __future__ import annotations

import base64
import io
import json
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from pix2seq.config import SamplingOptions
from pix2seq.render import RunRecord
from pix2seq.render.layout import Stage, edges
from pix2seq.render.raster import Painter
from pix2seq.ui.visit import record
from pix2seq.ui.visit.runs import Picture, Run
from pix2seq.ui.visit.writer import write
from pix2seq.ui.write.edits import edited_prompt
from pix2seq.ui.write.exports import export, run_record
from tests import fakes
from tests.browser import storyteller

SVG = "{http://www.w3.org/2000/svg}"
CUP, DOG = 41, 16
EDITS = {
    "as written": None,
    "another class": {"index": 4, "label": 2},
    "an edge of the second object": {"index": 8, "pixel": 70.0},
    "noise by a person": {"index": 14, "token": fakes.tiny_tokenizer().noise_id},
    "a drawn box": {"box": {"ymin": 10, "xmin": 20, "ymax": 60, "xmax": 90}},
}


def written(noise: str, edit: dict | None) -> Run:
    """A run of eight objects, most of them noise, as the page has it; edited by a person or not."""
    predictor = storyteller()
    options = predictor.resolve(
        SamplingOptions(noise=noise, eos="delay", score_threshold=0.2, seed=3, top_p=0.9)
    )
    run = Run(Picture(fakes.draw_picture()), predictor, options)
    list(write(run))
    if edit is not None:
        prompt = edited_prompt(run, run.token_ids, edit)
        run = Run(run.picture, predictor, options, prompt=prompt.ids, forced=prompt.forced)
        list(write(run))
    return run


def on_the_page(run: Run) -> dict[int, tuple[list[float], str, float, bool]]:
    """Reported objects by number, as the stage reads its lines: box, name, score, yours."""
    names = run.predictor.categories.names
    found: dict[int, list] = {}
    for line in run.text.splitlines():
        fields = line[1:].split()
        if line[0] == "B" and fields[9] in ("ok", "noise"):
            name = "noise" if fields[9] == "noise" else names[int(fields[5])]
            score = int(fields[6]) / 10_000
            found[int(fields[0])] = [[float(v) for v in fields[1:5]], name, score, False]
        if line[0] == "M" and int(fields[0]) in found:
            found[int(fields[0])][3] = fields[1] == "1"
    return {number: tuple(what) for number, what in found.items()}


def content(run: Run, kind: str) -> bytes:
    return base64.b64decode(export(run, kind, None, run.options)["data"])


@pytest.fixture(scope="module", params=["paper", "drop", "show"])
def noise(request):
    return request.param


@pytest.fixture(scope="module", params=EDITS, ids=str)
def run(request, noise) -> Run:
    return written(noise, EDITS[request.param])


def test_the_record_holds_what_the_page_shows(run):
    saved = RunRecord.from_json(content(run, "json").decode())
    assert [token.id for token in saved.tokens] == run.token_ids
    assert {token.index for token in saved.tokens if token.forced} == set(run.forced)
    shown = on_the_page(run)
    assert {found.object for found in saved.detections} == set(shown)
    for found in saved.detections:
        box, name, score, yours = shown[found.object]
        assert found.name == name and found.forced == yours
        assert found.score == pytest.approx(score, abs=1e-4)
        assert list(found.box) == pytest.approx(box, abs=0.06)
    assert saved.ending == "limit"


def test_the_svg_draws_the_pages_boxes_and_chips(run):
    root = ET.fromstring(content(run, "svg"))
    groups = list(root.iter(f"{SVG}g"))
    boxes = {int(g.get("data-box")): g for g in groups if g.get("data-box")}
    shown = on_the_page(run)
    assert set(boxes) == set(shown)
    for number, (_, name, score, _) in shown.items():
        assert boxes[number].get("data-label") == name
        assert float(boxes[number].get("data-score")) == pytest.approx(score, abs=1e-3)
    chips = [g for g in groups if g.get("data-token")]
    assert [int(g.get("data-id")) for g in chips] == run.token_ids
    for chip, token_id in zip(chips, run.token_ids, strict=True):
        text = chip.find(f"{SVG}text").text
        word = run.predictor.tokenizer.describe(token_id).text
        assert text.startswith(word) or ("…" in text and word.startswith(text.split("…")[0]))


def test_the_coco_results_are_the_named_boxes_above_the_score(run):
    results = json.loads(content(run, "coco"))
    shown = [what for what in on_the_page(run).values() if what[1] != "noise"]
    wanted = [what for what in shown if what[2] >= run.options.score_threshold]
    assert [one["score"] for one in results] == pytest.approx([w[2] for w in wanted], abs=1e-4)


def _near(points: set[tuple[int, int]]) -> set[tuple[int, int]]:
    """What is three pixels or less from one of the points, in both directions."""
    wide = {(x + dx, y) for x, y in points for dx in range(-3, 4)}
    return {(x, y + dy) for x, y in wide for dy in range(-3, 4)}


def boxes_drawn(run: Run, picture: Image.Image, width: int) -> set[int]:
    """Objects whose sides differ from the bare photo, at places where no other object's are."""
    saved = run_record(run)
    stage = Stage(saved, width)
    bare = Painter(run.picture.image, saved, width).paint(0)
    changed = (np.asarray(picture.convert("RGB")).astype(int) - np.asarray(bare)) ** 2
    changed = changed.sum(-1) > 3000
    size = saved.image.width, saved.image.height
    lines: dict[int, set[tuple[int, int]]] = {}
    for item in stage.objects:
        points = set()
        for edge in edges(item.known(len(saved.tokens)), *size):
            (x0, y0), (x1, y1) = stage.place(*edge.start), stage.place(*edge.end)
            steps = max(int(max(abs(x1 - x0), abs(y1 - y0))), 1)
            points |= {
                (round(x0 + (x1 - x0) * i / steps), round(y0 + (y1 - y0) * i / steps))
                for i in range(steps + 1)
            }
        lines[item.number] = points
    taken = {n: rect for n, (rect, _) in stage.tags(lambda text: 6.6 * len(text)).items()}
    drawn = set()
    near = {number: _near(points) for number, points in lines.items()}
    for number, points in lines.items():
        own = [
            (x, y)
            for x, y in points
            if not any((x, y) in those for n, those in near.items() if n != number)
            and not any(
                r.x - 4 <= x <= r.x + 1.5 * r.width and r.y - 4 <= y <= r.y + r.height + 4
                for r in taken.values()
            )
            and 0 <= y < changed.shape[0]
            and 0 <= x < changed.shape[1]
        ]
        if own and np.mean([changed[y, x] for x, y in own]) > 0.25:
            drawn.add(number)
        elif not own and number in on_the_page(run):
            drawn.add(number)  # wholly under other boxes: cannot be told
    return drawn


def test_pictures_draw_the_pages_boxes_and_no_hidden_one(run):
    picture = Image.open(io.BytesIO(content(run, "png")))
    assert boxes_drawn(run, picture, picture.width) == set(on_the_page(run))


@pytest.mark.parametrize(
    ("mode", "edit"),
    list(zip(("paper", "drop", "show", "paper", "drop"), EDITS, strict=True)),
)
def test_a_film_ends_with_the_pages_boxes_and_no_hidden_one(mode, edit):
    """Every edit once and every mode: its frames are painted as the pictures are."""
    run = written(mode, EDITS[edit])
    film = Image.open(io.BytesIO(content(run, "gif")))
    film.seek(film.n_frames - 1)
    assert boxes_drawn(run, film, film.width) == set(on_the_page(run))


def test_other_reading_options_change_page_and_files_alike(run):
    """What is on view counts, not what the run was written with."""
    options = run.options.replace(noise="show", score_threshold=0.0, score="box")
    encoding = run.picture.encoded_by(run.predictor)
    lines = record.object_lines(run.predictor.reading(encoding, run.steps, options))
    states = [line.split()[-1] for line in lines if line[0] == "B"]
    saved = json.loads(base64.b64decode(export(run, "json", None, options)["data"]))
    assert len(saved["detections"]) == sum(state in ("ok", "noise") for state in states)
    assert sum(found["is_noise"] for found in saved["detections"]) == states.count("noise")
