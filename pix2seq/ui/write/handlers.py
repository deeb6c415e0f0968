"""What happens when somebody presses something: plain methods, testable without a server.

Each reads widget values, iterates ``writer.write`` and hands on its text. A ``ConfigError``
becomes a toast and the stage's error state; the server goes on.
"""

from __future__ import annotations

from collections.abc import Iterator

import gradio as gr
from PIL import Image

from pix2seq.config import ConfigError, SamplingOptions, short
from pix2seq.examples import PHOTOS, scene_name
from pix2seq.predictor import Predictor
from pix2seq.ui.kit.controls import (
    NAMES,
    SETTINGS,
    controls_as_updates,
    named_values,
    options_from_values,
    resolved_defaults,
)
from pix2seq.ui.visit import record
from pix2seq.ui.visit.context import AppContext
from pix2seq.ui.visit.runs import Run
from pix2seq.ui.visit.visitor import remark, session_of, toast
from pix2seq.ui.visit.writer import write
from pix2seq.ui.write.edits import Prompt, edited_prompt
from pix2seq.ui.write.exports import options_of_link
from pix2seq.ui.write.recordings import OPENING, load_recording, recorded_run, recorded_text


class Handlers:
    """The *Write* tab's events over one ``AppContext``."""

    def __init__(self, context: AppContext) -> None:
        self.context = context

    # ---- pictures ---------------------------------------------------------------------------

    @property
    def opening_example(self) -> str:
        """Name of the example that the page opens with."""
        return OPENING

    def opening_record(self) -> str:
        """The stage before the page has asked for anything: the opening's recording begins to play
        at once, and can be asked about when ``open_page`` has given it to a visitor."""
        picture = self.context.example_picture(self.opening_example)
        return recorded_text(picture, None) or record.picture_line(picture, self.context.problem)

    def open_page(self, request: gr.Request) -> list:
        """A visitor arrives: play the opening example, or set up what a link asks for.

        Returns the stage's record, the picture widget's value, the example's name, the checkpoint
        for the menu and as the loaded one, whether to run at once, and an update for every control.
        Whoever was quicker and has chosen a picture keeps it.
        """
        query = dict(request.query_params) if request is not None else {}
        session = session_of(request)
        arrival = self._arrival(query, session)
        if self.context.sessions.has_chosen(session):
            return [*[gr.skip()] * 5, "", *[gr.skip()] * len(NAMES)]
        return arrival

    def _arrival(self, query: dict, session: str) -> list:
        usual = [gr.skip(), gr.skip(), "", *[gr.skip()] * len(NAMES)]
        if "ex" not in query:
            name = self.opening_example
            return [self._play(name, session), self._widget_value(name), name, *usual]
        try:
            name = str(query["ex"])[:60]
            checkpoint = str(query.get("ckpt") or self.context.default_checkpoint)[:200]
            picture = self.context.example_picture(name)
            if _names_a_picture_only(query) and load_recording(picture.example):
                return [
                    self._play(name, session),
                    self._widget_value(name),
                    picture.example,
                    *usual,
                ]
            predictor = self.context.predictor(checkpoint)
            wanted, notes = options_of_link(query, predictor)
            options = predictor.resolve(wanted)
        except ConfigError as error:
            toast(error)
            name = self.opening_example
            return [self._play(name, session), self._widget_value(name), name, *usual]
        for note in notes:
            remark(note)
        return [
            record.picture_line(picture),
            self._widget_value(name),
            picture.example,
            checkpoint,
            checkpoint,
            "run",
            *controls_as_updates(predictor, options),
        ]

    def _widget_value(self, name: str) -> str | Image.Image:
        photos = {photo.name: str(photo.path) for photo in PHOTOS}
        return photos.get(name) or self.context.example_picture(name).image

    def _play(self, name: str, session: str) -> str:
        """The example's recording, or just its picture if it has none."""
        picture = self.context.example_picture(name)
        predictor = self.context.shelf.peek(self.context.default_checkpoint)
        run = recorded_run(picture, predictor) if predictor is not None else None
        if run is not None:
            self.context.keep(run, session)
        text = recorded_text(picture, run.id if run else f"{record.RECORDED}{picture.id}")
        return text or record.picture_line(picture, self.context.problem)

    def show_example(self, name: str, request: gr.Request) -> str:
        """Put an example on the stage; it plays if it was recorded."""
        self.context.sessions.choose(session_of(request))
        return self._play(name, session_of(request))

    def compose_scene(self, seed: int, request: gr.Request) -> tuple[str, Image.Image, str]:
        """A new generated scene: its name, its picture for the widget, and the stage's record."""
        name = scene_name(seed)
        return name, self.context.example_picture(name).image, self.show_example(name, request)

    def show_picture(self, path: str | None, request: gr.Request) -> str:
        """Put a new picture on the stage, before anything is written about it; or say there why it
        cannot be."""
        self.context.sessions.choose(session_of(request))
        if not path:
            return record.picture_line(None)
        try:
            return record.picture_line(self.context.picture_of(path))
        except ConfigError as error:
            return record.picture_line(None, str(error))

    # ---- writing ----------------------------------------------------------------------------

    def run(self, path, example, checkpoint, *values, request: gr.Request) -> Iterator[str]:
        """Run: a new sentence from its first token."""
        try:
            predictor = self.context.predictor(checkpoint)
            picture = self.context.picture(path, example)
            options = options_from_values(predictor, named_values(values))
        except ConfigError as error:
            toast(error)
            yield record.picture_line(None, str(error)) if not path else gr.skip()
            return
        yield from self._write(Run(picture, predictor, options), session_of(request))

    def write_on(
        self, request_data: dict, path, example, checkpoint, *values, request: gr.Request
    ) -> Iterator[str]:
        """Step, continue, replace a token, or start from a drawn prompt.

        ``request_data`` comes from the page: ``run`` and ``shown`` (tokens on view) say where the
        visitor is, ``limit`` how far to go, ``hold`` that the page asks first, the rest is an edit
        (see ``edits.py``).
        """
        if request_data.get("hold"):
            yield gr.skip()
            return
        limit = 1 if request_data.get("limit") == 1 else None
        try:
            current = self.context.runs.find(str(request_data.get("run")))
            predictor = self.context.predictor(checkpoint)
            options = options_from_values(predictor, named_values(values))
            options = _as_asked(options, request_data)
            if current is not None:
                current.restore()
            if current is None:
                picture = self.context.picture(path, example)
                run = Run(picture, predictor, options)
                prompt = edited_prompt(run, [], request_data)
                run.prompt, run.forced = prompt.ids, prompt.forced
            else:
                run = self._next(current, predictor, options, request_data)
        except ConfigError as error:
            toast(error)
            yield gr.skip()
            return
        yield from self._write(run, session_of(request), limit)

    def _next(self, current: Run, predictor: Predictor, options, request_data: dict) -> Run:
        """Go on in the same run if nothing changed, else branch off."""
        shown = request_data.get("shown", len(current.steps))
        if not isinstance(shown, int) or shown < 0:
            raise ConfigError(f"shown is {short(shown)}; it must be a count of tokens")
        kept = current.token_ids[:shown]
        same_model = predictor is current.predictor
        prompt = Prompt((), frozenset())
        if same_model:
            prompt = edited_prompt(current, kept, request_data)
            if len(prompt.ids) > predictor.tokenizer.sequence_length(options.max_objects):
                last = (len(prompt.ids) - 1) // len(predictor.tokenizer.slots) + 1
                raise ConfigError(
                    f"this would go on in object {last}, but there may be {options.max_objects} "
                    "objects at most; raise that first"
                )
        said = (list(prompt.ids), prompt.forced)
        if same_model and said == (current.token_ids, current.forced):
            if current.ended:
                return Run(current.picture, predictor, options)  # nothing left to add: begin again
            if options == current.options:
                return current
        shared = 0
        for mine, theirs in zip(prompt.ids, current.token_ids, strict=False):
            if mine != theirs or "box" in request_data:
                break
            shared += 1
        return Run(
            current.picture,
            predictor,
            options,
            parent=current.id if same_model else None,
            fork=shared,
            prompt=prompt.ids,
            forced=prompt.forced,
            behind=prompt.behind,
        )

    def _write(self, run: Run, session: str, limit: int | None = None) -> Iterator[str]:
        sessions = self.context.sessions
        self.context.keep(run, session)
        sessions.begin(session, run)
        try:
            yield from write(run, delay=lambda: sessions.delay(session), limit=limit)
        finally:
            sessions.end(session, run)

    def stop(self, request: gr.Request) -> None:
        """Stop: the writer ends after the token it is at."""
        self.context.sessions.stop(session_of(request))

    def set_pace(self, tokens_per_second: float, request: gr.Request) -> None:
        """Speed: also takes effect in the middle of a sentence."""
        self.context.sessions.set_pace(session_of(request), float(tokens_per_second or 0))

    def forbidden(self, request_data: dict, checkpoint: str, chosen: list[int]) -> list[int]:
        """Forbidden classes after one more (``label``), or those of a sentence that is put on view
        again (``labels``); classes that the checkpoint does not have are left out."""
        labels = request_data.get("labels")
        if not isinstance(labels, list):
            labels = [*(chosen if isinstance(chosen, list) else ()), request_data.get("label")]
        predictor = self.context.shelf.peek(checkpoint)
        known = set() if predictor is None else set(predictor.categories.named_labels())
        whole = [label for label in labels if isinstance(label, int)]
        return [label for label in dict.fromkeys(whole) if label in known]

    def score_at_least(self, request_data: dict) -> float:
        """The threshold that the stage proposes where everything scores below it."""
        score = request_data.get("score")
        good = isinstance(score, (int, float)) and not isinstance(score, bool) and 0 <= score <= 1
        if not good:
            raise gr.Error(
                f"score is {short(score)}; it must be a number from 0 to 1", print_exception=False
            )
        return float(score)

    # ---- checkpoints ------------------------------------------------------------------------

    def choose_checkpoint(self, name: str, loaded: str) -> list:
        """Load another checkpoint: new vocabulary, limits and defaults; on failure the running
        one stays. Returns the menu's value, the loaded name and every control."""
        if name == loaded:
            return [gr.skip()] * (2 + len(NAMES))
        try:
            predictor = self.context.predictor(name)
        except ConfigError as error:
            toast(error)
            return [gr.update(value=loaded), loaded, *[gr.skip()] * len(NAMES)]
        return [gr.update(), name, *controls_as_updates(predictor, resolved_defaults(predictor))]


def _names_a_picture_only(query: dict) -> bool:
    """Whether a link leaves checkpoint and settings open: then the example's recording will do."""
    return "ckpt" not in query and not any(setting.link in query for setting in SETTINGS)


def _as_asked(options: SamplingOptions, request_data: dict) -> SamplingOptions:
    """Add what the page asks for on the stage, before the controls have followed: a class never to
    see again, or to keep going past EOS."""
    if request_data.get("eos") == "delay":
        options = options.replace(eos="delay")
    label = request_data.get("forbid")
    if isinstance(label, bool) or not isinstance(label, int):
        return options
    return options.replace(
        forbidden_labels=tuple(dict.fromkeys((*options.forbidden_labels, label)))
    )
