"""The command line, run in this process on a tiny random checkpoint."""

from __future__ import annotations

import csv
import io
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

import pix2seq.train
from pix2seq.cli import COMMANDS, main, sentence_of
from pix2seq.data import CocoDetection, Scenes
from pix2seq.render import RunRecord, as_command, as_python
from tests import fakes

SPREAD = ["--temperature", "30", "--max-objects", "3", "--eos", "delay"]


@pytest.fixture(autouse=True)
def checkpoint(tiny_checkpoint, monkeypatch) -> str:
    """The tiny checkpoint, known by its name."""
    monkeypatch.setenv("PIX2SEQ_CHECKPOINTS", str(tiny_checkpoint.parent))
    return tiny_checkpoint.name


@pytest.fixture
def photo(tmp_path) -> str:
    path = tmp_path / "photo.png"
    fakes.draw_picture().save(path)
    return str(path)


@pytest.fixture
def scenes(tmp_path) -> Path:
    """Three scenes on disk."""
    folder = tmp_path / "scenes"
    assert main(["scenes", str(folder), "--count", "3", "--seed", "4", "--size", "64"]) == 0
    return folder


def error_of(capsys, *argv: str) -> str:
    """The one line that a user error leaves behind."""
    assert main(list(argv)) == 2
    out, err = capsys.readouterr()
    assert err.count("\n") == 1 and "Traceback" not in err and out == ""
    return err


class TestDetect:
    def test_the_json_is_the_published_schema(self, photo, checkpoint, capsys):
        box = ["--prefix", "6,7,25,28"]  # so that at least one box is sound
        words = ["detect", photo, "--checkpoint", checkpoint, *SPREAD, *box, "--json", "-"]
        assert main(words) == 0
        data = json.loads(capsys.readouterr().out)
        assert list(data) == [
            "image", "checkpoint", "options", "detections", "tokens", "ending", "timing",
        ]  # fmt: skip
        assert data["image"] == {"width": 120, "height": 90}
        assert data["options"]["eos"] == "delay"
        assert len(data["tokens"]) == 15
        ids = [token["id"] for token in data["tokens"]]
        assert data["detections"][0]["token_ids"] == ids[:5]
        assert data["detections"][0]["box"] == pytest.approx([11.6, 7.7, 92.9, 81.3], abs=0.1)
        for found in data["detections"]:
            assert set(found) == {
                "box", "label", "label_id", "score", "noise_probability", "edge_score", "is_noise",
                "written", "forced", "again", "token_ids",
            }  # fmt: skip
            start = ids.index(found["token_ids"][0])
            assert found["token_ids"] in [ids[i : i + 5] for i in range(start, 15)]

    def test_it_prints_a_table_and_writes_every_picture(self, photo, checkpoint, tmp_path, capsys):
        out = {
            k: str(tmp_path / f"out.{k}") for k in ("json", "png", "svg", "gif", "record", "coco")
        }
        save = str(tmp_path / "figure.jpg")
        files = [word for kind, path in out.items() for word in (f"--{kind}", path)]
        command = ["detect", photo, "--checkpoint", checkpoint, *SPREAD, *files, "--save", save]
        assert main(command) == 0
        assert "15 tokens" in capsys.readouterr().out
        for path in (out["png"], out["gif"], save):
            assert Image.open(path).width > 300
        assert Path(out["svg"]).read_text().startswith("<svg")
        summary = json.loads(Path(out["json"]).read_text())
        assert len(json.loads(Path(out["coco"]).read_text())) == len(summary["detections"])
        assert RunRecord.from_json(Path(out["record"]).read_text()).summary() == summary

    def test_the_same_seed_writes_the_same_tokens_and_another_does_not(
        self, photo, checkpoint, capsys
    ):
        def ids(seed: str) -> list[int]:
            main(
                [
                    "detect",
                    photo,
                    "--checkpoint",
                    checkpoint,
                    *SPREAD,
                    "--seed",
                    seed,
                    "--json",
                    "-",
                ]
            )
            return [t["id"] for t in json.loads(capsys.readouterr().out)["tokens"]]

        assert ids("1") == ids("1") != ids("2")

    def test_classes_can_be_forbidden_by_name(self, photo, checkpoint, capsys):
        words = ["detect", photo, "--checkpoint", checkpoint, "--json", "-"]
        assert main([*words, "--forbid", "dog, traffic light,3"]) == 0
        options = json.loads(capsys.readouterr().out)["options"]
        assert options["forbidden_labels"] == [16, 9, 3]

    def test_a_sentence_can_be_cut_short(self, photo, checkpoint, capsys):
        words = ["detect", photo, "--checkpoint", checkpoint, *SPREAD, "--json", "-"]
        assert main([*words, "--tokens", "7"]) == 0
        assert len(json.loads(capsys.readouterr().out)["tokens"]) == 7
        assert "--tokens is 0" in error_of(capsys, *words, "--tokens", "0")

    def test_examples_have_names(self, checkpoint, tmp_path, capsys):
        words = ["--checkpoint", checkpoint, *SPREAD, "--record", str(tmp_path / "a.json")]
        assert main(["detect", "example:scene-3", *words]) == 0
        record = RunRecord.from_json((tmp_path / "a.json").read_text())
        assert (record.image.name, record.image.width) == ("example:scene-3", 512)
        capsys.readouterr()
        assert "there is no example 'dog'" in error_of(capsys, "detect", "example:dog", *words)

    def test_the_snippets_write_the_run_again_token_for_token(
        self, photo, checkpoint, tmp_path, capsys, monkeypatch
    ):
        monkeypatch.chdir(tmp_path)
        first = ["detect", photo, "--checkpoint", checkpoint, *SPREAD, "--top-p", "0.9"]
        assert main([*first, "--num-bins", "16", "--seed", "7", "--record", "a.json"]) == 0
        # Change the class of the first object by hand; the rest is written anew.
        written = RunRecord.from_json(Path("a.json").read_text()).tokens
        edited = [*(token.id for token in written[:4]), 40]
        prefix = ",".join(map(str, edited))
        theirs = ["--prefix", prefix, "--forced", "4"]
        assert main([*first, "--seed", "7", *theirs, "--record", "b.json"]) == 0
        capsys.readouterr()
        for name in ("a.json", "b.json"):
            record = RunRecord.from_json(Path(name).read_text())
            want = [token.id for token in record.tokens]
            words = shlex.split(as_command(record))
            assert words[:3] == ["python", "-m", "pix2seq"]
            assert main(words[3:]) == 0
            again = json.loads(capsys.readouterr().out)
            assert [token["id"] for token in again["tokens"]] == want
            exec(compile(as_python(record), name, "exec"), {})
            assert capsys.readouterr().out.strip() == str(want)
        assert record.prefix == tuple(edited) and record.forced == (4,)


class TestStream:
    def test_every_token_is_a_line_that_is_flushed_at_once(
        self, photo, checkpoint, capsys, monkeypatch
    ):
        class Pipe(io.StringIO):
            flushed: list[str] = []  # noqa: RUF012

            def flush(self):
                self.flushed.append(self.getvalue())

        pipe = Pipe()
        monkeypatch.setattr(sys, "stdout", pipe)
        assert main(["stream", photo, "--checkpoint", checkpoint, *SPREAD]) == 0
        lines = pipe.getvalue().splitlines()
        assert [json.loads(line)["index"] for line in lines] == list(range(15))
        assert [text.count("\n") for text in pipe.flushed] == list(range(1, 16))

    def test_the_stream_has_the_tokens_of_detect(self, photo, checkpoint, capsys):
        words = [photo, "--checkpoint", checkpoint, *SPREAD, "--seed", "3"]
        main(["stream", *words])
        streamed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        main(["detect", *words, "--json", "-"])
        detected = json.loads(capsys.readouterr().out)["tokens"]
        assert [{key: line[key] for key in detected[0]} for line in streamed] == detected


class TestReplay:
    def test_a_record_is_drawn_without_model_or_photo(self, photo, checkpoint, tmp_path, capsys):
        record, png = str(tmp_path / "run.json"), str(tmp_path / "run.png")
        main(["detect", photo, "--checkpoint", checkpoint, *SPREAD, "--record", record])
        Path(photo).unlink()
        assert main(["replay", record, "--png", png]) == 0
        assert Image.open(png).width == 720
        assert "written by: python -m pix2seq detect photo.png" in capsys.readouterr().out

    def test_a_file_that_is_no_record_is_named(self, photo, tmp_path, capsys):
        (tmp_path / "x.json").write_text("[1]")
        assert "not a run record" in error_of(capsys, "replay", str(tmp_path / "x.json"))
        assert "photo.png" in error_of(capsys, "replay", photo)  # not even text


class TestScenes:
    def test_they_come_back_as_they_were_made(self, scenes):
        read = CocoDetection(scenes / "annotations.json", scenes / "images", Scenes.categories)
        made = Scenes(seed=4, count=3, size=64)
        assert len(read) == len(made) == 3
        for ours, theirs in zip(read, made, strict=True):
            assert ours.image_id == theirs.image_id
            assert ours.image.size == theirs.image.size
            assert torch.equal(ours.labels, theirs.labels)
            assert torch.allclose(ours.boxes, theirs.boxes, atol=1e-3)


class TestEvaluate:
    def test_scenes_and_files_of_the_same_scenes_agree(self, scenes, checkpoint, capsys, tmp_path):
        out = tmp_path / "metrics.json"
        files = [
            "--annotations",
            str(scenes / "annotations.json"),
            "--images",
            str(scenes / "images"),
        ]
        words = [
            "evaluate",
            "--checkpoint",
            checkpoint,
            *SPREAD,
            "--json",
            str(out),
            "--limit",
            "2",
        ]
        assert main([*words, *files, "--bootstrap", "3"]) == 0
        found = json.loads(out.read_text())
        assert found["images"] == 2 and set(found["intervals"]) >= {"AP", "AP50"}
        assert "AP50" in capsys.readouterr().out
        assert main([*words, "--scenes", "3", "--seed", "4"]) == 0
        assert json.loads(out.read_text())["objects"] > 0

    def test_json_on_stdout_is_only_json(self, checkpoint, capsys):
        words = ["evaluate", "--scenes", "2", "--checkpoint", checkpoint, *SPREAD]
        assert main([*words, "--json", "-"]) == 0
        data = json.loads(capsys.readouterr().out)
        assert {"AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100"} <= set(data)

    def test_boxes_outside_their_image_count_as_coco_counts_them_or_are_left_out(
        self, scenes, checkpoint, capsys
    ):
        path = scenes / "annotations.json"
        content = json.loads(path.read_text())
        content["annotations"][1]["bbox"] = [900.0, 900.0, 20.0, 20.0]
        path.write_text(json.dumps(content))
        words = ["evaluate", "--annotations", str(path), "--images", str(scenes / "images")]
        words += ["--checkpoint", checkpoint, *SPREAD, "--json", "-"]
        capsys.readouterr()
        assert main(words) == 0
        out, err = capsys.readouterr()
        assert json.loads(out)["objects"] == len(content["annotations"])
        for part in ("1 box without", "annotation 1", "[900.0, 900.0", "64 x 64", "--drop-outside"):
            assert part in err
        assert main([*words, "--drop-outside"]) == 0
        out, err = capsys.readouterr()
        assert json.loads(out)["objects"] == len(content["annotations"]) - 1
        assert "left out 1 box" in err

    def test_a_sweep_writes_a_table_and_a_plot(self, checkpoint, capsys, tmp_path):
        words = ["evaluate", "--scenes", "1", "--checkpoint", checkpoint, "--max-objects", "1"]
        assert main([*words, "--sweep", str(tmp_path / "sweep")]) == 0
        rows = list(csv.DictReader((tmp_path / "sweep" / "sampling.csv").open()))
        groups = {"top-p", "eos and noise", "grammar", "score", "bins"}
        assert {row["group"] for row in rows} == groups
        assert Image.open(tmp_path / "sweep" / "sampling.png").width > 500
        assert len(capsys.readouterr().out.splitlines()) == len(rows) + 1

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            ("", "name the data"),
            ("--scenes 2 --annotations a.json --images b", "name the data"),
            ("--annotations a.json", "go together"),
            ("--annotations a.json --images . --seed 3", "--sampling-seed"),
            ("--annotations a.json --images .", "'a.json', which is not a file"),
            ("--scenes 0", "--scenes is 0"),
            ("--scenes 2 --limit 0", "limit is 0"),
            ("--scenes 2 --batch-size 0", "--batch-size is 0"),
            ("--scenes 2 --bootstrap -1", "--bootstrap is -1"),
            ("--scenes 2 --sweep x --json y", "--sweep writes its own"),
        ],
    )
    def test_what_cannot_be_evaluated_is_explained(self, words, message, checkpoint, capsys):
        words = ["evaluate", "--checkpoint", checkpoint, *words.split()]
        assert message in error_of(capsys, *words)


class TestTrain:
    @pytest.fixture
    def trained(self, monkeypatch) -> list:
        """What would have been trained."""
        calls = []

        def run(config, out, resume):
            calls.append((config, out, resume))
            return Path(out) / "checkpoint"

        monkeypatch.setattr(pix2seq.train, "run", run)
        return calls

    def test_a_recipe_is_found_by_name_and_settings_are_replaced(self, trained, capsys):
        words = ["train", "--config", "mini-192", "--out", "o", "--resume", "--set", "steps=7"]
        assert main([*words, "--set", "mixed_precision=bf16"]) == 0
        ((config, out, resume),) = trained
        assert (config.steps, config.mixed_precision, out, resume) == (7, "bf16", "o", True)

    def test_own_data_fine_tune_a_checkpoint(self, trained, checkpoint, scenes):
        data = [
            "--annotations",
            str(scenes / "annotations.json"),
            "--images",
            str(scenes / "images"),
        ]
        words = ["train", "--init", checkpoint, *data, "--out", "o", "--set", "batch_size=2"]
        assert main(words) == 0
        ((config, _, _),) = trained
        assert (config.init, config.batch_size, config.categories) == (checkpoint, 2, None)

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            ("", "name the run"),
            ("--init mini", "name the run"),
            ("--config mini-192 --annotations a --images b", "name the run"),
            ("--annotations a --images b", "give all three"),
            ("--config nowhere.json", "nowhere.json"),
            ("--config mini-192 --set steps", "is not NAME=VALUE"),
            ("--config mini-192 --set stepz=4", "stepz"),
            ("--config mini-192 --set steps=0", "steps"),
        ],
    )
    def test_a_run_that_cannot_start_is_explained(self, words, message, capsys):
        assert message in error_of(capsys, "train", "--out", "o", *words.split())


class TestCheckpointsAndBench:
    def test_the_list_names_size_licence_and_ap(self, checkpoint, capsys):
        assert main(["checkpoints"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[0].split() == ["name", "MB", "AP", "here", "licence"]
        here = {line.split()[0]: line.split()[3] for line in lines[1:]}
        assert here[checkpoint] == "yes" and "mini" in here

    def test_the_list_as_json(self, checkpoint, capsys):
        assert main(["checkpoints", "--json", "-"]) == 0
        rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
        assert rows[checkpoint]["here"] is True and rows[checkpoint]["size_mb"] > 0


class TestMistakes:
    @pytest.mark.parametrize(
        ("words", "message"),
        [
            ("--top-p 0", "top_p is 0"),
            ("--top-p 2", "top_p is 2"),
            ("--temperature nan", "temperature is nan"),
            ("--num-bins 33", "num_bins is 33"),
            ("--max-objects 9", "max_objects is 9"),
            ("--seed -1", "seed is -1"),
            ("--forbid unicorn", "unicorn"),
            ("--forbid 80", "80"),
            ("--prefix 1,x", "--prefix"),
            ("--prefix 99999", "99999"),
            ("--device tpu", "tpu"),
            ("--save /nowhere/a.png", "/nowhere/a.png"),
            ("--save a.xyz", "a.xyz"),
            ("--json /nowhere/a.json", "/nowhere/a.json"),
        ],
    )
    def test_a_bad_setting_is_named_in_one_line(self, words, message, photo, checkpoint, capsys):
        assert message in error_of(
            capsys, "detect", photo, "--checkpoint", checkpoint, *words.split()
        )

    @pytest.mark.parametrize("flag", ["--save", "--json", "--record", "--coco", "--png", "--svg"])
    def test_nothing_is_written_over_the_picture(self, flag, photo, checkpoint, tmp_path, capsys):
        before = Path(photo).read_bytes()
        (tmp_path / "link.png").symlink_to(photo)
        for path in (photo, str(tmp_path / "." / "photo.png"), str(tmp_path / "link.png")):
            line = error_of(capsys, "detect", photo, "--checkpoint", checkpoint, flag, path)
            assert flag in line and "which is read here" in line
        assert Path(photo).read_bytes() == before

    def test_nothing_is_written_over_a_record_or_labels(self, photo, scenes, tmp_path, capsys):
        record = str(tmp_path / "run.json")
        Path(record).write_text("{}")
        assert "read here" in error_of(capsys, "replay", record, "--svg", record)
        labels = str(scenes / "annotations.json")
        data = ("--annotations", labels, "--images", str(scenes))
        assert "read here" in error_of(capsys, "evaluate", *data, "--json", labels)

    def test_nothing_is_written_over_one_of_many_pictures(self, photo, checkpoint, capsys):
        words = ("detect", photo, "example:coffee", "--checkpoint", checkpoint, "--coco", photo)
        assert "--coco is" in error_of(capsys, *words)
        folder = str(Path(photo).parent)
        words = ("detect", folder, "--checkpoint", checkpoint, "--coco", photo)
        assert "which is a picture" in error_of(capsys, *words)

    def test_two_results_may_both_be_thrown_away(self, photo, checkpoint):
        words = ["--json", os.devnull, "--record", os.devnull]
        assert main(["detect", photo, "--checkpoint", checkpoint, *words]) == 0

    @pytest.mark.parametrize("path", ["a.json", "-"])
    def test_two_results_do_not_share_a_file(self, path, photo, checkpoint, capsys):
        words = ("--checkpoint", checkpoint, "--json", path, "--record", path)
        assert "--json and --record both go" in error_of(capsys, "detect", photo, *words)

    def test_a_working_folder_that_is_gone_is_named(self, photo, tmp_path, monkeypatch, capsys):
        gone = tmp_path / "gone"
        gone.mkdir()
        monkeypatch.chdir(gone)
        gone.rmdir()
        assert "the working folder is gone" in error_of(capsys, "detect", photo)

    def test_a_closed_standard_input_is_an_empty_one(self, checkpoint, monkeypatch, capsys):
        monkeypatch.setattr(sys, "stdin", None)
        line = error_of(capsys, "detect", "-", "--checkpoint", checkpoint)
        assert "standard input is empty" in line

    def test_an_empty_name_is_no_place(self, photo, checkpoint, capsys):
        assert "name a folder" in error_of(capsys, "scenes", "", "--count", "1")
        line = error_of(capsys, "detect", photo, "--checkpoint", checkpoint, "--json", " ")
        assert "name a file" in line

    def test_what_things_are_called_does_not_steer_the_terminal(
        self, photo, checkpoint, tmp_path, capsys
    ):
        steering = tmp_path / "two\nlines \x1b[31mred.png"
        Path(photo).rename(steering)
        assert main(["detect", str(steering), "--checkpoint", checkpoint, *SPREAD]) == 0
        first = capsys.readouterr().out.splitlines()[0]
        assert first.startswith("two\\x0alines \\x1b[31mred.png, 120 x 90")
        assert "\\x1b[31m" in error_of(capsys, "detect", f"{steering}x", "--checkpoint", checkpoint)

    def test_what_pillow_thinks_of_metadata_is_not_said(self, tmp_path, checkpoint, recwarn):
        path = tmp_path / "phone.jpg"
        fakes.draw_picture().save(path, exif=b"Exif\0\0MM\0*\0\0\0\x08" + b"\xff" * 40)
        with Image.open(path) as image:
            image.getexif()
        assert "Corrupt EXIF data" in str(recwarn.pop(UserWarning).message)
        assert main(["detect", str(path), "--checkpoint", checkpoint]) == 0
        assert not [one for one in recwarn if "EXIF" in str(one.message)]

    def test_an_unknown_checkpoint_is_named_with_those_that_exist(self, photo, capsys):
        line = error_of(capsys, "detect", photo, "--checkpoint", "nope")
        assert "nope" in line and "mini" in line

    def test_an_image_that_is_none_is_named(self, tmp_path, checkpoint, capsys):
        (tmp_path / "broken.jpg").write_bytes(b"no picture")
        for name in ("broken.jpg", "missing.jpg"):
            path = str(tmp_path / name)
            assert name in error_of(capsys, "detect", path, "--checkpoint", checkpoint)

    @pytest.mark.parametrize(
        "words", [[], ["paint"], ["detect"], ["detect", "x", "--eos", "never"], ["scenes", "x"]]
    )
    def test_wrong_usage_exits_with_two(self, words, capsys):
        with pytest.raises(SystemExit) as stop:
            main(words)
        assert stop.value.code == 2

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            ("--count 0", "--count is 0"),
            ("--count 1 --size 9", "--size"),
            ("--count 1 --seed -3", "-3"),
        ],
    )
    def test_impossible_scenes_are_refused(self, words, message, tmp_path, capsys):
        assert message in error_of(capsys, "scenes", str(tmp_path / "o"), *words.split())

    def test_scenes_into_a_file_are_refused(self, photo, capsys):
        assert photo in error_of(capsys, "scenes", photo, "--count", "1")


def test_help_of_every_command_answers_without_loading_torch():
    code = (
        "import sys\n"
        "from pix2seq.cli import COMMANDS, main, sentence_of\n"
        "for command in COMMANDS:\n"
        "    try:\n"
        "        main([command.name, '--help'])\n"
        "    except SystemExit as stop:\n"
        "        assert stop.code == 0\n"
        "assert not {'torch', 'matplotlib', 'numpy'} & set(sys.modules)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert all(f"pix2seq {command.name}" in run.stdout for command in COMMANDS)


@pytest.mark.parametrize(
    "words",
    [
        "detect nowhere.jpg",
        "detect example:nowhere",
        "detect example:coffee --top-p 7",
        "detect example:coffee --save found",
        "detect example:coffee --json no/where.json",
        "detect example:coffee --checkpoint nowhere",
        "detect example:coffee --device gpu",
        "stream nowhere.jpg",
        "replay nowhere.json",
        "evaluate --annotations nowhere.json --images .",
        "evaluate --scenes 1 --seed -3",
        "evaluate --scenes 1 --limit 0",
        "train --init mini --annotations nowhere.json --images . --out r",
        "train --init nowhere --annotations nowhere.json --images . --out r",
        "scenes o --count 1 --photos nowhere",
        "app --port 99999",
        "app --checkpoint nowhere",
    ],
)
def test_what_can_be_known_at_once_is_said_before_anything_heavy(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    code = (
        "import sys; from pix2seq.cli import main\n"
        f"assert main({words.split()!r}) == 2\n"
        "assert not {'torch', 'gradio', 'matplotlib'} & set(sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0 and run.stderr.count("\n") == 1, run.stderr


def test_whatever_is_raised_becomes_a_sentence():
    assert "unexpected TypeError" in sentence_of(TypeError("x"))
    assert "smaller --batch-size" in sentence_of(RuntimeError("CUDA out of memory. Tried"))
    assert sentence_of(OSError(28, "No space left on device", "a.json")) == (
        "a.json: No space left on device"
    )
