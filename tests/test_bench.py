"""The table of figures: its arithmetic, its references, and that the command makes one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from pix2seq.bench import Row, compared, table
from pix2seq.bench import run as bench_run
from pix2seq.bench.decoding import _references, batch_rows, reference_rows, single_rows
from pix2seq.bench.kernels import total
from pix2seq.bench.page import page_rows, server_rows
from pix2seq.bench.served import served
from pix2seq.bench.subject import Subject, official_size
from pix2seq.bench.timing import step_times, taking_turns
from pix2seq.bench.whole import many_rows
from pix2seq.cli import main
from pix2seq.config import ConfigError, SamplingOptions
from pix2seq.predictor import Predictor
from tests.fakes import TINY_PREPROCESS, draw_picture, tiny_model, tiny_tokenizer

references = _references()


@pytest.fixture(scope="module")
def small() -> Subject:
    memory = torch.randn(1, 16, 32, generator=torch.Generator().manual_seed(0))
    options = SamplingOptions(eos="delay", top_p=0.4)
    return Subject("mini", tiny_model(spread=4.0), tiny_tokenizer(), memory, options)


@pytest.mark.parametrize(
    ("figure", "higher", "verdict"),
    [
        (None, False, "not measured"),
        (1.9, False, "met"),
        (2.0, False, "met"),
        (2.1, False, "missed"),
        (1.9, True, "missed"),
        (2.0, True, "met"),
    ],
)
def test_a_verdict_knows_which_way_is_better(figure, higher, verdict):
    assert Row("key", "what", figure, "x", 2.0, higher).verdict == verdict


def test_a_row_without_a_figure_says_why():
    text = table([Row("key", "what it is", None, "x", 2.0, note="no GPU here")])
    assert "not measured" in text and "no GPU here" in text and " - " in text


def test_rows_are_compared_by_their_key():
    rows = [Row("a", "first", 2.0, "ms", 1), Row("b", "second", None, "x", 1)]
    before = {"rows": [{"key": "a", "figure": 4.0}, {"key": "b", "figure": 1.0}]}
    assert compared(rows, before).split()[-4:] == ["4", "->", "2", "ms"]


def test_of_every_step_the_shortest_time_counts_and_runs_take_turns():
    order = []

    def run(name):
        for step in range(2):
            order.append((name, step))
            yield

    times = step_times([lambda: run("a"), lambda: run("b")], repeats=2)
    assert [name for name, _ in order] == list("aabbaabb")
    assert [len(one) for one in times] == [2, 2]


@pytest.mark.parametrize("count", [0, 3, 4, 1001])
def test_the_floor_reads_every_byte(count):
    numbers = np.arange(count, dtype=np.float32)
    assert total(numbers) == numbers.sum()


def test_the_floor_is_read_as_often_as_there_are_steps(small, monkeypatch):
    assert len(list(small.read())) == len(list(small.bare())) == small.length
    monkeypatch.setenv("PIX2SEQ_NATIVE", "0")  # PyTorch reads then
    assert len(list(small.read())) == small.length


def test_the_naive_loop_gives_our_logits(small):
    model, pixels = small.model, torch.rand(1, 3, 64, 64)
    ids = torch.randint(1, small.tokenizer.vocab_size, (1, 9))
    cache = model.new_cache(model.encode_image(pixels).detach())
    for place, logits in enumerate(references.naive_steps(model, pixels, ids)):
        ours = model.decode(ids[:, place : place + 1], cache=cache)[:, -1]
        torch.testing.assert_close(logits, ours, atol=1e-4, rtol=1e-4)
    assert place == 8


def test_the_official_loop_gives_our_logits(small):
    model, steps = small.model, 12
    theirs = list(references.official_steps(model.decoder, small.memory, steps))
    ids = [1, *(int(logits.argmax()) for logits in theirs[:-1])]
    ours = model.decode(torch.tensor([ids]), cache=model.new_cache(small.memory))
    torch.testing.assert_close(torch.cat(theirs), ours[0], atol=1e-4, rtol=1e-4)


def test_the_official_size_is_the_published_one():
    subject = official_size(torch.device("cpu"))
    layers = sum(p.numel() for layer in subject.model.decoder.layers for p in layer.parameters())
    assert subject.length == 500 and layers == 6 * 1_053_440
    assert 30e6 < subject.bytes_per_token() < 45e6


def test_every_row_about_writing_has_a_figure(small):
    rows = [
        *single_rows(small, small, 1),
        *batch_rows(small, small, 1),
        *reference_rows(small, small, torch.rand(1, 3, 64, 64), 1),
    ]
    assert all(row.figure > 0 for row in rows)


def test_what_is_not_here_is_not_guessed(monkeypatch):
    monkeypatch.setattr("pix2seq.bench.page.which", lambda name: None)
    rows = list(page_rows(None, None, 1))
    assert [row.figure for row in rows] == [None, None]
    assert {row.note for row in rows} == {"no Chromium here"}
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert [row.note for row in bench_run._gpu_rows("mini", 1)] == ["no GPU here"]


class _Answering:
    """A server whose callers wait for each other: two at once are twice as fast, never more."""

    runs = 0

    def rate(self, name: str, callers: int, each: int) -> float:
        self.runs += callers * each
        return min(callers, 2) * (5.0 if name == "/detect" else 4.0)

    def memory(self) -> float:
        return 1.5


def test_the_rows_of_the_server_are_what_it_answers_and_streams_against_that():
    app = _Answering()
    rows = {row.key: row for row in server_rows(app, 0.8, quick=False)}
    assert [rows[f"server/rate-{callers}"].figure for callers in (1, 4, 8)] == [5.0, 10.0, 10.0]
    assert [rows[f"server/rate-{callers}"].goal for callers in (1, 4, 8)] == [1, 2.5, 2.5]
    assert "2.00 x" in rows["server/rate-4"].note and "server/detect-4" not in rows
    assert rows["server/stream"].figure == rows["server/stream-4"].figure == 1.25
    assert (rows["server/start"].verdict, rows["server/after"].verdict) == ("met", "missed")
    assert app.runs >= 100


def test_the_app_answers_in_a_process_of_its_own_and_ends_with_the_block():
    with served("mini") as app:
        assert app.memory() is None or 0.2 < app.memory() < 3
        assert '"detections"' in app.call("/detect", app.upload())
        assert app.rate("/detect_stream", callers=2, each=1) > 0
        assert app.runs == 4
    assert app.process.poll() is not None


def test_an_app_that_cannot_start_says_why():
    with pytest.raises(ConfigError, match="no-such-checkpoint"), served("no-such-checkpoint"):
        pass


def test_many_pictures_have_a_row(small, tmp_path, monkeypatch):
    monkeypatch.setattr("pix2seq.bench.whole._PIECE", 2)
    predictor = Predictor(small.model, small.tokenizer, TINY_PREPROCESS)
    (row,) = many_rows(predictor, 3, None)
    assert row.figure > 0 and "3 scenes" in row.note and "nan" not in row.note
    with pytest.raises(ConfigError, match="holds no picture"):
        list(many_rows(predictor, 3, str(tmp_path)))
    for i in range(5):
        draw_picture().save(tmp_path / f"{i}.JPG")
    (tmp_path / "notes.txt").write_text("no picture")
    (row,) = many_rows(predictor, 3, str(tmp_path))
    assert row.figure > 0 and "5 photos" in row.note


def test_those_who_take_turns_are_timed_apart(monkeypatch):
    """Each piece is its own run's time; a run that ends early leaves the other its turns."""
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(
        "pix2seq.bench.timing.time", SimpleNamespace(perf_counter=lambda: clock.now)
    )

    def run(steps: int, seconds: float) -> Iterator[int]:
        for step in range(steps):
            clock.now += seconds
            yield step

    few, many = taking_turns((lambda: run(3, 10.0), lambda: run(7, 1.0)), piece=2)
    assert (few, many) == ([20, 10], [2, 2, 2, 1])


class TestCommand:
    @pytest.fixture(autouse=True)
    def rows(self, monkeypatch):
        rows = [Row("a", "first", 2.0, "ms", 1), Row("b", "second", None, "x", 1, note="why")]
        monkeypatch.setattr("pix2seq.bench.all_rows", lambda checkpoint, quick, photos: iter(rows))

    def test_it_prints_a_table_and_writes_json(self, tmp_path, capsys):
        path = tmp_path / "bench.json"
        assert main(["bench", "--quick", "--json", str(path)]) == 0
        shown = capsys.readouterr().out
        assert "missed" in shown and "why" in shown and "cores" in shown
        found = json.loads(path.read_text())
        assert found["rows"][0]["figure"] == 2.0 and found["machine"]["torch"]
        assert main(["bench", "--against", str(path)]) == 0
        assert "2 -> 2 ms" in capsys.readouterr().out

    @pytest.mark.parametrize("content", ["", "[]", '{"row": 1}', "3"])
    def test_another_file_to_compare_with_is_refused(self, content, tmp_path, capsys):
        path = tmp_path / "other.json"
        path.write_text(content)
        assert main(["bench", "--against", str(path)]) == 2
        assert "is not what bench --json wrote" in capsys.readouterr().err
