"""What the lessons may say about the loaded checkpoint: what it recommends, and what the lab's
recorded sweeps found with its weights. Without a recording they say nothing."""

from __future__ import annotations

from collections.abc import Sequence

from pix2seq.predictor import Predictor
from pix2seq.sweep import KNOBS, finding
from pix2seq.ui.visit.evidence import load_recording, recorded_outcomes


def recommended(predictor: Predictor | None) -> dict:
    """The settings that lessons start from: the checkpoint's own; the paper's without one."""
    if predictor is None:
        return {"threshold": 0.3, "top_p": 0.4, "score": "class"}
    options = predictor.resolve()
    return {
        "threshold": options.score_threshold,
        "top_p": options.top_p if options.top_p < 1 else 0.4,
        "score": options.score,
    }


def findings(predictor: Predictor | None, knobs: Sequence[str]) -> list[dict]:
    """What the recorded sweeps say, each with its title and the scenes that it was measured on."""
    recording = None if predictor is None else load_recording(predictor.name)
    if recording is None:
        return []
    told = ((knob, finding(knob, recorded_outcomes(recording, knob))) for knob in knobs)
    return [
        {"title": KNOBS[knob].title, "images": recording["images"], "text": text}
        for knob, text in told
        if text
    ]
