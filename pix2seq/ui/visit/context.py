"""``AppContext``: what every tab gets, so that a tab is one function ``build_<name>_tab(context)``.

Server side: the shelf of checkpoints and the bounded stores. Page side: the components that tabs
share, filled in by the *Write* tab, which is built first.
"""

from __future__ import annotations

import hashlib
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock, Semaphore

import gradio as gr

from pix2seq.config import ConfigError, short
from pix2seq.images import load_image
from pix2seq.predictor import Predictor
from pix2seq.ui.kit.controls import DEFAULT_SPEED, Controls
from pix2seq.ui.visit.examples import open_example
from pix2seq.ui.visit.limits import Limits
from pix2seq.ui.visit.record import RECORDED
from pix2seq.ui.visit.runs import Picture, Run, Sessions, Store
from pix2seq.ui.visit.shelf import ModelShelf

MODEL_QUEUE = {"concurrency_id": "model"}
"""What whatever runs the network says to Gradio: visitors and programs stand in one queue, and
``Limits.at_once`` of them are served together. Their sentences are written side by side."""

_LONGEST_NAME = 60
_KEPT = 240  # pictures, and runs: several for each of many visitors
_ASKED = 8  # pictures of programs whose encodings are kept
_DECODING = 2
_NAMED = 5  # checkpoints that a message lists


def called(name: str) -> str:
    """What messages call an uploaded file: people know its name, not the server's folders."""
    shown = name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}..."
    return f"image {shown!r}"


SPACE_VARIABLE = "SPACE_ID"
"""Set by Hugging Face Spaces, to ``user/name``."""


@dataclass
class AppContext:
    """One app.

    Attributes:
        shelf: loaded checkpoints by name.
        default_checkpoint: the name that the page opens with.
        choices: (shown, name) of every checkpoint in the menu.
        limits: what visitors may have of this server.
        pictures, runs, sessions: what visitors put on the stage, wrote, and are writing.
        asked: the pictures that programs asked about last.
        decoding: how many uploads are decoded at once; the largest takes a gigabyte meanwhile.
        checkpoint: the menu in the header; its value is a name, loaded or not.
        loaded: the name of the visitor's loaded checkpoint. What depends on a checkpoint follows
            this one, so that a choice that cannot be loaded is tried, and reported, once.
        image: the picture widget; its value is a file's path, or ``None``.
        example: the name of the example on the stage, empty for a visitor's own picture.
        controls: the sampling widgets.
        stage: the live stage.
    """

    shelf: ModelShelf
    default_checkpoint: str
    choices: list[tuple[str, str]]
    limits: Limits = field(default_factory=Limits.of_this_server)
    pictures: Store[Picture] = field(init=False)
    runs: Store[Run] = field(init=False)
    decoding: Semaphore = field(default_factory=lambda: Semaphore(_DECODING))
    sessions: Sessions = field(default_factory=lambda: Sessions(pace=DEFAULT_SPEED))
    asked: deque[Picture] = field(default_factory=deque)
    problem: str = ""
    checkpoint: gr.Dropdown | None = None
    loaded: gr.State | None = None
    image: gr.Image | None = None
    example: gr.Textbox | None = None
    controls: Controls | None = None
    stage: gr.HTML | None = None

    def __post_init__(self) -> None:
        self._asking = Lock()
        room = (self.limits.kept_mb << 20) // 2
        self.pictures = Store("picture", _KEPT, room)
        self.runs = Store("run", _KEPT, room)

    def example_picture(self, name: str) -> Picture:
        """An example's picture, remembered under its name; raises what ``open_example`` raises."""
        picture = self.pictures.find(name)
        if picture is None:
            picture = open_example(name)
            self.pictures.add(picture, name)
        return self.pictures.add(picture)

    def picture_of(self, path: str | None) -> Picture:
        """The stored picture of an uploaded file; the same file is decoded and encoded once. Its
        name belongs to it: somebody else's copy of the file may be called differently."""
        if not path:
            raise ConfigError("there is no picture yet; choose an example or add your own photo")
        name = Path(path).name
        try:
            content = Path(path).read_bytes()
        except (OSError, ValueError):  # deleted by Gradio, hours later
            raise ConfigError(f"{called(name)} is no longer on the server; add it again") from None
        key = f"{hashlib.sha256(content).hexdigest()} {name}"
        picture = self.pictures.find(key)
        if picture is None:
            with self.decoding:
                picture = Picture(load_image(path, called(name)), name=name, file=Path(path))
            self.pictures.add(picture, key)
            self.pictures.add(picture)
        picture.stamp = _stamp(picture.file)
        return picture

    def asked_about(self, path: str) -> Picture:
        """``picture_of`` for a program, which asks about a picture once, or several times in a row:
        the latest few keep their encodings, and who needs another one waits for a look."""
        picture = self.picture_of(path)
        with self._asking:
            if picture in self.asked:
                self.asked.remove(picture)
            self.asked.append(picture)
            older = self.asked.popleft() if len(self.asked) > _ASKED else None
        if older is not None:
            older.encodings.clear()
        return picture

    def picture(self, path: str | None, example: str | None) -> Picture:
        """What is on the stage of *Write*: an example by its name, else the uploaded file."""
        return self.example_picture(example) if example else self.picture_of(path)

    def keep(self, run: Run, session: str) -> Run:
        """Remember a run, for a visitor who may ask about it as long as they are here."""
        self.runs.add(run)
        self.sessions.own(session, run)
        return run

    def forget(self) -> list[Path]:
        """Let go of what nobody has used for ``limits.kept_seconds`` and nobody here has written.

        Returns the files of pictures that are gone; what somebody has sent again since they were
        opened is not among them, who may be waiting for their turn.
        """
        before = time.monotonic() - self.limits.kept_seconds
        theirs = self.sessions.owned(self.runs)
        self.runs.forget(before, lambda run: run.id in theirs)
        shown = {run.picture for run in self.runs.items()}
        gone = self.pictures.forget(before, lambda picture: picture in shown)
        with self._asking:
            self.asked = deque(picture for picture in self.asked if picture not in gone)
        files = [picture.file for picture in gone if picture.stamp == _stamp(picture.file)]
        return [file for file in files if file is not None]

    def predictor(self, name: object) -> Predictor:
        """The checkpoint of the menu with that name, loaded if need be.

        Only what the menu offers is loaded: a visitor must not reach other files of the server.

        Raises:
            ConfigError: the menu has no such name, or it cannot be loaded.
        """
        if not any(name == known for _, known in self.choices):
            raise ConfigError(f"checkpoint {short(name)} is not here; {self._menu()}")
        return self.shelf.get(str(name))

    def run_of(self, question: dict) -> Run:
        """The run that the page asks about.

        Raises:
            ConfigError: it is a recording that plays without its model, or is no longer kept.
        """
        wanted = question.get("run")
        if isinstance(wanted, str) and wanted.startswith(RECORDED):
            why = self.problem or "press Run to write anew"
            raise ConfigError(f"this is a recording, and this panel asks the model itself: {why}")
        return self.runs.get(wanted)

    def _menu(self) -> str:
        """What can be chosen, in few words."""
        names = [name for _, name in self.choices]
        more = f", or another of the menu's {len(names)}" if len(names) > _NAMED else ""
        return f"the menu has {', '.join(names[:_NAMED])}{more}"

    def default_predictor(self) -> Predictor | None:
        """The checkpoint that the page opens with; ``None``, and ``problem`` says why, if it
        cannot be loaded: recorded examples then still play."""
        try:
            predictor = self.shelf.get(self.default_checkpoint)
        except ConfigError as error:
            self.problem = str(error)
            return None
        self.problem = ""
        return predictor


def _stamp(file: Path | None) -> tuple[int, int] | None:
    """Which file lies at a place now; ``None`` if there is none."""
    try:
        told = file.stat() if file is not None else None
    except OSError:
        return None
    return told and (told.st_ino, told.st_ctime_ns)
