import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pix2seq.boxes import box_area
from pix2seq.categories import COCO_80, COCO_91, VOC_20
from pix2seq.config import TokenizerConfig
from pix2seq.tokenizer import Tokenizer, object_order
from tests import fakes

OFFICIAL = Tokenizer(fakes.OFFICIAL_LAYOUT, COCO_91)
VOC = Tokenizer(fakes.VOC_LAYOUT, VOC_20)
OURS = Tokenizer(TokenizerConfig.compact(num_bins=192, num_classes=80), COCO_80)
LAYOUTS = pytest.mark.parametrize("tokenizer", [OFFICIAL, VOC, OURS], ids=["official", "voc", "us"])

unit = st.floats(0, 1, width=32)
objects = st.lists(st.tuples(unit, unit, unit, unit, st.integers(0, 19)), max_size=5)


def as_tensors(rows) -> tuple[torch.Tensor, torch.Tensor]:
    boxes = torch.tensor([row[:4] for row in rows], dtype=torch.float32).reshape(-1, 4)
    return boxes, torch.tensor([row[4] for row in rows], dtype=torch.long)


@LAYOUTS
def test_no_objects_are_an_empty_sentence(tokenizer):
    ids = tokenizer.encode(torch.zeros(0, 4), torch.zeros(0).long())
    assert ids.shape == (0,) and ids.dtype == torch.int64
    with_eos = tokenizer.encode(torch.zeros(0, 4), torch.zeros(0).long(), eos=True)
    assert with_eos.tolist() == [tokenizer.eos_id]
    boxes, classes = tokenizer.decode(ids)
    assert boxes.shape == (0, 4) and classes.shape == (0,)


def test_official_layout_by_hand():
    box = torch.tensor([[0.25, 0.5, 0.75, 1.0]])  # xyxy
    ids = OFFICIAL.encode(box, torch.tensor([18]), eos=True)
    # 0.5 * 999 = 499.5 and 0.25 * 999 = 249.75; halves round to even, as in TensorFlow
    assert ids.tolist() == [1500, 1250, 1999, 1749, 118, 0]


def test_voc_layout_by_hand():
    box = torch.tensor([[0.25, 0.5, 0.75, 1.0]])
    ids = VOC.encode(box, torch.tensor([11]), eos=True)
    assert ids.tolist() == [95, 191, 287, 383, 395, 405]  # 383 * (0.25, 0.5, 0.75, 1), truncated


@LAYOUTS
@given(objects)
def test_round_trip_is_within_half_a_bin_or_a_whole_one_when_truncating(tokenizer, rows):
    boxes, labels = as_tensors(rows)
    back, class_ids = tokenizer.decode(tokenizer.encode(boxes, labels))
    worst = (0.5 if tokenizer.config.quantizer == "round" else 1.0) / (tokenizer.num_bins - 1)
    assert ((back - boxes).abs() <= worst + 1e-6).all()
    assert torch.equal(class_ids, tokenizer.class_tokens(labels))


@pytest.mark.parametrize("num_bins", [2, 3, 8, 192, 1000, 2000])
def test_rounding_gives_every_bin_back(num_bins):
    tokenizer = Tokenizer(TokenizerConfig.compact(num_bins, 1), VOC_20)
    bins = torch.arange(num_bins)
    assert torch.equal(tokenizer.quantize(tokenizer.dequantize(bins)), bins)


@LAYOUTS
def test_coordinates_outside_the_image_are_clipped(tokenizer):
    last = tokenizer.num_bins - 1
    assert tokenizer.quantize(torch.tensor([-0.5, 0.0, 1.0, 1.5])).tolist() == [0, 0, last, last]


@LAYOUTS
def test_every_id_has_a_meaning_that_leads_back_to_it(tokenizer):
    kinds = []
    for token_id in range(tokenizer.vocab_size):
        info = tokenizer.describe(token_id)
        kinds.append(info.kind)
        assert info.id == token_id and info.text
        if info.kind == "coord":
            assert tokenizer.coord_ids[info.value] == token_id
            assert info.text == str(info.value)
        elif info.kind == "class":
            assert tokenizer.class_tokens(torch.tensor(info.value)) == token_id
            assert info.text == tokenizer.categories.name(info.value)
        else:
            assert info.value is None
    assert kinds.count("coord") == tokenizer.num_bins
    assert kinds.count("class") == tokenizer.config.num_classes
    assert kinds.count("noise") == (tokenizer.noise_id is not None)
    assert kinds.count("eos") == kinds.count("bos") == 1


def test_an_id_shared_by_padding_and_eos_reads_as_eos():
    assert OFFICIAL.describe(0).kind == "eos"
    assert VOC.describe(406).kind == "pad"
    assert OFFICIAL.describe(99).kind == "other"


@LAYOUTS
def test_ids_outside_the_vocabulary_are_refused(tokenizer):
    for token_id in (-1, tokenizer.vocab_size):
        with pytest.raises(ValueError, match=f"token {token_id} is not in the vocabulary"):
            tokenizer.describe(token_id)


@LAYOUTS
@given(objects)
def test_the_grammar_lets_every_encoded_sentence_through(tokenizer, rows):
    ids = tokenizer.encode(*as_tensors(rows), eos=True)
    for index, token_id in enumerate(ids.tolist()):
        assert tokenizer.allowed(index)[token_id]


@LAYOUTS
def test_the_grammar_allows_what_a_slot_is_for_and_nothing_else(tokenizer):
    for index, slot in enumerate([*tokenizer.slots, *tokenizer.slots]):
        assert tokenizer.slot(index) == slot
        kinds = {
            tokenizer.describe(token_id).kind
            for token_id in tokenizer.allowed(index).nonzero().flatten().tolist()
        }
        if slot == "class":
            assert kinds == ({"class"} if tokenizer.noise_id is None else {"class", "noise"})
        elif index % 5 == 0:
            assert kinds == {"coord", "eos"} and tokenizer.is_boundary(index)
        else:
            assert kinds == {"coord"} and not tokenizer.is_boundary(index)
        assert tokenizer.object_of(index) == index // 5


def test_masks_split_the_vocabulary():
    for tokenizer in (OFFICIAL, VOC, OURS):
        assert not (tokenizer.coord_mask & tokenizer.label_mask).any()
        assert tokenizer.coord_mask.sum() == tokenizer.num_bins
        assert tokenizer.class_mask.sum() == tokenizer.config.num_classes
        assert (tokenizer.label_mask ^ tokenizer.class_mask).sum() == (
            tokenizer.noise_id is not None
        )


@LAYOUTS
def test_slots_are_named_in_the_order_they_are_written(tokenizer):
    box = torch.tensor([[0.1, 0.2, 0.3, 0.4]])
    wanted = dict(zip(("xmin", "ymin", "xmax", "ymax"), box[0], strict=True))
    ids = tokenizer.encode(box, torch.tensor([0]))
    for index in range(4):
        value = tokenizer.coord_values(ids[index])
        assert abs(value - wanted[tokenizer.slot(index)]) <= 1 / (tokenizer.num_bins - 1)


def test_sequence_arithmetic():
    assert OURS.sequence_length(3) == 15
    assert OURS.class_positions(15).tolist() == [4, 9, 14]
    assert OURS.class_positions(14).tolist() == [4, 9]
    assert OURS.class_positions(0).tolist() == []


@LAYOUTS
def test_an_unfinished_object_is_left_out(tokenizer):
    boxes = torch.tensor([[0.0, 0.0, 0.5, 0.5], [0.5, 0.5, 1.0, 1.0]])
    ids = tokenizer.encode(boxes, torch.tensor([1, 2]))
    for cut in range(10):
        assert len(tokenizer.decode(ids[:cut])[0]) == cut // 5


def test_decode_takes_batches():
    boxes = torch.rand(2, 3, 4)
    labels = torch.randint(0, 80, (2, 3))
    ids = torch.stack([OURS.encode(b, c) for b, c in zip(boxes, labels, strict=True)])
    back, class_ids = OURS.decode(ids)
    assert back.shape == (2, 3, 4)
    assert torch.equal(class_ids, OURS.class_tokens(labels))


@LAYOUTS
def test_nonsense_in_a_coordinate_slot_reads_as_the_nearest_edge(tokenizer):
    below, above = tokenizer.coord_ids.start - 1, tokenizer.coord_ids.stop
    assert tokenizer.coord_values(torch.tensor([below, above])).tolist() == [0, 1]


@pytest.mark.parametrize("label", [-1, 80])
def test_labels_outside_the_label_space_are_refused(label):
    with pytest.raises(ValueError, match=f"label {label} is not one of 80 classes"):
        OURS.encode(torch.zeros(1, 4), torch.tensor([label]))


def test_boxes_and_labels_must_pair_up():
    with pytest.raises(ValueError, match="2 boxes but 1 labels"):
        OURS.encode(torch.zeros(2, 4), torch.tensor([0]))


BOXES = torch.tensor([[0.5, 0.5, 0.6, 0.6], [0.1, 0.2, 0.9, 0.9], [0.3, 0.0, 0.4, 0.5]])


@pytest.mark.parametrize(
    ("order", "expected"),
    [("given", [0, 1, 2]), ("area", [1, 2, 0]), ("origin", [1, 2, 0]), ("left", [1, 2, 0])],
)
def test_object_orders(order, expected):
    assert object_order(BOXES, order).tolist() == expected
    assert object_order(torch.zeros(0, 4), order).shape == (0,)


def test_orders_differ_where_they_should():
    boxes = torch.tensor([[0.2, 0.0, 0.3, 0.1], [0.0, 0.9, 0.1, 1.0], [0.5, 0.5, 1.0, 1.0]])
    assert object_order(boxes, "area").tolist()[0] == 2
    assert box_area(boxes).argmax() == 2
    assert object_order(boxes, "origin").tolist() == [0, 2, 1]
    assert object_order(boxes, "left").tolist() == [1, 0, 2]


def test_random_order_is_a_seeded_permutation():
    boxes = torch.rand(20, 4)
    orders = [
        object_order(boxes, "random", torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    ]
    assert torch.equal(orders[0], orders[1]) and not torch.equal(orders[0], orders[2])
    assert sorted(orders[2].tolist()) == list(range(20))
    assert object_order(torch.zeros(0, 4), "random").shape == (0,)


def test_an_unknown_order_is_named():
    with pytest.raises(ValueError, match="object order is 'size'"):
        object_order(BOXES, "size")
