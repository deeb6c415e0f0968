"""One colour per class: in Python and in the page's scripts, in every picture that leaves it."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pix2seq.categories import COCO_80, LABEL_SPACES, Categories
from pix2seq.detections import Detections
from pix2seq.render import draw_detections, stage_image, stage_svg, writing_gif
from pix2seq.render.layout import Stage
from pix2seq.render.palette import INK, ROLE_COLORS, class_color, rgb, wash
from tests.fakes import draw_picture
from tests.records import make_record

ROOT = Path(__file__).parents[1]
SVG = "{http://www.w3.org/2000/svg}"
NAMES = sorted(
    {space.name(label) for space in LABEL_SPACES.values() for label in range(len(space))}
    | {"", "Äpfel", "犬", "🍎 grün", "${evil}", "<b>", "a" * 500}
)
BOXES = [((10, 20, 70, 80), "dog", 0.9), ((30, 5, 110, 60), "cat", 0.6)]


def contrast(one: str, other: str) -> float:
    """Of two colours, as WCAG 2 defines it."""

    def luminance(color: str) -> float:
        channels = [value / 255 for value in rgb(color)]
        linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_the_page_and_the_pictures_agree_on_every_class():
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is not installed: the script's rule was NOT compared")
    script = (
        'import { classColour } from "#kit/hues.js";'
        'import { readFileSync } from "node:fs";'
        "const names = JSON.parse(readFileSync(0, 'utf8'));"
        "console.log(JSON.stringify(names.map(classColour)));"
    )
    done = subprocess.run(
        [node, "--input-type=module", "-e", script],
        input=json.dumps(NAMES),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    page = dict(zip(NAMES, json.loads(done.stdout), strict=True))
    assert page == {name: class_color(name) for name in NAMES}


def test_no_two_of_cocos_classes_share_a_colour():
    assert len({class_color(name) for name in COCO_80.names}) == 80


@given(st.text())
def test_white_reads_on_every_class_and_ink_on_its_chip(name):
    color = class_color(name)
    assert re.fullmatch("#[0-9A-F]{6}", color)
    assert contrast(color, "#FFFFFF") >= 4.5
    assert contrast(wash(color, 1.0), INK) >= 4.5


@pytest.mark.parametrize("color", ROLE_COLORS.values())
def test_ink_reads_on_every_roles_chip(color):
    assert contrast(wash(color, 1.0), INK) >= 4.5


class TestPictures:
    def colours(self, record):
        """Of the SVG: (strokes, label's ground) of boxes by object, frames of the class chips."""
        root = ET.fromstring(stage_svg(record))
        groups = list(root.iter(f"{SVG}g"))
        names = {g.get("data-name"): g for g in groups if "data-name" in g.attrib}
        found = {}
        for number, box in ((g.get("data-box"), g) for g in groups if "data-box" in g.attrib):
            strokes = {path.get("stroke") for path in box.iter(f"{SVG}path")} - {"#FFF"}
            name = names[number].iter(f"{SVG}rect") if number in names else ()
            found[int(number)] = (strokes, {rect.get("fill") for rect in name})
        chips = [g for g in groups if g.get("data-slot") == "class"]
        return found, [chip.find(f"{SVG}rect").get("stroke") for chip in chips]

    def test_an_svg_draws_box_label_and_chip_in_the_classs_colour(self):
        boxes, chips = self.colours(make_record(BOXES))
        for number, (_, name, _) in enumerate(BOXES):
            assert boxes[number] == ({class_color(name)}, {class_color(name)})
            assert chips[number] == class_color(name)

    def test_noise_is_grey_and_dashed(self):
        record = make_record(BOXES, noise=[0])
        boxes, chips = self.colours(record)
        grey = ROLE_COLORS["noise"]
        assert boxes[0] == ({grey}, {grey}) and chips[0] == grey
        noise, dog = (
            box
            for box in ET.fromstring(stage_svg(record)).iter(f"{SVG}g")
            if "data-box" in box.attrib
        )
        assert "stroke-dasharray" in ET.tostring(noise, "unicode")
        assert "stroke-dasharray" not in ET.tostring(dog, "unicode")

    def test_a_box_that_is_not_named_yet_has_its_roles_colours(self):
        boxes, _ = self.colours(make_record([], eos=False, unfinished=3))
        assert boxes[0][0] == {ROLE_COLORS[slot] for slot in ("ymin", "xmin", "ymax")}

    @pytest.mark.parametrize("how", ["png", "gif"])
    def test_pixels_have_it_too(self, how):
        record = make_record(BOXES)
        if how == "png":
            picture = stage_image(draw_picture(), record, 480)
        else:
            picture = Image.open(io.BytesIO(writing_gif(draw_picture(), record, 480)))
            picture.seek(picture.n_frames - 1)
        pixels = np.asarray(picture.convert("RGB")).astype(int)
        for (x0, y0, _, y1), name, _ in BOXES:
            x, y = (round(value) for value in Stage(record, 480).place(x0, (y0 + 2 * y1) / 3))
            assert tuple(pixels[y, x]) == pytest.approx(rgb(class_color(name)), abs=16), name

    def test_a_figure_has_it_too(self):
        found = Detections.of(
            torch.tensor([[10.0, 20, 60, 70], [5, 5, 30, 40]]),
            torch.tensor([0, 1]),
            torch.tensor([0.9, 0.2]),
            is_noise=torch.tensor([False, True]),
        )
        axes = draw_detections(draw_picture(), found, Categories.contiguous(["dog", "cat"])).axes[0]
        want = [class_color("dog"), ROLE_COLORS["noise"]]
        grounds = [text.get_bbox_patch().get_facecolor()[:3] for text in axes.texts]
        for ground, color in zip(grounds, want, strict=True):
            assert [round(255 * channel) for channel in ground] == list(rgb(color))
        edges = [patch.get_edgecolor()[:3] for patch in axes.patches]
        assert [round(255 * channel) for channel in edges[1]] == list(rgb(want[0]))
        assert axes.patches[2].get_linestyle() == "--"
