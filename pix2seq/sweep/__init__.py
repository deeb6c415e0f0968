"""Many settings on the same images: one knob at a time, or the table of all of them."""

from pix2seq.sweep.bench import Bench, Progress, Tried, try_settings, without_noise_class
from pix2seq.sweep.calibration import Trust, trust_in_words
from pix2seq.sweep.doubles import Doubles, count_doubles, doubles_in_words, doubles_table
from pix2seq.sweep.findings import best_row, contrast, finding
from pix2seq.sweep.outcome import Curve, Outcome, run_sweep
from pix2seq.sweep.plan import KNOBS, Knob, Setting, plan_sweep
from pix2seq.sweep.table import as_csv, plan_table, run_table

__all__ = [
    "KNOBS",
    "Bench",
    "Curve",
    "Doubles",
    "Knob",
    "Outcome",
    "Progress",
    "Setting",
    "Tried",
    "Trust",
    "as_csv",
    "best_row",
    "contrast",
    "count_doubles",
    "doubles_in_words",
    "doubles_table",
    "finding",
    "plan_sweep",
    "plan_table",
    "run_sweep",
    "run_table",
    "trust_in_words",
    "try_settings",
    "without_noise_class",
]
