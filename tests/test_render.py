"""The pictures: layout, raster, GIF, SVG and figure."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pix2seq.categories import Categories
from pix2seq.config import ConfigError
from pix2seq.detections import Detections
from pix2seq.render import Painter, draw_detections, stage_image, stage_svg, writing_gif
from pix2seq.render.layout import Stage, chip_text, edges, fitted
from pix2seq.render.palette import ROLE_COLORS, rgb, wash
from tests.fakes import draw_picture
from tests.records import OPTIONS, make_record, token

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "<img src=x onerror=alert(1)> ${evil} \"' & \x00\x08 ]]>"


def ends(known: dict[str, float]) -> dict[str, tuple]:
    return {e.slot: (*e.start, *e.end) for e in edges(known, width=100, height=50)}


class TestEdges:
    def test_nothing_written_draws_nothing(self):
        assert edges({}, 100, 50) == []

    def test_a_lone_ymin_is_a_line_across_the_image(self):
        assert ends({"ymin": 10}) == {"ymin": (0, 10, 100, 10)}

    def test_xmin_makes_it_a_corner(self):
        assert ends({"ymin": 10, "xmin": 20}) == {
            "ymin": (20, 10, 100, 10),
            "xmin": (20, 10, 20, 50),
        }

    def test_ymax_leaves_three_sides(self):
        assert ends({"ymin": 10, "xmin": 20, "ymax": 40}) == {
            "ymin": (20, 10, 100, 10),
            "xmin": (20, 10, 20, 40),
            "ymax": (20, 40, 100, 40),
        }

    def test_xmax_closes_the_box_in_either_order_of_axes(self):
        closed = {
            "ymin": (20, 10, 80, 10),
            "xmin": (20, 10, 20, 40),
            "ymax": (20, 40, 80, 40),
            "xmax": (80, 10, 80, 40),
        }
        assert ends({"ymin": 10, "xmin": 20, "ymax": 40, "xmax": 80}) == closed
        assert ends({"xmin": 20, "ymin": 10, "xmax": 80, "ymax": 40}) == closed


class TestStage:
    @given(
        objects=st.integers(0, 30),
        width=st.integers(360, 1600),
        size=st.tuples(st.integers(1, 3000), st.integers(1, 3000)),
    )
    def test_nothing_overlaps_and_everything_is_inside(self, objects, width, size):
        record = make_record([((0, 0, 1, 1), "dog", 0.5)] * objects, size=size)
        stage = Stage(record, width)
        photo_bottom = stage.photo.y + stage.photo.height
        assert stage.photo.x >= 0 and stage.photo.x + stage.photo.width <= width
        places = set()
        for position in range(objects + 1):
            for order in range(5):
                chip = stage.chip(position, order)
                assert chip.y > photo_bottom
                assert chip.x + chip.width <= width and chip.y + chip.height <= stage.height
                places.add((chip.x, chip.y))
        assert len(places) == 5 * (objects + 1)

    def test_labels_of_boxes_at_the_same_place_stand_under_each_other(self):
        record = make_record([((5, 5, 100, 80), "dog", 0.5)] * 4)
        tags = [rect for rect, _ in Stage(record).tags(lambda text: 70.0).values()]
        assert len(tags) == 4
        assert not any(a.touches(b) for i, a in enumerate(tags) for b in tags[:i])

    def test_labels_stay_inside_a_photo_that_has_no_room_for_them(self):
        record = make_record([((0, 0, 120, 20), "dog", 0.5)] * 9, size=(120, 20))
        stage = Stage(record)
        for rect, _ in stage.tags(lambda text: 5000.0).values():
            assert stage.photo.x <= rect.x and stage.photo.y <= rect.y
            assert rect.x + rect.width <= stage.photo.x + stage.photo.width + 1e-6

    def test_a_stage_that_is_too_narrow_for_a_row_is_refused(self):
        with pytest.raises(ConfigError, match="200 pixels wide"):
            Stage(make_record(), width=200)


class TestRaster:
    def test_an_empty_run_shows_the_photo_untouched(self):
        image = draw_picture(240, 180)
        record = make_record([], size=(240, 180), eos=False)
        painter = Painter(image, record, 400)
        photo = painter.stage.photo
        corner = (round(photo.x), round(photo.y))
        size = (round(photo.width), round(photo.height))
        shown = painter.paint().crop((*corner, corner[0] + size[0], corner[1] + size[1]))
        assert np.array_equal(shown, image.resize(size, Image.Resampling.LANCZOS))

    def test_every_token_changes_the_picture_where_it_belongs(self):
        record = make_record([((20, 30, 90, 70), "dog", 0.9)], eos=False)
        painter = Painter(draw_picture(), record)
        stage = painter.stage
        before = np.asarray(painter.paint(0)).astype(int)
        sides = {  # a point on each side, off the corners and off the label
            0: stage.place(100, 30),
            1: stage.place(20, 80),
            2: stage.place(100, 70),
            3: stage.place(90, 50),
        }
        for order, slot in enumerate(("ymin", "xmin", "ymax", "xmax")):
            after = np.asarray(painter.paint(order + 1)).astype(int)
            x, y = (round(v) for v in sides[order])
            assert tuple(after[y, x]) == pytest.approx(rgb(ROLE_COLORS[slot]), abs=12), slot
            chip = stage.chip(0, order)
            cx, cy = round(chip.x + 5), round(chip.y + chip.height / 2)
            assert tuple(after[cy, cx]) == pytest.approx(rgb(wash(ROLE_COLORS[slot], 0.6)), abs=3)
            assert not np.array_equal(before, after)
            before = after

    def test_painting_backwards_gives_the_same_pictures_as_forwards(self):
        painter = Painter(draw_picture(), make_record(unfinished=3, eos=False))
        forwards = [painter.paint(i).tobytes() for i in range(14)]
        backwards = [painter.paint(i).tobytes() for i in reversed(range(14))]
        assert forwards == backwards[::-1]

    def test_a_name_stands_above_the_lines_of_later_boxes(self):
        first = ((20, 40, 90, 70), "dog", 0.9)
        painter = Painter(draw_picture(), make_record([first, ((15, 38, 100, 80), "cat", 0.8)]))
        (rect, _), line = painter.tags[0], painter.stage.place(0, 38)[1]
        assert rect.y < line < rect.y + rect.height, "the cat's upper line crosses the dog's name"
        inside = (rect.x + 2, rect.y + 2, rect.x + rect.width - 2, rect.y + rect.height - 2)
        alone = Painter(draw_picture(), make_record([first])).paint()
        name, crossed = (
            np.asarray(one.crop(tuple(map(round, inside)))).astype(int)
            for one in (alone, painter.paint())
        )
        assert np.abs(name - crossed).max() < 24, "but for what shines through a label"

    def test_noise_is_drawn_grey(self):
        size, box = (120, 90), (20, 30, 90, 70)
        pictures = [
            np.asarray(
                stage_image(Image.new("RGB", size), make_record([(box, "dog", 0.9)], **kind))
            )
            for kind in ({}, {"noise": [0]})
        ]
        stage = Stage(make_record([(box, "dog", 0.9)]), 720)
        x, y = (round(v) for v in stage.place(30, 30))
        x1 = round(stage.place(80, 30)[0])
        colored, grey = (np.ptp(p[y, x:x1].astype(int), axis=1).max() for p in pictures)
        assert colored > 100 and grey < 10

    def test_labels_that_no_font_or_row_can_hold_still_draw(self):
        record = make_record([((0, 0, 5, 5), "犬\n" + "w" * 180, 0.9)])
        assert stage_image(draw_picture(), record).size[0] == 720

    @pytest.mark.parametrize("mark", list("\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"))
    def test_names_of_several_lines_or_paragraphs_are_drawn_on_one(self, mark):
        record = make_record([((20, 30, 60, 70), f"hot{mark}dog", 0.9)])
        record = replace(record, checkpoint=f"my{mark}own")
        assert stage_image(draw_picture(), record).width == 720
        stage = Stage(record, 720)
        [(_, tag)] = stage.tags(len).values()
        assert "hot dog" in tag and stage.footer().startswith("my own ")
        chips = [chip_text(one) for one in record.tokens]
        assert any("hot dog" in chip for chip in chips)
        assert all(len(text.splitlines()) == 1 for text in (tag, stage.footer(), *chips))

    @pytest.mark.parametrize("size", [(1, 1), (1, 400), (400, 1)])
    def test_extreme_shapes_draw(self, size):
        record = make_record([((0, 0, 1, 1), "dog", 0.5)], size=size)
        assert stage_image(Image.new("RGB", size), record).width == 720


class TestGif:
    def test_a_run_without_tokens_is_one_frame(self):
        file = Image.open(io.BytesIO(writing_gif(draw_picture(), make_record([], eos=False), 360)))
        assert file.n_frames == 1

    def test_tokens_appear_one_after_another_and_the_last_frame_is_the_stage(self):
        image, record = draw_picture(), make_record()
        file = Image.open(io.BytesIO(writing_gif(image, record, width=480, hold_ms=1000)))
        frames, durations = [], []
        for i in range(file.n_frames):
            file.seek(i)
            frames.append(np.asarray(file.convert("RGB")).astype(int))
            durations.append(file.info["duration"])
        assert file.info["loop"] == 0
        assert len(frames) > len(record.tokens)
        assert durations[-1] >= 1000
        want = np.asarray(stage_image(image, record, 480)).astype(int)
        assert np.abs(frames[-1] - want).mean() < 3
        assert np.abs(frames[0] - want).mean() > np.abs(frames[-1] - want).mean()
        assert tuple(frames[-1][1, 1]) == (255, 255, 255)  # paper stays white in 256 colours

    def test_pixels_that_do_not_change_do_not_flicker(self):
        file = Image.open(io.BytesIO(writing_gif(draw_picture(), make_record(), width=480)))
        file.seek(0)
        first = np.asarray(file.convert("RGB"))
        stage = Stage(make_record(), 480)
        x, y = (round(v) for v in stage.place(3, 3))  # the sky, away from both boxes
        for i in range(file.n_frames):
            file.seek(i)
            now = np.asarray(file.convert("RGB"))
            assert np.array_equal(
                now[y - 3 : y + 3, x - 3 : x + 3], first[y - 3 : y + 3, x - 3 : x + 3]
            )

    @pytest.mark.parametrize(
        ("limit", "frames"),
        [("_FEW_TOKENS", 1 + 11), ("_MOST_TOKENS", 1 + 3)],
        ids=["a frame a token", "a frame an object and EOS"],
    )
    def test_a_long_run_has_fewer_frames(self, limit, frames, monkeypatch):
        monkeypatch.setattr("pix2seq.render.gif._FEW_TOKENS", 5)
        monkeypatch.setattr(f"pix2seq.render.gif.{limit}", 5)
        file = Image.open(io.BytesIO(writing_gif(draw_picture(), make_record(), width=360)))
        assert file.n_frames == frames


class TestSvg:
    def test_it_has_a_handle_for_every_token_and_box(self):
        record = make_record(unfinished=2)
        root = ET.fromstring(stage_svg(record, draw_picture()))
        chips = [g for g in root.iter(f"{SVG}g") if "data-token" in g.attrib]
        boxes = [g for g in root.iter(f"{SVG}g") if "data-box" in g.attrib]
        assert [int(g.get("data-token")) for g in chips] == list(range(len(record.tokens)))
        assert [g.get("data-slot") for g in chips][:6] == [
            *"ymin xmin ymax xmax class".split(),
            "ymin",
        ]
        assert [g.get("data-label") for g in boxes] == ["dog", "cat", ""]
        assert root.find(f"{SVG}desc").text.startswith("dog 0.90 at 10, 20, 70, 80")

    def test_names_stand_above_the_lines_of_all_boxes(self):
        root = ET.fromstring(stage_svg(make_record(), draw_picture()))
        drawn = list(root)
        last_box = max(i for i, part in enumerate(drawn) if "data-box" in part.attrib)
        names = [i for i, part in enumerate(drawn) if "data-name" in part.attrib]
        assert len(names) == 2 and min(names) > last_box
        assert drawn[names[0]].find(f"{SVG}text").text.startswith("1 dog")

    def test_hostile_text_is_only_text(self):
        hostile = make_record([((1, 1, 50, 50), HOSTILE, 0.5)], checkpoint=HOSTILE)
        text = stage_svg(hostile, href='x" onload="alert(1)')
        root = ET.fromstring(text)  # well-formed although XML forbids two of the characters
        known = {"svg", "title", "desc", "rect", "image", "g", "path", "text"}
        assert {element.tag.removeprefix(SVG) for element in root.iter()} == known
        names = {name for element in root.iter() for name in element.attrib}
        assert not any(name.startswith("on") for name in names)
        assert "<img" not in text

    @pytest.mark.parametrize(
        ("how", "start"), [("embedded", "data:image/jpeg;base64,"), ("linked", "https://a.b/c.jpg")]
    )
    def test_the_photo_is_embedded_or_linked(self, how, start):
        given = {"image": draw_picture()} if how == "embedded" else {"href": "https://a.b/c.jpg"}
        root = ET.fromstring(stage_svg(make_record(), **given))
        assert root.find(f"{SVG}image").get("href").startswith(start)

    def test_without_any_photo_a_grey_field_stands_in(self):
        root = ET.fromstring(stage_svg(make_record()))
        assert root.find(f"{SVG}image") is None

    def test_an_empty_run_is_drawn(self):
        root = ET.fromstring(stage_svg(make_record([], eos=False)))
        assert root.find(f"{SVG}desc").text == "no object"

    def test_a_vertical_first_order_has_its_own_legend(self):
        slots = ("xmin", "ymin", "xmax", "ymax", "class")
        assert Stage(make_record(slots=slots)).slots() == slots

    def test_tokens_without_a_place_draw_no_side(self):
        record = make_record([], eos=False)
        stray = token(0, 999, "ymin", "dog", label=5)
        root = ET.fromstring(stage_svg(replace(record, tokens=(stray,))))
        box = next(g for g in root.iter(f"{SVG}g") if "data-box" in g.attrib)
        assert list(box) == []


class TestFigure:
    def test_no_objects_is_still_a_picture_of_the_photo(self):
        figure = draw_detections(draw_picture(), Detections.empty(), Categories.contiguous(["dog"]))
        assert figure.axes[0].get_title() == "0 objects"
        assert len(figure.axes[0].images) == 1

    def test_boxes_carry_label_score_and_number(self, tmp_path):
        found = Detections.of(
            torch.tensor([[10.0, 20, 60, 70], [5, 5, 30, 40]]),
            torch.tensor([0, 1]),
            torch.tensor([0.934, 0.2]),
            is_noise=torch.tensor([False, True]),
        )
        names = Categories.contiguous(["dog $x$", "cat"])
        figure = draw_detections(draw_picture(), found, names)
        texts = [t.get_text() for t in figure.axes[0].texts]
        assert texts == ["1 dog $x$ 0.93", "2 noise"]
        figure.savefig(tmp_path / "figure.png")
        assert Image.open(tmp_path / "figure.png").width > 500


def test_the_footer_says_argmax_at_temperature_zero():
    record = make_record(options=OPTIONS.replace(temperature=0.0))
    assert "argmax" in Stage(record).footer()


@given(st.text("ab c", min_size=1, max_size=20), st.integers(3, 30))
def test_of_a_name_and_its_number_the_name_is_cut(name, most):
    text = f"{name.strip() or 'x'} .87"
    shown = fitted(text, lambda one: len(one) <= most)
    assert len(shown) <= most
    assert shown == text or "…" in shown
    if most >= 8:
        assert shown.endswith(" .87"), "the number stays"


@pytest.mark.parametrize("length", range(1, 40))
def test_a_tag_that_has_room_is_whole_whatever_floats_say(length):
    """A sum of advances, divided by the advance, may fall short of the number of letters."""
    record = make_record([((10, 20, 390, 280), "m" * length, 0.9)], size=(400, 300))
    root = ET.fromstring(stage_svg(record, draw_picture(), width=720))
    (tag,) = [one for one in root.iter(f"{SVG}g") if one.get("data-name") == "0"]
    assert tag.find(f"{SVG}text").text == f"1 {'m' * length} 0.90"
