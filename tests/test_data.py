"""Scenes, COCO files and the training mixture."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from pix2seq.boxes import box_area, box_iou, is_degenerate
from pix2seq.categories import COCO_80, VOC_20, Categories
from pix2seq.config import ConfigError, DataConfig, TrainConfig
from pix2seq.data import CocoDetection, Scenes, make_scene
from pix2seq.data.mixture import TrainingMixture, collate, repeat_shares
from pix2seq.data.mosaic import make_mosaic
from pix2seq.data.sample import Sample
from pix2seq.data.scenes import HARD, object_images, paste_objects
from tests import fakes


@pytest.fixture
def coco(tmp_path: Path) -> tuple[Path, Path]:
    """Two photos, three boxes: one inside, one half outside, one wholly outside."""
    for name in ("a.jpg", "b.jpg"):
        fakes.draw_picture().save(tmp_path / name)
    size = {"width": 120, "height": 90}
    content = {
        "images": [
            {"id": 7, "file_name": "a.jpg", **size},
            {"id": 9, "file_name": "b.jpg", **size},
        ],
        "categories": [{"id": 18, "name": "dog"}, {"id": 1, "name": "person"}],
        "annotations": [
            {"image_id": 7, "category_id": 18, "bbox": [10, 20, 30, 40], "iscrowd": 0},
            {"image_id": 7, "category_id": 1, "bbox": [100, 50, 60, 60], "iscrowd": 1},
            {"image_id": 9, "category_id": 1, "bbox": [300, 10, 20, 20], "iscrowd": 0},
        ],
    }
    path = tmp_path / "instances.json"
    path.write_text(json.dumps(content))
    return path, tmp_path


def train_config(coco: tuple[Path, Path], **changes) -> TrainConfig:
    photos = DataConfig(weight=1, annotations=str(coco[0]), images=str(coco[1]))
    settings = {
        "model": fakes.tiny_config(),
        "tokenizer": fakes.TINY_TOKENIZER,
        "preprocess": fakes.TINY_PREPROCESS,
        "data": (DataConfig(weight=1, seed=3), photos),
        "steps": 4,
        "batch_size": 4,
        "sequences_per_image": 2,
        "workers": 0,
    }
    return TrainConfig(**settings | changes)


def box_intersection(one, many):
    """Area that a box (1, 4) shares with each of (N, 4): (1, N)."""
    corner = torch.maximum(one[:, None, :2], many[None, :, :2])
    across = (torch.minimum(one[:, None, 2:], many[None, :, 2:]) - corner).clamp(min=0)
    return across.prod(-1)


def test_a_scene_is_the_same_for_the_same_numbers():
    first, second, other = make_scene(5, 2), make_scene(5, 2), make_scene(5, 3)
    assert first.image.tobytes() == second.image.tobytes()
    assert torch.equal(first.boxes, second.boxes) and torch.equal(first.labels, second.labels)
    assert first.image.tobytes() != other.image.tobytes()


def test_scenes_hold_one_to_eight_objects_inside_the_image():
    counts = set()
    for scene in Scenes(seed=1, count=60, size=128):
        counts.add(len(scene.boxes))
        assert scene.image.size == (128, 128)
        assert not is_degenerate(scene.boxes).any()
        assert scene.boxes.min() >= 0 and scene.boxes.max() <= 128
        assert all(int(label) in object_images() for label in scene.labels)
    assert min(counts) >= 1 and max(counts) == 8


def test_hard_scenes_are_crowded_with_small_objects_that_cover_each_other(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "busy.jpg")
    covered, sides, counts = 0, [], []
    for scene in Scenes(seed=1, count=20, size=256, photos=tmp_path, kind=HARD):
        counts.append(len(scene.boxes))
        sides += (scene.boxes[:, 2:] - scene.boxes[:, :2]).amax(1).tolist()
        overlap = box_iou(scene.boxes, scene.boxes).fill_diagonal_(0)
        covered += int((overlap > 0).any(1).sum())
        assert scene.boxes.min() >= 0 and scene.boxes.max() <= 256
    assert min(counts) >= 10 and max(counts) <= 20 and len(set(counts)) > 3
    assert max(sides) < 0.4 * 256 and np.median(sides) < 0.2 * 256
    assert covered > 0.4 * sum(counts)
    first, again = (make_scene(3, 1, kind=HARD) for _ in range(2))
    assert first.image.tobytes() == again.image.tobytes()
    assert first.image.tobytes() != make_scene(3, 1).image.tobytes()


def test_a_scene_of_a_seed_stays_what_links_and_recordings_show():
    """A change of how scenes are drawn would move every example."""
    boxes = make_scene(26, size=64).boxes.int().tolist()
    assert boxes[:3] == [[36, 54, 43, 61], [13, 0, 27, 13], [36, 12, 63, 47]]
    assert make_scene(7, size=64).boxes.int().tolist() == [[58, 27, 64, 31], [17, 28, 48, 60]]


def test_a_scenes_box_encloses_what_differs_from_its_background():
    scene = next(s for s in Scenes(seed=2, count=200) if len(s.boxes) == 1)
    left, top, right, bottom = (int(v) for v in scene.boxes[0])
    inside = np.asarray(scene.image)[top:bottom, left:right].astype(float)
    border = np.concatenate([inside[0], inside[-1], inside[:, 0], inside[:, -1]])
    assert inside.std() > 5  # the object is there
    assert len(border) > 0 and right - left > 4 and bottom - top > 4


def test_sixty_five_coco_classes_can_appear_in_scenes():
    images = object_images()
    assert len(images) == 65
    assert len(images[COCO_80.label_of_name("person")]) > 10


def test_photos_become_backgrounds_when_given(tmp_path):
    Image.new("RGB", (80, 60), (10, 200, 30)).save(tmp_path / "green.jpg")
    scenes = Scenes(seed=0, count=10, size=64, photos=tmp_path)
    green = sum(abs(int(s.image.getpixel((0, 0))[1]) - 200) < 12 for s in scenes)
    assert green >= 3


def test_boxes_are_clipped_to_their_photo_and_those_outside_are_counted(coco):
    data = CocoDetection(*coco)
    first, second = data
    assert first.image_id == 7
    assert first.boxes.tolist() == [[10, 20, 40, 60], [100, 50, 120, 90]]
    assert first.is_crowd.tolist() == [False, True]
    assert len(second.boxes) == 0 and data.dropped == 1


def test_a_files_own_categories_come_in_id_order(coco):
    assert CocoDetection(*coco).categories.names == ("person", "dog")
    assert CocoDetection(*coco, COCO_80)[0].labels.tolist() == [16, 0]


def test_a_category_that_the_label_space_lacks_is_named(coco):
    with pytest.raises(ConfigError, match="category id 18"):
        CocoDetection(*coco, Categories.contiguous(["person", "cat"], first_id=1))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"images": []}'])
def test_what_is_not_coco_json_is_refused_by_name(tmp_path, text):
    path = tmp_path / "broken.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"broken\.json"):
        CocoDetection(path, tmp_path)


@pytest.mark.parametrize(
    ("where", "change", "message"),
    [
        ("images", {"file_name": ...}, "image 0 has the file_name None"),
        ("images", {"width": "wide"}, "image 0: width is 'wide'"),
        ("images", {"height": -90}, "image 0: height is -90"),
        ("annotations", {"bbox": ...}, "annotation 0 cannot be used: it lacks bbox"),
        ("annotations", {"bbox": [1, 2, 3]}, "annotation 0 cannot be used"),
        ("annotations", {"bbox": [1, 2, None, 4]}, "annotation 0 cannot be used"),
        ("annotations", {"bbox": [1, 2, float("nan"), 4]}, "it must be four numbers"),
        ("annotations", {"image_id": 5}, "annotation 0 cannot be used: image 5 is not in"),
        ("categories", {"id": 1}, "ids must be unique"),
    ],
)
def test_a_broken_entry_is_named_with_its_file(coco, where, change, message):
    content = json.loads(coco[0].read_text())
    entry = content[where][0]
    for key, value in change.items():
        entry[key] = value
        if value is ...:
            del entry[key]
    coco[0].write_text(json.dumps(content))
    with pytest.raises(ConfigError, match=rf"instances\.json.*{message}"):
        CocoDetection(*coco)


def test_a_photo_of_another_size_than_annotated_is_refused(coco, tmp_path):
    """A photo that a viewer turns by its EXIF tag once got boxes of the unturned one."""
    fakes.draw_picture(90, 120).save(tmp_path / "a.jpg")
    with pytest.raises(ConfigError, match=r"a\.jpg is 90 x 120 pixels.* for 120 x 90"):
        CocoDetection(*coco)[0]


def test_a_missing_folder_or_photo_is_named(coco, tmp_path):
    with pytest.raises(ConfigError, match="nowhere"):
        CocoDetection(coco[0], tmp_path / "nowhere")
    (tmp_path / "a.jpg").unlink()
    with pytest.raises(ConfigError, match=r"a\.jpg"):
        CocoDetection(*coco)[0]


def test_an_example_depends_only_on_its_index(coco):
    tokenizer = fakes.tiny_tokenizer()
    mixtures = [TrainingMixture(train_config(coco), tokenizer) for _ in range(2)]
    for i in (0, 5, 11):
        first, second = (m[i] for m in mixtures)
        assert torch.equal(first.pixels, second.pixels)
        assert torch.equal(first.input_ids, second.input_ids)
    assert len(mixtures[0]) == 16


def test_a_mixture_draws_both_photos_and_scenes(coco):
    only_photos = train_config(coco).data[1:]
    mixed = TrainingMixture(train_config(coco), fakes.tiny_tokenizer())
    photos = TrainingMixture(train_config(coco, data=only_photos), fakes.tiny_tokenizer())
    spread = [mixed[i].pixels.float().std() for i in range(12)]
    assert len(mixed._backgrounds) == 2
    assert len({round(float(s), 3) for s in spread}) > 6
    assert photos[0].pixels.shape == (3, 64, 64)


def test_crowds_are_never_trained_on(coco):
    photos = train_config(coco).data[1].replace(scale_jitter=(1.0, 1.0))
    mixture = TrainingMixture(train_config(coco, data=(photos,)), fakes.tiny_tokenizer())
    person = mixture.tokenizer.class_ids.start
    targets = torch.cat([mixture[i].target_ids.flatten() for i in range(8)])
    assert person not in targets
    assert person + 16 in targets


def test_what_lies_in_a_crowd_is_not_taught_to_be_noise(coco):
    annotations, images = coco
    photos = train_config(coco).data[1].replace(scale_jitter=(1.0, 1.0))

    def weights() -> torch.Tensor:
        config = train_config((annotations, images), data=(photos,))
        mixture = TrainingMixture(config, fakes.tiny_tokenizer())
        return torch.cat([mixture[i].token_weights for i in range(4)])

    assert (weights() > 0).any()
    content = json.loads(annotations.read_text())
    for item in content["annotations"]:
        item |= {"bbox": [0, 0, 120, 90], "iscrowd": 1}
    annotations.write_text(json.dumps(content))
    assert not (weights() > 0).any()


def test_a_batch_holds_every_sequence_of_every_image(coco):
    mixture = TrainingMixture(train_config(coco), fakes.tiny_tokenizer())
    batch = collate([mixture[0], mixture[1], mixture[2]])
    assert batch["pixels"].shape == (3, 3, 64, 64)
    for name in ("input_ids", "target_ids", "token_weights"):
        assert batch[name].shape == (6, 40)


def test_cells_are_taught_only_where_they_are_asked_for(coco):
    tokenizer = fakes.tiny_tokenizer()
    plain = TrainingMixture(train_config(coco), tokenizer)[0]
    asked = TrainingMixture(train_config(coco), tokenizer, grid=(4, 4))[0]
    assert plain.cell_ids.shape == (0, 5) and asked.cell_ids.shape == (16, 5)
    assert torch.equal(plain.input_ids, asked.input_ids), "the sentences stay as they are"


@pytest.mark.parametrize("seed", range(8))
def test_a_mosaics_boxes_lie_on_what_they_name(seed):
    """Each photo is one dark square on white: in the mosaic, boxes hold the dark and only it."""
    photos = []
    for side in (30, 50, 70, 90):
        image = Image.new("RGB", (160, 120), (255, 255, 255))
        image.paste((0, 0, 0), (20, 20, 20 + side, 20 + side))
        box = torch.tensor([[20.0, 20.0, 20.0 + side, 20.0 + side]])
        photos.append(
            Sample(image, box, torch.tensor([side]), side, torch.zeros(1, dtype=torch.bool))
        )
    mosaic = make_mosaic(np.random.default_rng(seed), photos, 192)
    assert mosaic.size == (192, 192)
    dark = np.asarray(mosaic.image.convert("L")) < 64
    inside = np.zeros_like(dark)
    boxes = mosaic.boxes.round().int().tolist()
    for (left, top, right, bottom), sliver in zip(boxes, mosaic.is_crowd.tolist(), strict=True):
        assert (
            sliver or dark[top:bottom, left:right].mean() > 0.85
        )  # of a dozen pixels, one may be off
        inside[max(top - 1, 0) : bottom + 1, max(left - 1, 0) : right + 1] = True
    assert not (dark & ~inside).any(), "every dark pixel belongs to a box"
    assert set(mosaic.labels.tolist()) <= {30, 50, 70, 90}


def test_an_object_cut_off_by_its_tile_is_there_but_not_asked_for():
    """A box along a photo's edge: where hardly any of it is left, it is marked as a crowd."""
    image = Image.new("RGB", (100, 100))
    box = torch.tensor([[0.0, 0.0, 40.0, 100.0]])
    photo = Sample(image, box, torch.tensor([1]), 1, torch.zeros(1, dtype=torch.bool))
    found = [make_mosaic(np.random.default_rng(seed), [photo] * 4, 96) for seed in range(40)]
    assert all(len(mosaic.boxes) == 4 for mosaic in found)
    assert {crowd for mosaic in found for crowd in mosaic.is_crowd.tolist()} == {True, False}


def test_a_mixture_without_mosaics_draws_other_pictures(coco):
    asked = DataConfig(annotations=str(coco[0]), images=str(coco[1]), mosaic=1.0)
    mixture = TrainingMixture(train_config(coco, data=(asked,)), fakes.tiny_tokenizer())
    plain = TrainingMixture(
        train_config(coco, data=(asked.replace(mosaic=0.0),)), fakes.tiny_tokenizer()
    )
    assert len(mixture[0].pixels) == len(plain[0].pixels) == 3
    assert any(not torch.equal(mixture[i].pixels, plain[i].pixels) for i in range(4))
    assert torch.equal(mixture[2].pixels, mixture[2].pixels)


def test_rare_classes_bring_their_photos_back_more_often():
    class Photos:
        def classes_by_photo(self):
            return [{0}] * 90 + [{0, 1}] * 9 + [{2}]

        def __len__(self):
            return 100

    shares = repeat_shares(Photos(), balance=0.36) * 100
    common, uncommon, rare = shares[0], shares[95], shares[99]
    assert uncommon / common == pytest.approx((0.36 / 0.09) ** 0.5)
    assert rare / common == pytest.approx((0.36 / 0.01) ** 0.5)
    assert np.allclose(repeat_shares(Photos(), balance=0.0), 1 / 100)


def test_pasted_objects_lie_in_free_parts_and_the_photos_own_boxes_stay(coco):
    photo = CocoDetection(*coco, COCO_80)[0]
    before = photo.image.tobytes()
    pasted = [paste_objects(np.random.default_rng(seed), photo, 3) for seed in range(20)]
    assert photo.image.tobytes() == before, "the photo itself is left alone"
    added = torch.tensor([len(p.boxes) - len(photo.boxes) for p in pasted])
    assert added.max() > 0 and added.max() <= 3
    for sample in pasted:
        assert torch.equal(sample.boxes[: len(photo.boxes)], photo.boxes)
        assert len(sample.labels) == len(sample.boxes) == len(sample.is_crowd)
        for box in sample.boxes[len(photo.boxes) :]:
            overlap = box_intersection(box[None], photo.boxes)[0]
            smaller = torch.minimum(box_area(box), box_area(photo.boxes))
            # A place is chosen for the object's rectangle, which is a little larger than its box.
            assert (overlap <= 0.4 * smaller).all()
            assert 0 <= box.min() and box[2] <= 120 and box[3] <= 90


def test_scenes_refuse_a_label_space_that_is_not_theirs(coco):
    with pytest.raises(ValueError, match="coco80"):
        TrainingMixture(
            train_config(coco), type(fakes.tiny_tokenizer())(fakes.TINY_TOKENIZER, VOC_20)
        )
