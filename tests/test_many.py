"""Many pictures: read ahead in processes, each with a seed of its own, failures in their place."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import pix2seq
from pix2seq.config import ConfigError, PyramidConfig, SamplingOptions
from pix2seq.many import (
    Failure,
    image_id_of,
    printable,
    read_ahead,
    seed_of,
)
from pix2seq.many.writing import looking_threads
from pix2seq.model import Pix2Seq
from pix2seq.predictor import Predictor
from tests import fakes

OPTIONS = SamplingOptions(
    temperature=30, max_objects=3, eos="model", noise="show", score_threshold=0.0, seed=5
)


@pytest.fixture(scope="module")
def predictor(tiny_checkpoint) -> Predictor:
    return pix2seq.load(str(tiny_checkpoint))


@pytest.fixture
def photos(tmp_path) -> list[Path]:
    """Five pictures and one file that is none."""
    paths = []
    for i in range(5):
        paths.append(tmp_path / f"{i}.png")
        fakes.draw_picture(100 + 10 * i, 80).save(paths[-1])
    (tmp_path / "none.png").write_bytes(b"no picture")
    return [*paths[:2], tmp_path / "none.png", *paths[2:]]


@pytest.fixture
def threads() -> Iterator[Callable[[int], None]]:
    """Sets PyTorch's threads for one test."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def same(a, b) -> bool:
    if isinstance(a, Failure) or isinstance(b, Failure):
        return a == b
    fields = ("boxes", "labels", "scores", "noise_scores", "edge_scores")
    return all(torch.equal(getattr(a, name), getattr(b, name)) for name in fields)


class TestDetectMany:
    def test_a_picture_gets_the_same_in_any_company(self, predictor, photos):
        """Neighbours, order, batch size and reading processes change no bit. Names of our own: a
        folder's would give other seeds to every run of the tests, and now and then no box at all.
        """
        named = [(path.name, path) for path in photos]
        found = dict(predictor.detect_many(named, OPTIONS, workers=0, batch_size=2))
        assert len({tuple(one.boxes.flatten().tolist()) for one in _detections(found)}) > 1
        again = predictor.detect_many(named[::-1], OPTIONS, workers=2, batch_size=5, ordered=False)
        for name, one in again:
            assert same(one, found[name]), name
        name, alone = next(predictor.detect_many([named[0]], OPTIONS, workers=0))
        own = OPTIONS.replace(seed=seed_of(name, OPTIONS.seed))
        assert same(alone, found[name]) and same(alone, predictor.detect(photos[0], own))

    def test_looking_ahead_in_threads_changes_nothing(self, predictor, photos, threads):
        threads(1)
        alone = list(predictor.detect_many(photos, OPTIONS, workers=0, batch_size=2))
        assert looking_threads(predictor) == 0
        threads(3)
        assert looking_threads(predictor) == 2
        ahead = list(predictor.detect_many(photos, OPTIONS, workers=0, batch_size=2))
        assert torch.get_num_threads() == 3
        assert [name for name, _ in ahead] == [name for name, _ in alone]
        assert all(same(one, other) for (_, one), (_, other) in zip(ahead, alone, strict=True))

    def test_what_fails_while_looking_ahead_reaches_the_caller(
        self, predictor, photos, threads, monkeypatch
    ):
        threads(2)

        def broken(pixels):
            raise RuntimeError("broken")

        monkeypatch.setattr(predictor.model, "see", broken)
        with pytest.raises(RuntimeError, match="broken"):
            list(predictor.detect_many(photos[:2], OPTIONS, workers=0))

    def test_results_come_in_order_with_failures_in_their_place(self, predictor, photos):
        found = list(predictor.detect_many(photos, OPTIONS, workers=0, batch_size=2))
        assert [name for name, _ in found] == [str(path) for path in photos]
        assert [isinstance(one, Failure) for _, one in found] == [False, False, True, *[False] * 3]
        assert "not an image" in found[2][1].reason

    def test_anything_that_is_a_picture_will_do(self, predictor, photos):
        image = Image.open(photos[0])
        pictures = [
            ("a", photos[0]),
            ("a", photos[0].read_bytes()),
            ("a", image),
            ("a", np.asarray(image)),
        ]
        first, *others = predictor.detect_many(pictures, OPTIONS, workers=0)
        assert all(name == "a" and same(first[1], one) for name, one in others)
        assert [name for name, _ in predictor.detect_many([image], OPTIONS)] == ["#0"]

    def test_errors_stop_the_run_if_asked_to(self, predictor, photos):
        with pytest.raises(ConfigError, match=r"none\.png"):
            list(predictor.detect_many(photos, OPTIONS, workers=0, on_error="raise"))

    @pytest.mark.parametrize(
        ("how", "message"),
        [
            ({"batch_size": 0}, "batch_size is 0"),
            ({"batch_size": "many"}, "batch_size is 'many'"),
            ({"workers": -1}, "workers is -1"),
            ({"on_error": "ignore"}, "on_error is 'ignore'"),
            ({"timeout": 0}, "timeout is 0"),
        ],
    )
    def test_what_cannot_work_is_named_at_once(self, predictor, how, message):
        with pytest.raises(ConfigError, match=message):
            predictor.detect_many([], OPTIONS, **how)

    @pytest.mark.parametrize("one", ["a.png", Path("a.png"), b"\x89PNG", Image.new("RGB", (4, 4))])
    def test_a_single_picture_is_not_taken_apart(self, predictor, one):
        with pytest.raises(ConfigError, match="single picture; give a list"):
            predictor.detect_many(one, OPTIONS)

    def test_pictures_are_taken_as_there_is_room(self, predictor):
        """Or a million of them would fill the memory."""
        taken = 0

        def pictures():
            nonlocal taken
            for _ in range(200):
                taken += 1
                yield fakes.draw_picture()

        found = predictor.detect_many(pictures(), OPTIONS, workers=0, batch_size=2)
        next(found)
        assert taken < 20
        found.close()


class TestReadAhead:
    def test_reading_ahead_keeps_a_few_and_stops_when_nobody_asks(self):
        started = []

        def read(item: int) -> int:
            started.append(item)
            return -item

        ahead = read_ahead(iter(range(1000)), read, threads=2, ordered=True)
        assert [next(ahead) for _ in range(3)] == [(0, 0), (1, -1), (2, -2)]
        ahead.close()
        time.sleep(0.05)
        assert len(started) < 20

    def test_an_error_of_the_reader_itself_is_not_swallowed(self):
        def read(item: int) -> int:
            raise RuntimeError("broken")

        with pytest.raises(RuntimeError, match="broken"):
            list(read_ahead([1, 2], read, threads=1))


def test_looking_leaves_a_core_to_those_who_write(predictor, threads, monkeypatch):
    seen = []
    look = predictor.model.see
    monkeypatch.setattr(
        predictor.model,
        "see",
        lambda p: (seen.append(torch.get_num_threads()), look(p))[1],
    )
    threads(3)
    first = predictor.encode(fakes.draw_picture())
    stream = predictor.stream(first, OPTIONS)
    next(stream)
    second = predictor.encode(fakes.draw_picture())
    stream.close()
    predictor.encode(fakes.draw_picture())
    assert seen == [3, 2, 3] and torch.get_num_threads() == 3
    torch.testing.assert_close(second.memory, first.memory)


@pytest.mark.parametrize("kind", ["mini", "features", "pyramid"])
def test_what_is_seen_does_not_depend_on_the_number_of_threads(kind, threads):
    """Or one process, two of them and Ray would not find the same."""
    if kind == "mini":
        model = pix2seq.load("mini", "cpu").model
    else:
        config = fakes.tiny_config() if kind == "features" else fakes.pyramid_config()
        backbone = {"backbone": "tf_efficientnet_lite0", "pyramid": PyramidConfig(96, 80)}
        config = config.replace(encoder=config.encoder.replace(**backbone), image_size=(416, 416))
        torch.manual_seed(0)
        model = Pix2Seq(config).eval()
    for _ in range(8):  # not every picture rounds differently
        pixels = torch.rand(1, 3, *model.config.image_size)
        threads(1)
        with torch.inference_mode():
            alone = model.encode_image(pixels)
            for count in (2, 4, 8):
                threads(count)
                assert torch.equal(model.encode_image(pixels), alone), count


class TestNames:
    def test_seeds_follow_from_the_name_and_the_runs_seed_alone(self):
        assert seed_of("a.jpg", 0) == seed_of("a.jpg", 0)
        assert len({seed_of(name, seed) for name in ("a", "b") for seed in (0, 1)}) == 4
        assert all(0 <= seed_of(str(i), 7) < 2**32 for i in range(100))

    def test_ids_fit_a_double_and_differ(self):
        ids = {image_id_of(f"photos/{i}.jpg") for i in range(1000)}
        assert len(ids) == 1000 and all(0 < i <= 2**52 and float(i) == i for i in ids)

    def test_any_file_name_becomes_text(self):
        assert printable(os.fsdecode(b"caf\xe9.jpg")) == "caf\\xe9.jpg"
        assert printable("café\n.jpg") == "café\n.jpg"


def _detections(found) -> list:
    return [one for one in found.values() if not isinstance(one, Failure)]
