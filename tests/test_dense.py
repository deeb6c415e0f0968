"""Dense supervision: which cell of the memory is asked for which object."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from pix2seq.dense import IGNORED, DenseReader, cell_targets
from pix2seq.objective import SoftenedLosses
from tests import fakes

NOTHING = torch.zeros(0, 4)
GRID = (8, 8)


def targets(*boxes: list[float], labels=None, unlabelled=NOTHING, grid=GRID):
    tokenizer = fakes.tiny_tokenizer()
    labels = torch.tensor(labels or list(range(len(boxes))), dtype=torch.long)
    made = cell_targets(
        torch.tensor(boxes).reshape(-1, 4), labels, unlabelled, grid, tokenizer
    ).unflatten(0, grid)
    return made, tokenizer


def test_an_empty_image_asks_every_cell_for_the_noise_class_and_no_box():
    made, tokenizer = targets()
    assert (made[..., 4] == tokenizer.noise_id).all()
    assert (made[..., :4] == IGNORED).all()


def test_cells_in_the_core_of_a_box_are_asked_for_its_sentence():
    box = [0.25, 0.125, 0.75, 0.875]  # x from cell 2 to 6, y from cell 1 to 7
    made, tokenizer = targets(box, labels=[5])
    sentence = tokenizer.encode(torch.tensor([box]), torch.tensor([5]))
    assert torch.equal(made[4, 4], sentence)
    assert torch.equal(made[2, 3], sentence)
    assert (made[1, 2] == IGNORED).all(), "the rim of a box is ambiguous"
    assert made[0, 0, 4] == tokenizer.noise_id and (made[0, 0, :4] == IGNORED).all()


def test_where_boxes_overlap_the_smallest_wins():
    small = [0.4, 0.4, 0.6, 0.6]
    for boxes, labels in (([[0, 0, 1, 1], small], [1, 2]), ([small, [0, 0, 1, 1]], [2, 1])):
        made, tokenizer = targets(*boxes, labels=labels)
        assert made[3, 3, 4] == tokenizer.class_ids.start + 2
        assert made[2, 2, 4] == tokenizer.class_ids.start + 1


def test_a_region_that_nobody_labelled_is_not_taught_as_empty():
    made, tokenizer = targets([0.5, 0.5, 1.0, 1.0], unlabelled=torch.tensor([[0.0, 0.0, 0.5, 0.5]]))
    assert (made[:4, :4] == IGNORED).all()
    assert (made[:4, 4:, 4] == tokenizer.noise_id).all()


@given(
    st.lists(
        st.tuples(*[st.floats(0, 1, width=32)] * 4).map(
            lambda v: [min(v[0], v[2]), min(v[1], v[3]), max(v[0], v[2]), max(v[1], v[3])]
        ),
        min_size=1,
        max_size=6,
    )
)
def test_the_smallest_object_always_has_a_cell_and_every_cell_is_whole(boxes):
    """A box too thin to hold a cell's centre still teaches the cell that it lies in."""
    made, tokenizer = targets(*boxes)
    areas = [(b[2] - b[0]) * (b[3] - b[1]) for b in boxes]
    smallest = len(boxes) - 1 - areas[::-1].index(min(areas))
    taught = made[..., 4] != IGNORED
    named = made[..., 4] >= tokenizer.class_ids.start
    assert (made[..., 4] == tokenizer.class_ids.start + smallest).any() or areas.count(
        min(areas)
    ) > 1
    assert named.any()
    assert ((made[..., :4] != IGNORED).all(-1) == (taught & named)).all()


def test_the_loss_falls_to_zero_for_a_reader_that_knows_and_ignores_the_rest():
    """With a table of one-hot rows and a reader that passes tokens through, logits are chosen."""
    made, tokenizer = targets([0.25, 0.25, 0.75, 0.75], labels=[3])
    made = made.flatten(0, 1)[None]
    width = tokenizer.vocab_size
    reader = DenseReader(width)
    reader.norm = torch.nn.Identity()
    memory = torch.zeros(1, 64, width)
    for slot, linear in enumerate(reader.slots):
        torch.nn.init.zeros_(linear.weight)
        torch.nn.init.zeros_(linear.bias)
        with torch.no_grad():
            answer = made[0, 4 * 8 + 4, slot]
            linear.bias[answer] = 50.0
    table = torch.eye(width)
    only_inside = made.clone()
    only_inside[..., 4][only_inside[..., 4] == tokenizer.noise_id] = IGNORED
    assert reader(memory, table, only_inside, SoftenedLosses(tokenizer)) < 1e-4
    assert reader(memory, table, made, SoftenedLosses(tokenizer)) > 10, "empty cells are asked, too"


def test_a_batch_without_a_target_gives_zero_and_finite_gradients():
    tokenizer = fakes.tiny_tokenizer()
    reader = DenseReader(16)
    memory = torch.randn(2, 9, 16, requires_grad=True)
    table = torch.randn(tokenizer.vocab_size, 16)
    nothing = torch.full((2, 9, 5), IGNORED)
    loss = reader(memory, table, nothing, SoftenedLosses(tokenizer, 1.5, 0.1))
    loss.backward()
    assert loss == 0
    assert all(p.grad is not None and (p.grad == 0).all() for p in reader.slots.parameters())
