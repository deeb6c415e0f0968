"""A run as code: paste it and the same tokens come out."""

from __future__ import annotations

import dataclasses
import shlex

from pix2seq.config import SamplingOptions
from pix2seq.examples import example_of
from pix2seq.render.record import RunRecord


def as_python(record: RunRecord) -> str:
    """A script that writes this run again: edits included, and no further than it went."""
    options = ", ".join(f"{name}={value!r}" for name, value in _set_options(record).items())
    prefix = f", prefix={list(record.prefix)}" if record.prefix else ""
    prefix += f", forced={list(record.forced)}" if record.forced else ""
    imports, picture = ["import pix2seq"], repr(record.image.name)
    if example := example_of(record.image.name):
        imports.append("from pix2seq.examples import example_image")
        picture = f"example_image({example!r})"
    steps = f"predictor.stream(encoding, options{prefix})"
    if record.ending == "stopped":
        imports.insert(0, "from itertools import islice\n")
        steps = f"islice({steps}, {len(record.tokens)})"
    return (
        "\n".join(imports) + "\n"
        "\n"
        f"predictor = pix2seq.load({record.checkpoint!r})\n"
        f"options = pix2seq.SamplingOptions({options})\n"
        f"encoding = predictor.encode({picture})\n"
        f"steps = list({steps})\n"
        "detections = predictor.read(encoding, steps, options)\n"
        "print([step.token_id for step in steps])\n"
    )


def as_command(record: RunRecord) -> str:
    """The same for a shell."""
    words = ["python", "-m", "pix2seq", "detect", record.image.name]
    words += ["--checkpoint", record.checkpoint]
    for name, value in _set_options(record).items():
        flag = "--" + name.replace("_", "-")
        if isinstance(value, bool):
            words.append(flag if value else f"--no-{flag[2:]}")
        elif name == "forbidden_labels":
            words += ["--forbid", ",".join(map(str, value))]
        else:
            words += [flag, str(value)]
    if record.prefix:
        words += ["--prefix", ",".join(map(str, record.prefix))]
    if record.forced:
        words += ["--forced", ",".join(map(str, record.forced))]
    if record.ending == "stopped":
        words += ["--tokens", str(len(record.tokens))]
    if record.image.name.startswith("-"):  # a name, not an option
        words[4] = f"./{record.image.name}"
    return shlex.join([*words, "--json", "-"])


def _set_options(record: RunRecord) -> dict[str, object]:
    """Every resolved setting but the empty ones."""
    plain = SamplingOptions()
    return {
        field.name: getattr(record.options, field.name)
        for field in dataclasses.fields(record.options)
        if field.name in ("temperature", "seed")
        or getattr(record.options, field.name) != getattr(plain, field.name)
    }
