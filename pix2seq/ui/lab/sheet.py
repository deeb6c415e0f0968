"""What one sweep shows: its question, its rows so far, its two figures. Live or recorded."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from pix2seq.config import SamplingOptions
from pix2seq.evaluate.bootstrap import interval
from pix2seq.sweep import (
    KNOBS,
    Outcome,
    Progress,
    best_row,
    doubles_in_words,
    finding,
    trust_in_words,
)
from pix2seq.sweep.findings import METRICS
from pix2seq.ui.lab.plots import plot_averages, plot_curves
from pix2seq.ui.visit.evidence import plain_trust, recorded_outcomes


@dataclass
class Sheet:
    """A sweep as the page sees it.

    Attributes:
        settings: names of all settings, finished or not.
        threshold: the score from which *Write* shows a box.
        objects: true objects in the scenes looked at so far.
        missing: the scenes' classes that the checkpoint does not know.
    """

    knob: str
    settings: Sequence[str]
    checkpoint: str
    images: int
    threshold: float
    objects: int = 0
    missing: Sequence[str] = ()
    outcomes: list[Outcome] = field(default_factory=list)
    progress: Progress | None = None

    @classmethod
    def recorded(cls, recording: dict, knob: str) -> Sheet | None:
        """The sheet of a recording; ``None`` if it lacks this sweep."""
        outcomes = recorded_outcomes(recording, knob)
        if not outcomes:
            return None
        return cls(
            knob=knob,
            settings=[outcome.setting.name for outcome in outcomes],
            checkpoint=recording["checkpoint"],
            images=recording["images"],
            threshold=SamplingOptions.from_dict(recording["base"]).score_threshold,
            objects=recording["objects"],
            outcomes=outcomes,
        )

    def text(self, state: str, **more: object) -> str:
        """The component's value."""
        setting = None if self.progress is None else self.progress.setting
        looking = state == "writing" and setting is None and not self.outcomes
        value = {
            **_about(self.knob),
            "state": "looking" if looking else state,
            "checkpoint": self.checkpoint,
            "images": self.images,
            "objects": self.objects,
            "missing": list(self.missing),
            "threshold": self.threshold,
            "settings": list(self.settings),
            "done": 0 if self.progress is None else self.progress.done,
            "setting": None if setting is None else setting.name,
            "rows": [self._row(outcome) for outcome in self.outcomes],
            "best": {name: best_row(self.outcomes, name) for name in METRICS},
            "finding": self._finding(),
            **more,
        }
        return json.dumps(value, separators=(",", ":"))

    def figures(self) -> tuple:
        """Curves and averages."""
        return (
            plot_curves(self.outcomes, self.knob, self.settings, self.threshold),
            plot_averages(self.outcomes, self.knob, self.settings),
        )

    def _finding(self) -> str:
        """What the whole table says; nothing before it is whole."""
        whole = len(self.outcomes) == len(self.settings)
        return finding(self.knob, self.outcomes) if whole else ""

    def _row(self, outcome: Outcome) -> dict:
        numbers = {name: outcome.values.get(name, math.nan) for name in METRICS}
        spans = {name: interval(outcome.draws[name]) for name in METRICS if name in outcome.draws}
        return {
            "name": outcome.name,
            **{name: _rounded(value) for name, value in numbers.items()},
            "spans": {name: [_rounded(low), _rounded(high)] for name, (low, high) in spans.items()},
            "objects": _rounded(outcome.objects_per_image),
            "seconds": _rounded(outcome.seconds),
            "trust": [plain_trust(group) for group in outcome.trust],
            "trusted": trust_in_words(outcome.trust) if outcome.trust else "",
        }


def idle_text(knob: str) -> str:
    """The component's value before a sweep that is not recorded."""
    return json.dumps({**_about(knob), "state": "idle", "rows": [], "settings": []})


def doubles_text(doubles: dict | None) -> str:
    """What ``load_doubles`` found, each kind of picture with its sentence."""
    told = {
        kind: {**one, "words": doubles_in_words(one["shown"])}
        for kind, one in (doubles or {}).items()
    }
    return json.dumps(told)


def empty_figures(knob: str) -> tuple:
    """Both figures without any curve."""
    return plot_curves([], knob, (), 0.0), plot_averages([], knob, ())


def _about(knob: str) -> dict:
    known = KNOBS[knob]
    return {
        "knob": knob,
        "title": known.title,
        "question": known.question,
        "expect": known.expect,
    }


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 4)
