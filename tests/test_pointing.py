"""Guided attention: which draft's token is copied, and what looking elsewhere costs."""

from __future__ import annotations

import pytest
import torch

from pix2seq import distill, reporter
from pix2seq.augment import build_training_sequence
from pix2seq.config import AugmentConfig, ConfigError, PyramidConfig
from pix2seq.distill import loop
from pix2seq.distill.pointing import pointing_loss, tokens_to_copy
from pix2seq.model import Pix2Seq
from tests import fakes
from tests.test_distill import CLASSES, OFF, WIDTH, config, rows

BOXES = torch.tensor([[0.1, 0.1, 0.5, 0.5], [0.6, 0.2, 0.9, 0.8]])
DRAFTS = torch.tensor([[[0.0, 0.0, 0.05, 0.9], [0.6, 0.2, 0.9, 0.78], [0.1, 0.12, 0.5, 0.5]]])


def drafting(**changes):
    model = fakes.pyramid_config(pyramid=PyramidConfig(WIDTH, CLASSES, drafts=6))
    return config(**OFF, model=model, reads="detached", teacher=(), **changes)


def sentences(tokenizer, boxes=BOXES) -> dict[str, torch.Tensor]:
    one = build_training_sequence(
        boxes,
        torch.arange(len(boxes)),
        tokenizer,
        AugmentConfig(noise_objects=False, class_corruption="none"),
        num_objects=3,
        order="given",
    )
    names = "input_ids", "target_ids", "token_weights"
    return {name: getattr(one, name)[None] for name in names}


def test_a_real_objects_tokens_are_copied_from_the_draft_that_means_it(tokenizer):
    copied = tokens_to_copy(sentences(tokenizer), DRAFTS, tokenizer)[0].view(3, 5)
    assert copied[0].tolist() == [10, 11, 12, 13, 14]
    assert copied[1].tolist() == [5, 6, 7, 8, 9]
    assert (copied[2] == -1).all()


def test_an_object_that_no_draft_means_has_nothing_to_copy(tokenizer):
    far = torch.tensor([[0.7, 0.85, 0.8, 0.95]])
    assert (tokens_to_copy(sentences(tokenizer, far), DRAFTS, tokenizer) == -1).all()


def test_of_a_noise_object_only_the_class_is_copied(tokenizer):
    torch.manual_seed(0)
    rng = torch.Generator().manual_seed(1)
    settings = AugmentConfig(jitter=0.05, eos_at_first_noise=True)
    names = "input_ids", "target_ids", "token_weights"
    found = 0
    for _ in range(20):
        one = build_training_sequence(
            BOXES, torch.arange(2), tokenizer, settings, num_objects=6, generator=rng
        )
        batch = {name: getattr(one, name)[None] for name in names}
        noise = tokens_to_copy(batch, DRAFTS, tokenizer)[0].view(6, 5)[2:]
        assert (noise[:, :4] == -1).all()
        found += int((noise[:, 4] >= 0).sum())
    assert found  # jittered duplicates


def test_looking_at_the_right_token_costs_nothing_and_elsewhere_much():
    copied = torch.tensor([[3, -1], [0, 2]])  # two sentences of two tokens about one image
    looked = torch.zeros(1, 2, 4, 4)
    for token, place in enumerate([3, 1, 0, 2]):
        looked[0, :, token, place] = 1.0
    assert pointing_loss(looked, copied) == 0
    assert pointing_loss(looked.flip(-1), copied) == pytest.approx(-torch.tensor(1e-6).log().item())
    assert pointing_loss(torch.full((1, 2, 4, 4), 0.25), copied).item() == pytest.approx(
        1.3863, 1e-4
    )
    assert pointing_loss(looked, torch.full((2, 2), -1)) == 0


def test_what_the_last_layer_looked_at_is_what_the_inspector_shows():
    torch.manual_seed(0)
    model = Pix2Seq(fakes.pyramid_config()).eval()
    memory, ids = torch.randn(1, 16, 32), torch.tensor([[1, 5, 6, 7], [1, 8, 9, 5]])
    seen: list[torch.Tensor] = []
    with torch.no_grad():
        aloud = model.decode(ids, memory, seen=seen)
        shown = torch.stack([model.cross_attention(one[None], memory)[0, -1] for one in ids], 1)
        silent = model.decode(ids, memory)
    assert torch.allclose(aloud, silent, atol=1e-5)
    assert torch.allclose(seen[0][0], shown.flatten(1, 2), atol=1e-5)


def test_a_decoder_learns_to_look_where_it_is_shown():
    torch.manual_seed(0)
    model = Pix2Seq(fakes.pyramid_config())
    memory, ids = torch.randn(2, 20, 32), torch.randint(5, 60, (4, 11))
    copied = torch.randint(20, (4, 11))
    optimizer = torch.optim.Adam(model.decoder.parameters(), 3e-3)
    losses = []
    for _ in range(40):
        seen: list[torch.Tensor] = []
        model.decode(ids, memory, seen=seen)
        loss = pointing_loss(seen[0], copied)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]


def test_a_run_tells_how_well_it_points(tmp_path, monkeypatch):
    monkeypatch.setattr(reporter, "_REPORT_EVERY", 2)
    distill.run(drafting(steps=2, pointing_weight=1.0, mistakes=0.5), tmp_path / "run")
    assert "pointing" in rows(tmp_path / "run")[0]


def test_new_drafts_speak_the_decoders_words():
    settings = drafting(pointing_weight=1.0)
    tokenizer = loop.build_tokenizer(settings)
    model = loop.build_model(settings, tokenizer)
    loop.spell_drafts(model, tokenizer)
    rows_of = model.decoder.output or model.decoder.embedding
    said = model.encoder.drafts.from_class.weight.T
    words = rows_of()[list(tokenizer.class_ids)]
    alike = torch.nn.functional.cosine_similarity(said, words, dim=-1)
    assert (alike > 0.999).all()


def test_pointing_needs_drafts_to_point_at():
    with pytest.raises(ConfigError, match="no drafts"):
        config(pointing_weight=0.5)
    with pytest.raises(ConfigError, match="pointing_weight is -1"):
        drafting(pointing_weight=-1.0)
