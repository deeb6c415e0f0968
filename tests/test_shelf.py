"""The app's shelf of checkpoints: loaded once, a few kept, nobody waits for another's download."""

from threading import Event, Thread

import pytest

from pix2seq.config import ConfigError
from pix2seq.ui.visit.shelf import ModelShelf
from tests.patience import PATIENCE


class Loads:
    """A stand-in for ``pix2seq.load`` that counts and can be held up."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.started = Event()
        self.may_end = Event()

    def __call__(self, name: str) -> str:
        self.names.append(name)
        if name == "slow":
            self.started.set()
            assert self.may_end.wait(PATIENCE)
        if name == "broken":
            raise ConfigError("it is broken")
        return f"predictor {name}"


def test_a_checkpoint_is_loaded_once_and_the_least_used_goes():
    loads = Loads()
    shelf = ModelShelf(loads, capacity=2)
    for name in ("a", "b", "a", "c", "a", "b"):
        assert shelf.get(name) == f"predictor {name}"
    assert loads.names == ["a", "b", "c", "b"]
    assert shelf.peek("c") is None and shelf.peek("a") == "predictor a"


def test_loaded_checkpoints_stay_in_use_while_another_is_loading():
    """One lock around everything once made every visitor wait for one visitor's download."""
    loads = Loads()
    shelf = ModelShelf(loads)
    shelf.get("a")
    answers: list[str] = []
    waiting = [Thread(target=lambda: answers.append(shelf.get("slow"))) for _ in range(2)]
    for thread in waiting:
        thread.start()
    assert loads.started.wait(PATIENCE)
    assert shelf.get("a") == "predictor a"
    assert answers == []
    loads.may_end.set()
    for thread in waiting:
        thread.join(PATIENCE)
    assert answers == ["predictor slow"] * 2
    assert loads.names == ["a", "slow"]


def test_a_late_report_of_a_finished_load_is_not_kept():
    shelf = ModelShelf(Loads())
    report = shelf.report("a")
    shelf.get("a")
    report("weights", 1, 2)
    assert shelf.loading("a") is None


def test_a_failed_load_can_be_tried_again():
    loads = Loads()
    shelf = ModelShelf(loads)
    for _ in range(2):
        with pytest.raises(ConfigError, match="it is broken"):
            shelf.get("broken")
    assert loads.names == ["broken", "broken"]
    assert shelf.loading("broken") is None
    assert shelf.get("a") == "predictor a"
