"""Shared fixtures; the things they hand out are made in ``tests/fakes.py``."""

from __future__ import annotations

import os
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import settings
from PIL import Image

import pix2seq
from pix2seq.categories import COCO_80
from pix2seq.model import Pix2Seq
from pix2seq.tokenizer import Tokenizer
from tests import fakes

torch.set_num_threads(1)  # tiny tensors: threads only cost, and tests may run beside a training

# A loaded machine must not fail a property; examples are derandomised so that a red run repeats.
settings.register_profile("house", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("house")


WEIGHTS = {"slow": 20.0, "browser": 10.0}
"""Seconds that a test with such a mark takes, about; others a tenth of one."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first: one that is begun at the end leaves the other process idle."""
    lasts: dict[Path, float] = defaultdict(float)
    for item in items:
        lasts[item.path] += sum(
            seconds for mark, seconds in WEIGHTS.items() if item.get_closest_marker(mark)
        )
        lasts[item.path] += 0.1
    items.sort(key=lambda item: -lasts[item.path])  # keeps the order within a file


@pytest.fixture
def tokenizer() -> Tokenizer:
    """COCO's 80 classes over 32 bins."""
    return fakes.tiny_tokenizer()


@pytest.fixture(scope="session")
def tiny_model() -> Pix2Seq:
    """A random network over ``tokenizer``'s vocabulary; shared, so do not change it."""
    return fakes.tiny_model()


@pytest.fixture
def scripted(tokenizer: Tokenizer) -> Callable[..., fakes.ScriptedModel]:
    """``scripted(ids)`` makes a model that writes these token ids almost surely."""

    def make(ids: list[int], peak: float = 12.0, **options) -> fakes.ScriptedModel:
        table = fakes.script(ids, tokenizer.vocab_size, peak)
        return fakes.ScriptedModel(table, **options)

    return make


@pytest.fixture
def picture() -> Image.Image:
    """A 120 x 90 RGB image drawn in code."""
    return fakes.draw_picture()


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A saved checkpoint folder with the random network in it."""
    from pix2seq import checkpoints

    folder = tmp_path_factory.mktemp("checkpoints") / "tiny"
    checkpoints.save(
        folder,
        fakes.tiny_model(spread=2.0),
        fakes.TINY_TOKENIZER,
        fakes.TINY_PREPROCESS,
        COCO_80,
    )
    return folder


@pytest.fixture
def only_ray() -> Iterator[None]:
    """Nobody else's test has a Ray meanwhile, in whatever process and order tests run: a Ray is
    the machine's, ``ray.init`` finds it and ``ray stop`` ends it."""
    import fcntl

    with open(Path(tempfile.gettempdir(), f"pix2seq-ray-{os.getuid()}.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a Chromium for browser tests; without one they are skipped, or fail when CI=1."""
    from shutil import which

    names = "chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"
    for name in (os.environ.get("CHROMIUM", ""), *names):
        if name and (path := which(name)):
            return path
    reason = "NO CHROMIUM: the browser tests did not run; `make setup` installs it where apt is"
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def replay() -> Iterator[str]:
    """Address of the page as it is without any checkpoint: it plays records."""
    from tests.browser import running_app

    with running_app(fakes.no_model, "mini") as address:
        yield address


@pytest.fixture(scope="module")
def mini_app() -> Iterator[str]:
    """Address of the page over the bundled checkpoint."""
    from tests.browser import running_app

    with running_app(lambda name: pix2seq.load(name, "cpu"), "mini") as address:
        yield address
