"""What the server remembers between two clicks: pictures, runs, and who is writing right now.

A ``Run`` is one sentence with everything needed to look into it or write on from it. The stores
are bounded; what falls out is answered with a plain message. Ids are unguessable and are the only
key, so one visitor cannot reach another's picture.
"""

from __future__ import annotations

import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Event, Lock
from typing import Generic, TypeVar

from PIL import Image

from pix2seq.config import ConfigError, SamplingOptions
from pix2seq.predictor import ImageEncoding, Predictor
from pix2seq.sampling import SamplingStep
from pix2seq.ui.visit.looks import Looks

LOOKS = Looks()
"""Before it all pictures of all visitors stand in line."""


def new_id() -> str:
    """An id that cannot be guessed."""
    return uuid.uuid4().hex


@dataclass(eq=False)
class Picture:
    """An image that somebody put on the stage, and its encodings, and what their drafts say, by
    checkpoint name.

    Attributes:
        image: RGB, the pixels that detections refer to.
        example: the example's name if it is one of ours (only these can be linked to).
        name: what code calls it: the file that was uploaded, or ``example:<name>``.
        file: where the upload lies, if it is one.
        stamp: which upload it is: the same picture sent again lies at the same place.
        used: when somebody last needed it, by the clock of ``time.monotonic``.
    """

    image: Image.Image
    example: str | None = None
    name: str = "image.png"
    file: Path | None = None
    stamp: tuple[int, int] | None = None
    id: str = field(default_factory=new_id)
    used: float = field(default_factory=time.monotonic)
    encodings: dict[str, ImageEncoding] = field(default_factory=dict)

    def holdings(self) -> dict[int, int]:
        """Bytes of memory by the object that they belong to, so that what is shared counts once."""
        width, height = self.image.size
        encoded = sum(one.memory.nbytes for one in list(self.encodings.values()))
        return {id(self): 3 * width * height + encoded}

    def encoded_by(self, predictor: Predictor) -> ImageEncoding:
        """Encode once per checkpoint, however many sentences are written."""
        while (encoding := self.encodings.get(predictor.name)) is None:
            LOOKS.now(partial(self._encode, predictor))
        return encoding

    def approach(self, predictor: Predictor, cancelled: Event) -> Iterator[int]:
        """Have it encoded as ``encoded_by`` does; meanwhile yield how many pictures are before it.
        Ends without an encoding once ``cancelled``."""
        if predictor.name not in self.encodings:
            yield from LOOKS.approach(partial(self._encode, predictor), cancelled)

    def _encode(self, predictor: Predictor) -> None:
        if predictor.name not in self.encodings:  # somebody else's turn may have been about it
            self.encodings[predictor.name] = predictor.encode(self.image)


@dataclass(eq=False)
class Run:
    """One sentence about one picture: being written, stopped or done.

    Attributes:
        parent: the run that this one branched off, if any.
        fork: tokens that it shares with its parent.
        prompt: tokens that it begins with: an earlier sentence's, and those that a person gave.
        forced: positions of those that a person gave, in this sentence or in one before it.
        behind: for a sentence that begins with a drawn box, the objects that were on view then.
        lines: the record so far, one string per line; ``text`` joins them.
        cancelled: set by Stop; the writer looks at it after every token.
        writing: a writer is at it right now.
        seconds: time that sampling took, waiting left out.
        recorded_ids: what a recording wrote; ``restore`` writes the same tokens again.
        used: as a picture's.
    """

    picture: Picture
    predictor: Predictor
    options: SamplingOptions
    parent: str | None = None
    fork: int = 0
    prompt: tuple[int, ...] = ()
    forced: frozenset[int] = frozenset()
    behind: tuple[int, ...] = ()
    id: str = field(default_factory=new_id)
    steps: list[SamplingStep] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    cancelled: Event = field(default_factory=Event)
    writing: bool = False
    seconds: float = 0.0
    recorded_ids: tuple[int, ...] = ()
    used: float = field(default_factory=time.monotonic)

    def holdings(self) -> dict[int, int]:
        """As ``Picture.holdings``; every step keeps its logits."""
        steps = self.steps[:1]
        written = len(self.steps) * (steps[0].logits.nbytes if steps else 0)
        return {id(self): written, **self.picture.holdings()}

    @property
    def text(self) -> str:
        return "".join(self.lines)

    @property
    def token_ids(self) -> list[int]:
        return [step.token_id for step in self.steps]

    def restore(self) -> Run:
        """Write a recording's tokens again, once. Raises ``ConfigError`` if they come out
        differently: then the recording is of other weights."""
        if self.recorded_ids and not self.steps:
            encoding = self.picture.encoded_by(self.predictor)
            steps = list(self.predictor.stream(encoding, self.options))
            if tuple(step.token_id for step in steps) != self.recorded_ids:
                raise ConfigError(
                    "this recording was made with other weights than the loaded ones; press Run"
                )
            self.steps = steps
        return self

    @property
    def ended(self) -> bool:
        """Whether the sentence is complete: EOS, or as many objects as were asked for."""
        config = self.predictor.tokenizer.config
        ids = self.token_ids
        at_boundary = self.predictor.tokenizer.is_boundary(len(ids) - 1)
        if ids and ids[-1] == config.eos_id and at_boundary:
            return True
        return len(ids) >= self.predictor.tokenizer.sequence_length(self.options.max_objects)

    def step_at(self, index: int) -> SamplingStep:
        """Raises ``ConfigError`` if no such token was written."""
        if not 0 <= index < len(self.steps):
            raise ConfigError(f"token {index} does not exist; this run has {len(self.steps)}")
        return self.steps[index]


Item = TypeVar("Item", Picture, Run)


class Store(Generic[Item]):
    """The most recently used items by id, as long as they fit.

    Args:
        noun: what messages call an item.
        capacity: items.
        room: bytes; the newest item is kept whatever it takes.
    """

    def __init__(self, noun: str, capacity: int, room: int = 512 << 20) -> None:
        self._noun = noun
        self._capacity = capacity
        self._room = room
        self._items: OrderedDict[str, Item] = OrderedDict()
        self._lock = Lock()

    def add(self, item: Item, key: str | None = None) -> Item:
        with self._lock:
            self._items[key or item.id] = item
            while len(self._items) > self._capacity:
                self._items.popitem(last=False)
            while len(self._items) > 1 and self._held() > self._room:
                self._items.popitem(last=False)
        return item

    def _held(self) -> int:
        held: dict[int, int] = {}
        for item in self._items.values():
            held |= item.holdings()
        return sum(held.values())

    def find(self, key: str) -> Item | None:
        with self._lock:
            item = self._items.get(key)
            if item is not None:
                self._items.move_to_end(key)
                item.used = time.monotonic()
            return item

    def get(self, key: object) -> Item:
        """Raises ``ConfigError`` when the id is unknown or has been forgotten."""
        item = self.find(key) if isinstance(key, str) else None
        if item is None:
            raise ConfigError(f"this {self._noun} is no longer kept on the server; press Run again")
        return item

    def items(self) -> list[Item]:
        """Everything that is kept, each once."""
        with self._lock:
            return list({id(item): item for item in self._items.values()}.values())

    def forget(self, before: float, needed: Callable[[Item], bool]) -> list[Item]:
        """Let go of what was last used ``before`` then and is not ``needed``, and return it."""
        with self._lock:
            gone = {
                key: item
                for key, item in self._items.items()
                if item.used < before and not needed(item)
            }
            for key in gone:
                del self._items[key]
        return list({id(item): item for item in gone.values()}.values())

    def __contains__(self, key: object) -> bool:
        return key in self._items

    def __len__(self) -> int:
        return len(self._items)


class Sessions:
    """Who is here and writes what: one active run and one pace per browser tab, and its sentences.

    Args:
        pace: tokens per second for tabs that have not chosen any; 0 is as fast as possible.
    """

    def __init__(self, pace: float = 0.0, capacity: int = 256) -> None:
        self._usual_pace = pace
        self._active: OrderedDict[str, Run] = OrderedDict()
        self._pace: OrderedDict[str, float] = OrderedDict()
        self._wrote: OrderedDict[str, set[str]] = OrderedDict()
        self._chose: OrderedDict[str, None] = OrderedDict()
        self._capacity = capacity
        self._lock = Lock()

    def begin(self, session: str, run: Run) -> None:
        """Make ``run`` the session's active one and stop the one before."""
        with self._lock:
            before = self._active.get(session)
            self._active[session] = run
            self._trim(self._active)
        if before is not None and before is not run:
            before.cancelled.set()

    def own(self, session: str, run: Run) -> None:
        """Note that ``run`` is the session's, as long as its visitor is here."""
        if session:
            with self._lock:
                self._wrote.setdefault(session, set()).add(run.id)
                self._wrote.move_to_end(session)
                self._trim(self._wrote)

    def owned(self, kept: Container[str]) -> set[str]:
        """Which of the ``kept`` runs belong to somebody who is here; others are noted no longer."""
        with self._lock:
            for session, runs in self._wrote.items():
                self._wrote[session] = {run for run in runs if run in kept}
            return set().union(*self._wrote.values())

    def end(self, session: str, run: Run) -> None:
        """A run is no longer written: nothing of it is kept here."""
        with self._lock:
            if self._active.get(session) is run:
                del self._active[session]

    def leave(self, session: str) -> None:
        """A visitor has closed the page: stop what is written for them, and forget them."""
        self.stop(session)
        with self._lock:
            for table in (self._active, self._pace, self._wrote, self._chose):
                table.pop(session, None)

    def stop(self, session: str) -> None:
        """Ask the session's active run to end after its current token."""
        run = self._active.get(session)
        if run is not None:
            run.cancelled.set()

    def choose(self, session: str) -> None:
        """The visitor has put a picture on the stage: what is written for them ends."""
        if session:
            with self._lock:
                self._chose[session] = None
                self._trim(self._chose)
        self.stop(session)

    def has_chosen(self, session: str) -> bool:
        """Whether they have, since they came."""
        return session in self._chose

    def stop_all(self) -> None:
        """Ask every run to end after its current token: the server is being closed."""
        with self._lock:
            runs = list(self._active.values())
        for run in runs:
            run.cancelled.set()

    def writing(self) -> int:
        """How many sentences are being written."""
        with self._lock:
            return sum(run.writing for run in self._active.values())

    def active(self, session: str) -> Run | None:
        return self._active.get(session)

    def set_pace(self, session: str, tokens_per_second: float) -> None:
        """0 writes as fast as the model samples."""
        with self._lock:
            self._pace[session] = tokens_per_second
            self._trim(self._pace)

    def delay(self, session: str) -> float:
        """Seconds to wait after a token."""
        pace = self._pace.get(session, self._usual_pace)
        return 1 / pace if pace > 0 else 0.0

    def _trim(self, table: OrderedDict) -> None:
        while len(table) > self._capacity:
            table.popitem(last=False)
