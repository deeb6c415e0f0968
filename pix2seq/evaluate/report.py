"""Evaluation results for people: a compact table."""

from __future__ import annotations

import math

from pix2seq.evaluate.result import EvalResult

_ROWS = (
    ("AP", "AP50", "AP75"),
    ("APs", "APm", "APl", "AP50l"),
    ("AR1", "AR10", "AR100"),
    ("ARs", "ARm", "ARl"),
)
_SHOWN_CLASSES = 10


def as_table(result: EvalResult) -> str:
    """The result as lines of text."""
    lines = [f"{result.checkpoint} on {result.images} images, {result.objects} objects", ""]
    options = result.options
    if options is not None:
        lines[0] += (
            f" (temperature {options.temperature:g}, top-p {options.top_p:g}, eos {options.eos}, "
            f"noise {options.noise}, {options.num_bins} bins, {options.max_objects} objects at "
            f"most, seed {options.seed})"
        )
    for row in _ROWS:
        lines.append("   ".join(f"{name:<6}{show_number(result.metrics[name])}" for name in row))
    if result.by_input_size:
        sizes = (f"{size} {show_number(row['AP50'])}" for size, row in result.by_input_size.items())
        lines.append(f"AP50 by size in the model's input: {'   '.join(sizes)}")
    if result.intervals:
        spans = (
            f"{n} {show_number(a)}..{show_number(b)}" for n, (a, b) in result.intervals.items()
        )
        lines += ["", f"95 % intervals: {', '.join(spans)}"]
    of = "" if options is None else f"of the {options.score} "
    lines += [
        "",
        f"shown boxes (score {of}>= {result.score_threshold:g}): "
        f"precision {show_number(result.precision)}, recall {show_number(result.recall)} "
        f"at IoU 0.5, {result.objects_per_image:.1f} per image, "
        f"duplicates {_percent(result.duplicates)}",
        f"calibration error {show_number(result.calibration_error)}, "
        f"boxes without area {result.degenerate}",
    ]
    if options is not None:
        lines += [
            f"tokens that break the grammar {_percent(result.violations)}; "
            f"per image: encode {1000 * result.encode_s:.0f} ms, decode "
            f"{1000 * result.decode_s:.0f} ms ({result.tokens_per_s:.0f} tokens/s in batches)"
        ]
    ranked = sorted(result.per_class.items(), key=lambda item: -item[1]["objects"])
    if ranked:
        lines += ["", "class                AP      AP50   objects"]
    for name, row in ranked[:_SHOWN_CLASSES]:
        values = f"{show_number(row['AP'])}   {show_number(row['AP50'])}   {row['objects']:>5}"
        lines.append(f"{name[:18]:<18}   {values}")
    if len(ranked) > _SHOWN_CLASSES:
        lines.append(f"... and {len(ranked) - _SHOWN_CLASSES} more classes (all with --json)")
    if result.missing_classes:
        names = ", ".join(result.missing_classes[:5])
        lines += [
            "",
            f"left out {len(result.missing_classes)} classes unknown to the model: {names}",
        ]
    return "\n".join(lines)


def show_number(value: float) -> str:
    """Three decimals, or a dash where nothing could be measured."""
    return "  -  " if math.isnan(value) else f"{value:.3f}"


def _percent(value: float) -> str:
    return "-" if math.isnan(value) else f"{100 * value:.2f} %"
