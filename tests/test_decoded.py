"""Photos that are decoded once give the samples that reading each time gives."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pix2seq.config import ConfigError
from pix2seq.data.coco import CocoDetection
from pix2seq.transforms import ColorJitter, jitter_colors


def data_set(folder: Path, stated: dict[int, tuple[int, int]] | None = None) -> CocoDetection:
    """Five photos of different sizes; the fourth lies turned in its file."""
    rng = np.random.default_rng(0)
    images, boxes = [], []
    for number in range(5):
        width, height = 20 + 7 * number, 31 - 3 * number
        picture = Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))
        exif = Image.Exif()
        if number == 3:
            exif[0x0112] = 6
            width, height = height, width
        picture.save(folder / f"{number}.png", exif=exif)
        width, height = (stated or {}).get(number, (width, height))
        images.append(
            {"id": number, "file_name": f"{number}.png", "width": width, "height": height}
        )
        box = {"id": number, "image_id": number, "category_id": 1, "bbox": [2, 3, 9, 8]}
        boxes.append(box | {"area": 72, "iscrowd": 0})
    classes = [{"id": 1, "name": "thing"}]
    path = folder / "photos.json"
    path.write_text(json.dumps({"images": images, "annotations": boxes, "categories": classes}))
    return CocoDetection(path, folder)


@pytest.mark.parametrize("processes", [0, 2])
def test_a_decoded_photo_is_the_photo_read_anew(tmp_path, processes):
    read, kept = data_set(tmp_path), data_set(tmp_path)
    kept.keep_decoded(processes)
    for file in tmp_path.glob("*.png"):
        file.rename(file.with_suffix(".gone"))
    again = list(kept)
    for file in tmp_path.glob("*.gone"):
        file.rename(file.with_suffix(".png"))
    for a, b in zip(read, again, strict=True):
        assert a.image.tobytes() == b.image.tobytes() and a.size == b.size
        assert torch.equal(a.boxes, b.boxes)


def test_a_photo_that_is_missing_or_of_another_size_is_named(tmp_path):
    data = data_set(tmp_path, stated={2: (34, 40)})
    with pytest.raises(ConfigError, match=r"2.png is 34 x 25 pixels"):
        data.keep_decoded()
    (tmp_path / "1.png").unlink()
    with pytest.raises(ConfigError, match=r"1\.png"):
        data.keep_decoded()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0.5, 1.5), min_size=3, max_size=3), st.integers(0, 9))
def test_colours_jittered_in_a_batch_are_those_jittered_one_by_one(factors, seed):
    rng = np.random.default_rng(seed)
    smooth = np.linspace(0, 255, 12 * 10 * 3).reshape(12, 10, 3)
    array = (smooth * 0.7 + rng.integers(0, 76, (12, 10, 3))).astype(np.uint8)
    expected = np.asarray(ColorJitter(*factors).apply_image(Image.fromarray(array)), dtype=int)
    pixels = torch.full((1, 3, 16, 16), 128, dtype=torch.uint8)
    pixels[0, :, :12, :10] = torch.from_numpy(array).permute(2, 0, 1)
    found = jitter_colors(pixels, torch.tensor([[12, 10]]), torch.tensor([factors]))[0]
    gap = np.abs(found[:, :12, :10].permute(1, 2, 0).numpy().astype(int) - expected)
    assert gap.max() <= 3 and gap.mean() < 0.6  # rounding, three times
    assert (found[:, 12:] == 128).all() and (found[:, :, 10:] == 128).all()
