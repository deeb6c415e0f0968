"""Other models' languages: exact when writing, tolerant when reading, and how much is lost."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pix2seq.categories import COCO_80
from pix2seq.config import ConfigError, PreprocessConfig, TokenizerConfig
from pix2seq.dialects import (
    DIALECTS,
    Dialect,
    Florence2,
    Kosmos2,
    PaliGemma,
    Pix2SeqSentence,
    Qwen2VL,
    Qwen25VL,
    Reading,
    Thing,
    recognise,
    resized,
)
from pix2seq.tokenizer import Tokenizer
from tests.fakes import OFFICIAL_LAYOUT, VOC_LAYOUT
from tests.patience import allowed

SQUARE = PreprocessConfig(image_size=(512, 512))
COMPACT = Tokenizer(TokenizerConfig.compact(256, 80, 16), COCO_80)
PIX2SEQ = Pix2SeqSentence(COMPACT, SQUARE)
ALL = (PIX2SEQ, *DIALECTS)

LABELS = st.sampled_from([name for name in COCO_80.names if name])
SIZES = st.tuples(st.integers(30, 3000), st.integers(30, 3000))


@st.composite
def pictures(draw, least: float = 0.0) -> tuple[tuple[int, int], list[Thing]]:
    """An image's size and things inside it whose sides are at least that share of it."""
    height, width = size = draw(SIZES)

    def side(limit: int) -> tuple[float, float]:
        a = draw(st.floats(0, limit * (1 - least)))
        return a, draw(st.floats(a + least * limit, limit))

    things = []
    for _ in range(draw(st.integers(1, 5))):
        (x0, x1), (y0, y1) = side(width), side(height)
        things.append(Thing((x0, y0, x1, y1), draw(LABELS)))
    return size, things


def dialects(*chosen: Dialect):
    return pytest.mark.parametrize("dialect", chosen or ALL, ids=lambda d: d.name)


@dialects()
@given(picture=pictures(least=0.001))
def test_what_is_written_is_read_as_it_was_up_to_the_bound(dialect, picture):
    size, things = picture
    reading = dialect.read(dialect.write(things, size), size)
    assert reading.faults == ()
    assert [thing.label for thing in reading.things] == [thing.label for thing in things]
    bounds = [*dialect.error(size)] * 2
    for thing, found in zip(things, reading.things, strict=True):
        for before, after, bound in zip(thing.box, found.box, bounds, strict=True):
            assert abs(before - after) <= bound * (1 + 1e-4) + 1e-3


@dialects()
@given(picture=pictures(least=0.01))
def test_what_was_read_is_written_again_as_it_was(dialect, picture):
    size, things = picture
    text = dialect.write(things, size)
    assert dialect.write(dialect.read(text, size).things, size) == text


@dialects(*DIALECTS)
@given(picture=pictures(), wide=st.booleans())
def test_an_edge_has_as_many_places_as_is_said(dialect, picture, wide):
    """No two places are closer than the bound allows: bins times twice the error is the axis."""
    (height, width), _ = picture
    for bins, error, side in zip(
        dialect.bins((height, width)), dialect.error((height, width)), (width, height), strict=True
    ):
        steps = side / (error if dialect.name == "kosmos-2" else 2 * error)
        assert bins == pytest.approx(steps, abs=1.01)


@pytest.mark.parametrize(
    ("tokenizer", "preprocess"),
    [
        (Tokenizer(OFFICIAL_LAYOUT, COCO_80), SQUARE),
        (COMPACT, PreprocessConfig(image_size=(320, 640))),
        (COMPACT, PreprocessConfig(image_size=(384, 384), fit="stretch")),
        (Tokenizer(VOC_LAYOUT, COCO_80), SQUARE),
    ],
    ids=["official", "wide", "stretched", "xyxy-floor"],
)
@given(picture=pictures(least=0.01))
def test_every_vocabulary_speaks_pix2seq(tokenizer, preprocess, picture):
    size, things = picture
    things = [Thing(thing.box, "dog" if i % 2 else "car") for i, thing in enumerate(things)]
    dialect = Pix2SeqSentence(tokenizer, preprocess)
    reading = dialect.read(dialect.write(things, size), size)
    assert reading.faults == ()
    for thing, found in zip(things, reading.things, strict=True):
        for before, after, bound in zip(
            thing.box, found.box, [*dialect.error(size)] * 2, strict=True
        ):
            assert abs(before - after) <= bound * (1 + 1e-3) + 2e-3


@pytest.mark.parametrize(
    ("dialect", "text"),
    [
        (PIX2SEQ, "64 128 191 255 hot dog EOS"),
        (PaliGemma(), "<loc0256><loc0512><loc0767><loc1023> hot dog"),
        (Florence2(), "hot dog<loc_500><loc_250><loc_999><loc_750>"),
        (
            Qwen2VL(),
            "<|object_ref_start|>hot dog<|object_ref_end|>"
            "<|box_start|>(500,250),(999,749)<|box_end|>",
        ),
        (Qwen25VL(), '[\n{"bbox_2d": [252, 126, 504, 378], "label": "hot dog"}\n]'),
        (
            Kosmos2(),
            "<grounding><phrase>hot dog</phrase>"
            "<object><patch_index_0272><patch_index_0767></object>",
        ),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_one_box_as_each_of_them_says_it(dialect, text):
    """The right half of the middle of a 512 x 512 image, worked out by hand from each source."""
    things = [Thing((256.0, 128.0, 512.0, 384.0), "hot dog")]
    assert dialect.write(things, (512, 512)) == text
    assert recognise(text, ALL).name == dialect.name


def test_tokens_per_object():
    thing, size = Thing((256.0, 128.0, 512.0, 384.0), "dog"), (512, 512)
    costs = {dialect.name: dialect.cost(thing, size) for dialect in ALL}
    assert {name: cost.place for name, cost in costs.items()} == {
        "pix2seq": 4,
        "paligemma": 4,
        "florence-2": 4,
        "qwen2-vl": 12,
        "qwen2.5-vl": 12,
        "kosmos-2": 2,
    }
    assert costs["pix2seq"].name == 1 and costs["kosmos-2"].marks == 4


def test_a_photo_that_is_not_square_uses_part_of_the_bins():
    assert PIX2SEQ.bins((512, 512)) == (256, 256)
    assert PIX2SEQ.bins((100, 1000)) == (256, 26)
    assert Qwen25VL().bins((100, 1000)) == (1009, 113)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((400, 512), (392, 504)),
        ((28, 28), (56, 56)),
        ((10, 10), (56, 56)),
        ((4000, 3000), (1148, 840)),
        ((1000, 1000), (980, 980)),
        ((10, 1500), (28, 1512)),
    ],
)
def test_qwen_sees_multiples_of_28_within_its_limits(size, expected):
    assert resized(size) == expected


def test_an_endless_panorama_is_refused():
    with pytest.raises(ConfigError, match="an image of 2001 x 10 is too long"):
        resized((10, 2001))


ONE_BIN = "object 2: 1 bin where four make a box (cat)"

# ---- tolerance ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dialect", "text", "names", "faults"),
    [
        (
            PaliGemma(),
            "<loc0000><loc0000><loc0500><loc0500> traffic light ; <loc0100><loc0200>",
            ["traffic light"],
            ["object 2: 2 location tokens where four make a box (100 200)"],
        ),
        (
            PaliGemma(),
            "<bos><loc0000><loc0000><loc0500><loc1024> cat<eos>",
            [],
            ["object 1: <loc1024> does not exist; bins go up to 1023"],
        ),
        (PaliGemma(), "<loc0001><loc0001><loc0500><loc0500>", [""], ["object 1 has no name"]),
        (
            PaliGemma(),
            "a cat ; <loc0001><loc0001><loc0500><loc0500><seg001><seg002> dog",
            ["dog"],
            ["'a cat' has no location tokens"],
        ),
        (
            Florence2(),
            "</s><s>car<loc_1><loc_1><loc_9><loc_9><loc_20><loc_20><loc_40><loc_40>bus</s>",
            ["car", "car"],
            ["'bus' has no location tokens"],
        ),
        (
            Florence2(),
            "wine glass<loc_800><loc_100><loc_200><loc_300>",
            ["wine glass"],
            ["object 1: xmin = 800.5 px lies behind xmax = 200.5 px; the corners were exchanged"],
        ),
        (
            Qwen2VL(),
            "<|object_ref_start|>the red car<|object_ref_end|><|box_start|>(1,2),(3,4)<|box_end|>"
            "<|box_start|>(5,6),(7",
            ["the red car"],
            ["object 2 is not closed with <|box_end|>", "object 2: '(5,6),(7' is not (x,y),(x,y)"],
        ),
        (
            Qwen2VL(),
            "<|object_ref_start|>dog<|object_ref_end|><|box_start|>(1,2),(3,1000)<|box_end|>",
            [],
            ["object 1: '1000' is not a number from 0 to 999"],
        ),
        (
            Qwen2VL(),
            "<|object_ref_start|>dog<|object_ref_end|> and a cat",
            [],
            ["'dog' has no box"],
        ),
        (
            Qwen25VL(),
            '```json\n[{"bbox_2d": [28, 28, 56, 56], "label": "dog"}, {"bbox_2d": [1, 2',
            ["dog"],
            ["object 2 is unfinished or no JSON: '{\"bbox_2d\": [1, 2'"],
        ),
        (
            Qwen25VL(),
            '[{"bbox_2d": [1, 2, 3], "label": "dog"}, {"label": 7, "bbox_2d": [1, 2, 3, 4]}]',
            [""],
            [
                "object 1: bbox_2d is '[1, 2, 3]'; it must be four numbers",
                "object 2: label is '7'; it must be a text",
                "object 2 has no name",
            ],
        ),
        (
            Qwen25VL(),
            '{"bbox_2d": [1, 2, NaN, true], "label": "x"}',
            [],
            ["object 1: bbox_2d is '[1, 2, nan, True]'; it must be four numbers"],
        ),
        (
            Qwen25VL(),
            '{"bbox_2d": [0, 0, 5000, 28], "label": "sky"}',
            ["sky"],
            ["object 1: x = 5000 px lies outside the image of 980 x 980; it was moved to the edge"],
        ),
        (
            Qwen25VL(),
            '[{"bbox_2d": [0.25, 0, 0.5, 1], "label": "dog"}]',
            ["dog"],
            [
                "object 1: '[0.25, 0, 0.5, 1]' are shares of the image and were read so; "
                "Qwen2.5-VL writes pixels"
            ],
        ),
        (
            Qwen25VL(),
            '[{"bbox_2d": [10, 20, 500, 999], "label": "dog"}, {"bbox": [1, 2, 3, 4]}]',
            ["dog"],
            [
                "object 1: y = 999 px lies outside the image of 980 x 980; it was moved to the "
                "edge",
                "object 2 has no bbox_2d; it has 'bbox'",
                "Qwen2.5-VL writes pixels of its input, here 980 x 980; numbers up to 1000 that "
                "leave it may be thousandths of the image, as Qwen3-VL writes them",
            ],
        ),
        (
            Qwen25VL(),
            "[{'bbox_2d': [10, 20, 50, 99]}]",
            [],
            [
                "object 1 is unfinished or no JSON: \"{'bbox_2d': [10, 20, 50, 99]}]\"; JSON wants "
                "straight double quotes"
            ],
        ),
        (PIX2SEQ, "1, 2, 3, 4, hot dog 5 cat", ["hot dog"], [ONE_BIN]),
        (
            Kosmos2(),
            "<grounding> An image of<phrase> a snowman</phrase><object><patch_index_0044>"
            "<patch_index_0863></object> and<phrase> a fire</phrase><object><patch_index_0005>",
            ["a snowman"],
            [
                "object 2 is not closed with </object>",
                "object 2: 1 patch where two make a box",
            ],
        ),
        (
            Kosmos2(),
            "<phrase>dogs</phrase><object><patch_index_0000><patch_index_0033>"
            "</delimiter_of_multi_objects/><patch_index_0001><patch_index_1024></object>",
            ["dogs"],
            ["object 2: <patch_index_1024> does not exist; patches go up to 1023"],
        ),
        (
            PIX2SEQ,
            "1 2 3 4 hot dog 5 6 cat 7 8 9 999 dog 1 1 2 2 unicorn EOS 4",
            ["hot dog", "unicorn"],
            [
                "'4' stands behind EOS",
                "object 2: 2 bins where four make a box (cat)",
                "object 3: bin '999' does not exist; bins go up to 255",
                "object 4: 'unicorn' is no class of this checkpoint",
            ],
        ),
    ],
)
def test_what_is_broken_is_named_and_the_rest_is_read(dialect, text, names, faults):
    reading = dialect.read(text, (980, 980) if dialect.name == "qwen2.5-vl" else (1000, 1000))
    assert [thing.label for thing in reading.things] == names
    assert list(reading.faults) == faults


@dialects()
@pytest.mark.parametrize("text", ["", "a photo of a cat", "\n"])
def test_a_text_without_boxes_says_what_was_looked_for(dialect, text):
    reading = dialect.read(text, (100, 100))
    assert reading.things == () and len(reading.faults) == 1


@dialects()
@given(
    text=st.text(
        st.sampled_from('<loc_0123456789>|box_start(),;[]{}":bbox_2d label EOS\n'), max_size=200
    )
)
def test_nothing_that_is_pasted_makes_it_fail(dialect, text):
    reading = dialect.read(text, (480, 640))
    nothing = text.strip("`json \n").split() == dialect.write([], (9, 9)).split()
    assert reading.things or reading.faults or nothing
    assert all(len(fault.splitlines()) == 1 for fault in reading.faults)
    for thing in reading.things:
        x0, y0, x1, y1 = thing.box
        assert 0 <= x0 <= x1 <= 640 and 0 <= y0 <= y1 <= 480


@dialects()
@pytest.mark.parametrize(
    "piece",
    ["{", '{"a":', "<", "<loc0001>", "<|box_start|>(", "1 ", "<object>", "(1,", "<phrase>", "[["],
)
def test_a_long_paste_is_cut_and_read_in_time(dialect, piece):
    started = time.process_time()
    reading = dialect.read(piece * (300_000 // len(piece)), (480, 640))
    taken = time.process_time() - started
    assert taken < 5 or taken < allowed(5, work=40)
    assert "the first 100000 were read" in reading.faults[-1]
    assert len(reading.faults) <= 52  # fifty, how many more, and that the text was cut


@dialects(PaliGemma(), Florence2(), Kosmos2(), Qwen2VL())
def test_a_name_that_would_break_the_text_is_refused(dialect):
    for mark in dialect.reserved:
        with pytest.raises(ConfigError, match="cannot write"):
            dialect.write([Thing((0, 0, 9, 9), f"a {mark} b")], (10, 10))


@pytest.mark.parametrize(
    ("thing", "words"),
    [
        (Thing((0, 0, 11, 9), "dog"), "does not lie in an image of 10 x 10"),
        (Thing((5, 0, 4, 9), "dog"), "does not lie in an image"),
        (Thing((0, 0, float("nan"), 9), "dog"), "must be four numbers"),
        (Thing((0, 0, 9, 9), ""), "give it a one-line name"),
        (Thing((0, 0, 9, 9), "dog\ncat"), "give it a one-line name"),
    ],
)
@dialects()
def test_a_box_that_cannot_be_said_is_refused(dialect, thing, words):
    with pytest.raises(ConfigError, match=words):
        dialect.write([thing], (10, 10))


def test_what_only_some_cannot_say():
    with pytest.raises(ConfigError, match="without area"):
        Kosmos2().write([Thing((3, 3, 3, 9), "dog")], (10, 10))
    with pytest.raises(ConfigError, match="'unicorn', which is no class of this checkpoint"):
        PIX2SEQ.write([Thing((0, 0, 9, 9), "unicorn")], (10, 10))
    quoted = [Thing((0, 0, 9, 9), 'the "old" <dog>; {1}')]
    assert Qwen25VL().read(Qwen25VL().write(quoted, (10, 10)), (10, 10)).things[0].label == (
        quoted[0].label
    )


@dialects()
def test_no_things_are_a_text_too_which_is_read_back(dialect):
    text = dialect.write([], (9, 9))
    if text:
        assert recognise(text, ALL) is dialect
        assert dialect.read(text, (9, 9)) == Reading(())


def test_how_nothing_is_said():
    assert json.loads(Qwen25VL().write([], (9, 9))) == []
    assert recognise("```json\n[]\n```").read("```json\n[]\n```", (9, 9)) == Reading(())
    assert PIX2SEQ.write([], (9, 9)) == "EOS"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("[{'bbox_2d': [1, 2, 3, 4]}]", "qwen2.5-vl"),
        ('[{"box_2d": [1, 2, 3, 4], "label": "cat"}]', "qwen2.5-vl"),
        ("<loc 0001><loc 0002>", "paligemma"),
        ("<LOC0001>", "paligemma"),
        ("45, 150, 185, 255, donut", "pix2seq"),
        ("45.5 150 185 255 donut", "pix2seq"),
        ("<grounding> nothing here", "kosmos-2"),
    ],
)
def test_a_text_that_nearly_is_in_a_dialect_is_told_what_is_amiss_there(text, name):
    dialect = recognise(text, ALL)
    assert dialect.name == name
    assert dialect.read(text, (480, 640)).faults or name == "pix2seq"


def test_a_text_in_no_known_dialect_is_refused():
    with pytest.raises(ConfigError, match="'a photo of a cat' is in none of the dialects"):
        recognise("a photo of a cat")
