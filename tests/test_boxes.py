import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pix2seq.boxes import (
    box_area,
    box_iou,
    clip_boxes,
    is_degenerate,
    scale_boxes,
    swap_xy,
    xywh_to_xyxy,
    xyxy_to_xywh,
)

NO_BOXES = torch.zeros(0, 4)
coordinate = st.integers(-50, 150)
boxes_strategy = st.lists(st.tuples(*[coordinate] * 4), max_size=6).map(
    lambda rows: torch.tensor(rows, dtype=torch.float32).reshape(-1, 4)
)


@pytest.mark.parametrize(
    ("function", "boxes", "expected"),
    [
        (swap_xy, [], []),
        (swap_xy, [[1, 2, 3, 4]], [[2, 1, 4, 3]]),
        (xywh_to_xyxy, [], []),
        (xywh_to_xyxy, [[10, 20, 5, 7]], [[10, 20, 15, 27]]),
        (xyxy_to_xywh, [], []),
        (xyxy_to_xywh, [[10, 20, 15, 27]], [[10, 20, 5, 7]]),
        (lambda b: clip_boxes(b, (100, 200)), [], []),
        (lambda b: clip_boxes(b, (100, 200)), [[-5, -6, 250, 150]], [[0, 0, 200, 100]]),
        (lambda b: clip_boxes(b, (100, 200)), [[300, 40, 400, 50]], [[200, 40, 200, 50]]),
        (lambda b: scale_boxes(b, (2.0, 3.0)), [], []),
        (lambda b: scale_boxes(b, (2.0, 3.0)), [[1, 1, 2, 5]], [[3, 2, 6, 10]]),
    ],
)
def test_conversions(function, boxes, expected):
    given_boxes = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
    wanted = torch.tensor(expected, dtype=torch.float32).reshape(-1, 4)
    assert torch.equal(function(given_boxes), wanted)


@pytest.mark.parametrize(
    ("box", "area", "degenerate"),
    [
        ([0, 0, 4, 5], 20, False),
        ([4, 5, 0, 0], 0, True),  # inverted on both axes: not 20
        ([0, 0, 0, 5], 0, True),
        ([0, 5, 4, 5], 0, True),
    ],
)
def test_a_box_without_extent_has_no_area(box, area, degenerate):
    boxes = torch.tensor([box], dtype=torch.float32)
    assert box_area(boxes).tolist() == [area]
    assert is_degenerate(boxes).tolist() == [degenerate]


def test_degenerate_may_mean_smaller_than_a_size():
    boxes = torch.tensor([[0, 0, 1, 9], [0, 0, 3, 3]], dtype=torch.float32)
    assert is_degenerate(boxes, min_size=2).tolist() == [True, False]
    assert is_degenerate(NO_BOXES).shape == (0,)


def test_iou_of_known_pairs():
    ours = torch.tensor([[0, 0, 10, 10], [20, 20, 20, 30]], dtype=torch.float32)
    theirs = torch.tensor(
        [[0, 0, 10, 10], [5, 0, 15, 10], [10, 0, 20, 10], [20, 20, 20, 30]], dtype=torch.float32
    )
    expected = torch.tensor([[1, 1 / 3, 0, 0], [0, 0, 0, 0]])  # without area, not even with itself
    torch.testing.assert_close(box_iou(ours, theirs), expected)


@pytest.mark.parametrize(("a", "b"), [(0, 0), (0, 3), (2, 0)])
def test_iou_of_nothing_is_empty(a, b):
    assert box_iou(torch.rand(a, 4), torch.rand(b, 4)).shape == (a, b)


@given(boxes_strategy)
def test_swap_is_its_own_inverse(boxes):
    assert torch.equal(swap_xy(swap_xy(boxes)), boxes)


@given(boxes_strategy)
def test_xywh_round_trip(boxes):
    assert torch.equal(xywh_to_xyxy(xyxy_to_xywh(boxes)), boxes)


@given(boxes_strategy, st.integers(1, 100), st.integers(1, 100))
def test_clipped_boxes_lie_inside_and_stay_put(boxes, height, width):
    clipped = clip_boxes(boxes, (height, width))
    assert (clipped >= 0).all()
    assert (clipped[:, 0::2] <= width).all() and (clipped[:, 1::2] <= height).all()
    assert torch.equal(clip_boxes(clipped, (height, width)), clipped)


@given(boxes_strategy, boxes_strategy)
def test_iou_is_a_symmetric_share(a, b):
    iou = box_iou(a, b)
    assert ((iou >= 0) & (iou <= 1)).all()
    torch.testing.assert_close(iou, box_iou(b, a).T)
