"""A table of sampling settings: the paper's ablations (sections 3.3 and 3.4) on any model.

A trial is a named ``SamplingOptions``; all run over one encoded data set, so that the
images are looked at only once.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pix2seq.config import SamplingOptions
from pix2seq.evaluate.result import EvalResult
from pix2seq.evaluate.run import EncodedSamples, evaluate_encoded
from pix2seq.predictor import Predictor

_TOP_P = tuple(i / 10 for i in range(1, 11))
_BINS = (16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 1000, 2000)
_METRICS = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100")
COLUMNS = (
    "group", "name", "temperature", "top_p", "eos", "noise", "score", "num_bins", "max_objects",
    *_METRICS,
    "precision", "recall", "duplicates", "objects_per_image", "violations", "decode_s",
)  # fmt: skip


@dataclass(frozen=True)
class Trial:
    """One row: which question it belongs to, its name there, and the options."""

    group: str
    name: str
    options: SamplingOptions


def standard_trials(predictor: Predictor, base: SamplingOptions | None = None) -> list[Trial]:
    """Argmax and top-p, EOS policies by noise modes, grammar, scores, and bins, around ``base``."""
    base = predictor.resolve(base)
    trials = [Trial("top-p", "argmax", base.replace(temperature=0.0))]
    sampled = base.replace(temperature=base.temperature or 1.0)
    trials += [Trial("top-p", f"{p:g}", sampled.replace(top_p=p)) for p in _TOP_P]
    modes = ("paper", "drop", "show") if predictor.tokenizer.noise_id is not None else ("show",)
    for eos in ("model", "delay"):
        for noise in modes:
            options = base.replace(eos=eos, noise=noise)
            trials.append(Trial("eos and noise", f"{eos}, {noise}", options))
    for grammar in (True, False):
        name = "on" if grammar else "off"
        trials.append(Trial("grammar", name, base.replace(grammar=grammar)))
    for score in ("class", "box"):
        trials.append(Trial("score", score, base.replace(score=score)))
    full = predictor.tokenizer.num_bins
    for bins in (*(n for n in _BINS if n < full), full):
        trials.append(Trial("bins", str(bins), base.replace(num_bins=bins)))
    return trials


def run_trials(
    predictor: Predictor,
    encoded: EncodedSamples,
    trials: Sequence[Trial],
    batch_size: int = 8,
) -> Iterator[tuple[Trial, EvalResult]]:
    """Evaluate one trial after another; equal options are evaluated once."""
    known: dict[SamplingOptions, EvalResult] = {}
    for trial in trials:
        options = predictor.resolve(trial.options)
        if options not in known:
            known[options] = evaluate_encoded(predictor, encoded, options, batch_size)
        yield trial, known[options]


def as_csv(rows: Sequence[tuple[Trial, EvalResult]]) -> str:
    """One line per trial; empty where a number could not be measured."""
    file = io.StringIO()
    writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for trial, result in rows:
        values = {
            name: getattr(result.options, name, None) for name in COLUMNS if name not in _METRICS
        }
        values |= {name: result.metrics[name] for name in _METRICS}
        for name in ("precision", "recall", "duplicates", "objects_per_image", "violations"):
            values[name] = getattr(result, name)
        values |= {"group": trial.group, "name": trial.name, "decode_s": result.decode_s}
        writer.writerow({name: _cell(value) for name, value in values.items()})
    return file.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.4f}".rstrip("0").rstrip(".")
    return value
