"""COCO files as label tools write them: what is meant is taken, contradictions are named."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2seq.config import ConfigError
from pix2seq.data import CocoDetection
from pix2seq.data.annotations import read_annotations
from pix2seq.data.places import find_file, where_else
from pix2seq.data.values import LARGEST, flag, number_of, whole
from tests import fakes

SIZE = {"width": 120, "height": 90}


def content(count: int = 2, **first) -> dict:
    """Photos 1, 2, ... with a box each; ``first`` changes the first annotation."""
    found = {
        "images": [{"id": i, "file_name": f"{i}.jpg", **SIZE} for i in range(1, count + 1)],
        "categories": [{"id": 1, "name": "thing"}],
        "annotations": [
            {"id": i, "image_id": i, "category_id": 1, "bbox": [10, 20, 30, 40], "iscrowd": 0}
            for i in range(1, count + 1)
        ],
    }
    found["annotations"][0].update(first)
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("1.jpg", "2.jpg"):
        fakes.draw_picture().save(tmp_path / name)
    return tmp_path


def opened(folder: Path, data) -> CocoDetection:
    path = folder / "labels.json"
    path.write_bytes(data if isinstance(data, bytes) else json.dumps(data).encode())
    return CocoDetection(path, folder)


def refusal(folder: Path, data) -> str:
    with pytest.raises(ConfigError) as caught:
        opened(folder, data)[0]
    message = str(caught.value)
    assert "labels.json" in message and "\n" not in message
    return message


class TestValues:
    @given(st.integers(-(10**18), 10**18))
    def test_a_whole_number_is_itself_as_a_text_too(self, value):
        assert whole(value) == whole(str(value)) == whole(f" {value} ") == value

    @given(st.floats(allow_nan=False, allow_infinity=False))
    def test_a_float_is_whole_only_where_it_is(self, value):
        assert number_of(value) == number_of(repr(value)) == value
        fits = value == int(value) and abs(int(value)) <= LARGEST
        assert whole(value) == (int(value) if fits else None)

    @pytest.mark.parametrize("value", [2**63, -(2**63) - 1, str(10**40), 1e19])
    def test_what_no_table_holds_is_no_whole_number(self, value):
        assert whole(value) is None

    @pytest.mark.parametrize("value", [True, None, "one", "", [1], {}, "nan", "inf", "1e999"])
    def test_what_is_no_number_is_none(self, value):
        assert number_of(value) is None and whole(value) is None

    @pytest.mark.parametrize(
        ("value", "means"),
        [
            ("0", False),
            ("1", True),
            (1.0, True),
            ("TRUE", True),
            (None, False),
            ("", False),
            ("maybe", None),
            (2, None),
            ([], None),
            ("0.5", None),
        ],
    )
    def test_a_flag_means_what_it_says(self, value, means):
        assert flag(value) is means


class TestWhatIsMeant:
    @pytest.mark.parametrize(
        "first",
        [
            {"bbox": ["10", "20", "30", "40"]},
            {"bbox": ["10", 20.0, 30, "4e1"]},
            {"category_id": "1", "image_id": "1"},
            {"category_id": 1.0, "image_id": 1.0},
            {"iscrowd": None, "area": None, "segmentation": None, "id": None},
            {"iscrowd": "false", "area": ""},
        ],
    )
    def test_the_same_box_however_it_is_written(self, folder, first):
        sample = opened(folder, content(**first))[0]
        assert sample.boxes.tolist() == [[10, 20, 40, 60]]
        assert sample.labels.tolist() == [0] and sample.is_crowd.tolist() == [False]

    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
    def test_encodings_that_json_knows_are_read(self, folder, encoding):
        text = json.dumps(content()).encode(encoding)
        assert len(opened(folder, text)) == 2

    def test_a_size_that_is_not_stated_comes_from_the_picture(self, folder):
        data = content(bbox=[100, 50, 60, 60])
        for image in data["images"]:
            del image["width"]
            image["height"] = None
        assert opened(folder, data)[0].boxes.tolist() == [[100, 50, 120, 90]]

    @pytest.mark.parametrize("name", [7, 2.5, " 7 "])
    def test_a_class_may_be_called_a_number(self, folder, name):
        data = content()
        data["categories"][0]["name"] = name
        assert opened(folder, data).categories.names == (str(name).strip(),)

    def test_a_class_that_only_groups_others_is_nothing_to_find(self, folder):
        """Roboflow's first category is the project; nothing ever taught its token."""
        data = content()
        data["categories"] = [
            {"id": 0, "name": "fish", "supercategory": "none"},
            {"id": 1, "name": "pike", "supercategory": "fish"},
            {"id": 2, "name": "person", "supercategory": "person"},
        ]
        assert opened(folder, data).categories.names == ("pike", "person")
        data["annotations"][1]["category_id"] = 0
        assert opened(folder, data).categories.names == ("fish", "pike", "person")

    def test_an_unchanged_file_is_read_once(self, folder):
        first = opened(folder, content())
        assert CocoDetection(folder / "labels.json", folder).annotations is first.annotations
        changed = content()
        changed["images"][0]["id"] = 77
        changed["annotations"][0]["image_id"] = 77
        assert opened(folder, changed).annotations.image_ids == (77, 2)

    @given(order=st.permutations(range(12)))
    def test_boxes_belong_to_their_image_in_whatever_order_they_stand(
        self, order, tmp_path_factory
    ):
        data = content(count=3)
        data["annotations"] = [
            {"image_id": 1 + n % 3, "category_id": 1, "bbox": [n, 0, 1, 1]} for n in order
        ]
        path = tmp_path_factory.mktemp("order") / "labels.json"
        path.write_text(json.dumps(data))
        file = read_annotations(path)
        for row in range(12):
            number = order[file.entry[row]]
            assert file.boxes[row, 0] == number and file.image[row] == number % 3


class TestContradictions:
    def test_one_file_for_two_images_is_read_and_said(self, folder):
        data = content()
        data["images"][1]["file_name"] = "./1.jpg"
        (doubt,) = opened(folder, data).annotations.doubts()
        assert "ids 1 and 2" in doubt and "1.jpg" in doubt
        assert opened(folder, content()).annotations.doubts() == []

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            (lambda c: c["images"][1].update(id=1), ("image 1", "id 1", "already")),
            (lambda c: c["images"][1].update(file_name=None), ("image 1", "file_name None")),
            (lambda c: c["images"][1].update(width=-96), ("image 1", "width is -96")),
            (lambda c: c["images"][1].update(id="one"), ("image 1", "id is 'one'")),
            (lambda c: c["categories"].append({"id": 2, "name": "thing"}), ("'thing'", "twice")),
            (lambda c: c["categories"].append({"id": 1, "name": "x"}), ("category 1", "unique")),
            (lambda c: c["categories"][0].update(name=None), ("category 0", "name None")),
            (lambda c: c["categories"][0].update(name=True), ("category 0", "name True")),
            (
                lambda c: c["annotations"][1].update(category_id=1.5),
                ("annotation 1", "category_id"),
            ),
            (
                lambda c: c["annotations"][1].update(category_id=9),
                ("annotation 1", "id 9"),
            ),
            (lambda c: c["annotations"][1].update(iscrowd="maybe"), ("annotation 1", "iscrowd")),
            (lambda c: c["annotations"][1].update(bbox=[0, 0, -5, 5]), ("annotation 1", "-5")),
            (
                lambda c: c["annotations"][1].update(bbox=[0, 0, "x", 5]),
                ("annotation 1", "bbox"),
            ),
            (lambda c: c["annotations"][1].update(area="big"), ("annotation 1", "area is 'big'")),
            (lambda c: c["annotations"].append(None), ("annotation 2", "None")),
            (lambda c: c.update(images=None), ("'images' is None",)),
            (lambda c: c.pop("categories"), ("lacks 'categories'",)),
        ],
    )
    def test_what_and_where_are_named(self, folder, change, words):
        data = content()
        change(data)
        message = refusal(folder, data)
        assert all(word in message for word in words), message

    @pytest.mark.parametrize(
        ("data", "word"),
        [
            (b"", "is empty"),
            (b"<!DOCTYPE html>", "web page or XML"),
            (b"[]", "[] in place of"),
            (b"5", "5 in place of"),
            (b'{"images": [', "is not JSON"),
            (b"0 0.5 0.5 0.2 0.2", "is not JSON"),
            (gzip.compress(b"{}", mtime=0), "packed (gzip)"),
            (b"PK\3\4", "packed (zip)"),
            (b"[" * 200_000, "nested too deeply"),
            ('{"images": [], "x": "Stra\u00dfe"}'.encode("latin-1"), "not UTF-8"),
            (b'[{"image_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}]', "holds results"),
        ],
    )
    def test_what_is_no_annotation_file_is_called_what_it_is(self, folder, data, word):
        assert word in refusal(folder, data)

    @pytest.mark.parametrize(
        "name", ["\ud800.jpg", "a\0.jpg", "x" * 5000 + ".jpg", "a\nb.jpg", ".", "s3://bucket/x.jpg"]
    )
    def test_a_name_that_no_file_has_is_refused_in_a_line(self, folder, name):
        data = content()
        data["images"][0]["file_name"] = name
        assert "image 0" in refusal(folder, data)

    @pytest.mark.parametrize("name", ["a\ud800", "\x1b[31mred\x1b[0m", "a\0b"])
    def test_a_class_that_nothing_can_show_is_to_be_renamed(self, folder, name):
        data = content()
        data["categories"][0]["name"] = name
        assert "rename it" in refusal(folder, data)

    def test_a_class_on_two_lines_is_on_one(self, folder):
        data = content()
        data["categories"][0]["name"] = " hot\n\tdog\u200d "
        assert opened(folder, data).categories.names == ("hot dog\u200d",)

    def test_a_file_that_is_not_there_is_called_that(self, folder):
        with pytest.raises(ConfigError, match="is not there; check the path"):
            read_annotations(folder / "none.json")

    @given(
        value=st.recursive(
            st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.integers(),
            lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner),
            max_leaves=5,
        )
    )
    def test_no_value_at_any_place_crashes_the_reader(self, tmp_path_factory, value):
        folder = tmp_path_factory.mktemp("odd")
        for part, field in (
            ("annotations", "bbox"),
            ("annotations", "area"),
            ("annotations", "iscrowd"),
            ("annotations", "image_id"),
            ("annotations", "category_id"),
            ("images", "id"),
            ("images", "width"),
            ("images", "file_name"),
            ("categories", "name"),
            ("categories", "id"),
            ("categories", "supercategory"),
        ):
            data = content()
            data[part][0][field] = value
            path = folder / f"{part}-{field}.json"
            path.write_text(json.dumps(data))
            try:
                read_annotations(path)
            except ConfigError as error:
                assert path.name in str(error)


class TestPlaces:
    @pytest.mark.parametrize("name", ["a/1.jpg", r"a\1.jpg", r".\a\1.jpg", "./a/1.jpg"])
    def test_a_name_from_another_system_is_found(self, tmp_path, name):
        (tmp_path / "a").mkdir()
        (tmp_path / "a" / "1.jpg").write_bytes(b"x")
        assert find_file(tmp_path, name).is_file()

    def test_a_backslash_that_belongs_to_the_name_stays(self, tmp_path):
        (tmp_path / r"a\1.jpg").write_bytes(b"x")
        assert find_file(tmp_path, r"a\1.jpg").name == r"a\1.jpg"

    @pytest.mark.parametrize(
        ("given", "name", "right"),
        [
            ("set/train", "train/1.jpg", "set"),  # one folder too deep
            ("set", "1.jpg", "set/train"),  # one too high
            (".", "train/1.jpg", "set"),
        ],
    )
    def test_the_folder_that_would_do_is_named(self, tmp_path, given, name, right):
        (tmp_path / "set" / "train").mkdir(parents=True)
        (tmp_path / "set" / "train" / "1.jpg").write_bytes(b"x")
        assert f"under {tmp_path / right}:" in where_else(tmp_path / given, name)

    def test_a_label_tools_own_folders_are_recognised(self, tmp_path):
        (tmp_path / "1.jpg").write_bytes(b"x")
        assert "keep only the last part" in where_else(tmp_path, "../../upload/3/1.jpg")
        assert "keep only the last part" in where_else(tmp_path, r"C:\data\1.jpg")

    def test_where_nothing_is_near_the_path_is_to_be_checked(self, tmp_path):
        assert "check the path" in where_else(tmp_path, "nowhere.jpg")
