"""Learning from a teacher: the conversation with it, the losses at its places, the run."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch

from pix2seq import checkpoints, distill, reporter
from pix2seq.cli import main
from pix2seq.config import ConfigError, DataConfig, DistillConfig, PyramidConfig
from pix2seq.data import mixture
from pix2seq.distill import loop
from pix2seq.distill.places import PlaceLosses, teacher_places
from pix2seq.distill.teacher import Teacher
from pix2seq.model.places import Places, place_grids
from tests import fakes

SCRIPT = Path(__file__).parent / "fixtures" / "teacher.py"
WIDTH, CLASSES = 8, 80
ASKED = torch.ones(2, dtype=torch.bool)
OFF = {"maps_weight": 0.0, "classes_weight": 0.0, "boxes_weight": 0.0, "sentences_weight": 1.0}


def command(*fault: str) -> tuple[str, ...]:
    return sys.executable, str(SCRIPT), str(WIDTH), str(CLASSES), *fault


def config(**changes) -> DistillConfig:
    settings = {
        "model": fakes.pyramid_config(),
        "tokenizer": fakes.TINY_TOKENIZER,
        "preprocess": fakes.TINY_PREPROCESS,
        "data": (DataConfig(seed=3),),
        "teacher": command(),
        "steps": 4,
        "batch_size": 2,
        "warmup_steps": 2,
        "workers": 0,
        "save_every": 2,
        "grad_clip": 5.0,
    }
    return DistillConfig(**settings | changes)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return checkpoints.load(folder, device="cpu").model.state_dict()


def rows(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def random_places(seed: int, sure: float = 3.0, size: int = 64) -> Places:
    generator = torch.Generator().manual_seed(seed)
    grids = place_grids(size, size)
    count = sum(r * c for r, c in grids)
    corner = torch.rand(2, count, 2, generator=generator) * size / 2
    logits = torch.full((2, count, CLASSES), -6.0)
    logits[:, ::5, seed % CLASSES] = sure
    return Places(
        [torch.randn(2, WIDTH, r, c, generator=generator) for r, c in grids],
        logits,
        torch.cat([corner, corner + 16], dim=-1),
    )


def test_a_teacher_answers_for_every_frame_what_it_announced():
    frame = torch.randint(256, (3, 64, 96), dtype=torch.uint8)
    with Teacher(command(), (64, 96), WIDTH, CLASSES) as teacher:
        said, again, other = teacher(frame), teacher(frame), teacher(255 - frame)
    grids = place_grids(64, 96)
    assert [said[f"map{s}"].shape for s in (8, 16, 32, 64)] == [(WIDTH, *grid) for grid in grids]
    assert all(torch.equal(said[name], again[name]) for name in said)
    assert not torch.equal(said["map8"], other["map8"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (command("chatter"), "one line of JSON"),
        (command("silence"), "ended with code 3"),
        (command("quits"), "ended with code 4"),
        (command("no boxes"), "boxes is missing"),
        (command("not a number"), "boxes holds values that are no numbers"),
        ((*command()[:2], "9", "80"), r"map8 is \(9, 8, 8\); it must be \(8, 8, 8\)"),
        ((*command()[:3], "20"), r"classes is \(85, 20\); it must be \(85, 80\)"),
        (("no-such-program",), "not a program"),
    ],
    ids=lambda value: value[-1] if isinstance(value, tuple) else "",
)
def test_a_teacher_that_does_not_keep_to_the_protocol_is_one_line(tmp_path, words, message):
    with pytest.raises(ConfigError, match=message):
        distill.run(config(teacher=words), tmp_path / "run")


def test_seeing_what_the_teacher_sees_costs_almost_nothing_and_anything_else_more():
    teacher = random_places(0)
    losses = PlaceLosses(WIDTH, CLASSES)
    losses.measure(teacher, ASKED)
    same = losses(teacher, teacher, ASKED)
    other = losses(random_places(1), teacher, ASKED)
    assert all(a < 1e-3 for a in same)
    assert all(b > a + 0.1 for a, b in zip(same, other, strict=True))


def test_a_difference_counts_where_the_teacher_is_sure():
    teacher = random_places(0)
    losses = PlaceLosses(WIDTH, CLASSES)

    def cost(place: int) -> torch.Tensor:
        maps = [m.clone() for m in teacher.maps]
        maps[0][:, :, 0, place] += 1.0
        boxes = teacher.boxes.clone()
        boxes[:, place, 2:] += 8.0
        return torch.stack(losses(Places(maps, teacher.class_logits, boxes), teacher, ASKED))

    sure, unsure = cost(0), cost(1)  # every fifth place holds something
    assert sure[0] > 5 * unsure[0]
    assert sure[2] > 0 == unsure[2]


def test_a_rare_class_counts_more_than_a_common_one():
    losses = PlaceLosses(WIDTH, CLASSES)
    for seed in (3, 3, 3, 3, 7, *range(10, 40)):
        losses.measure(random_places(seed), ASKED)
    teacher = random_places(3)
    teacher.class_logits[:, ::5, 7] = 3.0

    def cost(label: int) -> torch.Tensor:
        logits = teacher.class_logits.clone()
        logits[:, ::5, label] = -3.0
        return losses(Places(teacher.maps, logits, teacher.boxes), teacher, ASKED)[1]

    assert cost(7) > 1.5 * cost(3)


def test_without_anything_to_see_every_loss_is_finite():
    teacher = random_places(0, sure=-9.0)
    losses = PlaceLosses(WIDTH, CLASSES)
    losses.measure(teacher, ASKED)
    for loss in losses(random_places(1, sure=-9.0), teacher, ASKED):
        assert torch.isfinite(loss)


def test_images_that_nobody_was_asked_about_have_no_maps_to_compare_with():
    teacher, own = random_places(0), random_places(1)
    half, none = torch.tensor([True, False]), torch.tensor([False, False])
    losses = PlaceLosses(WIDTH, CLASSES)
    of_first = losses(own.first(1), teacher.first(1), half[:1])[0]
    assert torch.allclose(losses(own, teacher, half)[0], of_first)
    assert losses(own, teacher, none)[0] == 0
    before = losses.deviation.clone()
    losses.measure(teacher, none)
    assert torch.equal(losses.deviation, before)


def test_the_encoder_learns_what_the_teacher_sees(tmp_path, monkeypatch):
    scene = mixture.make_scene
    monkeypatch.setattr(mixture, "make_scene", lambda s, i, *rest: scene(s, i % 2, *rest))
    monkeypatch.setattr(reporter, "_REPORT_EVERY", 5)
    distill.run(config(steps=40, warmup_steps=5, lr=4e-3, backbone_lr=1e-3), tmp_path / "run")
    lines = rows(tmp_path / "run")
    for name in ("maps", "boxes"):
        assert lines[-1][name] < 0.8 * lines[0][name], name
    assert lines[-1]["images_per_s"] > 0 and 0 <= lines[-1]["waiting"] <= 1


def test_a_decoder_learns_on_the_teachers_places_and_leaves_the_encoders_look_alone(tmp_path):
    settings = config(**OFF, reads="teacher", ema=0.0)
    start = loop.build_model(settings, loop.build_tokenizer(settings)).state_dict()
    end = weights(distill.run(settings, tmp_path / "run"))
    moved = {name for name in end if (end[name].float() - start[name]).abs().max() > 1e-3}
    assert any(name.startswith("decoder.") for name in moved)
    assert any(name.startswith("encoder.project.") for name in moved)
    assert not any(name.startswith(("encoder.backbone", "encoder.pyramid")) for name in moved)


def test_both_halves_learn_together_and_the_log_tells_all_their_losses(tmp_path, monkeypatch):
    monkeypatch.setattr(reporter, "_REPORT_EVERY", 2)
    distill.run(config(sentences_weight=1.0), tmp_path / "run")
    assert {"maps", "classes", "boxes", "coord_loss", "class_loss"} <= set(
        rows(tmp_path / "run")[0]
    )


def test_without_a_lesson_of_its_own_a_teacher_is_neither_needed_nor_started(tmp_path):
    for reads in ("own", "detached"):
        settings = config(**OFF, reads=reads, teacher=(), steps=1)
        assert distill.run(settings, tmp_path / reads).is_dir()
    never = config(**OFF, reads="detached", teacher=("no-such-program",), steps=1)
    assert distill.run(never, tmp_path / "named").is_dir()
    with pytest.raises(ConfigError, match="teacher is empty"):
        config(**OFF, reads="teacher", teacher=())


def test_labels_correct_the_teacher_and_of_scenes_it_is_not_asked(tmp_path, monkeypatch):
    monkeypatch.setattr(reporter, "_REPORT_EVERY", 1)
    monkeypatch.setattr(Teacher, "__call__", lambda *_: pytest.fail("asked about a scene"))
    distill.run(config(truth=True, steps=1), tmp_path / "run")
    (row,) = rows(tmp_path / "run")
    assert row["maps"] == 0 and row["classes"] > 0 and row["boxes"] > 0


@pytest.mark.parametrize(
    "taught", [{"mistakes": 0.5}, {"recites": True}, {"recites": True, "sentence_images": 1}]
)
def test_a_decoder_with_drafts_learns_and_resumes(tmp_path, taught):
    model = fakes.pyramid_config(pyramid=PyramidConfig(WIDTH, CLASSES, drafts=6))
    settings = config(
        **OFF, **taught, model=model, reads="detached", teacher=(), ema=0.0, workers=0
    )
    start = loop.build_model(settings, loop.build_tokenizer(settings)).state_dict()
    whole = weights(distill.run(settings, tmp_path / "whole"))
    name = "encoder.drafts.from_edge.weight"
    assert (whole[name].float() - start[name]).abs().max() > 1e-3
    distill.run(settings.replace(steps=2), tmp_path / "parts")
    parts = weights(distill.run(settings, tmp_path / "parts", resume=True))
    assert all(torch.allclose(whole[name], parts[name], atol=1e-6) for name in whole)


def test_an_interrupted_run_ends_where_the_whole_one_does(tmp_path):
    settings = config(sentences_weight=1.0)
    whole = weights(distill.run(settings, tmp_path / "whole"))
    distill.run(settings.replace(steps=2), tmp_path / "parts")
    with pytest.raises(ConfigError, match="already holds a run"):
        distill.run(settings, tmp_path / "parts")
    parts = weights(distill.run(settings, tmp_path / "parts", resume=True))
    assert all(torch.allclose(whole[name], parts[name], atol=1e-6) for name in whole)


def test_a_run_starts_from_the_checkpoint_of_another(tmp_path):
    first = distill.run(config(), tmp_path / "first")
    settings = config(init=str(first))
    start = loop.build_model(settings, loop.build_tokenizer(settings)).state_dict()
    assert all(torch.equal(value, start[name]) for name, value in weights(first).items())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"teacher": ()}, "teacher is empty"),
        ({"model": fakes.tiny_config()}, "pyramid"),
        ({"reads": "teacher"}, "encoder is not run"),
        ({"reads": "nobody"}, "reads is 'nobody'"),
        (OFF | {"sentences_weight": 0.0}, "nothing to learn"),
        ({"maps_weight": -1.0}, "-1.0"),
        ({"sentence_images": 3}, "sentence_images is 3"),
        ({"dense_weight": 0.5}, "dense_weight is 0.5"),
        ({"snapshots": 3}, "snapshots is 3"),
        ({"mistakes": 0.5}, "no drafts"),
        ({"mistakes": 2.0}, "mistakes is 2.0"),
        ({"recites": True}, "no drafts"),
        (OFF | {"truth": True}, "no place is taught"),
    ],
)
def test_settings_that_cannot_work_are_named(changes, message):
    with pytest.raises(ConfigError, match=message):
        config(**changes)


def test_the_bundled_recipes_are_read_and_the_command_explains_what_is_wrong(tmp_path, capsys):
    out = ["--out", str(tmp_path / "run")]
    for recipe in (Path(loop.__file__).parents[1] / "configs" / "distill").glob("*.json"):
        DistillConfig.load(recipe)
        assert main(["distill", "--config", recipe.stem, *out, "--set", "steps=0"]) == 2
        assert "steps" in capsys.readouterr().err
    assert main(["distill", "--config", "nothing", *out]) == 2
    assert "nothing" in capsys.readouterr().err


def test_the_command_runs_a_recipe(tmp_path, capsys):
    recipe = tmp_path / "recipe.json"
    recipe.write_text(config(steps=2).to_json())
    assert main(["distill", "--config", str(recipe), "--out", str(tmp_path / "run")]) == 0
    assert str(tmp_path / "run" / "checkpoint") in capsys.readouterr().out


def test_a_batch_of_arrays_becomes_places(tmp_path):
    frame = torch.zeros(3, 64, 64, dtype=torch.uint8)
    with Teacher(command(), (64, 64), WIDTH, CLASSES) as teacher:
        said = teacher(frame)
    places = teacher_places({name: value[None] for name, value in said.items()})
    assert torch.allclose(places.class_logits.sigmoid()[0], said["classes"].float(), atol=1e-3)
    assert places.boxes.dtype == places.maps[0].dtype == torch.float32
