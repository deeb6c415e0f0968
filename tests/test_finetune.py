"""Starting from a checkpoint, with the same classes and with others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import pix2seq
from pix2seq import checkpoints, train
from pix2seq.categories import Categories
from pix2seq.config import ConfigError, TokenizerConfig
from pix2seq.finetune import finetune_config, initialise, object_limit
from pix2seq.model import Pix2Seq
from pix2seq.tokenizer import Tokenizer
from tests import fakes


@pytest.fixture
def cells(tmp_path: Path) -> tuple[Path, Path]:
    """Four pictures with one class that COCO has and one that it has not."""
    images, annotations = [], []
    for number in range(4):
        fakes.draw_picture().save(tmp_path / f"{number}.png")
        images.append({"id": number, "file_name": f"{number}.png", "width": 120, "height": 90})
        annotations.append(
            {"image_id": number, "category_id": 1 + number % 2, "bbox": [9, 9, 40, 30]}
        )
    classes = [{"id": 1, "name": "platelet"}, {"id": 2, "name": "person"}]
    content = {"images": images, "annotations": annotations, "categories": classes}
    path = tmp_path / "cells.json"
    path.write_text(json.dumps(content))
    return path, tmp_path


def test_known_classes_and_coordinates_keep_their_rows(tiny_checkpoint):
    source = checkpoints.load(tiny_checkpoint, device="cpu")
    classes = Categories.contiguous(["platelet", "person"])
    layout = TokenizerConfig.compact(32, 2, max_objects=8)
    model = Pix2Seq(
        fakes.tiny_config(vocab_size=layout.vocab_size, ordinal_ids=(layout.coord_offset, 32))
    )
    initialise(model, Tokenizer(layout, classes), source)
    new, old = model.decoder.embedding.rows, source.model.decoder.embedding.rows
    words = source.tokenizer
    assert torch.equal(new[layout.noise_id], old[words.noise_id])
    assert torch.equal(new[layout.coord_offset + 5], old[words.coord_ids[5]])
    person = words.class_ids[words.categories.label_of_name("person")]
    assert torch.equal(new[layout.class_offset + 1], old[person])
    assert torch.allclose(new[layout.class_offset], old[list(words.class_ids)].mean(0), atol=1e-6)


def test_other_bins_are_refused(tiny_checkpoint):
    source = checkpoints.load(tiny_checkpoint, device="cpu")
    layout = TokenizerConfig.compact(64, 80)
    with pytest.raises(ConfigError, match="bins"):
        initialise(source.model, Tokenizer(layout, source.tokenizer.categories), source)


def test_another_architecture_is_refused_by_the_tensors_name(tiny_checkpoint):
    source = checkpoints.load(tiny_checkpoint, device="cpu")
    wide = fakes.tiny_config().decoder.replace(mlp_dim=128)
    with pytest.raises(ConfigError, match=r"mlp\.up\.weight"):
        initialise(fakes.tiny_model(decoder=wide), source.tokenizer, source)


def test_a_checkpoint_without_finer_maps_goes_on_with_them(tiny_checkpoint):
    source = checkpoints.load(tiny_checkpoint, device="cpu")
    encoder = fakes.tiny_config().encoder.replace(fine_indices=(2,))
    model = fakes.tiny_model(seed=3, encoder=encoder)
    initialise(model, source.tokenizer, source)
    pixels = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        wanted = source.model.encode_image(pixels)
        torch.testing.assert_close(model.encode_image(pixels), wanted)


def test_own_data_with_new_classes_trains_and_detects(tiny_checkpoint, cells, tmp_path, picture):
    settings = finetune_config(
        str(tiny_checkpoint), *cells, steps=2, batch_size=2, workers=0, warmup_steps=1
    )
    folder = train.run(settings, tmp_path / "run")
    predictor = pix2seq.load(folder, device="cpu")
    assert predictor.categories.names == ("platelet", "person")
    assert predictor.categories.ids == (1, 2)
    assert predictor.defaults == checkpoints.load(tiny_checkpoint, device="cpu").defaults
    found = predictor.detect(picture, pix2seq.SamplingOptions(max_objects=2, eos="delay"))
    assert set(found.labels.tolist()) <= {0, 1}


def test_crowded_photos_raise_the_limit_of_objects(tiny_checkpoint, cells, tmp_path, capsys):
    """Places in a sentence can be added, where bins cannot."""
    path, images = cells
    content = json.loads(path.read_text())
    content["annotations"] += [
        {"image_id": 0, "category_id": 1, "bbox": [4 * k, 5, 4, 9]} for k in range(13)
    ]
    path.write_text(json.dumps(content))
    config = finetune_config(str(tiny_checkpoint), path, images, steps=1, batch_size=1, workers=0)
    assert config.tokenizer.max_objects == 14
    assert "up to 14 objects, the checkpoint writes 8: raised to 14" in capsys.readouterr().err
    predictor = pix2seq.load(train.run(config, tmp_path / "run"), device="cpu")
    options = pix2seq.SamplingOptions(max_objects=14, eos="delay")
    found = predictor.detect(images / "0.png", options)
    assert len(found) + found.degenerate == 14


@pytest.mark.parametrize(
    ("counts", "limit", "said"),
    [([], 8, ""), ([8, 3], 8, ""), ([9], 9, "raised to 9"), ([412, 3], 100, "1 photos hold more")],
)
def test_a_limit_is_raised_as_far_as_the_paper_goes(counts, limit, said, capsys):
    assert object_limit(counts, 8) == limit
    err = capsys.readouterr().err
    assert said in err and bool(said) == bool(err)
