"""Drafts: the surest guesses without doubles, as tokens ahead of the memory's grid."""

from __future__ import annotations

import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision.ops import nms

import pix2seq
from pix2seq import checkpoints
from pix2seq.config import ConfigError, PyramidConfig, SamplingOptions
from pix2seq.finetune import initialise
from pix2seq.model import Pix2Seq
from pix2seq.model.drafts import Drafts, surest
from pix2seq.model.places import Places
from pix2seq.ui.visit.record import writing_line
from pix2seq.ui.visit.runs import Picture, Run
from pix2seq.ui.visit.writer import write
from tests import fakes

DRAFTS = PyramidConfig(8, 80, drafts=6)
SIZE = (64, 64)


def drafting_model(**changes) -> Pix2Seq:
    torch.manual_seed(0)
    return Pix2Seq(fakes.pyramid_config(pyramid=DRAFTS, **changes)).eval()


@given(
    st.integers(0, 500),
    st.integers(1, 40),
    st.sampled_from([(60, 128, 20), (700, 128, 20), (700, 512, 8), (700, 600, 100)]),
)
def test_drafts_are_what_greedy_suppression_keeps_and_then_doubles(seed, count, crowd):
    places, candidates, spread = crowd  # with a small spread many are doubles
    generator = torch.Generator().manual_seed(seed)
    corner = torch.rand(2, places, 2, generator=generator) * spread
    sides = 4 + 10 * torch.rand(2, places, 2, generator=generator)
    boxes = torch.cat([corner, corner + sides], -1)
    logits = torch.randn(2, places, 5, generator=generator)
    picked = surest(logits, boxes, count, candidates)
    assert picked.shape == (2, count)
    for image in range(2):
        sure, among = logits[image].amax(-1).sort(descending=True)
        among = among[:candidates]
        kept = among[nms(boxes[image, among], sure[:candidates], 0.5)[:count]]
        assert picked[image, : len(kept)].tolist() == kept.tolist()
        assert len(set(picked[image].tolist())) == count


def test_there_are_no_more_drafts_than_places():
    assert surest(torch.randn(1, 7, 3), torch.rand(1, 7, 4), 9, 128).shape == (1, 7)


def test_with_more_candidates_a_large_object_does_not_fill_the_drafts():
    generator = torch.Generator().manual_seed(0)
    large = torch.tensor([10.0, 10.0, 90.0, 90.0]) + torch.rand(1, 30, 4, generator=generator)
    small = torch.tensor([[[100.0, 0.0, 110.0, 10.0], [120.0, 0.0, 130.0, 10.0]]])
    boxes = torch.cat([large, small], 1)
    logits = torch.arange(32.0, 0.0, -1.0).view(1, 32, 1)
    assert surest(logits, boxes, 3, 20)[0].tolist() == [0, 1, 2]
    assert surest(logits, boxes, 3, 32)[0].tolist() == [0, 30, 31]


def test_ranked_drafts_tell_which_they_are():
    torch.manual_seed(0)
    ranked = Pix2Seq(fakes.pyramid_config(pyramid=DRAFTS.replace(ranked=True))).eval()
    plain = drafting_model()
    found = plain.load_state_dict(ranked.state_dict(), strict=False)
    assert found.unexpected_keys == ["encoder.drafts.rank"] and not found.missing_keys
    pixels = torch.randn(1, 3, *SIZE)
    with torch.no_grad():
        more = ranked.encoder(pixels) - plain.encoder(pixels)
    of_rank = ranked.encoder.drafts.rank.repeat_interleave(5, 0)
    torch.testing.assert_close(more[0, :30], of_rank.data, atol=1e-5, rtol=1e-4)
    assert (more[0, 30:] == 0).all()


def test_drafts_stand_ahead_of_the_grid_and_leave_it_alone():
    model = drafting_model()
    pixels = torch.randn(2, 3, 64, 80)
    with torch.no_grad():
        memory = model.encoder(pixels)
        drafts, model.encoder.drafts = model.encoder.drafts, None
        grid = model.encoder(pixels)
    rows, columns = model.encoder.grid(64, 80)
    assert memory.shape == (2, 6 * 5 + rows * columns, 32)
    assert torch.equal(memory[:, -rows * columns :], grid)
    assert isinstance(drafts, Drafts)


def test_each_token_of_a_draft_tells_its_own_edge():
    model = drafting_model()
    with torch.no_grad():
        places = model.encoder.look(torch.randn(1, 3, *SIZE))
        logits = torch.full_like(places.class_logits, -5.0)
        logits[0, 9, 5] = 4.0

        def first(boxes: torch.Tensor) -> torch.Tensor:
            memory = model.encoder.remember(Places(places.maps, logits, boxes), SIZE)
            return memory[0, :5]

        boxes = places.boxes.clone()
        boxes[0, 9] = torch.tensor([10.0, 20.0, 30.0, 40.0])
        before = first(boxes)
        boxes[0, 9, 0] = 14.0  # xmin, the second token of yxyx
        moved = first(boxes) - before
    own, others = (moved[1] - moved[0]).norm(), (moved[2:] - moved[0]).norm(dim=-1)
    assert own > 1.5 * others.max()
    assert moved[0].norm() > 0.1  # the whole guess, by which it is found


def test_a_drafts_boxes_are_relative_to_the_input_and_inside_it():
    model = drafting_model()
    boxes = torch.tensor([[[-8.0, 16.0, 32.0, 80.0]]]).expand(1, 85, 4)
    logits = torch.full((1, 85, 80), -3.0)
    said = model.encoder.drafts.say(Places([], logits, boxes), (64, 128))
    assert torch.allclose(said.boxes, torch.tensor([0.0, 0.25, 0.25, 1.0]).expand(1, 6, 4))
    assert torch.allclose(said.sure, torch.tensor(-3.0).sigmoid().expand(1, 6))


def test_what_drafts_say_is_what_their_places_guessed():
    model = drafting_model()
    pixels = torch.randn(1, 3, *SIZE)
    with torch.no_grad():
        places, seen = model.encoder.look(pixels), model.see(pixels)
        torch.testing.assert_close(seen.memory, model.encode_image(pixels))
    said = seen.drafts
    picked = surest(places.class_logits, places.boxes, 6, 128)[0]
    assert said.classes[0].tolist() == places.class_logits[0, picked].argmax(-1).tolist()
    torch.testing.assert_close(said.sure[0], places.class_logits[0, picked].amax(-1).sigmoid())
    torch.testing.assert_close(said.boxes[0] * 64, places.boxes[0, picked].clamp(0, 64))
    model.encoder.drafts = None
    assert model.drafts == 0 and model.see(pixels).drafts is None


def test_a_model_with_drafts_starts_from_one_without(tokenizer, tmp_path):
    torch.manual_seed(1)
    old = Pix2Seq(fakes.pyramid_config()).eval()
    folder = checkpoints.save(
        tmp_path / "old", old, fakes.TINY_TOKENIZER, fakes.TINY_PREPROCESS, "coco80", half=False
    )
    model = drafting_model()
    drawn = {name: value.clone() for name, value in model.encoder.drafts.state_dict().items()}
    initialise(model, tokenizer, checkpoints.load(folder, device="cpu"))
    own = model.state_dict()
    assert all(torch.equal(own[name], value) for name, value in old.state_dict().items())
    kept = model.encoder.drafts.state_dict()
    assert all(torch.equal(kept[name], value) for name, value in drawn.items())


def test_a_saved_model_with_drafts_detects_and_shows_where_it_looked(tmp_path, picture):
    folder = checkpoints.save(
        tmp_path / "it", drafting_model(), fakes.TINY_TOKENIZER, fakes.TINY_PREPROCESS, "coco80"
    )
    predictor = pix2seq.load(folder, device="cpu")
    encoding = predictor.encode(picture)
    rows, columns = encoding.grid
    run = predictor.detect(picture)
    assert len(run.boxes) >= 0
    looked = predictor.cross_attention(encoding, [5, 6, 7])
    assert looked.cells.shape[-2:] == (3, rows * columns)
    assert looked.drafts.shape[-2:] == (3, 6) and (looked.drafts > 0).all()
    torch.testing.assert_close(looked.cells.sum(-1) + looked.drafts.sum(-1), torch.ones(2, 2, 3))
    asked = slice(-1, None)
    with torch.no_grad():
        seen = predictor.model.encoder.attention_weights(torch.randn(1, 3, 64, 64), asked)
    assert seen.shape[-2] == 1


def test_the_page_hears_how_many_drafts_the_model_has(tmp_path, picture):
    """Not how many would fit ahead of the grid: an encoder may put other tokens there."""
    predictor = pix2seq.load(
        checkpoints.save(
            tmp_path / "it", drafting_model(), fakes.TINY_TOKENIZER, fakes.TINY_PREPROCESS, "coco80"
        ),
        device="cpu",
    )
    encoding = predictor.encode(picture)
    for drafts in (predictor.model.drafts, 0):
        told = json.loads(writing_line(encoding, drafts).removeprefix("Swriting "))
        assert told["drafts"] == drafts and told["grid"] == list(encoding.grid)
    run = Run(Picture(picture), predictor, predictor.resolve(SamplingOptions(max_objects=1)))
    *_, text = write(run)
    line = next(one for one in text.splitlines() if one.startswith("Swriting "))
    assert json.loads(line.removeprefix("Swriting "))["drafts"] == 6


@pytest.mark.parametrize("drafts", [-1, 129])
def test_a_number_of_drafts_that_makes_no_sense_is_named(drafts):
    with pytest.raises(ConfigError, match=f"drafts is {drafts}"):
        PyramidConfig(drafts=drafts)


def test_other_settings_of_drafts_that_make_no_sense_are_named():
    with pytest.raises(ConfigError, match="candidates is 0"):
        PyramidConfig(drafts=4, candidates=0)
    with pytest.raises(ConfigError, match="ranked is true, but there are no drafts"):
        PyramidConfig(ranked=True)
