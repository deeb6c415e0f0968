"""A run's states: whole, the last two kept, a damaged one named and passed over."""

from __future__ import annotations

from pathlib import Path

import pytest

from pix2seq.config import ConfigError
from pix2seq.states import holds_run, latest_state, save_state


class FakeAccelerator:
    """Writes two files, or fails at the second as a full disk does."""

    is_main_process = True

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    def wait_for_everyone(self) -> None:
        pass

    def save_state(self, folder: str) -> None:
        (Path(folder) / "model.safetensors").write_bytes(b"weights")
        if self.error is not None:
            raise self.error
        (Path(folder) / "optimizer.bin").write_bytes(b"moments")


def save(out: Path, *steps: int) -> None:
    for step in steps:
        save_state(out, step, ["cat", "dog"], FakeAccelerator())


def never(text: str) -> None:
    raise AssertionError(text)


def test_a_new_folder_holds_no_run(tmp_path):
    assert not holds_run(tmp_path) and latest_state(tmp_path, never) is None


def test_the_last_two_are_kept(tmp_path):
    save(tmp_path, 5, 10, 15)
    assert sorted(p.name for p in (tmp_path / "state").iterdir()) == [
        "step-00000010",
        "step-00000015",
    ]
    state = latest_state(tmp_path, never)
    assert state.step == 15 and state.classes == ("cat", "dog") and holds_run(tmp_path)


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device"),
        RuntimeError("[enforce fail at inline_container.cc:662] PytorchStreamWriter failed"),
    ],
)
def test_a_save_that_fails_leaves_the_states_before(tmp_path, error):
    save(tmp_path, 5)
    with pytest.raises(ConfigError, match=r"state of step 10.*step-00000005 is whole"):
        save_state(tmp_path, 10, [], FakeAccelerator(error))
    assert latest_state(tmp_path, never).step == 5
    assert len(list((tmp_path / "state").iterdir())) == 1


@pytest.mark.parametrize("damage", ["short", "changed", "gone", "manifest"])
def test_a_damaged_state_is_named_and_the_one_before_is_used(tmp_path, damage):
    save(tmp_path, 5, 10)
    file = tmp_path / "state" / "step-00000010" / "optimizer.bin"
    if damage == "manifest":
        file = file.with_name("manifest.json")
        file.write_text("{")
    elif damage == "gone":
        file.unlink()
    else:
        file.write_bytes(b"mom" if damage == "short" else b"momentS")
    told: list[str] = []
    assert latest_state(tmp_path, told.append).step == 5
    [text] = told
    assert "step-00000010" in text and file.name in text


def test_without_a_whole_state_the_run_does_not_go_on(tmp_path):
    save(tmp_path, 5)
    (tmp_path / "state" / "step-00000005" / "model.safetensors").write_bytes(b"")
    with pytest.raises(ConfigError, match=r"step-00000005 is damaged: model\.safetensors"):
        latest_state(tmp_path, never)


def test_what_a_cut_off_save_left_is_cleared_away(tmp_path):
    left = tmp_path / "state" / ".step-00000003.part"
    left.mkdir(parents=True)
    assert latest_state(tmp_path, never) is None
    save(tmp_path, 5)
    assert not left.exists()
