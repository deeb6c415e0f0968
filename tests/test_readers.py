"""Reading processes: the same pixels as here, one line for what goes wrong, nothing left behind."""

from __future__ import annotations

import math
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from PIL import Image

from pix2seq.config import ConfigError, PreprocessConfig
from pix2seq.many import Frame, Readers, Span, process, read_frame
from pix2seq.many.process import ReadingProcess
from tests import fakes
from tests.patience import PATIENCE, until
from tests.test_architecture import ROOT

FRAME = fakes.TINY_PREPROCESS
WORKER = [sys.executable, "-m", "pix2seq.pictures.worker"]
HERE = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    """Programs that start meanwhile can be interrupted: in a shell's background SIGINT is ignored,
    which they would inherit."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def photo(tmp_path) -> Path:
    fakes.draw_picture(100, 80).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


@pytest.fixture
def endless(tmp_path) -> Span:
    """A named pipe that nobody writes to stands for a decoder that never ends: it is opened by the
    reader as the inside of a tar would be."""
    os.mkfifo(tmp_path / "pipe")
    return Span(str(tmp_path / "pipe"), 0, 10)


@pytest.fixture
def readers() -> Iterator[Readers]:
    with Readers(workers=1, timeout=PATIENCE) as one:
        yield one


def noise(width: int, height: int, channels: int = 3) -> Image.Image:
    values = np.random.default_rng(width).integers(0, 256, (height, width, channels), np.uint8)
    return Image.fromarray(values)


def pictures() -> Iterator[tuple[str, Image.Image, dict]]:
    """A name that says the format, a picture, and how to save it."""
    turned = Image.Exif()
    turned[0x0112] = 6
    yield "plain.jpg", noise(333, 222), {}
    yield "turned.jpg", noise(90, 41), {"exif": turned}
    yield "grey.png", noise(65, 64).convert("L"), {}
    yield "clear.png", noise(64, 70, 4), {}
    yield "palette.gif", noise(50, 60).convert("P"), {}
    yield "deep.png", Image.fromarray(np.arange(65536, dtype=np.uint16).reshape(256, 256)), {}
    yield "cmyk.tif", noise(31, 17).convert("CMYK"), {}
    yield "small.webp", noise(1, 3), {}
    yield "photo.avif", noise(512, 341), {}
    yield "large.bmp", noise(2200, 2100), {}  # more than one band, here and there


def is_reading(one: ReadingProcess) -> bool:
    """Whether it has been asked for a picture, and has not answered."""
    return one.started and one._deadline < math.inf


class TestPixels:
    @pytest.mark.parametrize("antialias", [True, False])
    def test_another_process_sends_what_would_be_read_here(self, tmp_path, readers, antialias):
        """To the last bit: which process reads a picture must not change its sentence."""
        frame = PreprocessConfig(image_size=(160, 144), antialias=antialias)
        for name, picture, how in pictures():
            path = tmp_path / name
            picture.save(path, **how)
            content = path.read_bytes()
            (tmp_path / "shard").write_bytes(b"before" + content + b"after")
            here = read_frame(path, frame)
            inside = Span(str(tmp_path / "shard"), 6, len(content))
            for place in (path, str(path), content, inside):
                there = readers(place, frame)
                assert isinstance(there, Frame), (name, there)
                assert torch.equal(there.pixels, here.pixels), name
                assert there.letterbox == here.letterbox

    def test_a_path_of_ones_own_kind_will_do(self, readers, photo):
        class Place(os.PathLike):  # which the other process cannot import
            def __fspath__(self) -> str:
                return str(photo)

        assert isinstance(readers(Place(), FRAME), Frame)
        assert isinstance(Readers(0)(Place(), FRAME), Frame)


class TestStart:
    def test_it_needs_neither_pytorch_nor_numpy(self):
        """Both are most of what a start would cost, and of the memory."""
        check = "import sys, pix2seq.pictures.worker; print({'torch', 'numpy'} & {*sys.modules})"
        done = subprocess.run([sys.executable, "-c", check], env=HERE, capture_output=True)
        assert done.stdout == b"set()\n", done.stderr

    def test_one_process_reads_until_pictures_have_to_wait(self, photo, endless):
        """Two of them, begun at once, cost a run on one core what two starts cost."""
        with Readers(workers=2, timeout=PATIENCE) as readers:
            readers.start()
            readers.start()
            assert len(readers._all) == 1
            for _ in range(4):
                assert isinstance(readers(photo, FRAME), Frame)
            assert len(readers._all) == 1
            stuck = threading.Thread(target=readers, args=(endless, FRAME))
            stuck.start()
            until(lambda: not readers._free)
            asked = time.perf_counter()
            assert isinstance(readers(photo, FRAME), Frame)
            assert time.perf_counter() - asked > readers._start_cost - readers._waited > 0
            assert len(readers._all) == 2
        stuck.join(PATIENCE)
        assert not stuck.is_alive()

    def test_modules_where_a_run_starts_are_not_imported(self, readers, photo, monkeypatch):
        monkeypatch.chdir(photo.parent)
        for name in ("PIL.py", "pickle.py", "numpy.py"):
            Path(name).write_text("raise SystemExit(7)")
        assert isinstance(readers(photo, FRAME), Frame)

    @pytest.mark.parametrize("program", ["/bin/false", "/no/such/python"])
    def test_where_none_can_start_a_run_is_told_what_to_do(self, photo, monkeypatch, program):
        monkeypatch.setattr(sys, "executable", program)
        with (
            Readers(workers=2) as readers,
            pytest.raises(ConfigError, match=r"could not start.*--workers 0"),
        ):
            readers(photo, FRAME)

    @pytest.mark.parametrize("program", ["/bin/false", "/no/such/python"])
    def test_where_no_second_can_start_the_first_does_it_all(
        self, photo, endless, monkeypatch, program
    ):
        """Or a limit on processes would end a run that can go on."""
        found = []
        with Readers(workers=2, timeout=PATIENCE) as readers:
            assert isinstance(readers(photo, FRAME), Frame)
            monkeypatch.setattr(sys, "executable", program)
            stuck = threading.Thread(target=readers, args=(endless, FRAME))
            stuck.start()
            until(lambda: not readers._free)
            waits = threading.Thread(target=lambda: found.append(readers(photo, FRAME)))
            waits.start()
            until(lambda: readers._most == 1)
            os.close(os.open(endless.path, os.O_WRONLY))  # it ends after all
            stuck.join(PATIENCE)
            waits.join(PATIENCE)
        assert isinstance(found[0], Frame)


class TestWhatGoesWrong:
    def test_a_picture_that_takes_too_long_is_one_failure(self, readers, photo, endless):
        assert isinstance(readers(photo, FRAME), Frame)  # started, however slowly
        readers.timeout = 0.5
        late = readers(endless, FRAME)
        assert "longer than 0.5 s" in late.reason and "shrink it" in late.reason
        readers.timeout = PATIENCE
        assert isinstance(readers(photo, FRAME), Frame)

    def test_time_for_ever_is_no_time_that_an_alarm_refuses(self, readers, photo):
        readers.timeout = float("inf")
        assert isinstance(readers(photo, FRAME), Frame)

    def test_a_picture_that_crashes_its_decoder_is_one_failure(self, readers, photo, endless):
        """Told once: the next process would crash as well."""
        assert isinstance(readers(photo, FRAME), Frame)
        [one] = readers._all

        def crash() -> None:
            until(lambda: is_reading(one), "the question")
            one._process.send_signal(signal.SIGSEGV)

        threading.Thread(target=crash).start()
        assert readers(endless, FRAME).reason.startswith("crashed its decoder (SIGSEGV); save")
        assert isinstance(readers(photo, FRAME), Frame)

    def test_what_a_killed_process_was_reading_is_read_again(
        self, readers, tmp_path, photo, endless
    ):
        """A system that runs out of memory kills whom it likes."""
        assert isinstance(readers(photo, FRAME), Frame)
        [one] = readers._all
        place = Span(endless.path, 0, photo.stat().st_size)

        def kill_and_mend() -> None:
            until(lambda: is_reading(one), "the question")
            one._process.send_signal(signal.SIGSTOP)  # it must not see what is mended for the next
            until(lambda: psutil.Process(one._process.pid).status() == psutil.STATUS_STOPPED)
            os.unlink(place.path)
            os.link(photo, place.path)
            one._process.kill()

        killer = threading.Thread(target=kill_and_mend)
        killer.start()
        again = readers(place, FRAME)
        killer.join(PATIENCE)
        assert not one.alive
        assert torch.equal(again.pixels, read_frame(photo, FRAME).pixels)

    def test_killed_again_and_again_it_is_one_failure(self, readers, photo, endless):
        assert isinstance(readers(photo, FRAME), Frame)

        def kill_all() -> None:
            killed = set()
            while len(killed) < 3:
                for one in list(readers._all):
                    if is_reading(one) and one not in killed:
                        one._process.kill()
                        killed.add(one)
                time.sleep(0.01)

        killer = threading.Thread(target=kill_all)
        killer.start()
        dead = readers(endless, FRAME)
        killer.join(PATIENCE)
        assert "killed 3 times (SIGKILL)" in dead.reason and "runs out of memory" in dead.reason
        assert isinstance(readers(photo, FRAME), Frame)

    def test_processes_that_died_while_idle_cost_nothing(self, photo, endless):
        with Readers(workers=3, timeout=PATIENCE) as readers:
            readers._free += [readers._new() for _ in range(3)]
            for one in readers._free:
                one.wait_for_start(PATIENCE)
                one._process.kill()
                one._process.wait()
            assert isinstance(readers(photo, FRAME), Frame)

    def test_a_run_that_stood_still_does_not_blame_its_pictures(self, photo, monkeypatch):
        """Ctrl+Z, and ``fg`` an hour later."""
        one = ReadingProcess()
        one.wait_for_start(PATIENCE)
        one._deadline = time.monotonic() - 3600
        one.look_at_the_clock(3700.0)
        assert one.alive and not one.timed_out
        one._deadline = time.monotonic() - 3600
        one.look_at_the_clock()
        one.kill()
        assert one.timed_out

    def test_memory_that_does_not_suffice_here_is_one_failure(self, readers, photo, monkeypatch):
        assert isinstance(readers(photo, FRAME), Frame)

        def full(*_: object) -> None:
            raise MemoryError

        with monkeypatch.context() as patch:
            patch.setattr(process.np, "empty", full)
            assert "not enough memory" in readers(photo, FRAME).reason
        assert isinstance(readers(photo, FRAME), Frame)


class TestTheFarEnd:
    """``pictures.worker``, asked by hand."""

    @pytest.fixture
    def worker(self) -> Iterator[subprocess.Popen]:
        with subprocess.Popen(
            WORKER, env=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as one:
            assert pickle.load(one.stdout) > 0
            yield one
            one.kill()

    def ask(self, worker: subprocess.Popen, place: object, seconds: float) -> None:
        worker.stdin.write(pickle.dumps((place, seconds)))
        worker.stdin.flush()

    def test_it_ends_with_its_parent(self, worker):
        worker.stdin.close()
        assert worker.wait(timeout=PATIENCE) == 0

    def test_it_ends_itself_where_nobody_is_left_who_would(self, worker, endless):
        """Its parent was killed while a picture did not end."""
        self.ask(worker, endless, -4.5)  # and five seconds of grace
        assert worker.wait(timeout=PATIENCE) == -signal.SIGALRM

    def test_ctrl_c_is_not_its_business(self, worker, photo):
        worker.send_signal(signal.SIGINT)
        self.ask(worker, str(photo), 60)
        assert pickle.load(worker.stdout) == (80, 100)

    def test_what_is_no_picture_is_a_sentence(self, worker):
        self.ask(worker, b"no picture", 60)
        assert "not an image" in pickle.load(worker.stdout)


@pytest.mark.slow
class TestWholeRuns:
    """As people start them, to the end of every process."""

    SCRIPT = """
import pix2seq
p = pix2seq.load({checkpoint!r}, "cpu")
pictures = [("photo.png", "photo.png")] * 3
print([name for name, _ in p.detect_many(pictures, workers=2, timeout=300)])
"""

    def test_a_script_without_a_guard_runs_once(self, tmp_path, photo, tiny_checkpoint):
        """``multiprocessing`` would run it again in every process."""
        script = tmp_path / "script.py"
        script.write_text(self.SCRIPT.format(checkpoint=str(tiny_checkpoint)))
        for words, given in ([str(script)], None), (["-"], script.read_bytes()):
            done = subprocess.run(
                [sys.executable, *words], input=given, cwd=tmp_path, env=HERE, capture_output=True
            )
            assert done.stdout == b"['photo.png', 'photo.png', 'photo.png']\n", done.stderr
            assert done.stderr == b""

    def test_python_may_be_left_in_the_middle(self, tmp_path, photo, tiny_checkpoint):
        """As from a prompt, where the generator still has a name."""
        program = self.SCRIPT.replace("3", "300", 1).format(checkpoint=str(tiny_checkpoint))
        program = program[: program.index("print(")] + (
            "found = p.detect_many(pictures, workers=2, timeout=300)\n"
            "print(next(found)[0])\n"
            "import psutil\n"
            "print(*(one.pid for one in psutil.Process().children()))\n"
        )
        done = subprocess.run(
            [sys.executable, "-q", "-i"],
            input=program.encode(),
            cwd=tmp_path,
            env=HERE,
            capture_output=True,
            timeout=300,
        )
        name, children = done.stdout.decode().split("\n")[:2]
        assert name == "photo.png" and children, done.stderr
        assert done.stderr.replace(b">>> ", b"").strip() == b""
        until(lambda: not any(psutil.pid_exists(int(pid)) for pid in children.split()))

    @pytest.mark.usefixtures("ctrl_c")
    @pytest.mark.parametrize("sign", ["SIGINT", "SIGKILL"])
    def test_no_process_outlives_its_run(self, tmp_path, photo, tiny_checkpoint, sign):
        (tmp_path / "photos").mkdir()
        for i in range(3000):
            os.link(photo, tmp_path / "photos" / f"{i}.png")
        words = ["detect", "photos", "--checkpoint", str(tiny_checkpoint), "--eos", "delay"]
        run = subprocess.Popen(
            [sys.executable, "-m", "pix2seq", *words, "--jsonl", "a.jsonl", "--timeout", "300"],
            cwd=tmp_path,
            env=HERE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        journal = tmp_path / "a.jsonl"
        until(lambda: journal.exists() and journal.stat().st_size, "the journal")
        children = psutil.Process(run.pid).children(recursive=True)
        assert children
        os.killpg(run.pid, getattr(signal, sign))  # as a terminal does
        _, said = run.communicate(timeout=PATIENCE)
        _, alive = psutil.wait_procs(children, timeout=PATIENCE)
        assert alive == []
        assert b"Traceback" not in said
        if sign == "SIGINT":
            assert run.returncode == 130 and said.endswith(b"pix2seq: interrupted\n")
