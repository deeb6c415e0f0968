"""A turned photo and its boxes: the same pixels for detect, training and evaluation."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pix2seq.boxes import turn_boxes
from pix2seq.config import ConfigError, DataConfig, TrainConfig
from pix2seq.data import CocoDetection
from pix2seq.data.mixture import TrainingMixture
from pix2seq.evaluate.coco import Truth
from pix2seq.images import load_image, read_photo, upright_size
from tests import fakes

STORED_AS = {  # what a camera does to the upright picture for each value of EXIF's tag
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
BOX = (16, 8, 56, 40)


def stored(upright: Image.Image, orientation: int) -> Image.Image:
    return upright.transpose(STORED_AS[orientation]) if orientation > 1 else upright.copy()


def marked(size: tuple[int, int], box: tuple[int, int, int, int]) -> Image.Image:
    """Noise with one bright box."""
    noise = np.random.default_rng(0).integers(0, 60, (size[1], size[0], 3)).astype(np.uint8)
    image = Image.fromarray(noise)
    image.paste((250, 120, 30), box)
    return image


def save(path: Path, upright: Image.Image, orientation: int) -> tuple[int, int]:
    """Write the photo as a camera does; returns the stored (width, height)."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = stored(upright, orientation)
    turned.save(path, exif=exif)
    return turned.size


def stored_box(size: tuple[int, int], box: tuple[int, ...], orientation: int) -> tuple[int, ...]:
    mask = Image.new("L", size)
    mask.paste(255, tuple(box))
    return stored(mask, orientation).getbbox()


def labels(folder: Path, size: tuple[int, int], box: tuple[int, ...]) -> Path:
    x0, y0, x1, y1 = box
    entry = {"image_id": 1, "category_id": 1, "bbox": [x0, y0, x1 - x0, y1 - y0]}
    content = {
        "images": [{"id": 1, "file_name": "a.png", "width": size[0], "height": size[1]}],
        "categories": [{"id": 1, "name": "person"}],
        "annotations": [entry],
    }
    path = folder / "labels.json"
    path.write_text(json.dumps(content))
    return path


@given(
    st.tuples(st.integers(0, 20), st.integers(0, 10), st.integers(1, 20), st.integers(1, 10)),
    st.integers(1, 8),
)
def test_boxes_turn_as_pixels_do(corner_and_size, orientation):
    x, y, width, height = corner_and_size
    upright, box = (48, 24), (x, y, x + width, y + height)
    turned = stored_box(upright, box, orientation)
    size = upright if orientation < 5 else upright[::-1]
    back = turn_boxes(torch.tensor([turned]), (size[1], size[0]), orientation)
    assert back.tolist() == [list(box)]


@pytest.mark.parametrize(
    ("orientation", "convention"),
    # Below 5, width and height cannot tell the two apart: such labels are taken to be upright.
    [*((o, "upright") for o in range(1, 9)), *((o, "stored") for o in range(5, 9))],
)
def test_boxes_lie_on_the_same_pixels_everywhere(tmp_path, orientation, convention):
    """Detect, training and evaluation see one picture, whichever frame the labels were made in."""
    upright = marked((96, 64), BOX)
    size = save(tmp_path / "a.png", upright, orientation)
    box = BOX if convention == "upright" else stored_box(upright.size, BOX, orientation)
    path = labels(tmp_path, size if convention == "stored" else upright.size, box)

    seen = load_image(tmp_path / "a.png")  # detect and the app
    assert np.array_equal(np.asarray(seen), np.asarray(upright))
    assert upright_size(tmp_path / "a.png") == (64, 96)
    assert seen.getexif().get(0x0112, 1) == 1, "nothing asks to be turned again"

    sample = CocoDetection(path, tmp_path)[0]
    assert np.array_equal(np.asarray(sample.image), np.asarray(upright))
    assert sample.boxes.tolist() == [list(BOX)]
    truth = Truth.of(sample)  # evaluation
    assert truth.boxes.tolist() == [list(BOX)] and truth.areas.tolist() == [40 * 32]

    config = TrainConfig(
        model=fakes.tiny_config(),
        tokenizer=fakes.TINY_TOKENIZER,
        preprocess=fakes.TINY_PREPROCESS,
        data=(DataConfig(annotations=str(path), images=str(tmp_path), scale_jitter=(1.0, 1.0)),),
        steps=1,
        batch_size=4,
        sequences_per_image=1,
    )
    tokenizer = fakes.tiny_tokenizer()
    mixture = TrainingMixture(config, tokenizer)
    for index in range(4):  # mirrored or not: the bright pixels are in the sentence's box
        example = mixture[index]
        bright = (example.pixels[0].float() - example.pixels[2]) > 60
        rows, columns = np.flatnonzero(bright.any(1)), np.flatnonzero(bright.any(0))
        found = torch.tensor([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]) / 64
        boxes, classes = tokenizer.decode(example.target_ids[0])
        written = boxes[classes == tokenizer.class_ids.start]
        assert len(written) == 1
        assert (written[0] - found).abs().max() < 0.06


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_square_photos_labels_are_upright(tmp_path, orientation):
    upright = marked((64, 64), BOX)
    save(tmp_path / "a.png", upright, orientation)
    sample = CocoDetection(labels(tmp_path, (64, 64), BOX), tmp_path)[0]
    assert sample.boxes.tolist() == [list(BOX)]
    assert np.array_equal(np.asarray(sample.image), np.asarray(upright))


def test_labels_for_another_size_are_refused_with_both(tmp_path):
    save(tmp_path / "a.png", marked((96, 64), BOX), 6)
    path = labels(tmp_path, (48, 32), (1, 1, 9, 9))
    with pytest.raises(ConfigError, match=r"96 x 64 pixels.* for 48 x 32"):
        CocoDetection(path, tmp_path)[0]


@settings(max_examples=20)
@given(content=st.binary(max_size=60))
def test_an_unreadable_exif_block_leaves_a_readable_photo(content, tmp_path_factory):
    path = tmp_path_factory.mktemp("exif") / "a.jpg"
    marked((48, 32), BOX).save(path, exif=b"Exif\0\0" + content)
    photo = read_photo(path)
    assert photo.orientation in range(1, 9) and sorted(photo.image.size) == [32, 48]
