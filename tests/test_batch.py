"""``detect`` over many pictures: files, going on after a kill, failures, several processes."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from PIL import Image

from pix2seq.batch import (
    Outputs,
    Sources,
    Wanted,
    Work,
    collect,
    count_pictures,
    remaining,
    results,
)
from pix2seq.batch.coco_files import shared_folder
from pix2seq.batch.folders import inside
from pix2seq.batch.journal import Lines, read_lines
from pix2seq.cli import main
from pix2seq.many import Readers
from pix2seq.predictor import Predictor
from pix2seq.processes import Processes
from pix2seq.render import RunRecord
from tests import fakes
from tests.test_architecture import ROOT

HOW = ["--temperature", "30", "--max-objects", "3", "--eos", "delay", "--score-threshold", "0"]
PATIENT = ["--timeout", "600"]  # a busy machine is not a slow picture


@pytest.fixture(autouse=True)
def album(tmp_path, tiny_checkpoint, monkeypatch) -> Path:
    """Six pictures and one file that is none, below the folder where the test runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PIX2SEQ_CHECKPOINTS", str(tiny_checkpoint.parent))
    Path("photos/sub").mkdir(parents=True)
    for i in range(6):
        place = Path("photos", "sub" if i % 2 else "", f"{i // 2}.png")
        fakes.draw_picture(80 + 10 * i, 60 + 5 * i).save(place)
    Path("photos/bad.png").write_bytes(b"no picture")
    return tmp_path / "photos"


NAMES = [f"photos/{sub}{i}.png" for sub in ("", "sub/") for i in range(3)]


def detect(*words: str) -> int:
    return main(["detect", "--checkpoint", "tiny", "--workers", "0", *HOW, *words])


def lines(path: str) -> list[dict]:
    return sorted(read_lines(path), key=lambda line: line["name"])


def error_of(capsys, *words: str) -> str:
    capsys.readouterr()
    assert detect(*words) == 2
    out, err = capsys.readouterr()
    assert err.count("\n") == 1 and out == ""
    return err


class TestFiles:
    def test_every_kind_of_file_says_the_same(self, capsys):
        import pyarrow.parquet as pq

        code = detect(
            "photos", "--jsonl", "o/a.jsonl", "--coco", "r.json", "--coco-dataset", "d.json",
            "--parquet", "pq", "--save", "s", "--record", "rec", "--tokens",
        )  # fmt: skip
        assert code == 3
        found = lines("o/a.jsonl")
        assert [line["name"] for line in found] == NAMES
        assert (found[0]["width"], found[0]["height"]) == (80, 60)
        assert all(len(line["tokens"]) == 15 for line in found)
        assert set(found[0]["tokens"][0]) == {"index", "id", "slot", "text", "logprob", "entropy"}
        boxes = [(line["image_id"], d["score"]) for line in found for d in line["detections"]]
        assert boxes
        results = json.loads(Path("r.json").read_text())
        assert sorted((r["image_id"], r["score"]) for r in results) == sorted(boxes)
        data = json.loads(Path("d.json").read_text())
        below = [name.removeprefix("photos/") for name in NAMES]
        assert sorted(i["file_name"] for i in data["images"]) == sorted(below)
        assert [a["id"] for a in data["annotations"]] == list(range(1, len(boxes) + 1))
        assert len(data["categories"]) == 80
        rows = sorted(pq.read_table("pq").to_pylist(), key=lambda row: row["name"])
        for row, line in zip(rows, found, strict=True):
            assert row.pop("error") is None
            line.pop("run")
            assert row == line
        for line in found:
            record = RunRecord.from_json(Path("rec", f"{line['name']}.json").read_text())
            assert [t.id for t in record.tokens] == [t["id"] for t in line["tokens"]]
            assert record.options.seed == line["seed"]
            assert Image.open(Path("s", f"{line['name']}.jpg")).width > 300
        [failure] = map(json.loads, Path("o/errors.jsonl").read_text().splitlines())
        assert failure["file"] == "photos/bad.png" and "not an image" in failure["reason"]
        assert "1 failed, see o/errors.jsonl" in capsys.readouterr().err

    def test_one_picture_alone_writes_again_what_it_got_among_many(self, capsys):
        assert detect("photos", "--jsonl", "a.jsonl") == 3
        line = lines("a.jsonl")[2]
        capsys.readouterr()
        assert detect(line["name"], "--json", "-", "--seed", str(line["seed"])) == 0
        alone = json.loads(capsys.readouterr().out)["detections"]
        assert [one["token_ids"] for one in alone] == [
            one["token_ids"] for one in line["detections"]
        ]
        assert [one["score"] for one in alone] == [one["score"] for one in line["detections"]]

    def test_without_files_every_picture_is_a_line(self, capsys):
        assert detect("photos/0.png", "photos/1.png") == 0
        out, err = capsys.readouterr()
        assert [line.split("  ")[0] for line in sorted(out.splitlines())] == NAMES[:2]
        assert "2 images" in err
        assert detect("photos/0.png", "photos/1.png", "--jsonl", "-") == 0
        printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert sorted(line["name"] for line in printed) == NAMES[:2]
        assert detect("photos/0.png", "photos/1.png", "--coco", "-") == 0
        assert json.loads(capsys.readouterr().out)
        assert not Path("errors.jsonl").exists()

    def test_sentences_can_be_cut_short(self):
        assert detect("photos/0.png", "photos/1.png", "--jsonl", "a.jsonl", "--tokens", "7") == 0
        assert all(len(line["detections"]) <= 1 for line in lines("a.jsonl"))

    def test_coco_readers_read_the_results(self, capsys):
        from faster_coco_eval import COCO as FastCOCO
        from faster_coco_eval import COCOeval_faster
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval

        assert main(["scenes", "scenes", "--count", "2", "--seed", "4", "--size", "64"]) == 0
        truth = "scenes/annotations.json"
        assert detect(truth, "--images", "scenes/images", "--coco", "r.json") == 0
        scores = []
        for reader, evaluator in ((COCO, COCOeval), (FastCOCO, COCOeval_faster)):
            gt = reader(truth)
            evaluation = evaluator(gt, gt.loadRes("r.json"), "bbox")
            evaluation.evaluate()
            evaluation.accumulate()
            evaluation.summarize()
            scores.append(list(evaluation.stats[:12]))
        assert scores[0] == pytest.approx(scores[1])

    def test_labelling_tools_find_every_picture_of_a_draft(self):
        """They look for names below a folder of images; CVAT matches the end of a frame's path
        with the whole of a name, and refuses an annotation without a segmentation."""
        import supervision

        assert detect("photos", "--coco-dataset", "d.json") == 3
        draft = supervision.DetectionDataset.from_coco("photos", "d.json")
        assert len(draft) == 6 and all(Path(place).is_file() for place in draft.image_paths)
        boxes = [len(found) for found in draft.annotations.values()]
        data = json.loads(Path("d.json").read_text())
        assert sum(boxes) == len(data["annotations"]) > 0
        assert all(one["segmentation"] == [] for one in data["annotations"])

    def test_a_draft_of_a_coco_files_pictures_calls_them_as_it_does(self):
        Path("images.json").write_text(
            json.dumps(
                {
                    "images": [{"id": i, "file_name": f"sub/{i}.png"} for i in (1, 2)],
                    "annotations": [],
                    "categories": [],
                }
            )
        )
        assert detect("images.json", "--images", "photos", "--coco-dataset", "d.json") == 0
        images = json.loads(Path("d.json").read_text())["images"]
        assert sorted(i["file_name"] for i in images) == ["sub/1.png", "sub/2.png"]

    @pytest.mark.parametrize(
        ("names", "shared"),
        [
            ([], ""),
            (["a.jpg"], ""),
            (["p/a.jpg"], "p/"),
            (["p/a.jpg", "p/s/a.jpg"], "p/"),
            (["p/s/a.jpg", "p/s2/a.jpg"], "p/"),
            (["/a.jpg", "/b/a.jpg"], "/"),
            (["s3://b/p/a.jpg", "s3://b/p/q/a.jpg"], "s3://b/p/"),
            (["p/a.jpg", "q/a.jpg"], ""),
            (["p/a.jpg", "example:cats"], ""),
        ],
    )
    def test_the_folder_that_names_share(self, names, shared):
        assert shared_folder(names) == shared

    def test_a_pictures_file_stays_below_the_folder_of_results(self):
        for name in ("../../etc/a.png", "/etc/a.png", "a/../../b.png", "s3://bucket/a.png", ".."):
            path = inside(name, ".jpg")
            assert not path.is_absolute() and ".." not in path.parts
        assert inside("a/b.png", ".jpg") != inside("a/b.jpg", ".jpg")
        above = inside("../a.png", ".jpg")
        assert above.name == "a.png.jpg"
        assert all(inside(f"{name}/a.png", ".jpg") != above for name in ("up", *above.parts[:-1]))
        assert len(inside("x" * 255, ".jpg").name) < 255
        assert inside("x" * 255, ".jpg") != inside("x" * 254 + "y", ".jpg")

    @pytest.mark.parametrize("letter", ["\N{GRINNING FACE}", "\u56f3", "\udcff"])
    def test_a_long_name_of_many_bytes_finds_room_among_the_results(self, letter):
        """Names are cut by bytes, and folders as files are."""
        part = letter * (250 // len(os.fsencode(letter)))
        os.makedirs(f"photos/{part}")
        for end in "ab":
            fakes.draw_picture(80, 60).save(Path("photos", part, part[:-1] + end), "PNG")
        words = [f"photos/{part}/{part[:-1]}{end}" for end in "ab"]
        assert detect(*words, "--save", "s", "--record", "r") == 0
        for folder in ("s", "r"):
            assert sum(path.is_file() for path in Path(folder).rglob("*")) == 2

    @pytest.mark.parametrize("flag", ["--save", "--record", "--parquet"])
    @pytest.mark.parametrize("below", ["", "/a/b"])
    def test_a_file_is_no_folder_of_results(self, capsys, flag, below):
        words = ["photos/0.png", "--jsonl", "a.jsonl", flag, f"photos/1.png{below}"]
        assert "photos/1.png is no folder; name another place" in error_of(capsys, *words)

    @pytest.mark.parametrize("place", ["nowhere", "photos/0.png"])
    def test_images_are_below_a_folder(self, capsys, place):
        Path("c.json").write_text('{"images": [{"id": 1, "file_name": "0.png"}]}')
        said = error_of(capsys, "c.json", "--images", place, "--jsonl", "a.jsonl")
        assert f"--images is {place}, which is no folder" in said
        assert not Path("errors.jsonl").exists()

    def test_a_full_disk_under_parquet_is_named(self, capsys, monkeypatch):
        from pyarrow import parquet

        def full(*_: object) -> None:
            raise OSError(errno.ENOSPC, "Error writing bytes to file. Detail: [errno 28] ...")

        monkeypatch.setattr(parquet, "write_table", full)
        said = error_of(capsys, "photos/0.png", "--jsonl", "a.jsonl", "--parquet", "pq")
        assert "cannot write Parquet files to pq: No space left on device; make room" in said


class TestResume:
    def test_a_run_goes_on_from_any_byte_at_which_it_was_cut(self, capsys):
        assert detect("photos", "--jsonl", "whole.jsonl", "--parquet", "whole") == 3
        whole = Path("whole.jsonl").read_bytes()
        ends = [i + 1 for i, byte in enumerate(whole) if byte == ord("\n")]
        for cut in (0, 5, ends[0], ends[0] + 1, ends[2] - 1, ends[-1] - 1, ends[-1]):
            Path("cut.jsonl").write_bytes(whole[:cut])
            assert detect("photos", "--jsonl", "cut.jsonl", "--resume") == 3
            assert lines("cut.jsonl") == lines("whole.jsonl"), cut

    def test_all_files_are_made_whole(self):
        import pyarrow.parquet as pq

        some = ["--coco", "r.json", "--parquet", "pq", "--record", "rec"]
        assert detect("photos/0.png", "photos/1.png", *some) == 0
        assert detect("photos", *some, "--resume") == 3
        ids = {line["image_id"] for line in read_lines("r.json.journal.jsonl")}
        assert {r["image_id"] for r in json.loads(Path("r.json").read_text())} <= ids
        assert sorted(pq.read_table("pq")["name"].to_pylist()) == NAMES
        assert len(list(Path("rec").rglob("*.json"))) == 6

    def test_parquet_gets_the_lines_that_only_the_journal_had(self):
        import pyarrow.parquet as pq

        assert detect("photos", "--jsonl", "a.jsonl") == 3
        assert detect("photos", "--jsonl", "a.jsonl", "--parquet", "pq", "--resume") == 3
        assert sorted(pq.read_table("pq")["name"].to_pylist()) == NAMES

    def test_failures_are_tried_again(self):
        assert detect("photos", "--jsonl", "a.jsonl") == 3
        fakes.draw_picture().save("photos/bad.png")
        assert detect("photos", "--jsonl", "a.jsonl", "--resume") == 0
        assert sorted(line["name"] for line in read_lines("a.jsonl")) == sorted(
            [*NAMES, "photos/bad.png"]
        )
        assert not Path("errors.jsonl").exists()

    def test_results_are_neither_overwritten_nor_mixed(self, capsys):
        assert detect("photos", "--jsonl", "a.jsonl", "--parquet", "pq") == 3
        assert "a.jsonl holds results already" in error_of(capsys, "photos", "--jsonl", "a.jsonl")
        other = ["--jsonl", "a.jsonl", "--resume", "--seed", "1"]
        assert "other settings" in error_of(capsys, "photos", *other)
        parquet = ["--jsonl", "b.jsonl", "--parquet", "pq"]
        assert "pq holds results already" in error_of(capsys, "photos", *parquet)

    def test_two_runs_cannot_write_one_file(self, capsys):
        held = Lines(Path("a.jsonl"))
        assert "another run" in error_of(capsys, "photos", "--jsonl", "a.jsonl")
        held.close()

    @pytest.mark.slow
    @pytest.mark.timeout(1200)
    def test_killed_again_and_again_nothing_is_lost_and_nothing_is_there_twice(
        self, tiny_checkpoint
    ):
        for i in range(40):
            fakes.draw_picture(60 + i, 50).save(f"photos/{i + 100}.png")
        words = [sys.executable, "-m", "pix2seq", "detect", "photos", "--checkpoint", "tiny"]
        words += [*HOW, *PATIENT]
        words += ["--jsonl", "a.jsonl", "--coco", "r.json", "--parquet", "pq"]
        environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        journal = Path("a.jsonl")
        for after in (1, 12, 25):
            run = subprocess.Popen([*words, "--resume"], env=environment, stderr=subprocess.DEVNULL)
            while run.poll() is None and journal_lines(journal) < after:
                time.sleep(0.01)
            run.kill()
            assert run.wait() == -signal.SIGKILL, "it ended before it was killed"
        with journal.open("ab") as file:
            file.write(b'{"name":"photos/half')  # as if the kill had come inside a line
        assert subprocess.run([*words, "--resume"], env=environment).returncode == 3
        done = [line["name"] for line in read_lines(journal)]
        assert len(done) == len(set(done)) == 46
        assert detect("photos", "--jsonl", "b.jsonl") == 3
        assert lines("a.jsonl") == lines("b.jsonl")
        import pyarrow.parquet as pq

        assert sorted(pq.read_table("pq")["name"].to_pylist()) == sorted(done)


def journal_lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


class TestMistakes:
    @pytest.mark.parametrize(
        ("words", "message"),
        [
            ("photos --json a.json", "--json is for one picture; use --jsonl"),
            ("photos --gif a.gif", "--record DIR"),
            ("photos --prefix 1", "--prefix is for one picture"),
            ("photos --resume", "--resume goes on with files"),
            ("photos --tokens 0", "--tokens is 0"),
            ("photos --batch-size 0", "--batch-size is 0"),
            ("photos --workers -1", "workers is -1"),
            ("photos --timeout 0", "timeout is 0"),
            ("photos --actors 2", "--actors is for Ray"),
            ("photos/sub/x*", "no file matches"),
            ("@nolist", "nolist cannot be read"),
            ("photos --jsonl photos", "cannot write photos"),
            ("photos --save photos/0.png", "photos/0.png"),
        ],
    )
    def test_what_does_not_go_together_is_named(self, words, message, capsys):
        assert message in error_of(capsys, *words.split())

    @pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux's full disk")
    def test_a_full_disk_stops_the_run_with_a_way_on(self, capsys):
        capsys.readouterr()
        assert detect("photos/0.png", "photos/1.png", "--jsonl", "/dev/full") == 2
        err = capsys.readouterr().err
        assert "cannot write /dev/full: No space left on device" in err and "--resume" in err
        assert "Traceback" not in err

    def test_a_disk_that_fills_up_behind_the_journal_costs_no_result(self, capsys, monkeypatch):
        def full(*_: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        words = ["photos/0.png", "photos/1.png", "--jsonl", "a.jsonl", "--coco-dataset", "d.json"]
        with monkeypatch.context() as patch:
            patch.setattr("pix2seq.files._settle", full)
            assert "cannot write d.json: No space left on device; free" in error_of(capsys, *words)
        assert not list(Path().glob("*d.json*"))
        assert detect(*words, "--resume") == 0
        assert len(json.loads(Path("d.json").read_text())["images"]) == 2

    def test_a_name_stays_on_its_line(self, capsys):
        """Whatever it holds: a terminal obeys it, and a log takes a line for an entry."""
        bad, good = "photos/b\nad\x1b[31m.png", "photos/go\nod\x1b[31m.png"
        Path(bad).write_bytes(b"no picture")
        fakes.draw_picture(80, 60).save(good)
        capsys.readouterr()
        assert detect(bad, good) == 3
        out, err = capsys.readouterr()
        assert out.startswith(r"photos/go\x0aod\x1b[31m.png  ") and out.count("\n") == 1
        assert r"pix2seq: photos/b\x0aad\x1b[31m.png: image" in err and "\x1b" not in err
        assert json.loads(Path("errors.jsonl").read_text())["file"] == bad

    def test_tokens_before_a_source_explains_itself(self, capsys):
        with pytest.raises(SystemExit):
            detect("--tokens", "photos")
        assert "put --tokens last" in capsys.readouterr().err


class TestStandardInput:
    def feed(self, monkeypatch, content: bytes) -> None:
        class Stdin:
            class buffer:
                @staticmethod
                def read() -> bytes:
                    return content

        monkeypatch.setattr(sys, "stdin", Stdin)

    def test_a_list_is_many_pictures(self, monkeypatch):
        self.feed(monkeypatch, b"photos/0.png\nphotos/sub\n")
        assert detect("-", "--jsonl", "a.jsonl") == 0
        assert [line["name"] for line in lines("a.jsonl")] == [NAMES[0], *NAMES[3:]]

    def test_a_picture_is_one(self, monkeypatch, capsys):
        self.feed(monkeypatch, Path("photos/0.png").read_bytes())
        assert detect("-", "--json", "-") == 0
        assert json.loads(capsys.readouterr().out)["image"] == {"width": 80, "height": 60}

    def test_nothing_is_named(self, monkeypatch, capsys):
        self.feed(monkeypatch, b"\n")
        assert "standard input is empty" in error_of(capsys, "-")


@pytest.mark.slow
@pytest.mark.timeout(1200)
class TestProcesses:
    def launch(self, *words: str) -> subprocess.CompletedProcess:
        environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        words = [*launcher, "--nproc_per_node", "2", "-m", "pix2seq", *words]
        return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=1000)

    def test_two_processes_write_what_one_does(self):
        Path("photos/bad.png").unlink()
        assert detect("photos", "--jsonl", "one.jsonl") == 0
        done = self.launch(
            "detect", "photos", "--checkpoint", "tiny", *HOW, "--workers", "0", "--jsonl",
            "two.jsonl", "--coco", "two.json",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert lines("two.jsonl") == lines("one.jsonl")
        assert sorted(p.name for p in Path().glob("two.*")) == ["two.json", "two.jsonl"]

    def test_two_processes_evaluate_as_one_to_the_last_digit(self):
        words = ["evaluate", "--scenes", "7", "--checkpoint", "tiny", *HOW, "--batch-size", "2"]
        words += ["--bootstrap", "5"]
        assert main([*words, "--json", "one.json"]) == 0
        done = self.launch(*words, "--json", "two.json")
        assert done.returncode == 0, done.stderr
        one, two = (json.loads(Path(f"{name}.json").read_text()) for name in ("one", "two"))
        timing = ("encode_s", "decode_s", "tokens_per_s")
        for name in one:
            if name not in timing:
                assert one[name] == two[name], name
        assert one["images"] == 7


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_memory_does_not_grow_with_the_number_of_names(tmp_path, tokenizer):
    """20,000 names go the whole way, read by processes whose memory counts, too, through a network
    that says nothing about any of them."""
    model = fakes.ScriptedModel(fakes.script([tokenizer.eos_id], tokenizer.vocab_size))
    predictor = Predictor(model, tokenizer, fakes.TINY_PREPROCESS)
    Path("all").mkdir()
    fakes.draw_picture(8, 8).save("one.png")
    for i in range(20_000):
        os.link("one.png", f"all/{i:05}.png")
    work = Work(predictor.resolve())
    wanted = Wanted(jsonl="a.jsonl")
    outputs = Outputs(wanted, predictor.categories, "run")
    sources, one = Sources(("all",)), Processes()
    assert count_pictures(sources, outputs, one) == 20_000
    megabytes, count = [], 0

    def on_result(name: str, result: object) -> None:
        nonlocal count
        count += 1
        if count % 2000 == 0:
            here = psutil.Process()
            sizes = [one.memory_info().rss for one in (here, *here.children())]
            megabytes.append(sum(sizes) / 2**20)

    with Readers(2, timeout=600) as readers:
        found = results(readers, predictor, remaining(sources, outputs, one), work, wanted)
        collect(found, outputs, on_result)
    assert outputs.finish() == 0 and count == 20_000
    print("MiB after every 2,000 names:", *(round(value) for value in megabytes))
    assert megabytes[-1] - megabytes[0] < 30
