"""What one sweep shows: its question, its rows so far, its two figures. Live or recorded."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from pix2seq.config import SamplingOptions
from pix2seq.sweep import KNOBS, Outcome, Progress
from pix2seq.ui.lab.plots import plot_averages, plot_curves
from pix2seq.ui.lab.recordings import recorded_outcomes


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
            **more,
        }
        return json.dumps(value, separators=(",", ":"))

    def figures(self) -> tuple:
        """Curves and averages."""
        return (
            plot_curves(self.outcomes, self.knob, self.settings, self.threshold),
            plot_averages(self.outcomes, self.knob, self.settings),
        )

    def _row(self, outcome: Outcome) -> dict:
        precision, recall = outcome.curve.at(self.threshold)
        numbers = {
            "AP": outcome.metrics["AP"],
            "AP50": outcome.metrics["AP50"],
            "AR100": outcome.metrics["AR100"],
            "precision": precision,
            "recall": recall,
            "objects": outcome.objects_per_image,
            "seconds": outcome.seconds,
        }
        row = {name: _rounded(value) for name, value in numbers.items()}
        return {"name": outcome.setting.name, **row}


def idle_text(knob: str) -> str:
    """The component's value before a sweep that is not recorded."""
    return json.dumps({**_about(knob), "state": "idle", "rows": [], "settings": []})


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
