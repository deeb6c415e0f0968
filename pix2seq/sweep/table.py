"""A table of settings: the paper's ablations (sections 3.3 and 3.4) on any model."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Sequence

from pix2seq.config import SamplingOptions
from pix2seq.evaluate import EvalResult
from pix2seq.predictor import Predictor
from pix2seq.sweep.bench import Bench, Tried, try_settings
from pix2seq.sweep.plan import Setting

_TOP_P = tuple(i / 10 for i in range(1, 11))
_BINS = (16, 32, 48, 64, 96, 128, 192, 256, 384, 512, 1000, 2000)
_METRICS = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100")
COLUMNS = (
    "group", "name", "temperature", "top_p", "eos", "noise", "score", "num_bins", "max_objects",
    *_METRICS,
    "precision", "recall", "duplicates", "objects_per_image", "violations", "decode_s",
)  # fmt: skip


def plan_table(predictor: Predictor, base: SamplingOptions | None = None) -> list[Setting]:
    """Argmax and top-p, EOS policies by noise modes, grammar, scores, bins and, if the encoder has
    any, drafts followed or not, around ``base``."""
    base = predictor.resolve(base)
    sampled = base.replace(temperature=base.temperature or 1.0)
    noise_modes = ("show",) if predictor.tokenizer.noise_id is None else ("paper", "drop", "show")
    full = predictor.tokenizer.num_bins
    bins = [*(number for number in _BINS if number < full), full]
    groups = {
        "top-p": {"argmax": base.replace(temperature=0.0)}
        | {f"{p:g}": sampled.replace(top_p=p) for p in _TOP_P},
        "eos and noise": {
            f"{eos}, {noise}": base.replace(eos=eos, noise=noise)
            for eos in ("model", "delay")
            for noise in noise_modes
        },
        "grammar": {"on": base.replace(grammar=True), "off": base.replace(grammar=False)},
        "score": {score: base.replace(score=score) for score in ("class", "box")},
        "bins": {str(number): base.replace(num_bins=number) for number in bins},
    }
    if predictor.model.drafts:
        groups["drafts"] = {
            "followed": base.replace(follow_drafts=True),
            "not followed": base.replace(follow_drafts=False),
        }
    return [
        Setting(name, options, group=group)
        for group, members in groups.items()
        for name, options in members.items()
    ]


def run_table(bench: Bench, settings: Sequence[Setting]) -> Iterator[tuple[Setting, EvalResult]]:
    """Evaluate settings in turn, each exactly as ``evaluate`` does; equal options only once."""
    known: dict[SamplingOptions, EvalResult] = {}
    different = list({setting.options: setting for setting in settings}.values())
    tries = (event for event in try_settings(bench, different) if isinstance(event, Tried))
    for setting in settings:  # both in the order in which options come first
        if setting.options not in known:
            tried = next(tries)
            known[setting.options] = EvalResult.of(
                bench.predictor,
                setting.options,
                bench.truths,
                tried.found,
                tried.effort,
                bench.missing,
            )
        yield setting, known[setting.options]


def as_csv(rows: Sequence[tuple[Setting, EvalResult]]) -> str:
    """One line per setting; empty where a number could not be measured."""
    file = io.StringIO()
    writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for setting, result in rows:
        values = {
            name: getattr(result.options, name, None) for name in COLUMNS if name not in _METRICS
        }
        values |= {name: result.metrics[name] for name in _METRICS}
        for name in ("precision", "recall", "duplicates", "objects_per_image", "violations"):
            values[name] = getattr(result, name)
        values |= {"group": setting.group, "name": setting.name, "decode_s": result.decode_s}
        writer.writerow({name: _cell(value) for name, value in values.items()})
    return file.getvalue()


def _cell(value: object) -> object:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.4f}".rstrip("0").rstrip(".")
    return value
