"""The paper's argument for noise objects (section 2.3), measured on a pair of checkpoints.

Two models that differ in nothing but sequence augmentation write about the same labelled images, in
three ways: stop early, keep going without a noise class, keep going with one. What is recorded is
what a page needs to show whether recall and precision move as the paper says, and how surely.
"""

from pix2seq.argument.measured import DRAWS, THRESHOLDS, Comparison, Measured, measure
from pix2seq.argument.record import FORMAT, as_record, as_table, set_record
from pix2seq.argument.sides import SIDES, Pair, Side, Told, tell
from pix2seq.argument.verdicts import VERDICTS, Verdicts, judge

__all__ = [
    "DRAWS",
    "FORMAT",
    "SIDES",
    "THRESHOLDS",
    "VERDICTS",
    "Comparison",
    "Measured",
    "Pair",
    "Side",
    "Told",
    "Verdicts",
    "as_record",
    "as_table",
    "judge",
    "measure",
    "set_record",
    "tell",
]
