"""Checkpoint folders: written, found by name, read back, and refused when something is off."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from pix2seq import checkpoints
from pix2seq.categories import COCO_80, VOC_20, Categories
from pix2seq.checkpoints import (
    CHECKPOINTS,
    CONFIG_FILE,
    OFFER_VARIABLE,
    WEIGHTS_FILE,
    CheckpointInfo,
    available_checkpoints,
    find,
    load,
    locate,
    offered,
    read_info,
    save,
)
from pix2seq.config import ConfigError, SamplingOptions
from tests.fakes import TINY_PREPROCESS, TINY_TOKENIZER, tiny_model


@pytest.fixture
def folder(tiny_checkpoint: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(tiny_checkpoint, tmp_path / "copy"))


@pytest.fixture
def elsewhere(monkeypatch, tmp_path: Path) -> Path:
    """An empty folder in which checkpoints are looked up by name."""
    root = tmp_path / "root"
    root.mkdir()
    monkeypatch.setenv(OFFER_VARIABLE, str(root))
    return root


def edit_config(folder: Path, **changes) -> None:
    path = folder / CONFIG_FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def edit_weights(folder: Path, edit) -> None:
    tensors = load_file(folder / WEIGHTS_FILE)
    edit(tensors)
    save_file(tensors, folder / WEIGHTS_FILE)


def refusal(source, **kwargs) -> str:
    with pytest.raises(ConfigError) as caught:
        load(source, **kwargs)
    message = str(caught.value)
    assert "\n" not in message
    return message


# ---- round trip -----------------------------------------------------------------------------


def test_a_checkpoint_comes_back_as_it_was(tmp_path: Path):
    model = tiny_model(3)
    defaults = SamplingOptions(top_p=0.4, eos="delay", max_objects=5)
    info = CheckpointInfo(
        name="mine", title="My own", ap=0.5, ap_note="measured here", licence="MIT"
    )
    save(
        tmp_path / "mine",
        model,
        TINY_TOKENIZER,
        TINY_PREPROCESS,
        "coco80",
        defaults,
        info,
        half=False,
    )
    loaded = load(tmp_path / "mine", "cpu")
    for name, tensor in model.state_dict().items():
        assert torch.equal(loaded.model.state_dict()[name], tensor), name
    assert loaded.model.config == model.config and not loaded.model.training
    assert loaded.tokenizer.config == TINY_TOKENIZER
    assert loaded.tokenizer.categories == COCO_80
    assert loaded.preprocess == TINY_PREPROCESS and loaded.defaults == defaults
    assert loaded.info.title == "My own" and loaded.info.ap == 0.5


def test_half_precision_halves_the_file_and_loads_as_float32(tmp_path: Path):
    model = tiny_model(3)
    args = (model, TINY_TOKENIZER, TINY_PREPROCESS, COCO_80)
    full = save(tmp_path / "full", *args, half=False) / WEIGHTS_FILE
    half = save(tmp_path / "half", *args) / WEIGHTS_FILE
    assert half.stat().st_size < 0.65 * full.stat().st_size
    loaded = load(tmp_path / "half", "cpu").model.state_dict()
    for name, tensor in model.state_dict().items():
        assert loaded[name].dtype == tensor.dtype
        torch.testing.assert_close(loaded[name], tensor, atol=1e-3, rtol=1e-3)


def test_half_precision_spares_what_it_would_destroy(tmp_path: Path):
    """Running statistics stay exact, and a weight that would overflow stays float32."""
    model = tiny_model(3)
    with torch.no_grad():
        model.decoder.norm.weight[0] = 1e6
    save(tmp_path / "big", model, TINY_TOKENIZER, TINY_PREPROCESS, COCO_80)
    loaded = load(tmp_path / "big", "cpu").model
    assert loaded.decoder.norm.weight[0] == 1e6
    for (name, ours), theirs in zip(loaded.named_buffers(), model.buffers(), strict=True):
        assert torch.equal(ours, theirs), name


def test_averaged_weights_can_be_saved_in_place_of_the_models_own(tmp_path: Path):
    model = tiny_model(3)
    average = {name: torch.zeros_like(t) for name, t in model.state_dict().items()}
    save(tmp_path / "a", model, TINY_TOKENIZER, TINY_PREPROCESS, COCO_80, state_dict=average)
    assert load(tmp_path / "a", "cpu").model.decoder.embedding.rows.abs().sum() == 0


def test_a_known_label_space_is_stored_by_name_and_another_in_full(tmp_path: Path):
    tokenizer = TINY_TOKENIZER.replace(num_classes=80)
    args = (tiny_model(), tokenizer, TINY_PREPROCESS)
    named = save(tmp_path / "named", *args, VOC_20)
    assert json.loads((named / CONFIG_FILE).read_text())["categories"] == "voc20"
    own = Categories(("cog", None, "gear"), (7, 8, 9))
    save(tmp_path / "own", *args, own)
    assert load(tmp_path / "own", "cpu").tokenizer.categories == own
    assert read_info(tmp_path / "own").label_space == "its own"


def test_saving_again_replaces_both_files_and_leaves_no_others(folder: Path):
    save(folder, tiny_model(9), TINY_TOKENIZER, TINY_PREPROCESS, COCO_80)
    assert sorted(p.name for p in folder.iterdir()) == [CONFIG_FILE, WEIGHTS_FILE]
    expected = tiny_model(9).decoder.embedding.rows
    torch.testing.assert_close(
        load(folder, "cpu").model.decoder.embedding.rows.data, expected.data, atol=1e-3, rtol=1e-3
    )


def test_what_could_not_be_loaded_is_not_saved(tmp_path: Path):
    model = tiny_model()
    with pytest.raises(ConfigError, match="tokenizer 117"):
        wrong = TINY_TOKENIZER.replace(vocab_size=117)
        save(tmp_path / "x", model, wrong, TINY_PREPROCESS, COCO_80)
    with pytest.raises(ConfigError, match="lacks"):
        save(
            tmp_path / "x",
            model,
            TINY_TOKENIZER,
            TINY_PREPROCESS,
            COCO_80,
            state_dict={"a": torch.ones(1)},
        )
    assert not (tmp_path / "x").exists()


# ---- finding --------------------------------------------------------------------------------


def test_a_name_is_looked_up_in_the_given_roots_first(elsewhere: Path, folder: Path):
    folder.rename(elsewhere / "mini")
    assert locate("mini") == elsewhere / "mini"
    assert load("mini", "cpu").info.name == "mini"


def test_other_folders_in_the_roots_are_available_by_name(elsewhere: Path, folder: Path):
    folder.rename(elsewhere / "my-run")
    names = available_checkpoints()
    assert names[: len(CHECKPOINTS)] == list(CHECKPOINTS) and "my-run" in names
    assert len(names) == len(set(names))
    assert load("my-run", "cpu").info.title == "my-run"


def test_an_unknown_name_lists_what_there_is(elsewhere: Path):
    message = refusal("maxi")
    assert "no checkpoint 'maxi'" in message and "mini" in message


@pytest.mark.parametrize("name", ["", ".", "..", "/", "\0", "a" * 5000])
def test_odd_names_are_refused(name, elsewhere: Path):
    refusal(name)


def test_a_registered_checkpoint_without_files_says_where_they_belong(elsewhere, monkeypatch):
    monkeypatch.setitem(CHECKPOINTS, "ghost", CheckpointInfo(name="ghost"))
    assert str(elsewhere) in refusal("ghost")


def test_a_folders_own_info_has_the_last_word(elsewhere: Path, folder: Path):
    folder = folder.rename(elsewhere / "mini")
    assert read_info(folder).title == CHECKPOINTS["mini"].title
    edit_config(folder, info={"name": "mini", "title": "Better", "ap": 0.6})
    info = read_info(folder)
    assert info.title == "Better" and info.ap == 0.6
    assert info.size_mb == pytest.approx((folder / WEIGHTS_FILE).stat().st_size / 1e6, abs=0.06)
    assert info.image_size == (64, 64) and info.label_space == "coco80"


# ---- damaged --------------------------------------------------------------------------------


def test_a_folder_without_config_is_not_a_checkpoint(folder: Path):
    (folder / CONFIG_FILE).unlink()
    assert "has no config.json" in refusal(folder)


def test_missing_weights_are_named(folder: Path):
    (folder / WEIGHTS_FILE).unlink()
    assert f"{WEIGHTS_FILE} is missing" in refusal(folder)


@pytest.mark.parametrize("keep", [0, 4, 100, 0.5, 0.999])
def test_truncated_weights_are_named(folder: Path, keep: float):
    path = folder / WEIGHTS_FILE
    content = path.read_bytes()
    path.write_bytes(content[: keep if isinstance(keep, int) else int(keep * len(content))])
    message = refusal(folder)
    assert str(path) in message and "damaged or incomplete" in message


@pytest.mark.parametrize("name", ["mini", "mini-plain", "mini-control"])
def test_a_bit_that_flipped_in_bundled_weights_is_noticed(tmp_path, name: str):
    copy = Path(shutil.copytree(locate(name), tmp_path / name))
    load(copy)
    path = copy / WEIGHTS_FILE
    content = bytearray(path.read_bytes())
    content[-1000] ^= 1
    path.write_bytes(content)
    assert "its values have changed since they were written" in refusal(copy)


def test_weights_that_are_another_format_are_named(folder: Path):
    (folder / WEIGHTS_FILE).write_text("<html>404</html>")
    assert "damaged or incomplete" in refusal(folder)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda t: t.pop("decoder.norm.weight"), "lacks decoder.norm.weight;"),
        (lambda t: t.update(extra=torch.ones(1)), "has unknown extra;"),
        (lambda t: [t.pop(n) for n in list(t)[:9]], "and 6 more"),
        (
            lambda t: t.update({"decoder.norm.weight": torch.ones(7)}),
            "decoder.norm.weight has shape (7,), its config.json asks for (32,)",
        ),
        (
            lambda t: t["decoder.norm.weight"].fill_(float("nan")),
            "decoder.norm.weight holds values that are not numbers",
        ),
    ],
)
def test_weights_of_another_model_are_refused(folder: Path, edit, message: str):
    edit_weights(folder, edit)
    assert message in refusal(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": "other/9"}, "format is 'other/9'"),
        ({"categories": "coco90"}, "categories is 'coco90'; use one of coco80"),
        ({"categories": {"names": ["a"]}}, "equally many names and ids"),
        ({"categories": {"names": ["a"], "ids": [1, 2]}}, "equally many names and ids"),
        ({"categories": "coco91"}, "91 categories, but only 80 class tokens"),
        ({"surprise": 1}, "no setting 'surprise'"),
        ({"sampling": {"top_p": 2.0}}, "top_p is 2.0"),
        ({"sampling": {"num_bins": 999}}, "num_bins is 999"),
        ({"tokenizer": {}}, CONFIG_FILE),
        ({"model": None}, CONFIG_FILE),
        ({"preprocess": {"image_size": 5}}, CONFIG_FILE),
    ],
)
def test_impossible_configurations_are_refused(folder: Path, changes: dict, message: str):
    edit_config(folder, **changes)
    text = refusal(folder)
    assert message in text and CONFIG_FILE in text


def test_more_objects_than_positions_are_refused(folder: Path):
    tokenizer = TINY_TOKENIZER.replace(max_objects=9).to_dict()
    edit_config(folder, tokenizer=tokenizer)
    assert "max_objects is 9, which needs 45 positions; the model has 41" in refusal(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"mini"', "\xff"])
def test_a_broken_config_is_named(folder: Path, text: str):
    (folder / CONFIG_FILE).write_bytes(text.encode("latin-1"))
    assert CONFIG_FILE in refusal(folder)


def test_an_unknown_device_is_refused_before_anything_is_read():
    assert "device is 'abacus'" in refusal("no-such-checkpoint", device="abacus")


def test_the_package_says_the_same_names_as_the_front_door():
    import pix2seq

    assert pix2seq.available_checkpoints is checkpoints.available_checkpoints


def test_the_menu_offers_the_registry_or_what_the_variable_lists(monkeypatch, tiny_checkpoint):
    monkeypatch.delenv(OFFER_VARIABLE, raising=False)
    assert offered() == list(CHECKPOINTS)
    listed = f"google-coco-vit-b-640, user/det ,{tiny_checkpoint}"
    monkeypatch.setenv(OFFER_VARIABLE, listed)
    assert offered() == ["google-coco-vit-b-640", "user/det", str(tiny_checkpoint)]


def test_a_listed_folder_of_checkpoints_offers_them_by_name(elsewhere, folder):
    shutil.copytree(folder, elsewhere / "ours")
    assert offered() == ["ours"] and find("ours") == elsewhere / "ours"
