"""Answers to the dock's questions: each is about the run on view and asks one panel's module.

They bypass Gradio's queue; what runs the network does so one at a time, so that a stream keeps its
share of the machine. The run's unguessable id is what entitles a caller to its data.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

from pix2seq.predictor import Predictor
from pix2seq.ui.fork import bet, dialects, memory, tree, way
from pix2seq.ui.visit.context import AppContext
from pix2seq.ui.visit.questions import answering, server_function


class Forks:
    """The server functions of the dock over one ``AppContext``."""

    def __init__(self, context: AppContext) -> None:
        self.context = context
        self._network = Lock()

    def functions(self) -> list[Callable[[dict], dict]]:
        """What the component registers; their names are the page's ``server.fork_<name>``."""
        methods = (
            self.recorded,
            self.tree,
            self.rivals,
            self.trial,
            self.blanked,
            self.repetition,
            self.rounds,
            self.price,
            self.result,
            self.way,
            self.written,
            self.read,
        )
        return [server_function(method, prefix="fork_") for method in methods]

    @answering
    def recorded(self, question: dict) -> dict:
        """The recorded tree of the picture on view: ``{"tree": ...}``, ``None`` without one."""
        picture = self.context.pictures.get(question.get("picture"))
        found = tree.recorded_tree(picture.example)
        predictor = self.context.shelf.peek(self.context.default_checkpoint)
        stale = found is None or (predictor is not None and predictor.name != found.checkpoint)
        return {"tree": None if stale else found.to_dict()}

    @answering
    def tree(self, question: dict) -> dict:
        """The tree behind the tokens ``ids``, about the picture of a run."""
        with self._network:
            return {"tree": tree.grow(self.context.run_of(question), question)}

    @answering
    def rivals(self, question: dict) -> dict:
        """What argmax, a beam and samples cost about the picture of a run."""
        with self._network:
            return {"rivals": tree.rivals(self.context.run_of(question))}

    @answering
    def trial(self, question: dict) -> dict:
        """One object of a run, asked at every place of the sentence."""
        with self._network:
            return memory.trial(self.context.run_of(question), question)

    @answering
    def blanked(self, question: dict) -> dict:
        """One object of a run taken out, and what the model writes instead."""
        with self._network:
            return memory.blanked(self.context.run_of(question), question)

    @answering
    def repetition(self, question: dict) -> dict:
        """How often a blanked object returns, measured with the checkpoint of the run on view."""
        return memory.figure(self.context.run_of(question).predictor.name)

    @answering
    def way(self, question: dict) -> dict:
        """What the picture of a run becomes in the network."""
        with self._network:
            return way.way(self.context.run_of(question))

    @answering
    def rounds(self, question: dict) -> dict:
        """The tokens of a run that are bet on."""
        return bet.rounds(self.context.run_of(question), question)

    @answering
    def price(self, question: dict) -> dict:
        """What a bet costs, and what the model thought."""
        return bet.price(self.context.run_of(question), question)

    @answering
    def result(self, question: dict) -> dict:
        """A game as text."""
        return bet.result(self.context.run_of(question), question)

    @answering
    def written(self, question: dict) -> dict:
        """Objects as other models would write them."""
        picture = self.context.pictures.get(question.get("picture"))
        return dialects.written(picture, self._predictor(question), question)

    @answering
    def read(self, question: dict) -> dict:
        """What another model's output says about the picture on view."""
        picture = self.context.pictures.get(question.get("picture"))
        return dialects.read(picture, self._predictor(question), question)

    def _predictor(self, question: dict) -> Predictor | None:
        """The checkpoint of the run on view, else the page's; ``None`` where there is none."""
        run = self.context.runs.find(str(question.get("run")))
        return self.context.default_predictor() if run is None else run.predictor
