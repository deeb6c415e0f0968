"""Run records: plain data out, checked data in, and the snippets that write a run again."""

from __future__ import annotations

import json
import math
import shlex

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pix2seq.config import ConfigError
from pix2seq.render import RunRecord, as_command, as_python
from tests.fakes import draw_picture
from tests.records import OPTIONS, make_record


def changed(path: list, value) -> str:
    """The JSON of a record with one value replaced."""
    data = json.loads(make_record().to_json())
    target = data
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    return json.dumps(data)


class TestRoundTrip:
    @pytest.mark.parametrize(
        "record",
        [
            make_record([], eos=False),
            make_record(),
            make_record(unfinished=3, noise=[0], forced=2),
            make_record(options=OPTIONS.replace(forbidden_labels=(1, 2), temperature=0.0)),
        ],
        ids=["no tokens", "two objects", "unfinished and forced", "other options"],
    )
    def test_a_record_survives_json(self, record):
        assert RunRecord.from_json(record.to_json()) == record

    def test_a_record_carries_its_picture(self):
        record = make_record().with_picture(draw_picture(2400, 1800))
        again = RunRecord.from_json(record.to_json())
        assert again.image.open().size == (1024, 768)
        assert (again.image.width, again.image.height) == (120, 90)

    def test_a_record_without_a_picture_says_which_file_it_needs(self):
        with pytest.raises(ConfigError, match=r"photo\.jpg"):
            make_record().image.open()

    def test_a_record_of_the_first_format_is_read(self):
        """It said forced of a whole prefix, and nothing about who drew a token."""
        data = json.loads(make_record(forced=2).replace(format=2).to_json())
        data["format"] = 1
        for token in data["tokens"]:
            del token["drawn"]
        assert RunRecord.from_json(json.dumps(data)) == make_record(forced=2)

    def test_infinite_numbers_cannot_enter(self):
        with pytest.raises(ConfigError, match="logprob"):
            make_record().tokens[0].replace(logprob=-math.inf)


class TestBadRecords:
    @pytest.mark.parametrize(
        "text",
        ["", "[]", "null", "3", '"x"', "{}", "{", "[[[[", '{"format": 1}', "\x00", '{"a": NaN}'],
    )
    def test_what_is_no_record_is_one_line_of_error(self, text):
        with pytest.raises(ConfigError) as error:
            RunRecord.from_json(text)
        assert "\n" not in str(error.value)

    @pytest.mark.parametrize(
        ("path", "value", "names"),
        [
            (["format"], 99, "99"),
            (["tokens", 0, "index"], 5, "token 5"),
            (["tokens", 0, "slot"], "<script>", "script"),
            (["tokens", 0, "prob"], "high", "high"),
            (["tokens", 0, "prob"], 1e999, "inf"),
            (["tokens", 0, "id"], True, "True"),
            (["tokens", 0, "text"], "x" * 1000, "1000"),
            (["tokens", 0, "forced"], 1, "forced"),
            (["tokens"], 7, "tokens is 7; it must be a list"),
            (["image", "width"], 0, "0 x 90"),
            (["image", "data"], "javascript:alert(1)", "data URL"),
            (["image", "data"], "data:image/svg+xml;base64,AAAA", "data URL"),
            (["image", "data"], "data:image/png;base64,AAAA", "cannot be read|is not an image"),
            (["options", "top_p"], 2, "top_p is 2"),
            (["options", "unheard"], 2, "unheard"),
            (["detections", 0, "box"], [1, 2], "box of 2"),
            (["detections", 0, "label"], {"a": 1}, "label"),
            (["checkpoint"], None, "checkpoint"),
        ],
    )
    def test_a_wrong_value_is_named(self, path, value, names):
        with pytest.raises(ConfigError, match=names):
            RunRecord.from_json(changed(path, value)).image.open()

    @settings(max_examples=25)
    @given(
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.text() | st.integers(),
            lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
            max_leaves=5,
        )
    )
    def test_no_value_at_any_place_crashes_the_reader(self, value):
        for path in (["tokens"], ["tokens", 0], ["options"], ["image"], ["detections"], ["timing"]):
            try:
                RunRecord.from_json(changed(path, value))
            except ConfigError:
                continue


class TestSummary:
    def test_it_has_exactly_the_published_keys(self):
        summary = make_record().summary()
        assert list(summary) == [
            "image", "checkpoint", "options", "detections", "tokens", "ending", "timing",
        ]  # fmt: skip
        assert summary["image"] == {"width": 120, "height": 90}
        assert set(summary["detections"][0]) == {
            "box", "label", "label_id", "score", "noise_probability", "edge_score", "is_noise",
            "written", "forced", "again", "token_ids",
        }  # fmt: skip
        assert set(summary["tokens"][0]) == {"index", "id", "slot", "text", "logprob", "entropy"}
        assert set(summary["timing"]) == {"encode_s", "decode_s", "tokens_per_s"}
        assert len(summary["detections"][0]["token_ids"]) == 5

    def test_coco_results_use_width_and_height_and_skip_unnamed_classes(self):
        record = make_record()
        unnamed = record.detections[1].replace(category_id=None)
        results = record.replace(detections=(record.detections[0], unnamed)).to_coco(image_id=42)
        assert results == [
            {"image_id": 42, "category_id": 1, "bbox": [10.0, 20.0, 60.0, 60.0], "score": 0.9}
        ]


class TestSnippets:
    def test_python_is_code_that_compiles_and_names_every_setting(self):
        code = as_python(make_record(forced=3))
        compile(code, "snippet", "exec")
        given = "prefix=[24, 14, 20], forced=[0, 1, 2]"
        for part in ("top_p=0.4", "seed=3", "eos='model'", given):
            assert part in code

    def test_a_file_name_cannot_break_out_of_either_snippet(self):
        name = 'a\'); import os; os.system("x") $(rm -rf ~) `x`\n.jpg'
        image = make_record().image.replace(name=name)
        record = make_record(image=image)
        compile(as_python(record), "snippet", "exec")
        assert repr(name) in as_python(record)
        assert name in shlex.split(as_command(record))

    def test_a_name_that_looks_like_an_option_stays_a_name(self):
        record = make_record(image=make_record().image.replace(name="--help"))
        assert shlex.split(as_command(record))[4] == "./--help"

    def test_the_command_spells_switches_and_lists_as_the_cli_reads_them(self):
        options = OPTIONS.replace(grammar=False, forbidden_labels=(3, 5))
        words = shlex.split(as_command(make_record(options=options, forced=2)))
        assert "--no-grammar" in words
        assert words[words.index("--forbid") + 1] == "3,5"
        assert words[words.index("--prefix") + 1] == "24,14"
        assert words[words.index("--forced") + 1] == "0,1"
