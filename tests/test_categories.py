import pytest

from pix2seq.categories import COCO_80, COCO_91, LABEL_SPACES, OBJECTS365, VOC_20, Categories


@pytest.mark.parametrize(
    ("space", "length", "classes"),
    [(COCO_80, 80, 80), (COCO_91, 91, 80), (VOC_20, 20, 20), (OBJECTS365, 366, 365)],
)
def test_label_spaces_have_the_published_number_of_classes(space, length, classes):
    assert len(space) == length
    named = space.named_labels()
    assert len(named) == classes
    assert len({space.names[label] for label in named}) == classes


@pytest.mark.parametrize("name", LABEL_SPACES)
def test_ids_and_names_lead_back_to_their_label(name):
    space = LABEL_SPACES[name]
    for label in space.named_labels():
        assert space.label_of_id(space.ids[label]) == label
        assert space.label_of_name(space.names[label]) == label


@pytest.mark.parametrize(
    ("category_id", "name"),
    [(1, "person"), (12, None), (13, "stop sign"), (18, "dog"), (44, "bottle"), (90, "toothbrush")],
)
def test_coco_ids_mean_what_the_data_set_says(category_id, name):
    assert COCO_91.names[category_id] == name
    if name is not None:
        assert COCO_80.names[COCO_80.label_of_id(category_id)] == name


def test_a_label_without_a_class_still_reads():
    assert COCO_91.name(12) == "class 12"
    assert COCO_80.name(437) == "class 437"
    assert COCO_80.name(-1) == "class -1"  # not the last class


def test_unknown_ids_and_names_are_named_in_the_error():
    with pytest.raises(KeyError, match="category id 12 "):
        COCO_80.label_of_id(12)
    with pytest.raises(KeyError, match="'unicorn'"):
        COCO_80.label_of_name("unicorn")


@pytest.mark.parametrize(
    ("names", "ids", "message"),
    [
        (("a", "b"), (1,), "2 names but 1 ids"),
        (("a", "b"), (1, 1), "unique"),
    ],
)
def test_inconsistent_label_spaces_are_refused(names, ids, message):
    with pytest.raises(ValueError, match=message):
        Categories(names, ids)


def test_contiguous_ids_count_from_the_first():
    assert Categories.contiguous(["a", "b"], first_id=7) == Categories(("a", "b"), (7, 8))
