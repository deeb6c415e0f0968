"""What a visitor can take away: pictures, data, and code that writes the same run again.

Everything is drawn by ``pix2seq.render`` from a ``RunRecord``; this module only picks and packs.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping
from urllib.parse import urlencode

from pix2seq.config import ConfigError, SamplingOptions
from pix2seq.predictor import Predictor
from pix2seq.render import (
    RunRecord,
    as_command,
    as_python,
    stage_image,
    stage_svg,
    writing_gif,
)
from pix2seq.ui.kit.controls import SETTINGS
from pix2seq.ui.kit.setting import Setting
from pix2seq.ui.visit.runs import Run

_LONGEST_GIF = 250  # tokens; a longer sentence would make a file nobody can open


def run_record(run: Run, shown: int | None = None, options: SamplingOptions | None = None):
    """The run, or its first ``shown`` tokens, as plain data.

    Args:
        options: replaces the run's reading options (noise mode, threshold) if given.
    """
    options = options or run.options
    steps = run.steps if shown is None else run.steps[:shown]
    if not steps:
        raise ConfigError("nothing has been written yet; press Run first")
    encoding = run.picture.encoded_by(run.predictor)
    found = run.predictor.read(encoding, steps, options)
    return RunRecord.of(
        run.predictor,
        encoding,
        steps,
        found,
        options,
        run.seconds,
        image_name=run.picture.name,
    )


def export(run: Run, kind: str, shown: int | None, options: SamplingOptions) -> dict:
    """A file: its name, type and base64 content.

    Args:
        kind: ``png``, ``svg``, ``gif``, ``json`` (the record with its picture) or ``coco``.

    Raises:
        ConfigError: no such kind, nothing written, or too long for a GIF.
    """
    record = run_record(run, shown, options)
    image = run.picture.image
    if kind == "png":
        buffer = io.BytesIO()
        stage_image(image, record, width=960).save(buffer, "PNG")
        return _file("pix2seq.png", "image/png", buffer.getvalue())
    if kind == "svg":
        return _file("pix2seq.svg", "image/svg+xml", stage_svg(record, image).encode())
    if kind == "gif":
        if len(record.tokens) > _LONGEST_GIF:
            raise ConfigError(
                f"a GIF of {len(record.tokens)} tokens is too large; show {_LONGEST_GIF} or fewer"
            )
        return _file("pix2seq.gif", "image/gif", writing_gif(image, record))
    if kind == "json":
        text = record.with_picture(image).to_json()
        return _file("pix2seq-record.json", "application/json", text.encode())
    if kind == "coco":
        text = json.dumps(record.to_coco(image_id=0))
        return _file("pix2seq-coco.json", "application/json", text.encode())
    raise ConfigError(f"there is no export called {kind!r}; use png, svg, gif, json or coco")


def snippets(run: Run, options: SamplingOptions) -> dict:
    """The run as Python, as a command, and as a link if its picture is one of ours.

    Args:
        options: the run's, with the reading options (noise mode, threshold) that are on view.
    """
    record = run_record(run, options=options)
    link = ""
    if run.picture.example and not record.prefix:
        link = "?" + urlencode(
            {"ex": run.picture.example, "ckpt": run.predictor.name, **_link_options(options)}
        )
    return {"python": as_python(record), "command": as_command(record), "link": link}


def _link_options(options: SamplingOptions) -> dict[str, str]:
    values = {}
    for setting in SETTINGS:
        value = getattr(options, setting.field)
        if isinstance(value, bool):
            value = int(value)
        if isinstance(value, tuple):
            value = ",".join(map(str, value))
        if value != "":
            values[setting.link] = str(value)
    return values


def options_of_link(
    query: Mapping[str, str], predictor: Predictor
) -> tuple[SamplingOptions, list[str]]:
    """The options that a link's parameters set, the rest open; and a line for every value that is
    out of the checkpoint's range and has been moved into it, or left out.

    Raises:
        ConfigError: a value cannot be read or used.
    """
    changes: dict[str, object] = {}
    notes = []
    for setting in SETTINGS:
        if setting.link not in query:
            continue
        text = str(query[setting.link])[:200]
        try:
            changes[setting.field] = setting.from_link(text)
        except ValueError:
            what = {float: "a number", int: "a whole number"}.get(setting.type, "whole numbers")
            raise ConfigError(
                f"the link says {setting.link}={text!r}, which is not {what}"
            ) from None
        within = setting.within(changes[setting.field], predictor.tokenizer.config)
        if setting.of_drafts and not predictor.model.drafts:
            within = False
        if setting.type is list:
            known = predictor.categories.named_labels()
            within = tuple(label for label in changes[setting.field] if label in known)
        if within != changes[setting.field]:
            notes.append(_moved(setting, changes[setting.field], within))
            changes[setting.field] = within
    return SamplingOptions(**changes), notes


def _moved(setting: Setting, said: object, used: object) -> str:
    if isinstance(said, bool):
        return f"{setting.label.lower()} in the link: this checkpoint's encoder drafts nothing"
    if isinstance(said, tuple):
        missing = ", ".join(str(label) for label in said if label not in used)
        return f"forbidden class {missing} in the link: this checkpoint has none of that number"
    least_or_most = "most" if said > used else "least"
    return f"{setting.label.lower()} {said:g} in the link: {used:g} is the {least_or_most}"


def _file(name: str, kind: str, content: bytes) -> dict:
    return {"name": name, "type": kind, "data": base64.b64encode(content).decode("ascii")}
