"""One knob at a time: what a sampling setting does to precision, recall and AP."""

from pix2seq.sweep.bench import Bench, Curve, Outcome, Progress, run_sweep, without_noise_class
from pix2seq.sweep.calibration import Trust, trust_in_words
from pix2seq.sweep.doubles import Doubles, count_doubles, doubles_in_words, doubles_table
from pix2seq.sweep.findings import best_row, contrast, finding
from pix2seq.sweep.plan import KNOBS, Knob, Setting, plan_sweep

__all__ = [
    "KNOBS",
    "Bench",
    "Curve",
    "Doubles",
    "Knob",
    "Outcome",
    "Progress",
    "Setting",
    "Trust",
    "best_row",
    "contrast",
    "count_doubles",
    "doubles_in_words",
    "doubles_table",
    "finding",
    "plan_sweep",
    "run_sweep",
    "trust_in_words",
    "without_noise_class",
]
