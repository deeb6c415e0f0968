"""The repository's examples as pictures on the stage."""

from __future__ import annotations

from pix2seq.examples import PREFIX, example_image
from pix2seq.ui.visit.runs import Picture


def open_example(name: str) -> Picture:
    """The picture of an example; raises what ``example_image`` raises."""
    return Picture(example_image(name), example=name, name=f"{PREFIX}{name}")
