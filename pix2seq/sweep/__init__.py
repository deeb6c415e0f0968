"""One knob at a time: what a sampling setting does to precision, recall and AP."""

from pix2seq.sweep.bench import Bench, Curve, Outcome, Progress, run_sweep, without_noise_class
from pix2seq.sweep.plan import KNOBS, Knob, Setting, plan_sweep

__all__ = [
    "KNOBS",
    "Bench",
    "Curve",
    "Knob",
    "Outcome",
    "Progress",
    "Setting",
    "plan_sweep",
    "run_sweep",
    "without_noise_class",
]
