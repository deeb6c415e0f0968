import numpy as np
import pytest
import torch

from pix2seq.categories import COCO_80, COCO_91
from pix2seq.config import ConfigError
from pix2seq.detections import Detections


def three() -> Detections:
    boxes = torch.tensor([[0, 0, 10, 10], [5, 5, 20, 30], [1, 2, 3, 4]])
    return Detections.of(
        boxes,
        torch.tensor([0, 16, 79]),
        torch.tensor([0.9, 0.5, 0.1]),
        is_noise=torch.tensor([0, 0, 1]),
        degenerate=2,
    )


def test_empty_detections_behave_like_any_other():
    empty = Detections.empty(degenerate=3)
    assert len(empty) == 0 and empty.boxes.shape == (0, 4)
    assert len(empty.above(0.5)) == 0
    assert len(empty[torch.zeros(0, dtype=torch.bool)]) == 0
    assert empty.to_coco(1, COCO_80) == []
    assert empty.degenerate == 3


def test_of_casts_and_fills_in():
    found = three()
    assert found.boxes.dtype == torch.float32 and found.labels.dtype == torch.int64
    assert found.is_noise.tolist() == [False, False, True]
    assert found.noise_scores.tolist() == [0, 0, 0]
    assert found.objects.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("index", "kept"),
    [
        (torch.tensor([False, True, True]), [1, 2]),
        (torch.tensor([2, 0]), [2, 0]),
        ([1], [1]),
        (slice(0, 2), [0, 1]),
        (slice(0, 0), []),
    ],
)
def test_indexing_selects_in_every_field(index, kept):
    found = three()
    part = found[index]
    assert part.objects.tolist() == kept
    assert torch.equal(part.boxes, found.boxes[kept])
    assert part.is_noise.tolist() == [i == 2 for i in kept]
    assert part.degenerate == 2


def test_above_keeps_the_threshold_itself():
    assert three().above(0.5).objects.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"boxes": torch.zeros(4)}, r"boxes must have shape \(N, 4\), got \(4,\)"),
        ({"boxes": torch.zeros(2, 5)}, r"boxes must have shape \(N, 4\), got \(2, 5\)"),
        ({"labels": torch.zeros(3)}, r"labels must have shape \(2,\), got \(3,\)"),
        ({"scores": torch.zeros(2, 1)}, r"scores must have shape \(2,\), got \(2, 1\)"),
    ],
)
def test_wrong_shapes_are_named(fields, message):
    arrays = {"boxes": torch.zeros(2, 4), "labels": torch.zeros(2), "scores": torch.zeros(2)}
    with pytest.raises(ValueError, match=message):
        Detections.of(**(arrays | fields))


def test_coco_records_carry_category_ids_and_xywh():
    record = three().to_coco(42, COCO_80)[1]
    assert record["image_id"] == 42
    assert record["category_id"] == 18  # dog
    assert record["bbox"] == [5, 5, 15, 25]
    assert record["score"] == pytest.approx(0.5)


def test_coco_records_leave_out_labels_without_a_class():
    labels = torch.tensor([1, 12, 500])  # person, a gap in COCO's ids, beyond the label space
    found = Detections.of(torch.zeros(3, 4), labels, torch.ones(3))
    assert [record["category_id"] for record in found.to_coco(1, COCO_91)] == [1]


class TestSupervision:
    """Needs supervision, which the development requirements bring."""

    @pytest.mark.filterwarnings("ignore:OpenCV:UserWarning")
    @pytest.mark.parametrize("found", [three(), Detections.empty(degenerate=4), three()[[1]]])
    def test_there_and_back_is_the_same(self, found):
        there = found.to_supervision(COCO_80)
        assert list(there.data["class_name"]) == [COCO_80.name(i) for i in found.labels.tolist()]
        for again in (
            Detections.from_supervision(there),
            Detections.from_supervision(there, COCO_80),
        ):
            for name in Detections._per_object():
                ours, theirs = getattr(found, name), getattr(again, name)
                assert torch.equal(ours, theirs) and ours.dtype == theirs.dtype, name
            assert again.degenerate == found.degenerate

    @pytest.mark.filterwarnings("ignore:OpenCV:UserWarning")
    def test_what_another_detector_found_is_taken_by_the_names_of_its_classes(self):
        import supervision as sv

        theirs = sv.Detections(
            xyxy=np.array([[1.0, 2, 3, 4]]),
            class_id=np.array([55]),
            data={"class_name": np.array(["dog"])},
        )
        found = Detections.from_supervision(theirs, COCO_80)
        assert found.labels.tolist() == [COCO_80.label_of_name("dog")]
        assert found.scores.tolist() == [1.0]
        assert Detections.from_supervision(theirs).labels.tolist() == [55]
        theirs.data["class_name"] = np.array(["unicorn"])
        with pytest.raises(ConfigError, match="unicorn"):
            Detections.from_supervision(theirs, COCO_80)
        with pytest.raises(ConfigError, match="class_id"):
            Detections.from_supervision(sv.Detections(xyxy=np.array([[1.0, 2, 3, 4]])))
