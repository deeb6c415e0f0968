"""What visitors leave behind goes away, and what those who are here use stays."""

from __future__ import annotations

import dataclasses
import datetime
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pix2seq.ui.page.upkeep import tidy
from pix2seq.ui.page.uploads import drop_uploads, own_uploads
from pix2seq.ui.visit.context import AppContext
from pix2seq.ui.visit.limits import Limits, variable
from pix2seq.ui.visit.runs import Run
from tests import fakes
from tests.patience import PATIENCE
from tests.served import app_context, scripted_predictor
from tests.test_architecture import ROOT


@pytest.fixture
def context(tmp_path) -> AppContext:
    return app_context()


def upload(name: str, side: int = 20) -> Path:
    """A file where Gradio puts one."""
    folder = own_uploads() / f"of-{name}-{side}"
    folder.mkdir(parents=True, exist_ok=True)
    fakes.draw_picture(side, side).save(folder / name)
    return folder / name


def written(context: AppContext, session: str, path: Path) -> Run:
    predictor = scripted_predictor()
    return context.keep(Run(context.picture_of(str(path)), predictor, predictor.resolve()), session)


def later(monkeypatch, seconds: float) -> None:
    now = time.monotonic() + seconds
    monkeypatch.setattr(time, "monotonic", lambda: now)


def test_what_a_visitor_wrote_stays_as_long_as_they_are_here(monkeypatch, context):
    run = written(context, "tab", upload("here.png"))
    later(monkeypatch, 3 * 3600)
    assert context.forget() == []
    assert context.runs.get(run.id) is run
    assert context.pictures.get(run.picture.id) is run.picture


def test_who_has_left_is_waited_for_and_then_forgotten_with_their_file(monkeypatch, context):
    path = upload("left.png")
    run = written(context, "tab", path)
    context.sessions.leave("tab")
    later(monkeypatch, context.limits.kept_seconds / 2)
    assert context.forget() == [] and run.id in context.runs, "a phone may have lost its network"
    later(monkeypatch, context.limits.kept_seconds / 2 + 1)
    drop_uploads(context.forget())
    assert len(context.runs) == len(context.pictures) == 0
    assert not path.exists() and not path.parent.exists()


def test_somebody_elses_copy_of_the_same_file_stays(monkeypatch, context):
    mine, theirs = upload("same.png"), upload("same.png").with_name("other.png")
    theirs.write_bytes(mine.read_bytes())
    written(context, "left", mine)
    kept = written(context, "here", theirs)
    context.sessions.leave("left")
    later(monkeypatch, 3600)
    drop_uploads(context.forget())
    assert not mine.exists() and theirs.exists()
    assert context.pictures.get(kept.picture.id) is kept.picture


def test_what_a_program_sent_is_forgotten_unless_it_is_sent_again(monkeypatch, context):
    path = str(upload("api.png"))
    first = context.picture_of(path)
    later(monkeypatch, context.limits.kept_seconds - 5)
    assert context.picture_of(path) is first
    later(monkeypatch, context.limits.kept_seconds - 5)
    assert context.forget() == []
    later(monkeypatch, context.limits.kept_seconds + 5)
    assert context.forget() == [Path(path)]


def test_a_file_that_was_sent_again_waits_for_its_sender(monkeypatch, context):
    """The same picture lies at the same place, whoever sends it; its sender may stand in line."""
    path = upload("again.png")
    context.picture_of(str(path))
    later(monkeypatch, context.limits.kept_seconds + 5)
    content = path.read_bytes()
    path.with_name("sent").write_bytes(content)
    path.with_name("sent").replace(path)  # as Gradio puts it there
    drop_uploads(context.forget())
    assert path.exists() and len(context.pictures) == 0
    context.picture_of(str(path))
    later(monkeypatch, context.limits.kept_seconds + 5)
    drop_uploads(context.forget())
    assert not path.exists()


def test_no_file_outside_the_uploads_is_deleted(tmp_path):
    file = tmp_path / "photo.png"
    fakes.draw_picture().save(file)
    drop_uploads([file, own_uploads() / ".." / file.name, own_uploads() / "none" / "gone.png"])
    assert file.exists()


def test_a_run_that_was_pushed_out_is_nobodys(context):
    run = written(context, "tab", upload("out.png"))
    context.runs.forget(float("inf"), lambda run: False)
    assert context.sessions.owned(context.runs) == set()
    assert run.id not in context.runs


def test_gradios_copies_of_the_page_are_bounded_and_go_with_their_visitors(monkeypatch):
    from gradio.state_holder import SessionState

    from pix2seq.ui import build_demo, launch_options
    from tests import served

    monkeypatch.setenv("PIX2SEQ_MAX_TABS", "3")
    demo = build_demo("scripted", load=served.load)
    demo.launch(server_name="127.0.0.1", prevent_thread_lock=True, quiet=True, **launch_options())
    try:
        keeper = demo.app.state_holder
        for number in range(5):
            assert isinstance(keeper[f"tab-{number}"], SessionState)
        assert list(keeper.session_data) == ["tab-2", "tab-3", "tab-4"]
        keeper["tab-2"].is_closed = True
        tidy(demo)
        assert "tab-2" in keeper, "the page may be opened again at once"
        keeper.time_last_used["tab-2"] -= datetime.timedelta(
            seconds=demo.context.limits.kept_seconds
        )
        tidy(demo)
        assert list(keeper.session_data) == ["tab-3", "tab-4"]
    finally:
        demo.close()


def test_a_visitor_costs_no_copy_of_the_page(demo):
    """What Gradio knows of one is what an event has changed."""
    keeper = demo.app.state_holder
    one, other = keeper["one"], keeper["other"]
    assert one.config_values == {} and keeper["one"] is one
    [detect] = [fn for fn in demo.fns.values() if fn.api_name == "detect"]
    [answer] = detect.outputs
    one._update_value_in_config(answer._id, {"a": 1})
    assert one.config_values[answer._id]["props"]["value"] == {"a": 1}
    assert other.config_values == {} and one.blocks_config.fns == other.blocks_config.fns


@pytest.fixture
def demo():
    from pix2seq.ui import build_demo, launch_options
    from pix2seq.ui.page.visitors import copy_nothing
    from tests import served

    demo = build_demo("scripted", load=served.load)
    demo.launch(server_name="127.0.0.1", prevent_thread_lock=True, quiet=True, **launch_options())
    copy_nothing(demo)
    yield demo
    demo.close()


def test_the_latest_pictures_of_programs_keep_their_encodings(context):
    predictor = scripted_predictor()
    sent = [str(upload(f"{number}.png", 20 + number)) for number in range(10)]
    pictures = [context.asked_about(path) for path in sent]
    first = pictures[2].encoded_by(predictor)
    for picture in pictures:
        picture.encoded_by(predictor)
    assert context.asked_about(sent[2]).encoded_by(predictor) is first
    latest = [context.asked_about(str(upload(f"more{n}.png", 60 + n))) for n in range(7)]
    assert context.asked_about(sent[2]).encoded_by(predictor) is first, "asked about in between"
    assert not any(picture.encodings for picture in pictures[3:]) and len(latest) == 7
    again = pictures[5].encoded_by(predictor)
    assert pictures[5].encoded_by(predictor) is again, "who asks again is looked at again"


_ARENAS = """
import os, threading
from pix2seq import allocator
import ctypes

def held():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 20

if {few}:
    assert allocator.use_few_arenas()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]
libc.free.argtypes = libc.memset.argtypes = None

def work(done, gate):
    libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]
    blocks = [libc.malloc(100_000) for _ in range(100)]
    for block in blocks:
        libc.memset(block, 1, 100_000)
    pin = libc.malloc(1000)  # what lies above the free blocks keeps them
    for block in blocks:
        libc.free(block)
    done.set()
    gate.wait()

base = held()
gate = threading.Event()
for _ in range(16):
    done = threading.Event()
    threading.Thread(target=work, args=(done, gate)).start()
    done.wait()
before = held() - base
allocator.give_back()
print(before, held() - base)
gate.set()
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's own")
def test_what_many_threads_have_freed_is_given_back():
    """Sixteen threads allocate and free ten megabytes each, one after the other."""

    def megabytes(few: bool) -> list[int]:
        line = [sys.executable, "-c", _ARENAS.format(few=few)]
        done = subprocess.run(line, capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 0, done.stderr
        return [int(word) for word in done.stdout.split()]

    many, given_back = megabytes(few=False)
    few, rest = megabytes(few=True)
    assert many > 100 and few < many / 3, (many, few)
    assert given_back < 10 and rest < 10


def test_the_how_to_has_every_limit_and_its_usual_value():
    page = (ROOT / "docs" / "space.md").read_text()
    told = dict(re.findall(r"^\| `(PIX2SEQ_MAX_\w+)` \|.*\| `(\d+)` \|$", page, re.MULTILINE))
    usual = dataclasses.asdict(Limits())
    assert told == {variable(name): str(value) for name, value in usual.items()}


def test_limits_of_what_is_kept_are_the_environments(monkeypatch):
    monkeypatch.setenv("PIX2SEQ_MAX_KEPT_SECONDS", "60")
    monkeypatch.setenv("PIX2SEQ_MAX_TABS", "50")
    assert Limits.of_this_server() == Limits(kept_seconds=60, tabs=50)
